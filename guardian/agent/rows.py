"""Rows of the journal and the nouns they stand for. Every function works within its caller's transaction.

A moment that is none raises ValueError: a file whose pages are whole may still have been altered inside them.
"""

import json
import math
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from guardian.agent.trace import span
from guardian.clock import rfc3339
from guardian.errors import ExitCode
from guardian.model.job import Attempt, JobResult, SlotEnd, TaskRecord
from guardian.model.reason import Reason

OWING: Final = "backup:"
"""Tasks whose slots are owed a statement in the log when no run put one there."""

_PAUSED: Final = "paused:"
"""Begins the name of a note that says since when a task is paused."""

_ATTEMPT: Final = "SELECT a.id, a.task, a.slot, a.started, r.ended, r.outcome, r.said FROM attempt a "
_NEWEST: Final = "ORDER BY a.id DESC LIMIT 1"


@dataclass(frozen=True, slots=True)
class Closing:
    """How a slot ends: ``entry`` is its statement in the log, if it has one; ``count`` is more than one where the log
    tells of several slots at once."""

    end: SlotEnd
    entry: int | None = None
    count: int = 1


def know(db: sqlite3.Connection, task: str, since: datetime) -> None:
    """Write down that the agent knows ``task``, unless it did already."""
    db.execute("INSERT INTO task (key, since) VALUES (?, ?) ON CONFLICT DO NOTHING", (task, rfc3339(since)))


def begin(db: sqlite3.Connection, task: str, slot: datetime | None, started: datetime) -> int:
    """A new attempt; its id."""
    know(db, task, started)
    row = (task, rfc3339(slot) if slot else None, rfc3339(started))
    number = int(db.execute("INSERT INTO attempt (task, slot, started) VALUES (?, ?, ?)", row).lastrowid or 0)
    db.execute("UPDATE task SET running = ? WHERE key = ?", (number, task))
    return number


def end(db: sqlite3.Connection, attempt: Attempt, ended: datetime, result: JobResult) -> None:
    """The result of ``attempt``, and the end of its slot unless it was interrupted: that slot is to be resumed."""
    row = (attempt.id, rfc3339(ended), result.outcome, _said(result))
    db.execute("INSERT INTO result (attempt, ended, outcome, said) VALUES (?, ?, ?, ?)", row)
    db.execute("UPDATE task SET running = NULL WHERE running = ?", (attempt.id,))
    if result.outcome in ("complete", "partial"):
        db.execute("UPDATE task SET failures = 0 WHERE key = ?", (attempt.task,))
    if result.outcome == "complete":
        db.execute("UPDATE task SET last_success = ? WHERE key = ?", (rfc3339(ended), attempt.task))
    elif result.outcome == "failed":
        db.execute("UPDATE task SET failures = failures + 1 WHERE key = ?", (attempt.task,))
    if attempt.slot is not None and result.outcome != "interrupted":
        skipped = result.outcome == "skipped"
        # A run that could not put a word into the log has to be told of there all the same: for its reasons.
        wordless = result.outcome == "failed" and result.entry is None and attempt.task.startswith(OWING)
        reasons = result.reasons if skipped or wordless else ()
        close(db, Closing(SlotEnd(attempt.task, attempt.slot, "skipped" if skipped else "run", reasons), result.entry))


def _said(result: JobResult) -> str:
    # A name that is no Unicode is written as escapes; what is no number is nothing that was measured.
    figures = {name: value for name, value in result.figures.items() if math.isfinite(value)}
    return json.dumps(result.model_copy(update={"figures": figures}).model_dump(mode="json"))


def close(db: sqlite3.Connection, closing: Closing) -> bool:
    """The end of a slot, unless it has ended already: a slot ends once. Whether it did now."""
    end, slot = closing.end, rfc3339(closing.end.slot)
    told = closing.entry is not None or (end.state == "run" and not end.reasons)
    owed = not told and end.task.startswith(OWING)
    said = json.dumps([reason.model_dump(mode="json") for reason in end.reasons])
    row = (end.task, slot, end.state, said, closing.entry, int(owed))
    insert = (
        "INSERT INTO slot (task, slot, state, reasons, entry, owed) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
    )
    if db.execute(insert, row).rowcount != 1:
        return False
    db.execute("UPDATE task SET accounted = max(coalesce(accounted, ?), ?) WHERE key = ?", (slot, slot, end.task))
    if end.state != "run":
        column = "missed" if end.state == "missed" else "skipped"
        db.execute(f"UPDATE task SET {column} = {column} + ? WHERE key = ?", (closing.count, end.task))  # noqa: S608
    return True


