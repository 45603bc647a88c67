"""The agent's scans: everything the configuration names, as ``guardian scan`` does it."""

from guardian.agent.order import Order
from guardian.agent.trace import SCANS
from guardian.baseline.scan import Asked, run_scan
from guardian.errors import ExitCode
from guardian.model.job import JobResult
from guardian.node import Node


def work(node: Node, _order: Order) -> JobResult:
    """Scan. Findings make the job a failed one, whatever was done well; what could not be decided a partial one."""
    scanned = run_scan(node, Asked())
    outcome, code = SCANS[scanned.result.outcome]
    if scanned.astray and code is not ExitCode.BAD_ANSWER:
        code = scanned.exit_code
    reasons = scanned.result.reasons
    return JobResult(outcome=outcome, exit_code=int(code), reasons=reasons, entry=scanned.entry)
