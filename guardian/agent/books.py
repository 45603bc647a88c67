"""The journal as the agent uses it: what cannot be written now is kept in memory and written later.

Backups go on while the disk under the state directory is full or read-only (fail open); what is known of the tasks is
then what this process saw since, so that nothing runs twice. A journal that turns out to be damaged is made anew at the
next look, in the middle of whatever runs.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final, TypeVar

from guardian import telemetry
from guardian.agent.journal import Journal, JournalCorrupt, NotNow
from guardian.clock import Clock
from guardian.errors import Unavailable
from guardian.model.job import JobResult, SlotEnd, Task, TaskRecord
from guardian.model.reason import Reason, reason

_EVERY: Final = 60.0
"""Seconds between two looks at the journal's file itself."""
_SOON: Final = 1.0
"""Seconds that whoever only wants to know waits at most for whoever writes."""
_MOST: Final = 10_000
"""Changes kept in memory at most; the oldest are forgotten first. The log has what matters of them."""

Change = Callable[[Journal], object]
T = TypeVar("T")


class Books:
    """Records of tasks. Safe to use from several threads. No method raises because the journal cannot be used."""

    def __init__(self, open_journal: Callable[[], Journal], clock: Clock) -> None:
        """``open_journal`` opens the journal, making a damaged one anew. Raises as that does."""
        self._open, self._clock = open_journal, clock
        self._lock = threading.RLock()
        self._known: dict[str, TaskRecord] = {}
        self._under_way: set[str] = set()
        self._pending: deque[Change] = deque(maxlen=_MOST)
        self.journal: Journal = open_journal()
        self._examined = clock.monotonic()
        self.trouble: Unavailable | None = None
        self._enabled: Mapping[str, bool] = {}

    def problems(self) -> tuple[Reason, ...]:
        """What is wrong with the journal now."""
        trouble = self.trouble
        return () if trouble is None else (reason("journal-unwritable", why=trouble.message),)

    def examine(self) -> None:
        """Look at the journal's file itself, once a minute at most: SQLite does not notice what is done to it."""
        with self._lock:
            now = self._clock.monotonic()
            if self.trouble is not None or 0 <= now - self._examined < _EVERY:
                return
            self._examined = now
            try:
                self.journal.examine()
            except Unavailable as error:
                self._fails(error)

    def known(self, tasks: Iterable[Task]) -> dict[str, TaskRecord]:
        """What memory has of ``tasks``, by key: at once, also while somebody waits for a journal that is held.

        Of tasks that no look has seen yet the journal is asked, if it can be.
        """
        wanted = tuple(tasks)
        unseen = any(task.key not in self._known for task in wanted)
        if unseen and self.trouble is None and self._lock.acquire(timeout=_SOON):
            try:
                return self.records(wanted)
            finally:
                self._lock.release()
        now = self._clock.now()
        return {task.key: self._known.get(task.key) or TaskRecord(task.key, since=now) for task in wanted}

    def ask(self, question: Callable[[Journal], T]) -> T | None:
        """What the journal answers; None when it cannot be asked now, or not soon."""
        if self.trouble is not None or not self._lock.acquire(timeout=_SOON):
            return None
        try:
            return question(self.journal)
        except Unavailable:
            return None
        finally:
            self._lock.release()

    def records(self, tasks: Iterable[Task]) -> dict[str, TaskRecord]:
        """What is known of ``tasks``, by key: from the journal, or from memory while it cannot be used."""
        wanted = tuple(tasks)
        with self._lock:
            self._catch_up()
            if self.trouble is None:
                try:
                    self._known = self._running(self.journal.records(wanted))
                except Unavailable as error:
                    self._fails(error)
            now = self._clock.now()
            return {task.key: self._known.setdefault(task.key, TaskRecord(task.key, since=now)) for task in wanted}

    def pause(self, enabled: Mapping[str, bool]) -> None:
        """Remember since when tasks are paused; nothing is written where that is as it was."""
        with self._lock:
            if enabled != self._enabled:
                self._enabled = told = dict(enabled)
                now = self._clock.now()
                self._write(lambda journal: journal.pause(told, now))

    def account(self, ends: Iterable[SlotEnd]) -> None:
        """Take slots that ended without a run."""
        taken = tuple(ends)
        if not taken:
            return
        with self._lock:
            for end in taken:
                if record := self._known.get(end.task):
                    newest = max(record.accounted or end.slot, end.slot)
                    self._known[end.task] = replace(record, accounted=newest)
            self._write(lambda journal: journal.account(taken))

    def begin(self, task: str, slot: datetime | None) -> int | None:
        """Write down that a task begins; the attempt's id, None when only memory knows.

        Raises NotNow when it may not begin.
        """
        now = self._clock.now()
        with self._lock:
            record = self._known.get(task)
            if record is not None and record.running:
                raise NotNow(task)
            attempt = None
            if self.trouble is None:
                try:
                    attempt = self.journal.begin(task, slot)
                except Unavailable as error:
                    self._fails(error)
            self._known[task] = replace(record or TaskRecord(task, since=now), running=True, last_started=now)
            self._under_way.add(task)
            return attempt

    def end(self, task: str, slot: datetime | None, attempt: int | None, result: JobResult) -> None:
        """What came of a task that had begun."""
        now = self._clock.now()
        with self._lock:
            if record := self._known.get(task):
                self._known[task] = _ended(record, slot, result, now)
            self._under_way.discard(task)

            def write(journal: Journal) -> None:
                # A journal that was made anew meanwhile knows nothing of an attempt that was under way.
                known = attempt is not None and journal.is_under_way(attempt, task)
                journal.end(attempt if attempt is not None and known else journal.begin(task, slot), result, now)

            self._write(write)

    def close(self) -> None:
        """Write what is pending, if that can be, and close the journal."""
        with self._lock:
            self._catch_up()
            self.journal.close()

    def _write(self, change: Change) -> None:
        if self.trouble is None and not self._pending:
            try:
                self._apply(change)
            except Unavailable as error:
                self._fails(error)
            else:
                return
        self._pending.append(change)

    def _catch_up(self) -> None:
        """Write what is pending, oldest first; a damaged journal is made anew first."""
        if self.trouble is None:
            return
        try:
            if isinstance(self.trouble, JournalCorrupt):
                self.journal.close()
                self.journal = self._open()
                self.journal.pause(self._enabled, self._clock.now())
            while self._pending:
                self._apply(self._pending[0])
                self._pending.popleft()
            self.journal.thin()  # it writes, even when nothing was pending
            self.journal.examine()
        except Unavailable as error:
            self._fails(error)
        else:
            self.trouble = None

    def _apply(self, change: Change) -> None:
        try:
            change(self.journal)
        except (NotNow, LookupError):
            pass  # a journal made anew from the log knows it already, or no longer

    def _running(self, records: dict[str, TaskRecord]) -> dict[str, TaskRecord]:
        """The same, with what runs: only this process begins tasks, whatever the journal has lost."""
        for key in self._under_way & records.keys():
            records[key] = replace(records[key], running=True)
        return records

    def _fails(self, error: Unavailable) -> None:
        if self.trouble is None:
            telemetry.log("agent").warning("%s", telemetry.told(error))
        self.trouble = error


def _ended(record: TaskRecord, slot: datetime | None, result: JobResult, now: datetime) -> TaskRecord:
    ended = replace(record, running=False, last_ended=now, last_result=result)
    if result.outcome == "interrupted":
        return replace(ended, interrupted_slot=slot)
    good = result.outcome in ("complete", "partial")
    success = now if result.outcome == "complete" else record.last_success
    newest = record.accounted if slot is None else max(record.accounted or slot, slot)
    return replace(
        ended,
        accounted=newest,
        interrupted_slot=None,
        last_success=success,
        failures_in_a_row=0 if good else record.failures_in_a_row + (result.outcome == "failed"),
    )
