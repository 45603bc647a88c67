"""The journal, when it was lost or what it says is not whole: made anew, or completed, from the signed log.

The log knows every backup with its slot, every slot that was left out, every drill. A journal made of it runs no slot
again that the log knows. What was never in the log (attempts that came to nothing before they could say so) is lost,
and of a task the log knows no slot of nothing is owed from before it was last heard of: a lost journal is no reason
to run a hundred tasks at once.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from guardian import durable
from guardian.agent import database, rows
from guardian.agent.journal import FILE, Journal, JournalCorrupt
from guardian.agent.trace import Trace, span, trace
from guardian.clock import Clock
from guardian.errors import ExitCode, GuardianError, StorageFull
from guardian.model.evidence import Entry
from guardian.model.job import Attempt, JobResult, SlotEnd
from guardian.model.reason import Reason, reason

if TYPE_CHECKING:
    from guardian.ledger.store import Log

_ASIDE: Final = "damaged"
_ASIDE_KEPT: Final = 3
_AT_ONCE: Final = 256

Entries = Callable[[], Iterable[Entry]]
"""Gives the entries of the log, oldest first; may raise what opening and reading a log raises."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A journal ready for use, and what had to be done for that: codes and figures, worth a line each."""

    journal: Journal
    remarks: tuple[Reason, ...] = ()


def opened(folder: Path, clock: Clock, entries: Entries) -> Opened:
    """The journal in ``folder``, whatever state it is in: a damaged one is kept aside, and made anew from the log.

    A log that cannot be read stops no backup: the journal is then begun anew, and that is said. Only with the agent's
    own lease in hand. Raises StorageFull, NotPermitted, Unavailable when nothing can be written there.
    """
    remarks: list[Reason] = []
    if Journal.exists(folder):
        try:
            return Opened(Journal.open(folder, clock))
        except JournalCorrupt as damage:
            kept = set_aside(folder, clock.now())
            remarks.append(reason("journal-damaged", "warning", why=damage.message[:400], kept=kept))
    remarks += rebuild(folder, clock, entries)
    return Opened(Journal.open(folder, clock), tuple(remarks))


def rebuild(folder: Path, clock: Clock, entries: Entries) -> tuple[Reason, ...]:
    """Make a journal in ``folder``, where there is none, from the log; what it was made of.

    Nothing is said of a log that knows of no slot: the agent then runs for the first time.
    """
    path = durable.private_dir(folder) / FILE
    try:
        count = _make(path, clock.now(), entries())
    except FileExistsError:
        return ()
    except StorageFull:
        raise
    except GuardianError as error:
        database.make(path)
        return (reason("journal-begun-anew", "warning", why=error.message[:400]),)
    return (reason("journal-rebuilt", "warning", slots=count),) if count else ()


def _make(path: Path, now: datetime, entries: Iterable[Entry]) -> int:
    count = 0

    def fill(db: sqlite3.Connection) -> None:
        nonlocal count
        for entry in entries:
            if (found := trace(entry)) is not None:
                count += _take(db, found, now)

    database.make(path, fill)
    return count


def _take(db: sqlite3.Connection, found: Trace, now: datetime) -> int:
    """Put what one statement tells into the journal; how many slots it ended."""
    if found.slot is None:
        # Nothing is owed from before the newest statement that names no slot, as long as none does.
        heard = min(found.ended, now)
        rows.know(db, found.task, heard)
        rows.postpone(db, found.task, heard)
    else:
        rows.know(db, found.task, min(found.slot, found.started, now))
    if found.ran:
        number = rows.begin(db, found.task, found.slot, found.started)
        attempt = Attempt(number, found.task, found.slot, found.started)
        before = found.slot is not None and rows.has_ended(db, found.task, found.slot)
        rows.end(db, attempt, found.ended, found.result)
        return int(found.state is not None and not before)
    if found.slot is None:
        return 0
    state = found.state or "missed"
    first, last = found.slot, found.until or found.slot
    whole = SlotEnd(found.task, last, state, found.result.reasons)
    if last == first or span(whole) == (first, found.slots):
        return rows.close(db, rows.Closing(whole, found.result.entry, found.slots)) * found.slots
    # The first and the last are named, those between are counted.
    head = SlotEnd(found.task, first, state, found.result.reasons)
    ended = rows.close(db, rows.Closing(head, found.result.entry, found.slots - 1)) * (found.slots - 1)
    return ended + rows.close(db, rows.Closing(whole, found.result.entry, 1))


