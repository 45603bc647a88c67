"""Progress on a terminal: one bar for the phase that is going on. Nothing at all when nobody watches."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from guardian.cli.options import Session
from guardian.cli.render import say, visible
from guardian.cli.sentences import sentence
from guardian.i18n import N_, _
from guardian.model.events import Event, Notice, Phase, Progress, Remark, Reporter

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

PHASES = {
    "probe": N_("looking"),
    "hooks": N_("running hooks"),
    "backup": N_("backing up"),
    "confirm": N_("checking"),
    "copy": N_("copying"),
    "presence": N_("D0 receipts against snapshots"),
    "structure": N_("D1 structure of the repository"),
    "open": N_("opening the repository"),
    "scan": N_("scanning"),
    "packs": N_("D2 stored packs"),
    "restore": N_("restoring"),
    "second-path": N_("the same by restic"),
    "application": N_("D4 loading the data"),
    "compare": N_("comparing"),
    "listing": N_("checking the listing"),
    "objects": N_("reading objects"),
    "log": N_("verifying the log"),
    "report": N_("drawing the report"),
}


@contextmanager
def reporter(session: Session) -> Iterator[Reporter]:
    """Where this session's events go: a bar on a terminal; elsewhere only what is worth a line."""
    if session.quiet or session.as_json or not sys.stderr.isatty():
        yield _Lines(quiet=session.quiet)
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        yield _Bar(bars)


class _Lines:
    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet

    def __call__(self, event: Event, /) -> None:
        if self._quiet:
            return
        if isinstance(event, Notice):
            say(event.text)
        elif isinstance(event, Remark):
            say(sentence(event.reason))


class _Bar:
    """One bar. Events come from several threads."""

    def __init__(self, bars: "Bars") -> None:
        self._bars = bars
        self._task = bars.add_task("", total=None)
        self._lock = threading.Lock()

    def __call__(self, event: Event, /) -> None:
        with self._lock:
            match event:
                case Phase(phase, subject):
                    text = f"{visible(subject)} {_(PHASES.get(phase, phase))}".strip()
                    self._bars.reset(self._task, total=None, description=text)
                case Progress(done, total):
                    self._bars.update(self._task, completed=done, total=total or None)
                case Notice(text):
                    self._bars.console.print(visible(text), markup=False, highlight=False)
                case Remark(reason):
                    self._bars.console.print(sentence(reason), markup=False, highlight=False)
