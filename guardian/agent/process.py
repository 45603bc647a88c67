"""One job's process, from the agent's side: started under guard, listened to, stopped cleanly, its end understood."""

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from guardian.agent.messages import LIMIT, understand
from guardian.agent.notify import OURS
from guardian.agent.order import Order
from guardian.clock import Clock
from guardian.errors import ExitCode, GuardianError
from guardian.model.events import Event
from guardian.model.job import JobResult
from guardian.model.reason import reason
from guardian.proc import Command, Finished, Limits, Stop, Streams, run
from guardian.proc.lines import LineSplitter

_LONGER: Final = 45.0
"""Seconds a job has after SIGINT beyond those its restic has: to look at what was left, and to sign that."""
_NAME: Final = "order"


@dataclass(frozen=True, slots=True)
class Ears:
    """Who hears a job: its events, and the lines of its log."""

    event: Callable[[Event], None]
    line: Callable[[bytes], None]


def grace(stop_grace: timedelta) -> float:
    """Seconds a job is given to end after SIGINT: more than its restic takes to remove a lock."""
    return stop_grace.total_seconds() + _LONGER


def perform(order: Order, ears: Ears, stop: Stop, *, clock: Clock, lease_fds: tuple[int, ...] = ()) -> JobResult:
    """Have ``order`` done in a process of its own, to its end. ``stop`` interrupts it.

    Never raises for what happens to the job: a process that dies without a word is a failed job.
    """
    said: list[JobResult] = []

    def listen(line: bytes) -> None:
        told = understand(line)
        if isinstance(told, JobResult):
            said[:] = [told]
        elif told is not None:
            ears.event(told)

    out, err = LineSplitter(listen, limit=LIMIT), LineSplitter(ears.line, limit=1 << 16)
    limits = Limits(stall_seconds=None, grace_seconds=grace(order.config.restic.stop_grace))
    try:
        ended = run(_command(order, lease_fds), Streams(out, err), limits=limits, stop=stop, clock=clock)
    except GuardianError as error:
        why = reason("job-not-started", why=error.message)
        return JobResult(outcome="failed", exit_code=int(error.exit_code), reasons=(why,))
    out.close()
    err.close()
    return said[0] if said else _died(ended)


def _command(order: Order, lease_fds: tuple[int, ...]) -> Command:
    # The environment is the agent's own, since references to secrets (env:, systemd:) are followed there.
    environment = {name: value for name, value in os.environ.items() if name not in OURS}
    document = order.model_dump_json().encode()
    argv = (sys.executable, "-m", "guardian.agent.work", f"/dev/fd/{_NAME}")
    return Command(argv, environment=environment, files={_NAME: document}, lease_fds=lease_fds)


def _died(ended: Finished) -> JobResult:
    """The result of a process that gave none."""
    if ended.interrupted and not ended.killed:
        return JobResult(
            outcome="interrupted", exit_code=int(ExitCode.INTERRUPTED), reasons=(reason("interrupted", "info"),)
        )
    if ended.interrupted:
        why = reason("job-killed", "warning")
        return JobResult(outcome="interrupted", exit_code=int(ExitCode.INTERRUPTED), reasons=(why,))
    code = ended.returncode
    if code == -signal.SIGKILL:
        # Nobody of ours did it. The kernel does when memory runs out, and it tells nobody else.
        why = reason("job-died-of-memory", exit_code=128 - code)
        return JobResult(outcome="failed", exit_code=int(ExitCode.UNEXPECTED), reasons=(why,))
    if code < 0:
        why = reason("job-died-by-signal", signal=_signal(-code), exit_code=128 - code)
    else:
        why = reason("job-died", exit_code=code)
    return JobResult(outcome="failed", exit_code=int(ExitCode.UNEXPECTED), reasons=(why,))


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
