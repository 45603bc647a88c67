"""The one bar that a terminal shows: what is done, how far it is, and where. Loaded only where somebody watches."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Task, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.progress import Progress as Bars
from rich.table import Column
from rich.text import Text

from guardian.cli.phases import PHASES
from guardian.cli.render import visible
from guardian.cli.sentences import sentence
from guardian.i18n import _
from guardian.model.events import Event, Notice, Phase, Progress, Remark

BYTES = "bytes"


class Done(DownloadColumn):
    """How much is done: bytes with their units, anything else by its number; nothing until something is."""

    def render(self, task: Task) -> Text:
        """Of one task."""
        if task.fields["unit"] == BYTES:
            return super().render(task)
        if not task.fields["unit"]:
            return Text()
        done = f"{int(task.completed):,}"
        text = _("{count} so far").format(count=done) if task.total is None else f"{done}/{int(task.total):,}"
        return Text(text, style="progress.download")


class Speed(TransferSpeedColumn):
    """Bytes a second; nothing for what is no bytes."""

    def render(self, task: Task) -> Text:
        """Of one task."""
        return super().render(task) if task.fields["unit"] == BYTES else Text()


class Bar:
    """One bar. Events come from several threads."""

    def __init__(self, bars: Bars) -> None:
        """Draw on ``bars``."""
        self._bars = bars
        self._task = bars.add_task("", total=None, unit="", at="")
        self._lock = threading.Lock()

    def __call__(self, event: Event, /) -> None:
        """Take one event."""
        with self._lock:
            match event:
                case Phase(phase, subject):
                    text = f"{visible(subject)} {_(PHASES.get(phase, phase))}".strip()
                    self._bars.reset(self._task, total=None, description=text, unit="", at="")
                case Progress(done, total, unit, at):
                    self._bars.update(self._task, completed=done, total=total or None, unit=unit, at=visible(at))
                case Notice(text):
                    self._bars.console.print(visible(text), markup=False, highlight=False)
                case Remark(reason):
                    self._bars.console.print(sentence(reason), markup=False, highlight=False)


@contextmanager
def bar(console: Console | None = None) -> Iterator[Bar]:
    """A reporter that draws on the terminal (standard error), and leaves nothing of it behind."""
    columns = (
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
        BarColumn(bar_width=20),
        Done(binary_units=True, table_column=Column(no_wrap=True)),
        Speed(table_column=Column(no_wrap=True)),
        TimeRemainingColumn(),
        TextColumn("{task.fields[at]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)),
    )
    with Bars(*columns, console=console or Console(stderr=True), transient=True, expand=True) as bars:
        yield Bar(bars)
