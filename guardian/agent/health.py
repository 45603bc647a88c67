"""Whether the agent can keep its state: room on the disk, and leave to write there."""

import os
from pathlib import Path
from typing import Final, NamedTuple

from guardian.model.reason import Reason, reason

LOW: Final = 64 << 20
"""Bytes free in the state directory's file system below which that is told: log, journal and caches need room."""


class StateDisk(NamedTuple):
    """How the file system under the state directory stands. ``free`` in bytes, None when it could not be asked."""

    free: int | None
    problems: tuple[Reason, ...]


def state_disk(state: Path) -> StateDisk:
    """Look at the file system under ``state``. Never raises."""
    try:
        found = os.statvfs(state)
    except OSError as error:
        return StateDisk(None, (reason("state-gone", path=str(state), why=error.strerror or str(error)),))
    free = found.f_bavail * found.f_frsize
    problems = []
    if found.f_flag & os.ST_RDONLY:
        problems.append(reason("state-read-only", path=str(state)))
    if free < LOW or (found.f_files and not found.f_favail):
        problems.append(reason("state-full", path=str(state), mib=free >> 20))
    return StateDisk(free, tuple(problems))