def has_ended(db: sqlite3.Connection, task: str, slot: datetime) -> bool:
    """Whether a slot has ended."""
    return db.execute("SELECT 1 FROM slot WHERE task = ? AND slot = ?", (task, rfc3339(slot))).fetchone() is not None


def running(db: sqlite3.Connection) -> list[Attempt]:
    """Attempts without a result, oldest first."""
    query = f"{_ATTEMPT}JOIN task t ON t.running = a.id LEFT JOIN result r ON r.attempt = a.id ORDER BY a.id"
    return [attempt_of(row) for row in db.execute(query)]


def is_running(db: sqlite3.Connection, task: str) -> bool:
    """Whether an attempt of a task is under way."""
    row = db.execute("SELECT running FROM task WHERE key = ?", (task,)).fetchone()
    return row is not None and row[0] is not None


def attempt(db: sqlite3.Connection, attempt_id: int) -> Attempt | None:
    """One attempt by its id."""
    row = db.execute(f"{_ATTEMPT}LEFT JOIN result r ON r.attempt = a.id WHERE a.id = ?", (attempt_id,)).fetchone()
    return attempt_of(row) if row else None


def attempts(db: sqlite3.Connection, task: str, limit: int) -> tuple[Attempt, ...]:
    """The newest attempts of a task, newest first."""
    query = f"{_ATTEMPT}LEFT JOIN result r ON r.attempt = a.id WHERE a.task = ? ORDER BY a.id DESC LIMIT ?"
    return tuple(attempt_of(row) for row in db.execute(query, (task, limit)))


def record(db: sqlite3.Connection, task: str) -> TaskRecord | None:
    """What deciding needs to know of a task; None for an unknown one."""
    row = db.execute(
        "SELECT since, accounted, last_success, failures, running FROM task WHERE key = ?", (task,)
    ).fetchone()
    if row is None:
        return None
    newest = next(iter(attempts(db, task, 1)), None)
    ended_row = db.execute(
        f"{_ATTEMPT}JOIN result r ON r.attempt = a.id WHERE a.task = ? {_NEWEST}", (task,)
    ).fetchone()
    ended = attempt_of(ended_row) if ended_row else None
    return TaskRecord(
        task=task,
        since=moment(row[0]),
        accounted=moment(row[1]) if row[1] else None,
        running=row[4] is not None,
        last_started=newest.started if newest else None,
        last_ended=ended.ended if ended else None,
        last_result=ended.result if ended else None,
        last_seconds=_seconds(ended) if ended else None,
        last_success=moment(row[2]) if row[2] else None,
        failures_in_a_row=int(row[3]),
        interrupted_slot=_interrupted(db, task),
    )


def _seconds(attempt: Attempt) -> float | None:
    """How long it took: by a clock that never goes back if the job said it, else by the one that people set."""
    if attempt.result is None or attempt.ended is None:
        return None
    measured = attempt.result.figures.get("seconds")
    return measured if measured is not None else max(0.0, (attempt.ended - attempt.started).total_seconds())


def _interrupted(db: sqlite3.Connection, task: str) -> datetime | None:
    query = f"{_ATTEMPT}LEFT JOIN result r ON r.attempt = a.id WHERE a.task = ? AND a.slot IS NOT NULL {_NEWEST}"
    row = db.execute(query, (task,)).fetchone()
    newest = attempt_of(row) if row else None
    if newest is None or newest.slot is None or newest.result is None or newest.result.outcome != "interrupted":
        return None
    return None if has_ended(db, task, newest.slot) else newest.slot


def postpone(db: sqlite3.Connection, task: str, since: datetime) -> None:
    """Owe no slot of ``task`` from before ``since``, unless a slot of it is known to have ended."""
    update = "UPDATE task SET since = max(since, ?) WHERE key = ? AND accounted IS NULL"
    db.execute(update, (rfc3339(since), task))


