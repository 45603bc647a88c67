"""One run while it is going on, and the three ways it can end in the log."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from guardian.backup.intent import Intent
from guardian.backup.suspicion import Found
from guardian.clock import rfc3339
from guardian.ledger.store import Log
from guardian.model.backup import BackupRun, Counts, LocksSeen, RunOutcome, Snapshot, Target
from guardian.model.evidence import BackupReceipt, NoBackup
from guardian.model.reason import Reason
from guardian.node import Node


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of one target, since it began."""

    node: Node
    target: Target
    run_id: str
    started: datetime
    started_monotonic: float
    slot: datetime | None = None
    """The nominal moment an agent runs it for; None where somebody asked for it."""

    @classmethod
    def begin(cls, node: Node, target: Target, slot: datetime | None = None) -> "Attempt":
        """A new attempt, starting now."""
        return cls(node, target, uuid4().hex, node.clock.now(), node.clock.monotonic(), slot)

    @property
    def folder(self) -> Path:
        """Where the intents of this repository lie."""
        return self.node.state / "runs" / self.target.key

    @property
    def intent(self) -> Intent:
        """What is written down before the run."""
        target = self.target
        return Intent(
            run_id=self.run_id,
            system=target.system,
            source=target.source,
            repository=target.key,
            started=rfc3339(self.started),
            slot=rfc3339(self.slot) if self.slot else None,
        )

    def seconds(self) -> float:
        """How long it has been going on."""
        return self.node.clock.monotonic() - self.started_monotonic

    def clock_jump(self) -> float:
        """Seconds the wall clock moved beyond the monotonic one: a suspended, paused or reset machine."""
        return (self.node.clock.now() - self.started).total_seconds() - self.seconds()


@dataclass(frozen=True, slots=True)
class Result:
    """What came of an attempt: its verdict and, when there is one to sign, its receipt."""

    outcome: RunOutcome
    reasons: tuple[Reason, ...]
    snapshot: Snapshot | None = None
    counts: Counts = field(default_factory=Counts)
    receipt: BackupReceipt | None = None
    judged: Found | None = None
    locks: LocksSeen | None = None


def record(attempt: Attempt, log: Log, result: Result) -> int:
    """Put the attempt's statement into the log; its index. A receipt when there is one, else why there is none."""
    if result.receipt is not None:
        receipt = result.receipt
        subjects = [("snapshot", receipt.snapshot_id), ("tree", receipt.tree_id)]
        return log.append(receipt, subjects).index
    orphans = (result.snapshot.id,) if result.snapshot else ()
    statement = no_backup(attempt.node, attempt.intent, (result.outcome, result.reasons), orphans)
    return log.append(statement, [("run", attempt.run_id.rjust(64, "0"))]).index


def no_backup(
    node: Node, intent: Intent, verdict: tuple[RunOutcome, tuple[Reason, ...]], orphans: tuple[str, ...] = ()
) -> NoBackup:
    """The statement that a run did not end in a backup."""
    outcome, reasons = verdict
    return NoBackup(
        run_id=intent.run_id,
        tenant=node.tenant,
        host=node.host,
        system=intent.system,
        source=intent.source,
        repository=intent.repository,
        outcome=outcome,
        reasons=reasons,
        started=intent.started,
        ended=rfc3339(node.clock.now()),
        orphans=orphans,
        slot=intent.slot,
    )


def as_run(attempt: Attempt, result: Result, index: int | None) -> BackupRun:
    """The attempt as the noun that is shown."""
    return BackupRun(
        run_id=attempt.run_id,
        system=attempt.target.system,
        source=attempt.target.source,
        repository=attempt.target.key,
        outcome=result.outcome,
        reasons=result.reasons,
        started=rfc3339(attempt.started),
        ended=rfc3339(attempt.node.clock.now()),
        duration_seconds=round(attempt.seconds(), 3),
        snapshot_id=result.snapshot.id if result.snapshot else None,
        tree_id=result.snapshot.tree if result.snapshot else None,
        counts=result.counts,
        entry=index,
        locks=result.locks,
    )
