"""The agent's journal is killed at every call that changes the disk: what was acknowledged is there, the rest whole."""

import sys
from importlib import util
from pathlib import Path
from types import ModuleType

from guardian.agent.journal import Journal
from guardian.clock import SystemClock
from guardian.model.job import JobResult, SlotEnd


def sweeps() -> ModuleType:
    name = "guardian_tests_crash_sweep"
    spec = util.spec_from_file_location(name, Path(__file__).with_name("test_crash_sweep_ledger.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SWEEPS = sweeps()
BACKUP, SLOTS = SWEEPS.crash_child.BACKUP, SWEEPS.crash_child.SLOTS
pytestmark = SWEEPS.pytestmark


def check(work: Path, acks: list[str]) -> None:
    """At most one step was done that nobody was told of, and no step by half."""
    told = [ack.split()[0] for ack in acks]
    with Journal.open(work / "agent", SystemClock()) as books:
        attempts, ends = books.attempts(BACKUP), books.slot_ends(BACKUP)
        owed = books.unstated()
        assert len(attempts) == (1 if "begun" in told else len(attempts)) <= 1
        ended = bool(attempts and attempts[0].result)
        assert ended or "ended" not in told
        missed = [SlotEnd(BACKUP, slot, "missed") for slot in reversed(SLOTS[1:])]
        accounted = len(ends) == 3
        assert accounted or "accounted" not in told
        assert list(ends) == (missed if accounted else []) + ([SlotEnd(BACKUP, SLOTS[0], "run")] if ended else [])
        assert len(owed) in (([1] if "stated" in told else [1, 2]) if accounted else [0])
        assert [one.id for one in books.cut_off()] == [one.id for one in attempts if not ended]
        for one in books.cut_off():
            books.end(one.id, JobResult(outcome="interrupted", exit_code=130))
        books.end(books.begin(BACKUP, None), JobResult(outcome="complete", exit_code=0))
    left = {path.name for path in (work / "agent").iterdir()}
    assert left <= {"journal.db"}, "closed, with nothing beside it"


def test_a_first_journal_can_be_cut_off_anywhere(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    assert SWEEPS.sweep_all("journal", base, check) > 40


def test_a_journal_that_is_there_can_be_cut_off_anywhere(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    with Journal.open(base / "agent", SystemClock()):
        pass
    assert SWEEPS.sweep_all("journal", base, check) > 20
