"""A job's process: ``python -m guardian.agent.work ORDER``, started by the agent and by nobody else.

It does one thing, tells of it line by line, and ends with a :class:`~guardian.model.job.JobResult` and that result's
exit code. The agent stays small and outlives whatever happens here.
"""

import signal

if __name__ == "__main__":
    # While modules load there is nothing to tidy up, and a traceback from the middle of an import helps nobody.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import importlib
import os
import resource
import sys
from contextlib import closing
from pathlib import Path
from typing import Final, Protocol, cast

from guardian import i18n, telemetry
from guardian.agent.limits import be_modest
from guardian.agent.messages import Teller
from guardian.agent.order import Order
from guardian.clock import SystemClock
from guardian.errors import GuardianError, Interrupted, Skipped
from guardian.model.job import JobKind, JobOutcome, JobResult
from guardian.model.reason import Severity, reason
from guardian.node import Node
from guardian.proc import Stop, handle_signals
from guardian.scratch import Aside

KINDS: Final[dict[JobKind, str]] = {
    "backup": "guardian.agent.job_backup",
    "copy": "guardian.agent.job_copy",
    "drill": "guardian.agent.job_drill",
    "maintain": "guardian.agent.job_maintain",
    "posture": "guardian.agent.job_posture",
    "scan": "guardian.agent.job_scan",
}
"""Kind of a job -> the module whose ``work`` does it; only that one is imported."""


class Work(Protocol):
    """What does one kind of job."""

    def __call__(self, node: Node, order: Order, /) -> JobResult:
        """Do it. Raises GuardianError when it could not be found out what came of it."""
        ...


def main(arguments: list[str]) -> int:
    """Do the job that the order in the file ``arguments[0]`` asks for; its exit code."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # what would be in a core file: passwords and keys
    # Only we write to what the agent reads: whatever else prints goes where the log goes.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    order = Order.model_validate_json(Path(arguments[0]).read_bytes())
    i18n.use(order.language)
    telemetry.configure(verbose=max(1, order.verbose), as_json=True, stream=sys.stderr)
    teller = Teller(out, SystemClock())
    stop = Stop()
    with closing(out), handle_signals(stop):
        settings = order.config.agent
        be_modest(settings.nice, settings.io_class, teller)
        with Aside(order.loaded().scratch_dir) as aside:
            node = Node(order.loaded(), SystemClock(), teller, stop, aside if _closed(order.state_dir) else None)
            result = done(node, order)
        teller.result(result)
    return result.exit_code


def done(node: Node, order: Order) -> JobResult:
    """Do the job; whatever it raises is a result too."""
    try:
        return _work(order.task.kind)(node, order)
    except GuardianError as error:
        return outcome_of(error)
    except Exception as fault:  # noqa: BLE001  the agent is told, the traceback is in the log
        return outcome_of(telemetry.unexpected(fault))


def outcome_of(error: GuardianError) -> JobResult:
    """An error as the result of a job; its words go to the log, its code into the result."""
    names: dict[type[GuardianError], JobOutcome] = {Interrupted: "interrupted", Skipped: "skipped"}
    outcome = names.get(type(error), "failed")
    if outcome == "failed":
        telemetry.log("work").warning("%s", telemetry.told(error))
    severity: Severity = "critical" if outcome == "failed" else "info"
    return JobResult(outcome=outcome, exit_code=int(error.exit_code), reasons=(reason(error.code, severity),))


def _work(kind: JobKind) -> Work:
    return cast("Work", importlib.import_module(KINDS[kind]).work)


def _closed(state: str) -> bool:
    """Whether the state directory may be read and not written to: what is there for a moment goes elsewhere."""
    readable = os.access(state, os.R_OK | os.X_OK, effective_ids=True)
    return readable and not os.access(state, os.W_OK, effective_ids=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
