"""An operator's own programs beside a backup: argv, a time limit, never a shell.

What a hook prints goes to the log, redacted and bounded. A hook that hangs is ended at its limit, with every process it
started.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from guardian import telemetry
from guardian.clock import Clock
from guardian.errors import ExitCode, GuardianError, Interrupted
from guardian.i18n import _
from guardian.model.protection import Hook
from guardian.model.reason import Reason, reason
from guardian.proc import Command, Finished, Limits, Stop, Streams, run
from guardian.proc.lines import LineSplitter, clean

When = Literal["before", "after", "failed"]

_GRACE: Final = 5.0
_LINES: Final = 200
_LINE: Final = 4096


@dataclass(frozen=True, slots=True)
class Beside:
    """The job that hooks run beside: a hook finds these in its environment as ``GUARDIAN_…``."""

    task: str
    system: str
    source: str
    slot: str | None
    clock: Clock
    stop: Stop

    def environment(self, when: When, outcome: str) -> dict[str, str]:
        """What a hook may want to know. Nothing secret, and nothing of our own environment."""
        return {
            "GUARDIAN_HOOK": when,
            "GUARDIAN_TASK": self.task,
            "GUARDIAN_SYSTEM": self.system,
            "GUARDIAN_SOURCE": self.source,
            "GUARDIAN_SLOT": self.slot or "",
            "GUARDIAN_OUTCOME": outcome,
        }


def run_hooks(hooks: Sequence[Hook], when: When, beside: Beside, outcome: str = "") -> Reason | None:
    """Run ``hooks`` one after the other; the reason why the first of them did not end well, None when all did.

    ``hook-skips`` when it ended with 75, which of a hook before the job means: not now. Otherwise ``hook-failed``,
    ``hook-overran`` or ``hook-not-started``. Raises Interrupted when we were asked to stop.
    """
    for hook in hooks:
        if wrong := _run(hook, when, beside, outcome):
            return wrong
    return None


def _run(hook: Hook, when: When, beside: Beside, outcome: str) -> Reason | None:
    program = hook.argv[0]
    seconds = hook.time_limit.total_seconds()
    log = telemetry.log("hook")
    left = _LINES

    def take(line: bytes) -> None:
        nonlocal left
        left -= 1
        if left >= 0 and (text := clean(line)):
            log.info("%s: %s", program, text)

    out = LineSplitter(take, limit=_LINE)
    limits = Limits(stall_seconds=None, total_seconds=seconds, grace_seconds=_GRACE, linger_seconds=_GRACE)
    command = Command(hook.argv, environment=beside.environment(when, outcome))
    err = LineSplitter(take, limit=_LINE)
    try:
        ended = run(command, Streams(stdout=out, stderr=err), limits=limits, stop=beside.stop, clock=beside.clock)
    except GuardianError as error:
        return reason("hook-not-started", program=program, why=error.message)
    out.close()
    err.close()
    if ended.interrupted:
        raise Interrupted(_("interrupted"))
    return _judged(ended, program, seconds)


def _judged(ended: Finished, program: str, seconds: float) -> Reason | None:
    if ended.overran:
        return reason("hook-overran", program=program, seconds=int(seconds))
    if ended.returncode == ExitCode.SKIPPED:
        return reason("hook-skips", "info", program=program)
    if not ended.ok:
        return reason("hook-failed", program=program, exit_code=ended.returncode)
    return None
