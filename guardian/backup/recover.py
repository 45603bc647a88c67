"""What a run that was cut off left behind: found, said in the log, and cleared away."""

from guardian.backup.attempt import no_backup
from guardian.backup.intent import Intent, pending, settle
from guardian.ledger.store import Log
from guardian.model.events import Remark
from guardian.model.evidence import BackupReceipt, NoBackup
from guardian.model.reason import reason
from guardian.node import Node
from guardian.restic.client import Restic


def recover(node: Node, restic: Restic, log: Log, key: str) -> None:
    """Settle every run on the repository ``key`` that began and never ended. Only with its lease in hand.

    A snapshot such a run may have made is named as an orphan and never taken for a backup. Locks its restic
    left are removed when their process is dead. Costs nothing when there is nothing to settle.
    """
    folder = node.state / "runs" / key
    left = pending(folder)
    if not left:
        return
    for lock in restic.clear_stale_locks(lease_held=False):
        node.report(Remark(reason("stale-lock-removed", "info", pid=lock.pid, host=lock.hostname)))
    said = _runs_in_log(log, {intent.run_id for intent in left})
    for intent in left:
        if intent.run_id not in said:
            _say(node, restic, log, intent)
        settle(folder, intent)


def _say(node: Node, restic: Restic, log: Log, intent: Intent) -> None:
    orphans = tuple(s.id for s in restic.snapshots(tags=(f"run={intent.run_id}",)).snapshots)
    statement = no_backup(node, intent, ("failed", (reason("run-interrupted"),)), orphans)
    log.append(statement, [("run", intent.run_id.rjust(64, "0"))])
    node.report(Remark(reason("run-cut-off", "warning", ref=f"{intent.system}/{intent.source}", time=intent.started)))


def _runs_in_log(log: Log, wanted: set[str]) -> set[str]:
    """Which of the runs have a statement: the crash came after it was written. Looked for from the end of the log."""
    return {
        entry.predicate.run_id
        for entry in log.entries(max(0, log.size - 256))
        if isinstance(entry.predicate, BackupReceipt | NoBackup) and entry.predicate.run_id in wanted
    }
