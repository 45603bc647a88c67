"""What a run that was cut off left behind: found, said in the log, and cleared away."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice

from guardian.backup.attempt import no_backup
from guardian.backup.intent import Intent, leave, left, pending, settle
from guardian.ledger.store import Log
from guardian.model.events import Remark
from guardian.model.evidence import BackupReceipt, NoBackup
from guardian.model.reason import reason
from guardian.node import Node
from guardian.restic.client import Restic

_AT_ONCE = 256
_RUN = (BackupReceipt, NoBackup)


def recover(node: Node, restic: Restic, log: Log, key: str) -> None:
    """Settle every run on the repository ``key`` that never ended, or not cleanly. Only with its lease in hand.

    A snapshot such a run may have made is named as an orphan and never taken for a backup. Locks its restic
    left are removed when their process is dead. Costs nothing when there is nothing to settle.
    """
    folder = node.state / "runs" / key
    cut_off, unrecorded, recorded = pending(folder), left(folder, recorded=False), left(folder, recorded=True)
    if not (cut_off or unrecorded or recorded):
        return
    for lock in restic.clear_stale_locks(lease_held=False):
        node.report(Remark(reason("stale-lock-removed", "info", pid=lock.pid, host=lock.hostname)))
    # restic takes a process for alive that is dead and not yet reaped: what it left is looked for once more.
    clean = not restic.locks()
    said = _runs_in_log(log, cut_off)
    for intent in cut_off:
        if intent.run_id not in said:
            _say(node, log, intent, ("run-interrupted", _orphans(restic, intent)))
            ref = f"{intent.system}/{intent.source}"
            node.report(Remark(reason("run-cut-off", "warning", ref=ref, time=intent.started)))
    for intent in unrecorded:
        if orphans := _orphans(restic, intent):
            _say(node, log, intent, ("run-unrecorded", orphans))
    for intent in (*cut_off, *unrecorded, *recorded):
        if clean:
            settle(folder, intent)
        else:
            leave(folder, intent, recorded=True)


def _orphans(restic: Restic, intent: Intent) -> tuple[str, ...]:
    return tuple(s.id for s in restic.snapshots(tags=(f"run={intent.run_id}",)).snapshots)


def _say(node: Node, log: Log, intent: Intent, what: tuple[str, tuple[str, ...]]) -> None:
    code, orphans = what
    log.append(no_backup(node, intent, ("failed", (reason(code),)), orphans), [("run", intent.run_id.rjust(64, "0"))])


def _runs_in_log(log: Log, cut_off: Sequence[Intent]) -> set[str]:
    """Which of the runs have a statement: the crash came after it was written.

    Looked for from the end of the log back to a run that began a day before all of them: clocks are set.
    """
    wanted = {intent.run_id for intent in cut_off}
    found: set[str] = set()
    start = log.size
    while start > 0 and wanted - found:
        end, start = start, max(0, start - _AT_ONCE)
        runs = [e.predicate for e in islice(log.entries(start), end - start) if isinstance(e.predicate, _RUN)]
        found |= {run.run_id for run in runs} & wanted
        if runs and _moment(runs[0]) < min(map(_moment, cut_off)) - timedelta(days=1):
            break
    return found


def _moment(begun: Intent | BackupReceipt | NoBackup) -> datetime:
    return datetime.fromisoformat(begun.started)
