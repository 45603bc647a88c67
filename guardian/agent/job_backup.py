"""The agent's backups: one source, with its system's hooks around it."""

from datetime import datetime

from guardian.agent.hooks import Beside, run_hooks
from guardian.agent.order import Order
from guardian.agent.outcome import Came, result_of
from guardian.backup.attempt import Attempt, Result, record
from guardian.backup.run import Attempted, back_up
from guardian.errors import ExitCode, Interrupted
from guardian.model.backup import BackupRun, RunOutcome, Target
from guardian.model.events import Phase, Remark
from guardian.model.job import JobResult
from guardian.model.protection import Hooks
from guardian.model.reason import Reason
from guardian.node import Node


def work(node: Node, order: Order) -> JobResult:
    """Back the task's source up for its slot. What hooks prevented is in the log like every other lack of a backup."""
    (target,) = node.loaded.targets((f"{order.task.system}/{order.task.source}",))
    hooks = node.loaded.config.systems[target.system].plan.hooks
    beside = Beside(order.task.key, target.system, target.source, order.slot, node.clock, node.stop)
    if hooks.before:
        node.report(Phase("hooks", target.ref))
    prevented = run_hooks(hooks.before, "before", beside)
    if prevented is None:
        result = _result(back_up(node, target, order.moment()))
    else:
        result = _prevented(node, order, target, prevented)
    return _afterwards(node, hooks, beside, result)


def _prevented(node: Node, order: Order, target: Target, why: Reason) -> JobResult:
    outcome: RunOutcome = "skipped" if why.code == "hook-skips" else "failed"
    attempt = Attempt.begin(node, target, order.moment())
    with node.log() as log:
        entry = record(attempt, log, Result(outcome, (why,)))
    return result_of(Came(outcome, (why,), entry))


def _afterwards(node: Node, hooks: Hooks, beside: Beside, result: JobResult) -> JobResult:
    """Run the hooks that follow. What becomes of them changes nothing of the backup; it is told beside it."""
    if result.outcome in ("interrupted", "skipped"):
        return result
    good = result.outcome in ("complete", "partial")
    following = hooks.after if good else hooks.failed
    if following:
        node.report(Phase("hooks", f"{beside.system}/{beside.source}"))
    try:
        wrong = run_hooks(following, "after" if good else "failed", beside, result.outcome)
    except Interrupted:
        return result
    if wrong is None:
        return result
    told = wrong.model_copy(update={"severity": "warning"})
    node.report(Remark(told))
    return result.model_copy(update={"reasons": (*result.reasons, told)})


def _result(attempted: Attempted) -> JobResult:
    run = attempted.run
    result = result_of(Came(run.outcome, run.reasons, run.entry, _figures(run), attempted.error))
    if run.outcome == "complete" and not run.is_good:
        return result.model_copy(update={"exit_code": int(ExitCode.BAD_ANSWER)})
    return result


def _figures(run: BackupRun) -> dict[str, float]:
    counts = run.counts
    return {
        "files": counts.files,
        "bytes": counts.bytes,
        "files_changed": counts.files_changed,
        "added_bytes": counts.added_bytes,
        "seconds": run.duration_seconds,
        **_locks(run),
    }


def _locks(run: BackupRun) -> dict[str, float]:
    if run.locks is None:
        return {}
    oldest = run.locks.oldest
    moment = {"oldest_lock": datetime.fromisoformat(oldest).timestamp()} if oldest else {}
    return {"locks": run.locks.count, **moment}
