"""Restore drills: levels, checks and their outcomes."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from guardian.model.border import Sha256, Stated
from guardian.model.protection import DrillLevel
from guardian.model.reason import Reason

__all__ = ["Assurance", "Coverage", "DrillCheck", "DrillLevel", "DrillOutcome", "Frame", "Planted", "worst"]

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
    stratum: str = Field("", description="the part of the frame it speaks for; empty: all of it")


class Frame(Stated):
    """What a sample is drawn from: so many units of so many bytes, and the SHA-256 of their list.

    ``files``: regular files of the signed tree by path (:mod:`guardian.drill.frame` has the list's form).
    ``packs``: the stored packs by id.
    """

    unit: Literal["files", "packs"]
    count: int
    bytes: int
    sha256: Sha256


class Coverage(Stated):
    """The rotation's part: how much of what is stored was read whole at least once within the last ``days``.

    ``oldest``: when the stalest pack was last read, RFC 3339; None while some pack never was.
    """

    days: int
    packs: int
    packs_read: int
    bytes: int
    bytes_read: int
    oldest: str | None = None


class Planted(Stated):
    """A fault put into a shadow view of the repository, and whether the drill found it there."""

    kind: Literal["flip", "truncate", "drop", "stale", "swapped-tree"]
    level: DrillLevel
    where: str
    found: bool


class DrillCheck(Stated):
    """One level of a drill on one source. ``measured`` holds figures: counts, bytes, seconds.

    ``assurances`` are what samples say, the headline first; ``sample_sha256`` is the digest of what was drawn, in
    order, so that a replay can be held against it.
    """

    level: DrillLevel
    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+$")]
    outcome: DrillOutcome
    reasons: tuple[Reason, ...] = ()
    measured: dict[str, int | float | str] = Field(default_factory=dict)
    assurances: tuple[Assurance, ...] = ()
    sample_sha256: Sha256 | None = None
    coverage: Coverage | None = None
    planted: tuple[Planted, ...] = ()