def set_aside(folder: Path, now: datetime) -> str:
    """Give a damaged journal, and what SQLite keeps beside it, another name; that name. The newest three are kept."""
    path = folder / FILE
    name = f"{FILE}.{_ASIDE}-{now:%Y%m%dT%H%M%S}"
    number = 1
    while (folder / name).exists():
        number += 1
        name = f"{FILE}.{_ASIDE}-{now:%Y%m%dT%H%M%S}-{number}"
    with durable.explained(path, writing=True):
        # The database first: what lies beside it means nothing without it, and must not be taken for another's.
        for side in ("", *database.SIDE_FILES):
            beside = path.with_name(path.name + side)
            if beside.exists():
                beside.rename(folder / f"{name}{side}")
        durable.sync_folder(folder)
        known = sorted(one for one in folder.glob(f"{FILE}.{_ASIDE}-*") if not one.name.endswith(database.SIDE_FILES))
        for old in known[:-_ASIDE_KEPT]:
            for side in ("", *database.SIDE_FILES):
                old.with_name(old.name + side).unlink(missing_ok=True)
    return name


def found(log: "Log", attempt: Attempt) -> JobResult | None:
    """What the log tells of one attempt whose job ended without a word; None when it tells nothing. Raises
    EvidenceInvalid."""
    known = _known(log, [attempt]).get(attempt.id)
    return known.result if known else None


def settle(journal: Journal, log: "Log | None") -> tuple[Reason, ...]:
    """End every attempt that a crash cut off: as the log says, where it knows; else as interrupted, to be resumed.

    A job's own process may have lived on and put its statement into the log after the agent had died. To be called
    when an agent starts, before its first attempt, and once no job of the agent before is at work any more. With a log
    that does not hold together all of them are interrupted: backups go on.
    """
    waiting = journal.cut_off()
    if not waiting:
        return ()
    remarks = []
    try:
        known = _known(log, waiting) if log is not None else {}
    except GuardianError:
        known = {}
    for attempt in waiting:
        found = known.get(attempt.id)
        if found is not None:
            journal.end(attempt.id, found.result, found.ended)
        else:
            why = reason("run-interrupted", "warning")
            result = JobResult(outcome="interrupted", exit_code=int(ExitCode.INTERRUPTED), reasons=(why,))
            journal.end(attempt.id, result)
        how = found.result.outcome if found else "interrupted"
        remarks.append(reason("attempt-settled", "warning", task=attempt.task, outcome=how))
    return tuple(remarks)


def _known(log: "Log", waiting: Sequence[Attempt]) -> dict[int, Trace]:
    """What the log tells of attempts, by their id: looked for from its end back to a day before the first of them."""
    earliest = min(attempt.started for attempt in waiting) - timedelta(days=1)
    found: dict[int, Trace] = {}
    start = log.size
    while start > 0:
        end, start = start, max(0, start - _AT_ONCE)
        traces = [one for entry in islice(log.entries(start), end - start) if (one := trace(entry)) is not None]
        for one in reversed(traces):
            for attempt in waiting:
                if _same(one, attempt):
                    found[attempt.id] = one
        if traces and max(one.ended for one in traces) < earliest:
            break
    return found


def _same(one: Trace, attempt: Attempt) -> bool:
    """Whether a statement is that of an attempt. A slot ends once, so that whatever ended it ended the attempt for it;
    where no slot is named, the first statement begun since then is its."""
    if not one.ran or one.task != attempt.task:
        return False
    if attempt.slot is not None and attempt.task.startswith(rows.OWING):
        return one.slot == attempt.slot and one.state is not None
    return one.slot is None and one.started >= attempt.started
