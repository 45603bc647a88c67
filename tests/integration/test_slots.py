"""The slot of a run stands in its statement: when it went well, when it failed, and when it was cut off."""

import shutil
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from guardian.agent import owed, rebuild
from guardian.agent.journal import Journal
from guardian.backup import intent
from guardian.backup.attempt import Attempt
from guardian.backup.run import back_up
from guardian.clock import SystemClock, rfc3339
from guardian.config.load import load
from guardian.ledger.verify import verify_log
from guardian.model.backup import Target
from guardian.model.events import silent
from guardian.model.evidence import BackupReceipt, NoBackup
from guardian.model.job import JobResult, SlotEnd, Task
from guardian.model.reason import reason
from guardian.node import Node
from guardian.proc import Stop

SLOT = datetime(2026, 11, 2, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
TASK = Task(key="backup:app/docs", kind="backup")


@pytest.fixture
def node(site: Any) -> Node:
    return Node(load(site.yaml), SystemClock(), silent, Stop())


def docs(node: Node) -> Target:
    (target,) = node.loaded.targets(("app/docs",))
    return target


def said(node: Node) -> list[BackupReceipt | NoBackup]:
    entries = [entry.predicate for entry in node.read_log().entries()]
    return [one for one in entries if isinstance(one, BackupReceipt | NoBackup)]


def test_slots_stand_in_the_log_and_make_a_journal(site: Any, node: Node) -> None:
    """A good run, one that was cut off and is resumed, one that failed, and three slots that nobody was there for."""
    target, folder = docs(node), node.state / "agent"
    assert back_up(node, target, SLOT).run.outcome == "complete"
    # A run that died after its intent was written: nothing of this process is left but that.
    dead = Attempt.begin(node, target, SLOT + HOUR)
    intent.declare(dead.folder, dead.intent)
    assert back_up(node, target, SLOT + HOUR).run.outcome == "complete"
    shutil.rmtree(site.docs)
    assert back_up(node, target, SLOT + 2 * HOUR).run.outcome == "failed"
    assert back_up(node, target).run.outcome == "failed"
    with Journal.open(folder, node.clock) as journal:
        why = reason("slot-unattended", "warning")
        journal.account(SlotEnd(TASK.key, SLOT + n * HOUR, "missed", (why,)) for n in (3, 4, 5))
        assert owed.tell(node, journal) == 1
    statements = [(type(one).__name__, one.slot, one.reasons[0].code if one.reasons else "") for one in said(node)]
    assert statements == [
        ("BackupReceipt", rfc3339(SLOT), ""),
        ("NoBackup", rfc3339(SLOT + HOUR), "run-interrupted"),
        ("BackupReceipt", rfc3339(SLOT + HOUR), ""),
        ("NoBackup", rfc3339(SLOT + 2 * HOUR), "source-missing"),
        ("NoBackup", None, "source-missing"),
        ("NoBackup", rfc3339(SLOT + 3 * HOUR), "slot-unattended"),
    ]
    verdict = verify_log(node.log_folder, [node.keys().verify_key()])
    assert verdict.problem is None
    (folder / "journal.db").write_bytes(b"gone")
    found = rebuild.opened(folder, node.clock, lambda: node.read_log().entries())
    with found.journal as anew:
        record = anew.records([TASK])[TASK.key]
        assert (record.accounted, record.interrupted_slot, record.failures_in_a_row) == (SLOT + 5 * HOUR, None, 2)
        assert anew.counts(TASK.key) == (3, 0)
        states = {end.slot.hour: end.state for end in anew.slot_ends(TASK.key)}
        assert states == {2: "run", 3: "run", 4: "run", 5: "missed", 7: "missed"}


def test_a_run_that_outlived_its_agent_is_not_done_again(node: Node) -> None:
    with Journal.open(node.state / "agent", node.clock) as journal:
        journal.begin(TASK.key, SLOT)
        back_up(node, docs(node), SLOT)  # and nobody was left to end the attempt
        rebuild.settle(journal, node.read_log())
        record = journal.records([TASK])[TASK.key]
        assert (record.running, record.accounted, record.interrupted_slot) == (False, SLOT, None)
        assert record.last_result is not None
        assert record.last_result.model_copy(update={"figures": {}}) == JobResult(
            outcome="complete", exit_code=0, entry=node.read_log().size - 1
        )
