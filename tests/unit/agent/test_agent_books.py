"""The books while the journal's disk is read-only: real SQLite, told not to write."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from guardian.agent.books import Books
from guardian.agent.journal import Journal, NotNow
from guardian.errors import NotPermitted
from guardian.model.job import JobResult, SlotEnd, Task
from guardian.model.reason import reason

TASK = Task(key="backup:app/docs", kind="backup", system="app", source="docs", repository="main")
GOOD = JobResult(outcome="complete", exit_code=0)
BAD = JobResult(outcome="failed", exit_code=4, reasons=(reason("storage-unreachable"),))
CUT = JobResult(outcome="interrupted", exit_code=130)
HOUR = timedelta(hours=1)


@pytest.fixture
def books(tmp_path: Path, clock: Any) -> Books:
    return Books(lambda: Journal.open(tmp_path, clock), clock)


def read_only(books: Books, yes: bool = True) -> None:
    books.journal._db.execute(f"PRAGMA query_only = {int(yes)}")


def test_what_cannot_be_written_is_remembered_and_written_later(books: Books, clock: Any) -> None:
    first = clock.at
    books.records([TASK])
    read_only(books)
    clock.sleep(3600)
    attempt = books.begin(TASK.key, first + HOUR)
    assert attempt is None
    assert [one.code for one in books.problems()] == ["journal-unwritable"]
    assert books.records([TASK])[TASK.key].running
    with pytest.raises(NotNow):
        books.begin(TASK.key, first + HOUR)
    clock.sleep(60)
    books.end(TASK.key, first + HOUR, attempt, GOOD)
    books.account([SlotEnd(TASK.key, first + 2 * HOUR, "missed", (reason("slot-missed"),))])
    seen = books.records([TASK])[TASK.key]
    assert (seen.running, seen.accounted, seen.last_success) == (False, first + 2 * HOUR, clock.at)
    ended = clock.at
    clock.sleep(60)
    read_only(books, yes=False)
    written = books.records([TASK])[TASK.key]
    assert books.problems() == ()
    assert (written.accounted, written.last_success, written.last_result) == (first + 2 * HOUR, ended, GOOD)
    assert [(end.slot, end.state) for end in books.journal.slot_ends(TASK.key, 5)] == [
        (first + 2 * HOUR, "missed"),
        (first + HOUR, "run"),
    ]


def test_an_end_that_cannot_be_written_ends_its_own_attempt_later(books: Books, clock: Any) -> None:
    slot = clock.at + HOUR
    books.records([TASK])
    attempt = books.begin(TASK.key, slot)
    assert attempt is not None
    read_only(books)
    books.end(TASK.key, slot, attempt, GOOD)
    assert books.records([TASK])[TASK.key].running is False
    read_only(books, yes=False)
    books.records([TASK])
    (told,) = books.journal.attempts(TASK.key)
    assert (told.id, told.result) == (attempt, GOOD)


def test_memory_and_journal_judge_alike(books: Books, clock: Any) -> None:
    """The same ends, once written and once only remembered, make the same record."""
    slot = clock.at
    for result in (BAD, BAD, CUT, GOOD, CUT):
        slot += HOUR
        read_only(books, yes=False)
        books.records([TASK])
        read_only(books)
        books.end(TASK.key, slot, books.begin(TASK.key, slot), result)
        remembered = books.records([TASK])[TASK.key]
        read_only(books, yes=False)
        written = books.records([TASK])[TASK.key]
        for name in ("running", "accounted", "failures_in_a_row", "last_result", "last_success", "interrupted_slot"):
            assert getattr(remembered, name) == getattr(written, name), (result.outcome, name)


def test_a_journal_that_turns_out_to_be_damaged_is_opened_anew(tmp_path: Path, clock: Any) -> None:
    def anew() -> Journal:
        if (tmp_path / "journal.db").exists() and (tmp_path / "journal.db").read_bytes()[:6] != b"SQLite":
            for path in tmp_path.glob("journal.db*"):
                path.unlink()
        return Journal.open(tmp_path, clock)

    books = Books(anew, clock)
    books.records([TASK])
    books.journal.close()
    for path in tmp_path.glob("journal.db*"):
        path.unlink()
    (tmp_path / "journal.db").write_bytes(b"not a database" * 500)
    books.journal = _broken(tmp_path, clock)
    books.end(TASK.key, None, books.begin(TASK.key, None), GOOD)
    assert books.problems()
    books.records([TASK])
    assert books.problems() == ()
    (told,) = books.journal.attempts(TASK.key)
    assert told.result == GOOD


def _broken(folder: Path, clock: Any) -> Journal:
    import sqlite3

    path = folder / "journal.db"
    return Journal(path, sqlite3.connect(path, isolation_level=None, check_same_thread=False), clock, writing=True)


def test_an_agent_does_not_begin_without_a_journal(clock: Any) -> None:
    def refused() -> Journal:
        raise NotPermitted("no")

    opening: Callable[[], Journal] = refused
    with pytest.raises(NotPermitted):
        Books(opening, clock)


def test_a_pause_is_remembered_from_its_beginning_until_it_ends(books: Books, clock: Any, tmp_path: Path) -> None:
    began = clock.at
    read_only(books)
    books.pause({TASK.key: False, "drill:D3:app/docs": True})
    clock.sleep(3600)
    read_only(books, yes=False)
    books.records([TASK])
    assert books.journal.paused() == {TASK.key: began}, "written late, and as old as it is"
    clock.sleep(3600)
    books.close()
    again = Books(lambda: Journal.open(tmp_path, clock), clock)
    again.pause({TASK.key: False})
    assert again.journal.paused() == {TASK.key: began}, "an agent that starts anew does not begin the pause anew"
    again.pause({TASK.key: True})
    assert again.journal.paused() == {}
    again.close()
