"""Restore drills: levels, checks and their outcomes."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from guardian.model.border import Stated
from guardian.model.protection import DrillLevel
from guardian.model.reason import Reason

__all__ = ["Assurance", "DrillCheck", "DrillLevel", "DrillOutcome", "worst"]

DrillOutcome = Literal["PASS", "FAIL", "COULD_NOT_VERIFY", "NOT_RUN"]

_ORDER: tuple[DrillOutcome, ...] = ("FAIL", "COULD_NOT_VERIFY", "NOT_RUN", "PASS")


def worst(outcomes: list[DrillOutcome]) -> DrillOutcome:
    """The outcome of a whole from those of its parts. Nothing at all was not run, and is never a pass."""
    return min(outcomes, key=_ORDER.index, default="NOT_RUN")


class Assurance(Stated):
    """What a clean or unclean sample says: with ``confidence``, less than ``upper`` of ``unit`` in the frame is bad."""

    unit: Literal["files", "bytes", "packs"]
    frame: int
    drawn: int
    bad: int
    confidence: float
    upper: float
    method: str


class DrillCheck(Stated):
    """One level of a drill on one source. ``measured`` holds figures: counts, bytes, seconds."""

    level: DrillLevel
    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+$")]
    outcome: DrillOutcome
    reasons: tuple[Reason, ...] = ()
    measured: dict[str, int | float | str] = Field(default_factory=dict)
    assurance: Assurance | None = None
