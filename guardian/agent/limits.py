"""How hard a job leans on the host and on its line."""

import os
from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from guardian.config.host import Bandwidth
from guardian.config.windows import holds, parse_window
from guardian.errors import GuardianError
from guardian.model.events import Remark, Reporter
from guardian.model.reason import reason
from guardian.proc import Command, capture


class Line(NamedTuple):
    """What restic may take of the line, in KiB per second; None for no limit."""

    upload: int | None = None
    download: int | None = None


def line_now(windows: Sequence[Bandwidth], zone: ZoneInfo, now: datetime) -> Line:
    """The limits at ``now``: those of the first window that holds it, none when none does."""
    for part in windows:
        if holds(parse_window(part.window), now, zone):
            return Line(part.upload, part.download)
    return Line()


def be_modest(nice: int, io_class: Literal["normal", "idle"], report: Reporter) -> None:
    """Give this process, and all it will start, the processor and disk priority asked for. What cannot be had is told.

    A priority is never worth a backup: nothing is raised.
    """
    try:
        os.nice(max(0, nice - os.nice(0)))
    except OSError as error:
        report(Remark(reason("nice-refused", "info", why=str(error.strerror))))
    if io_class == "idle":
        try:
            done = capture(Command(("ionice", "-c", "3", "-p", str(os.getpid()))), limit_bytes=4096, seconds=10.0)
            why = "" if done.returncode == 0 else "; ".join(done.stderr[-1:]) or str(done.returncode)
        except GuardianError as error:
            why = error.message
        if why:
            report(Remark(reason("io-class-refused", "info", why=why)))
