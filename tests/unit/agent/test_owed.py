"""Slots that were left out, told in the log: every one once, many in a row as one statement, whatever is cut off."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guardian.agent import owed
from guardian.agent.journal import Journal
from guardian.agent.trace import left_out
from guardian.clock import rfc3339
from guardian.errors import EvidenceInvalid
from guardian.keys.signing import SigningKey
from guardian.ledger.store import Log
from guardian.model.backup import Target
from guardian.model.evidence import NoBackup
from guardian.model.job import JobResult, SlotEnd
from guardian.model.reason import reason
from guardian.model.secret import Secret

HOUR = timedelta(hours=1)
BACKUP = "backup:app/docs"
WHY = reason("slot-unattended", "warning")
KEY = SigningKey.load(Secret(b"k" * 32))


@dataclass
class Host:
    """As much of a node as telling needs: its log, its names, its clock."""

    folder: Path
    clock: Any
    tenant: str = "t"
    host: str = "h"
    loaded: Any = field(
        default_factory=lambda: SimpleNamespace(targets=lambda: (Target("app", "docs", "main", "main.app"),))
    )

    def log(self) -> Log:
        return Log.open_for_append(self.folder, KEY)

    def told(self) -> list[NoBackup]:
        log = Log.open(self.folder, KEY.verify_key)
        return [entry.predicate for entry in log.entries() if isinstance(entry.predicate, NoBackup)]


@pytest.fixture
def journal(tmp_path: Path, clock: Any) -> Iterator[Journal]:
    with Journal.open(tmp_path / "agent", clock) as journal:
        yield journal


@pytest.fixture
def host(log: Log, clock: Any) -> Host:
    return Host(log.folder, clock)


def ends(start: datetime, hours: Any, state: Any = "missed", why: Any = WHY, task: str = BACKUP) -> list[SlotEnd]:
    return [SlotEnd(task, start + hour * HOUR, state, (why,)) for hour in hours]


def test_a_month_on_a_plan_every_quarter_of_an_hour_is_one_statement(host: Host, journal: Journal, said: Any) -> None:
    slots = [said.START + n * HOUR / 4 for n in range(2880)]
    journal.account(SlotEnd(BACKUP, slot, "missed", (WHY,)) for slot in slots)
    assert owed.tell(host, journal) == 1
    (told,) = host.told()
    assert (told.slot, told.slot_until, told.slots) == (rfc3339(slots[0]), rfc3339(slots[-1]), 2880)
    assert (told.system, told.source, told.repository, told.outcome) == ("app", "docs", "main.app", "failed")
    assert (told.reasons, told.run_id) == ((WHY,), left_out(BACKUP, rfc3339(slots[0])))
    assert told.started == told.ended == rfc3339(host.clock.now())
    assert (journal.unstated(), owed.tell(host, journal), len(host.told())) == ([], 0, 1)


def test_a_single_slot_names_itself_alone(host: Host, journal: Journal, said: Any) -> None:
    journal.account(ends(said.START, [3], "skipped", reason("slot-blackout", "info")))
    owed.tell(host, journal)
    (told,) = host.told()
    assert (told.slot, told.slot_until, told.slots, told.outcome) == (
        rfc3339(said.START + 3 * HOUR), None, 1, "skipped",
    )  # fmt: skip


def test_a_run_another_reason_or_another_way_ends_a_stretch(host: Host, journal: Journal, said: Any) -> None:
    start = said.START
    journal.account(ends(start, [0, 1]))
    journal.end(journal.begin(BACKUP, start + 2 * HOUR), JobResult(outcome="complete", exit_code=0))
    journal.account(ends(start, [3, 4]))
    journal.account(ends(start, [5, 6], why=reason("slot-overrun", "warning", ended="x")))
    journal.account(ends(start, [7], "skipped", reason("slot-blackout", "info")))
    journal.account(ends(start, [8], task="backup:app/other"))
    journal.account(ends(start, [9], task="drill:D3:app/docs"))
    assert owed.tell(host, journal) == 5
    told = {(one.source, one.slot or "", one.slots) for one in host.told()}
    expected = {("docs", 0, 2), ("docs", 3, 2), ("docs", 5, 2), ("docs", 7, 1), ("other", 8, 1)}
    assert told == {(source, rfc3339(start + hour * HOUR), count) for source, hour, count in expected}


def test_what_is_closed_as_a_range_is_told_as_one(host: Host, journal: Journal, said: Any) -> None:
    first, last = said.START, said.START + 999 * HOUR
    why = reason("slots-unattended", "warning", first=rfc3339(first), last=rfc3339(last), count=1000)
    journal.account([SlotEnd(BACKUP, last, "missed", (why,)), *ends(last, [1, 2])])
    owed.tell(host, journal)
    assert [(one.slot, one.slot_until, one.slots) for one in host.told()] == [
        (rfc3339(first), rfc3339(last), 1000),
        (rfc3339(last + HOUR), rfc3339(last + 2 * HOUR), 2),
    ]
    assert journal.counts(BACKUP) == (1002, 0)


def test_what_a_run_said_itself_is_not_said_again(host: Host, journal: Journal, said: Any) -> None:
    for entry in (None, 0):
        slot = said.START + HOUR * (entry is None)
        journal.end(journal.begin(BACKUP, slot), JobResult(outcome="skipped", exit_code=75, entry=entry))
    assert owed.tell(host, journal) == 1
    assert host.told()[0].slot == rfc3339(said.START + HOUR)


def test_a_run_that_failed_without_a_word_is_told_of(host: Host, journal: Journal, said: Any) -> None:
    for hour in (0, 1):
        died = JobResult(outcome="failed", exit_code=1, reasons=(reason("job-killed"),))
        journal.end(journal.begin(BACKUP, said.START + hour * HOUR), died)
    assert owed.tell(host, journal) == 2, "each run stands for itself"
    assert [(one.slot, one.outcome, one.reasons) for one in host.told()] == [
        (rfc3339(said.START + hour * HOUR), "failed", died.reasons) for hour in (0, 1)
    ]
    assert [end.state for end in journal.slot_ends(BACKUP)] == ["run", "run"]


def test_a_run_that_was_interrupted_in_a_slot_that_was_missed_then(
    host: Host, journal: Journal, stating: Any, said: Any
) -> None:
    with host.log() as log:
        log.append(stating.lack(1, said.START, reason("interrupted"), slot=rfc3339(said.START)))
    journal.account(ends(said.START, [0], why=reason("slot-superseded", "warning")))
    assert owed.tell(host, journal) == 1
    assert [one.reasons[0].code for one in host.told()] == ["interrupted", "slot-superseded"]


def test_a_log_that_does_not_hold_together_is_not_written_to(host: Host, journal: Journal, said: Any) -> None:
    journal.account(ends(said.START, [0]))
    (host.folder / "checkpoint").write_bytes(b"x")
    with pytest.raises(EvidenceInvalid):
        owed.tell(host, journal)
    assert len(journal.unstated()) == 1


class Cut(Exception):
    """The process ends here."""


class Cutting:
    """A journal that is cut off at the N-th time that something is written down as stated."""

    def __init__(self, journal: Journal, after: int) -> None:
        self.journal, self.left = journal, after

    def __getattr__(self, name: str) -> Any:
        return getattr(self.journal, name)

    def stated(self, *values: Any) -> None:
        if self.left == 0:
            raise Cut
        self.left -= 1
        self.journal.stated(*values)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_nothing_is_told_twice_or_never_wherever_it_is_cut_off(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory, clock: Any, said: Any, stating: Any
) -> None:
    root = tmp_path_factory.mktemp("cut")
    Log.create(root / "log", "example.org/log", KEY).close()
    host, next_slot, expected = Host(root / "log", clock), 0, set()
    with Journal.open(root / "agent", clock) as journal:
        for _ in range(data.draw(st.integers(1, 5))):
            for _ in range(data.draw(st.integers(1, 6))):
                slot = said.START + next_slot * HOUR
                next_slot += 1
                kind = data.draw(st.sampled_from(("missed", "missed", "skipped", "run")))
                if kind == "run":
                    journal.end(journal.begin(BACKUP, slot), JobResult(outcome="complete", exit_code=0))
                else:
                    journal.account([SlotEnd(BACKUP, slot, kind, (WHY,))])
                    expected.add((rfc3339(slot), kind))
            clock.at = max(clock.at, said.START + next_slot * HOUR)
            try:
                owed.tell(host, Cutting(journal, data.draw(st.integers(0, 3))))  # type: ignore[arg-type]
            except Cut:
                with host.log() as log:
                    log.append_many(
                        (stating.receipt(n, clock.at), ()) for n in range(data.draw(st.sampled_from((0, 3, 300))))
                    )
        owed.tell(host, journal)
        assert journal.unstated() == []
    told: list[tuple[str, str]] = []
    for one in host.told():
        first, last = (datetime.fromisoformat(text) for text in (one.slot or "", one.slot_until or one.slot or ""))
        count = round((last - first) / HOUR) + 1
        assert count == one.slots
        told += [(rfc3339(first + n * HOUR), "skipped" if one.outcome == "skipped" else "missed") for n in range(count)]
    assert sorted(told) == sorted(expected)
