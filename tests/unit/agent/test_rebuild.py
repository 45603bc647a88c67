"""A journal made anew from the log: equal in what the log knows, and no reason to run anything twice or all at once."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from guardian.agent import rebuild
from guardian.agent.journal import FILE, Journal
from guardian.agent.trace import left_out
from guardian.clock import rfc3339
from guardian.errors import EvidenceInvalid
from guardian.ledger.store import Log
from guardian.model.evidence import Entry
from guardian.model.job import JobResult, SlotEnd, Task
from guardian.model.reason import reason

BACKUP = Task(key="backup:app/docs", kind="backup")
DRILL = Task(key="drill:D3:app/docs", kind="drill")
UNKNOWN = Task(key="drill:D4:app/docs", kind="drill")
HOUR = timedelta(hours=1)
WHY = reason("slot-unattended", "warning")


def live(folder: Path, clock: Any, stating: Any, log: Log) -> Journal:
    """A life of twelve hours, with journal and log telling of the same."""
    journal, start = Journal.open(folder, clock), clock.at
    for hour in range(12):
        clock.at = slot = start + hour * HOUR
        if hour in (4, 5, 6):
            continue  # nobody was there
        if hour == 7:
            ends = [SlotEnd(BACKUP.key, start + n * HOUR, "missed", (WHY,)) for n in (4, 5, 6)]
            journal.account(ends)
            first, last = rfc3339(ends[0].slot), rfc3339(ends[2].slot)
            said = stating.lack(0, clock.at, WHY, run_id=left_out(BACKUP.key, first))
            log.append(said.model_copy(update={"slot": first, "slot_until": last, "slots": 3}))
            journal.stated(BACKUP.key, ends[0].slot, log.size - 1, ends[2].slot)
        attempt = journal.begin(BACKUP.key, slot)
        started = clock.at
        clock.at += timedelta(minutes=10)
        if hour == 2:
            log.append(stating.lack(hour, started, ended=rfc3339(clock.at), slot=rfc3339(slot)))
            why = (reason("storage-unreachable"),)
            journal.end(attempt, JobResult(outcome="failed", exit_code=3, reasons=why, entry=log.size - 1))
        else:
            log.append(stating.receipt(hour, started, slot))
            counts = {"files": float(hour), "bytes": hour * 1000.0, "files_changed": 0.0, "added_bytes": 0.0}
            figures = {**counts, "seconds": 600.0}
            journal.end(attempt, JobResult(outcome="complete", exit_code=0, entry=log.size - 1, figures=figures))
    return journal


def test_what_the_log_knows_comes_back_equal(tmp_path: Path, clock: Any, stating: Any, log: Log) -> None:
    lived = live(tmp_path / "lived", clock, stating, log)
    found = rebuild.opened(tmp_path / "anew", clock, log.entries)
    anew = found.journal
    assert anew.records([BACKUP]) == lived.records([BACKUP])
    # One statement told of three slots: their number and their ends are known, those between are not named.
    assert anew.counts(BACKUP.key) == lived.counts(BACKUP.key) == (3, 0)
    kept = [end for end in lived.slot_ends(BACKUP.key) if end.slot.hour != 5]
    assert list(anew.slot_ends(BACKUP.key)) == kept
    assert anew.attempts(BACKUP.key) == lived.attempts(BACKUP.key)
    assert anew.unstated() == []
    assert [(one.code, one.args) for one in found.remarks] == [("journal-rebuilt", {"slots": 12})]


def test_a_damaged_journal_is_kept_aside(tmp_path: Path, clock: Any, stating: Any, log: Log) -> None:
    live(tmp_path, clock, stating, log).close()
    (tmp_path / FILE).write_bytes(b"not a database")
    found = rebuild.opened(tmp_path, clock, log.entries)
    kept = f"{FILE}.damaged-20261102T111000"
    assert [(one.code, one.args.get("kept")) for one in found.remarks] == [
        ("journal-damaged", kept),
        ("journal-rebuilt", None),
    ]
    assert (tmp_path / kept).read_bytes() == b"not a database"
    assert len(found.journal.attempts(BACKUP.key)) == 9
    found.journal.close()
    assert rebuild.opened(tmp_path, clock, lambda: pytest.fail("the log is not needed")).remarks == ()


def test_what_lies_beside_a_damaged_journal_goes_with_it(tmp_path: Path, clock: Any) -> None:
    for side in ("", "-wal", "-shm"):
        (tmp_path / f"{FILE}{side}").write_text(side)
    kept = rebuild.set_aside(tmp_path, clock.now())
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        f"{kept}{s}": s for s in ("", "-wal", "-shm")
    }


def test_only_the_newest_damaged_ones_are_kept(tmp_path: Path, clock: Any) -> None:
    for number in range(5):
        (tmp_path / FILE).write_bytes(b"%d" % number)
        rebuild.set_aside(tmp_path, clock.now())
        clock.sleep(number % 2)
    assert sorted(path.read_bytes() for path in tmp_path.iterdir()) == [b"2", b"3", b"4"]


def test_a_stale_write_ahead_log_is_not_taken_for_the_new_journal_s(
    tmp_path: Path, clock: Any, stating: Any, log: Log
) -> None:
    journal = live(tmp_path, clock, stating, log)
    (tmp_path / FILE).unlink()  # while it was open: what is beside it stays
    journal.records([BACKUP])
    assert (tmp_path / f"{FILE}-wal").exists()
    found = rebuild.opened(tmp_path, clock, log.entries)
    found.journal.examine()
    assert len(found.journal.attempts(BACKUP.key)) == 9


def test_nothing_is_owed_from_before_a_task_was_last_heard_of(
    tmp_path: Path, clock: Any, stating: Any, log: Log, said: Any
) -> None:
    """A year of backups by hand and of drills: no slot of that year was ever missed, and none is to be caught up."""
    for day in range(3):
        log.append(stating.receipt(day, clock.at + timedelta(days=day)))
        log.append(stating.drill(day, clock.at + timedelta(days=day, hours=1), said.checked("D3")))
    clock.at += timedelta(days=9)
    records = rebuild.opened(tmp_path, clock, log.entries).journal.records([BACKUP, DRILL, UNKNOWN])
    assert records[BACKUP.key].since == said.START + timedelta(days=2, minutes=10)
    assert records[DRILL.key].since == said.START + timedelta(days=2, hours=1)
    assert records[UNKNOWN.key].since == clock.now()
    assert {one.accounted for one in records.values()} == {None}
    assert records[DRILL.key].last_success == said.START + timedelta(days=2, hours=1)


def test_a_statement_from_the_future_postpones_nothing(tmp_path: Path, clock: Any, stating: Any, log: Log) -> None:
    log.append(stating.receipt(1, clock.at.replace(year=2099)))
    assert rebuild.opened(tmp_path, clock, log.entries).journal.records([BACKUP])[BACKUP.key].since == clock.now()


def test_a_log_that_does_not_hold_together_stops_no_backup(tmp_path: Path, clock: Any, stating: Any, log: Log) -> None:
    log.append(stating.receipt(1, clock.at, clock.at))

    def entries() -> Iterable[Entry]:
        yield from log.entries()
        raise EvidenceInvalid("entry 1 was altered")

    found = rebuild.opened(tmp_path, clock, entries)
    assert [one.code for one in found.remarks] == ["journal-begun-anew"]
    assert found.journal.attempts(BACKUP.key) == ()


def test_an_agent_that_runs_for_the_first_time_says_nothing(tmp_path: Path, clock: Any, stating: Any, log: Log) -> None:
    log.append(stating.receipt(1, clock.at))
    assert rebuild.opened(tmp_path, clock, log.entries).remarks == ()


@pytest.mark.parametrize("many", [True, False])
def test_ranges_come_back_as_one_end(many: bool, tmp_path: Path, clock: Any, stating: Any, log: Log) -> None:
    first, last = rfc3339(clock.at - 500 * HOUR), rfc3339(clock.at)
    why = reason("slots-unattended", "warning", first=first, last=last, count=501) if many else WHY
    said = stating.lack(0, clock.at, why, run_id=left_out(BACKUP.key, first), slot=first, slot_until=last, slots=501)
    log.append(said)
    journal = rebuild.opened(tmp_path, clock, log.entries).journal
    assert journal.counts(BACKUP.key) == (501, 0)
    assert len(journal.slot_ends(BACKUP.key)) == (1 if many else 2)
    assert journal.records([BACKUP])[BACKUP.key].accounted == clock.at


# attempts that a crash cut off


def test_an_attempt_the_log_knows_the_end_of_is_ended_so(tmp_path: Path, clock: Any, stating: Any, log: Log) -> None:
    journal, slot = Journal.open(tmp_path, clock), clock.at
    journal.begin(BACKUP.key, slot)
    clock.sleep(60)
    others = (stating.receipt(number + 9, clock.at, source="other") for number in range(300))
    log.append_many((other, ()) for other in others)
    log.append(stating.receipt(1, clock.at, slot))
    log.append(stating.receipt(2, clock.at + HOUR))
    remarks = rebuild.settle(journal, log)
    record = journal.records([BACKUP])[BACKUP.key]
    assert record.last_result is not None
    assert (record.last_result.outcome, record.last_result.entry) == ("complete", 300)
    assert (record.accounted, record.interrupted_slot, record.running) == (slot, None, False)
    assert [(one.code, one.args["outcome"]) for one in remarks] == [("attempt-settled", "complete")]
    assert rebuild.settle(journal, log) == ()


def test_an_attempt_the_log_knows_nothing_of_is_to_be_resumed(
    tmp_path: Path, clock: Any, stating: Any, log: Log
) -> None:
    journal, slot = Journal.open(tmp_path, clock), clock.at
    log.append(stating.receipt(1, clock.at - HOUR, slot - HOUR))
    journal.begin(BACKUP.key, slot)
    journal.begin(DRILL.key, slot)
    assert len(rebuild.settle(journal, log)) == 2
    for record in journal.records([BACKUP, DRILL]).values():
        assert (record.accounted, record.interrupted_slot, record.running) == (None, slot, False)


def test_a_run_cut_off_twice_is_not_ended_by_the_first_one_s_statement(
    tmp_path: Path, clock: Any, stating: Any, log: Log
) -> None:
    journal, slot = Journal.open(tmp_path, clock), clock.at
    log.append(stating.lack(1, clock.at, reason("run-interrupted"), slot=rfc3339(slot)))
    clock.sleep(1)
    journal.begin(BACKUP.key, slot)
    rebuild.settle(journal, log)
    assert journal.records([BACKUP])[BACKUP.key].interrupted_slot == slot


def test_a_drill_is_settled_by_its_own_result_alone(
    tmp_path: Path, clock: Any, stating: Any, log: Log, said: Any
) -> None:
    journal, slot = Journal.open(tmp_path, clock), clock.at
    log.append(stating.drill(1, clock.at - HOUR, said.checked("D3", "FAIL")))
    journal.begin(DRILL.key, slot)
    log.append(stating.drill(1, clock.at, said.checked("D3")))
    log.append(stating.drill(1, clock.at + HOUR, said.checked("D3", "FAIL")))
    rebuild.settle(journal, log)
    record = journal.records([DRILL])[DRILL.key]
    assert (record.last_result and record.last_result.outcome, record.accounted) == ("complete", slot)


def test_without_a_log_attempts_are_interrupted(tmp_path: Path, clock: Any) -> None:
    journal = Journal.open(tmp_path, clock)
    journal.begin(BACKUP.key, clock.at)
    rebuild.settle(journal, None)
    assert replace(journal.attempts(BACKUP.key)[0], id=0).result is not None