def pause(db: sqlite3.Connection, enabled: Mapping[str, bool], now: datetime) -> None:
    """Remember since when tasks are paused: from now on those that were not before, and no more those that go on."""
    for task, goes_on in enabled.items():
        if goes_on:
            db.execute("DELETE FROM note WHERE name = ?", (f"{_PAUSED}{task}",))
        else:
            values = (f"{_PAUSED}{task}", rfc3339(now))
            db.execute("INSERT INTO note VALUES (?, ?) ON CONFLICT (name) DO NOTHING", values)


def paused(db: sqlite3.Connection) -> dict[str, datetime]:
    """Since when tasks are paused that are. Raises ValueError."""
    found = db.execute("SELECT name, said FROM note WHERE substr(name, 1, ?) = ?", (len(_PAUSED), _PAUSED)).fetchall()
    return {str(name)[len(_PAUSED) :]: moment(said) for name, said in found}


def moment(text: Any) -> datetime:
    """A moment of a row. Raises ValueError."""
    found = datetime.fromisoformat(text) if isinstance(text, str) else None
    if found is None or found.tzinfo is None:
        raise ValueError(f"not a moment: {text!r}")
    return found


def attempt_of(row: Sequence[Any]) -> Attempt:
    """An attempt of a row: id, task, slot, started, ended, outcome, result. Raises ValueError."""
    number, task, slot, started, ended, outcome, said = row
    return Attempt(
        id=int(number),
        task=str(task),
        slot=moment(slot) if slot is not None else None,
        started=moment(started),
        ended=moment(ended) if ended is not None else None,
        result=_result(outcome, said) if outcome is not None else None,
    )


def _result(outcome: Any, said: Any) -> JobResult:
    try:
        return JobResult.model_validate(json.loads(said))
    except (ValueError, TypeError, RecursionError):
        # Pages that are whole may have been altered inside. How it ended is in a column of its own, which is checked.
        return JobResult(outcome=outcome, exit_code=int(ExitCode.UNEXPECTED))


def end_of(row: Sequence[Any]) -> SlotEnd:
    """A slot's end of a row: task, slot, state, reasons. Raises ValueError."""
    task, slot, state, said = row
    if state not in ("run", "skipped", "missed"):
        raise ValueError("not the end of a slot")
    try:
        reasons = tuple(Reason.model_validate(one) for one in json.loads(said))
    except (ValueError, TypeError, RecursionError):
        reasons = ()
    return SlotEnd(str(task), moment(slot), state, reasons)


def thin(db: sqlite3.Connection, now: str, before: datetime, keep: int) -> int:
    """Remove what is older than ``before``, but of every task the newest ``keep`` attempts and ends of slots, whatever
    still runs, and whatever is owed a statement. How many rows those were."""
    text = rfc3339(before)
    # Always writes, also when nothing is to be removed: whoever waits for room on a full disk learns it here.
    db.execute("INSERT INTO note VALUES ('thinned', ?) ON CONFLICT (name) DO UPDATE SET said = excluded.said", (now,))
    removed = 0
    for (task,) in db.execute("SELECT key FROM task").fetchall():
        old = "SELECT id FROM attempt WHERE task = ? ORDER BY id DESC LIMIT -1 OFFSET ?"
        removed += db.execute(
            f"DELETE FROM attempt WHERE id IN ({old}) AND started < ? AND id IN (SELECT attempt FROM result)",  # noqa: S608
            (task, keep, text),
        ).rowcount
        old = "SELECT slot FROM slot WHERE task = ? ORDER BY slot DESC LIMIT -1 OFFSET ?"
        removed += db.execute(
            f"DELETE FROM slot WHERE task = ? AND NOT owed AND slot < ? AND slot IN ({old})",  # noqa: S608
            (task, text, task, keep),
        ).rowcount
    return removed


def close_all(db: sqlite3.Connection, ends: Iterable[SlotEnd], known: datetime) -> int:
    """The ends of several slots of tasks known since ``known`` at the latest; how many had not ended before."""
    told: set[str] = set()
    count = 0
    for one in ends:
        if one.task not in told:
            know(db, one.task, known)
            told.add(one.task)
        count += close(db, Closing(one, count=span(one)[1]))
    return count
