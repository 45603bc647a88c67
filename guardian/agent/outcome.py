"""What a room says of its work, as the result of a job. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from guardian.errors import ExitCode, GuardianError, Interrupted
from guardian.model.backup import RunOutcome
from guardian.model.job import JobOutcome, JobResult
from guardian.model.reason import Reason

MOST: Final = 20
"""Reasons in a result at most: a thousand of them are in the statement, and need not be in the journal too."""

_CODES: Final[dict[RunOutcome, ExitCode]] = {
    "complete": ExitCode.OK,
    "partial": ExitCode.BAD_ANSWER,
    "failed": ExitCode.BAD_ANSWER,
    "skipped": ExitCode.SKIPPED,
}


@dataclass(frozen=True, slots=True)
class Came:
    """What came of a piece of work. ``entry``: its statement's index in the log; ``error``: what stood in the way."""

    outcome: RunOutcome
    reasons: tuple[Reason, ...] = ()
    entry: int | None = None
    figures: Mapping[str, float] = field(default_factory=dict)
    error: GuardianError | None = None


def result_of(came: Came) -> JobResult:
    """The same as a job's result, with the exit code that its verb would end with."""
    outcome: JobOutcome = "interrupted" if isinstance(came.error, Interrupted) else came.outcome
    code = came.error.exit_code if came.error is not None else _CODES[came.outcome]
    return JobResult(
        outcome=outcome,
        exit_code=int(code),
        reasons=came.reasons[:MOST],
        entry=came.entry,
        figures=dict(came.figures),
    )
