"""The agent's drills: one source or its copy, one level, as ``guardian verify`` does them."""

from dataclasses import replace
from typing import Final, cast

from guardian.agent.order import Order
from guardian.baseline.restored import RestoredScan
from guardian.drill.run import Options, verify
from guardian.errors import ExitCode, Interrupted
from guardian.model.drill import DrillLevel, DrillOutcome
from guardian.model.evidence import DrillResult
from guardian.model.job import JobOutcome, JobResult
from guardian.model.reason import reason
from guardian.node import Node

_ENDS: Final[dict[DrillOutcome, tuple[JobOutcome, ExitCode]]] = {
    "PASS": ("complete", ExitCode.OK),
    "FAIL": ("failed", ExitCode.BAD_ANSWER),
    "COULD_NOT_VERIFY": ("failed", ExitCode.COULD_NOT_VERIFY),
    "NOT_RUN": ("skipped", ExitCode.SKIPPED),
}
_MOST: Final = 20


def work(node: Node, order: Order) -> JobResult:
    """Drill the task's source at the task's level. That the holders of shares are needed is told: nobody else can."""
    level = cast("DrillLevel", order.task.level)
    if level == "K":
        why = reason("holders-needed", "warning")
        return JobResult(outcome="skipped", exit_code=int(ExitCode.SKIPPED), reasons=(why,))
    asked = node.loaded.config.verify
    options = Options(level=level, confidence=asked.confidence, max_loss=asked.max_loss)
    if level == "D4" and node.loaded.config.scan.every is not None:
        options = replace(options, inspect=RestoredScan(node))
    (target,) = node.loaded.targets((f"{order.task.system}/{order.task.source}",))
    if order.task.target is not None:
        target = node.loaded.within(target, order.task.target)
    (drill,) = verify(node, (target,), options)
    outcome, code = _ENDS[drill.outcome]
    if isinstance(drill.error, Interrupted):
        outcome = "interrupted"
    if drill.error is not None and drill.outcome == "COULD_NOT_VERIFY":
        code = drill.error.exit_code
    found = [why for check in drill.checks if check.outcome != "PASS" for why in check.reasons]
    return JobResult(
        outcome=outcome,
        exit_code=int(code),
        reasons=tuple(found[:_MOST]),
        entry=drill.entry,
        figures=_figures(drill.result),
    )


def _figures(result: DrillResult) -> dict[str, float]:
    measured = {"rto_seconds": result.rto_seconds, "rpo_seconds": result.rpo_seconds}
    return {name: value for name, value in measured.items() if value is not None}
