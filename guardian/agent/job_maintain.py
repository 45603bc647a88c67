"""The agent's maintenance: retention with its guard rails, and space freed, as ``guardian maintain`` does it."""

from guardian.agent.order import Order
from guardian.agent.outcome import Came, result_of
from guardian.backup.maintain import Asked, run_maintenance
from guardian.model.job import JobResult
from guardian.node import Node


def work(node: Node, order: Order) -> JobResult:
    """Maintain the task's repository. While the agent does not trust the clock, nothing is removed for its age."""
    done = run_maintenance(node, order.task.repository or "", Asked(clock_trusted=order.clock_trusted))
    return result_of(Came(done.outcome, done.reasons, done.entry, done.figures, done.error))
