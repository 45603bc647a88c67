"""What the log says of removals: what was about to be removed, what was, what guard rails kept; and of freed space."""

from typing import Annotated, Literal

from pydantic import Field

from guardian.model.border import Id, Sha256, Stated
from guardian.model.drill import DrillOutcome
from guardian.model.predicate import Predicate
from guardian.model.reason import Reason

MaintenanceOutcome = Literal["complete", "partial", "failed", "skipped"]
"""``partial``: done, and not all of what was wanted. ``skipped``: nothing was done, on purpose."""


class RemovedPoint(Stated):
    """A restore point that was removed. ``rule``: in whose period a newer one stands; ``expired``: none reaches it."""

    snapshot_id: Sha256
    time: str
    rule: str


class HeldPoint(Stated):
    """A restore point that no rule keeps and that stays all the same, and the guard rails that hold it."""

    snapshot_id: Sha256
    guards: tuple[str, ...]


class RemovalPlan(Predicate):
    """What is about to be removed from a repository: put down before anything is touched.

    A run that is cut off after it leaves some of them removed and some not; the next run says which.
    """

    name = "removal-plan"

    removal_id: str
    tenant: str
    host: str
    system: Id
    source: Id
    repository: str
    repository_id: str
    snapshots: tuple[Sha256, ...]
    planned: str


class Removal(Predicate):
    """What retention did to one source's restore points in one repository, looked at again afterwards.

    ``plan`` is the leaf hash of the statement that announced it, None where nothing was to be removed. ``policy`` are
    the rules in force. ``held`` names some of the points that guard rails keep, ``held_count`` counts all.
    ``quarantined`` counts snapshots of this source that have no receipt, by kind: nobody removes those.
    """

    name = "removal"

    removal_id: str
    tenant: str
    host: str
    system: Id
    source: Id
    repository: str
    repository_id: str
    outcome: MaintenanceOutcome
    reasons: tuple[Reason, ...] = ()
    plan: Sha256 | None = None
    policy: dict[str, int | float] = Field(default_factory=dict)
    legal_hold: str | None = None
    points: int = 0
    kept: int = 0
    removed: tuple[RemovedPoint, ...] = ()
    held: tuple[HeldPoint, ...] = ()
    held_count: int = 0
    quarantined: dict[str, int] = Field(default_factory=dict)
    identity: Literal["backup", "maintenance"] = "backup"
    started: str
    ended: str
    tools: dict[str, str]


class Prune(Predicate):
    """Space was freed in a repository, or not, and why. Bytes are those of packs; ``total_bytes`` is from before.

    ``structure_before`` and ``structure_after`` are what our own decoder found: PASS when every part of every restore
    point is there; None where it has no way to the storage.
    """

    name = "prune"

    prune_id: str
    tenant: str
    host: str
    repository: str
    repository_id: str
    outcome: MaintenanceOutcome
    reasons: tuple[Reason, ...] = ()
    unused_bytes: Annotated[int, Field(ge=0)] | None = None
    total_bytes: Annotated[int, Field(ge=0)] | None = None
    freed_bytes: int | None = None
    structure_before: DrillOutcome | None = None
    structure_after: DrillOutcome | None = None
    identity: Literal["backup", "maintenance"] = "backup"
    started: str
    ended: str
    tools: dict[str, str]
