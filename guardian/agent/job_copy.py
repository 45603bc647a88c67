"""The agent's copies: one source's restore points to one further repository, as ``guardian copy`` does it."""

from guardian.agent.order import Order
from guardian.agent.outcome import Came, result_of
from guardian.backup.copy import run_copy
from guardian.model.job import JobResult
from guardian.node import Node


def work(node: Node, order: Order) -> JobResult:
    """Bring what the task's further repository lacks of its source there."""
    task = order.task
    (target,) = node.loaded.targets((f"{task.system}/{task.source}",))
    done = run_copy(node, target, node.loaded.repository(task.target or ""), order.moment())
    return result_of(Came(done.outcome, done.reasons, done.entry, done.figures, done.error))
