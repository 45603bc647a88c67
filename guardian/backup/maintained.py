"""What came of maintaining one repository: of each source's restore points, and of the space that was freed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from guardian.backup.guards import Decided
from guardian.backup.quarantine import Quarantined
from guardian.backup.retention import Point
from guardian.errors import GuardianError
from guardian.model.backup import Target
from guardian.model.protection import Retention
from guardian.model.reason import Reason
from guardian.model.removal import MaintenanceOutcome, Prune


@dataclass(frozen=True, slots=True)
class Asked:
    """How to maintain. ``dry_run``: only say what would be done. ``systems``: only theirs, all for none.

    ``clock_trusted`` false: the agent saw the clock jump, so nothing is removed.
    """

    dry_run: bool = False
    prune: bool = True
    systems: frozenset[str] = frozenset()
    clock_trusted: bool = True


@dataclass(frozen=True, slots=True)
class SourceMaintained:
    """What came of one source. ``removed`` are gone for certain; in a dry run ``decided.remove`` would go."""

    target: Target
    policy: Retention | None
    points: tuple[Point, ...]
    decided: Decided
    outcome: MaintenanceOutcome
    reasons: tuple[Reason, ...] = ()
    removed: tuple[str, ...] = ()
    quarantined: Mapping[str, int] = field(default_factory=dict)
    entry: int | None = None


@dataclass(frozen=True, slots=True)
class Maintained:
    """What came of one repository (``repository`` is its key). ``entry`` is the last statement's index in the log.

    ``complete``: all that retention asks for was done, and guard rails held the rest; ``partial``: some of it;
    ``failed``: something is wrong, or could not be found out; ``skipped``: nothing was done, on purpose.
    """

    repository: str
    outcome: MaintenanceOutcome
    reasons: tuple[Reason, ...] = ()
    sources: tuple[SourceMaintained, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()
    pruned: Prune | None = None
    seconds: float = 0.0
    entry: int | None = None
    dry_run: bool = False
    error: GuardianError | None = None

    @property
    def removed(self) -> int:
        """Restore points that are gone."""
        return sum(len(one.removed) for one in self.sources)

    @property
    def kept(self) -> int:
        """Restore points that a rule keeps."""
        return sum(len(one.decided.kept) for one in self.sources)

    @property
    def held(self) -> int:
        """Restore points that only a guard rail holds."""
        return sum(len(one.decided.held) for one in self.sources)

    @property
    def freed_bytes(self) -> int:
        """By how much the repository shrank."""
        return (self.pruned.freed_bytes or 0) if self.pruned else 0

    @property
    def figures(self) -> dict[str, float]:
        """The measured numbers of it."""
        found: dict[str, float] = {
            "removed": self.removed,
            "kept": self.kept,
            "held": self.held,
            "quarantined": len(self.quarantined),
            "freed_bytes": self.freed_bytes,
            "seconds": self.seconds,
        }
        if self.pruned is not None and self.pruned.unused_bytes is not None:
            found["unused_bytes"] = self.pruned.unused_bytes
        return found
