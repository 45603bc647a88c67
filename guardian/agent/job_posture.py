"""The agent's looks at storage: how it is set up, and what it refuses, as ``guardian posture`` does it."""

from guardian.agent.order import Order
from guardian.agent.outcome import Came, result_of
from guardian.backup.posture import run_posture
from guardian.model.job import JobResult
from guardian.node import Node


def work(node: Node, order: Order) -> JobResult:
    """Look at the storage of the task's repository and try what it must refuse."""
    looked = run_posture(node, order.task.repository or "")
    result = result_of(Came(looked.outcome, looked.reasons, looked.entry, {}, looked.error))
    return result.model_copy(update={"exit_code": int(looked.exit_code)})
