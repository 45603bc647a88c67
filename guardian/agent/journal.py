"""The agent's journal: what was begun, what came of it, how every slot ended.

One SQLite file, ``journal.db`` in the agent's folder. What a method writes is on disk when it returns, all of it or
nothing: a crash at any instant leaves an attempt that was begun and not ended, never half of one. It is the agent's
own memory and no evidence: that is the log, of which a lost journal is made anew (:mod:`guardian.agent.rebuild`).
"""

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Self, TypeVar

from guardian import durable
from guardian.agent import database, rows
from guardian.agent.database import JournalBusy, JournalCorrupt
from guardian.agent.journal_file import JournalFile
from guardian.clock import Clock, rfc3339
from guardian.errors import GuardianError, Unavailable
from guardian.i18n import _
from guardian.model.job import Attempt, JobResult, SlotEnd, Task, TaskRecord

__all__ = ["Journal", "JournalBusy", "JournalCorrupt", "NotNow"]

FILE: Final = "journal.db"
KEPT: Final = timedelta(days=400)
"""What is older is thinned out."""
_DAY: Final = 86400.0
_NEWEST: Final = 100
"""So many of each task stay, however old."""

T = TypeVar("T")


class NotNow(GuardianError):
    """An attempt may not begin: one of its task is under way, or its slot has ended."""

    code = "not-now"


