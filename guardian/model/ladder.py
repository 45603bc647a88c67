"""What a drill says of a rung of the ladder, also of one it did not stop at. Pure."""

from typing import get_args

from guardian.model.drill import DrillLevel, DrillOutcome
from guardian.model.evidence import DrillResult

LADDER: tuple[DrillLevel, ...] = tuple(level for level in get_args(DrillLevel) if level != "K")
"""The rungs from below. K is beside them: it says nothing of what is stored."""

_CONFIDENCE, _MAX_LOSS = 0.95, 0.01
"""What a drill asks of its sample unless it is told otherwise."""


def climbed(drill: DrillResult, level: DrillLevel) -> DrillOutcome | None:
    """What a drill says of ``level`` and above; None when it did not climb there and says nothing.

    It passed when a check at that level or above did, and none at or below that one failed or stayed open. A failure
    further down says something of all above it: what is gone does not come back either.
    """
    if level == "K":
        return next((check.outcome for check in drill.checks if check.level == "K"), None)
    rungs = [check for check in drill.checks if check.level in LADDER]
    at = {check.level: LADDER.index(check.level) for check in rungs}
    reached = [check for check in rungs if at[check.level] >= LADDER.index(level)]
    if not reached:
        return "FAIL" if any(check.outcome == "FAIL" for check in rungs) else None
    for check in reached:
        if check.outcome == "PASS" and all(c.outcome == "PASS" for c in rungs if at[c.level] <= at[check.level]):
            return "PASS"
    outcomes = {check.outcome for check in rungs if check.outcome != "PASS"}
    return "FAIL" if "FAIL" in outcomes else "COULD_NOT_VERIFY" if "COULD_NOT_VERIFY" in outcomes else "NOT_RUN"


def reached(drill: DrillResult, level: DrillLevel) -> bool:
    """Whether a drill has a check at ``level`` or above."""
    if level == "K":
        return any(check.level == "K" for check in drill.checks)
    return any(check.level in LADDER[LADDER.index(level) :] for check in drill.checks)


def is_thin(drill: DrillResult) -> bool:
    """Whether its sample by bytes rules out less than a drill does unless it is told to: 1 % bad, at 95 %.

    Not where a database was loaded whole after it.
    """
    if any(check.level not in ("K", "D0", "D1", "D2", "D3") and check.outcome == "PASS" for check in drill.checks):
        return False
    return any(
        one.unit == "bytes" and one.method != "census" and (one.confidence < _CONFIDENCE or one.upper > _MAX_LOSS)
        for check in drill.checks
        if check.level == "D3" and check.outcome == "PASS"
        for one in check.assurances
    )


def says(drill: DrillResult, level: DrillLevel) -> DrillOutcome | None:
    """Like :func:`climbed`, but a pass by a sample that says next to nothing is none (COULD_NOT_VERIFY).

    What a drill asks of itself is for whoever runs it to choose, and what proves a restore point is not.
    """
    outcome = climbed(drill, level)
    return "COULD_NOT_VERIFY" if level == "D3" and outcome == "PASS" and is_thin(drill) else outcome
