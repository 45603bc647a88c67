"""What the signed log says of this host, as far as its status needs it. Nouns only, frozen.

Times are aware and in UTC, durations seconds, sizes bytes. What the log does not say is None, never a zero.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from guardian.keys.standing import Standing
from guardian.model.drill import DrillLevel, DrillOutcome
from guardian.model.finding import ScanResult
from guardian.model.reason import Reason

Place = tuple[str, str, str]
"""System, source, key of the repository: a copy is known by the key of its own."""


@dataclass(frozen=True, slots=True)
class Point:
    """A restore point: its snapshot, the moment its run began to read (its data is as old as that), its statement."""

    snapshot: str
    at: datetime
    outcome: Literal["complete", "partial"]
    entry: int


@dataclass(frozen=True, slots=True)
class Lack:
    """A run, or a slot, that brought no backup. ``outcome`` is ``interrupted`` for one that was stopped or cut off."""

    at: datetime
    outcome: str
    reasons: tuple[Reason, ...]
    entry: int
    ran: bool


@dataclass(frozen=True, slots=True)
class Proof:
    """A restore point that was proved restorable, the highest level that did, and when."""

    snapshot: str
    at: datetime
    level: DrillLevel
    proved: datetime


@dataclass(frozen=True, slots=True)
class Drilled:
    """What drills say of one level of one place: the newest word, the newest pass, what was measured then.

    ``rto_seconds`` and ``rpo_seconds`` are those of the newest drill that measured them, whether it passed or not.
    """

    at: datetime
    outcome: DrillOutcome
    last_pass: datetime | None = None
    rto_seconds: float | None = None
    rpo_seconds: float | None = None
    confidence: float | None = None
    max_loss: float | None = None
    planted: int | None = None
    planted_missed: int | None = None
    disagreements: int | None = None
    """Of the newest drill that had a check at this level."""


@dataclass(frozen=True, slots=True)
class Bound:
    """What the newest sample of the highest level with one says: with ``confidence``, less than ``max_loss`` is bad."""

    at: datetime
    level: DrillLevel
    confidence: float
    max_loss: float


@dataclass(frozen=True, slots=True)
class Protected:
    """One place. ``newest`` is its newest restore point, ``good`` the newest complete one that is still there.

    ``lack`` is the newest run or slot without a backup after ``newest``. ``suspicious`` are marked and not cleared,
    oldest first; ``last_clean`` is the newest restore point before the first of them that is not.
    """

    newest: Point | None = None
    good: Point | None = None
    points: int = 0
    figures: Mapping[str, float] = field(default_factory=dict)
    medians: Mapping[str, float] = field(default_factory=dict)
    lack: Lack | None = None
    proof: Proof | None = None
    drills: Mapping[str, Drilled] = field(default_factory=dict)
    suspicious: tuple[str, ...] = ()
    last_clean: Point | None = None
    behind: int | None = None
    """Of a copy: restore points of its source that came after the newest it holds."""
    missing: int | None = None
    """Restore points that the newest look did not find as they should be; None where nobody has looked."""
    unaccounted: int | None = None
    """Snapshots of this source that have no statement in the log, by the same look."""
    bound: Bound | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """One repository: restore points that it holds, the rotation's coverage, what was found of its storage.

    ``snapshots`` are those that the log tells of, without what was removed and what the newest look did not find.
    ``bytes`` are those of its packs, as the newest maintenance or drill saw them.
    """

    snapshots: int | None = None
    coverage: float | None = None
    posture: datetime | None = None
    immutable: bool | None = None
    lock_until: str | None = None
    broken: str = ""
    """The code of what speaks worst against its storage, as last looked at: a promise that does not hold."""
    bytes: int | None = None
    promised: bool | None = None
    """Whether the configuration promised, at the newest look, that nothing can be destroyed."""
    found: tuple[Reason, ...] = ()
    """What the newest look at its storage found,"""
    maintained: tuple[Reason, ...] = ()
    """and what the newest maintenance did."""
    custody: Standing | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """All of it. ``intact`` is false for a log that does not hold together, None for one that could not be read;
    ``problem`` says why. What is in a log that does not hold together is told no further."""

    size: int = 0
    root: str | None = None
    newest: datetime | None = None
    intact: bool | None = None
    problem: Reason | None = None
    places: Mapping[Place, Protected] = field(default_factory=dict)
    repositories: Mapping[str, Stored] = field(default_factory=dict)
    scan: ScanResult | None = None
    """The newest scan of everything that is configured."""