class Journal:
    """The journal of one agent. Several threads may use it at once; one process writes, any number read.

    Every method raises JournalCorrupt when the file turns out to be damaged, StorageFull, NotPermitted, JournalBusy,
    Unavailable.
    """

    def __init__(self, path: Path, db: sqlite3.Connection, clock: Clock, *, writing: bool) -> None:
        """Use :meth:`open` or :meth:`read`."""
        self.path = path
        self._db = db
        self._clock = clock
        self._writing = writing
        self._file = JournalFile.opened(path)
        self._lock = threading.RLock()
        self._thinned = clock.monotonic()

    @classmethod
    def open(cls, folder: Path, clock: Clock) -> Self:
        """Open for reading and writing what is in ``folder`` (``state/agent``), checked; made when there is none.

        Raises JournalCorrupt for what is no journal of this version, StorageFull, NotPermitted, Unavailable.
        """
        path = durable.private_dir(folder) / FILE
        durable.sweep(folder)
        try:
            db = database.open_writing(path)
        except FileNotFoundError:
            try:
                database.make(path)
            except FileExistsError:  # another process was quicker
                pass
            db = database.open_writing(path)
        journal = cls(path, db, clock, writing=True)
        journal.thin()
        return journal

    @classmethod
    def read(cls, folder: Path, clock: Clock) -> Self:
        """Open for reading only, beside the agent that writes. Raises FileNotFoundError, and as :meth:`open`."""
        return cls(folder / FILE, database.open_reading(folder / FILE), clock, writing=False)

    @classmethod
    def exists(cls, folder: Path) -> bool:
        """Whether there is a journal in ``folder``, good or not. Raises Unavailable when that cannot be looked at."""
        with durable.explained(folder):
            return (folder / FILE).exists()

    # tasks

    def records(self, tasks: Iterable[Task]) -> dict[str, TaskRecord]:
        """What is known of ``tasks``, by key. One that was unknown is known from now on, and owed no slot before."""
        keys = [task.key for task in tasks]
        now = self._clock.now()
        found = self._ask(lambda db: {key: rows.record(db, key) for key in keys})
        missing = [key for key, record in found.items() if record is None]
        if missing and self._writing:
            with self._change() as db:
                for key in missing:
                    rows.know(db, key, now)
        return {key: record or TaskRecord(key, since=now) for key, record in found.items()}

    def counts(self, task: str) -> tuple[int, int]:
        """How many slots of a task were missed, and how many skipped, ever."""
        query = "SELECT missed, skipped FROM task WHERE key = ?"
        row = self._ask(lambda db: db.execute(query, (task,)).fetchone())
        return (int(row[0]), int(row[1])) if row else (0, 0)

    def pause(self, enabled: Mapping[str, bool], now: datetime) -> None:
        """Remember that tasks are paused since ``now``, unless they were before; ``enabled`` says which go on."""
        with self._change() as db:
            rows.pause(db, enabled, now)

    def paused(self) -> dict[str, datetime]:
        """Since when tasks are paused that are, by key."""
        return self._ask(rows.paused)

    # attempts

    def begin(self, task: str, slot: datetime | None) -> int:
        """Write down that ``task`` begins, for ``slot`` or because somebody asked; the attempt's id.

        Raises NotNow when an attempt of it has no end yet, or when that slot has ended.
        """
        with self._change() as db:
            if rows.is_running(db, task):
                raise NotNow(_("{task} is under way already").format(task=task))
            if slot is not None and rows.has_ended(db, task, slot):
                text = _("the slot {slot} of {task} has ended already")
                raise NotNow(text.format(slot=rfc3339(slot), task=task))
            return rows.begin(db, task, slot, self._clock.now())

    def end(self, attempt_id: int, result: JobResult, ended: datetime | None = None) -> None:
        """What came of an attempt, at ``ended`` (now). Its slot ends with it, in one step, unless it was interrupted.

        Raises LookupError unless it is one that is under way.
        """
        with self._change() as db:
            attempt = rows.attempt(db, attempt_id)
            if attempt is None or attempt.result is not None:
                raise LookupError(f"no attempt {attempt_id} is under way")
            rows.end(db, attempt, ended or self._clock.now(), result)
        if not 0 <= self._clock.monotonic() - self._thinned < _DAY:
            try:
                self.thin()
            except Unavailable:
                pass  # what came of the attempt is on disk, and that was asked for

    def is_under_way(self, attempt_id: int, task: str) -> bool:
        """Whether an attempt is one of ``task``, and has no end yet."""
        found = self._ask(lambda db: rows.attempt(db, attempt_id))
        return found is not None and found.task == task and found.result is None

    def cut_off(self) -> list[Attempt]:
        """Attempts that were begun and never ended, oldest first: before an agent begins its first, a crash left them.

        :func:`guardian.agent.rebuild.settle` ends them.
        """
        return self._ask(rows.running)

    def attempts(self, task: str, limit: int = 20) -> tuple[Attempt, ...]:
        """The newest attempts of a task, newest first."""
        return self._ask(lambda db: rows.attempts(db, task, limit))

    # slots

    def account(self, ends: Iterable[SlotEnd]) -> int:
        """Take slots that ended without a run. Those that have ended already stay as they are; how many had not."""
        waiting = list(ends)
        if not waiting:
            return 0
        with self._change() as db:
            return rows.close_all(db, waiting, self._clock.now())

    def slot_ends(self, task: str, limit: int = 20) -> tuple[SlotEnd, ...]:
        """How the newest slots of a task ended, newest first."""
        query = "SELECT task, slot, state, reasons FROM slot WHERE task = ? ORDER BY slot DESC LIMIT ?"
        return self._ask(lambda db: tuple(rows.end_of(row) for row in db.execute(query, (task, limit))))

    def unstated(self, limit: int = 1000) -> list[SlotEnd]:
        """Slots of backups that were skipped or missed, or whose run failed without a word, and that the log does not
        tell of yet; by task, oldest first."""
        query = "SELECT task, slot, state, reasons FROM slot WHERE owed ORDER BY task, slot LIMIT ?"
        return self._ask(lambda db: [rows.end_of(row) for row in db.execute(query, (limit,))])

    def ran_between(self, task: str, first: datetime, last: datetime) -> bool:
        """Whether a slot of ``task`` between two was run."""
        query = "SELECT 1 FROM slot WHERE task = ? AND slot > ? AND slot < ? AND state = 'run' LIMIT 1"
        values = (task, rfc3339(first), rfc3339(last))
        return self._ask(lambda db: db.execute(query, values).fetchone()) is not None

    def stated(self, task: str, slot: datetime, entry: int, until: datetime | None = None) -> None:
        """The log tells of the owed slot, or of all from ``slot`` to ``until``, in its entry number ``entry``."""
        query = "UPDATE slot SET owed = 0, entry = ? WHERE task = ? AND slot BETWEEN ? AND ? AND owed"
        with self._change() as db:
            db.execute(query, (entry, task, rfc3339(slot), rfc3339(until or slot)))

    # the file

    def thin(self) -> int:
        """Remove what is older than 400 days, but no task's newest hundred; how many rows. Done once a day."""
        self._thinned = self._clock.monotonic()
        with self._change() as db:
            now = self._clock.now()
            return rows.thin(db, rfc3339(now), now - KEPT, _NEWEST)

    def examine(self) -> None:
        """Make sure that the file is the one that was opened, is whole as it lies on disk, and can be written to.

        Of what this connection keeps in memory nothing is believed; where nobody wrote since, little is read.
        """
        with self._lock:
            with database.explained(self.path):
                self._db.execute("BEGIN IMMEDIATE")
                self._db.execute("ROLLBACK")
            self._file.examine()

    def close(self) -> None:
        """Give the file back."""
        with self._lock:
            self._db.close()

    def __enter__(self) -> Self:
        """The journal itself."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Close it."""
        self.close()

    def _ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        with self._lock, database.explained(self.path):
            try:
                return question(self._db)
            except ValueError as error:
                raise database.corrupt(self.path, str(error)[:200]) from error

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all that is done inside is on disk afterwards, or nothing."""
        with self._lock, database.explained(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except ValueError as error:
                self._undo()
                raise database.corrupt(self.path, str(error)[:200]) from error
            except BaseException:
                self._undo()
                raise

    def _undo(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")
