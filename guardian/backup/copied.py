"""What came of a copying, and what the log says of the copies of one source."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from guardian.backup.lag import Point
from guardian.errors import GuardianError
from guardian.ledger.store import Log
from guardian.model.backup import RunOutcome, Target
from guardian.model.evidence import BackupReceipt, CopyReceipt, Removal
from guardian.model.reason import Reason


@dataclass(frozen=True, slots=True)
class Copied:
    """What came of one copying of one source to one repository (``to``, its key).

    ``complete``: every restore point that is wanted lies there whole; ``partial``: this run brought some of them;
    ``skipped``: there is nothing to copy yet. ``copied`` were found whole by this run, ``lacking`` are still to come.
    ``added_bytes`` is what the target grew by, None where only restic can look. ``entry`` is the last statement's.
    """

    target: Target
    to: str
    outcome: RunOutcome
    reasons: tuple[Reason, ...]
    receipts: tuple[CopyReceipt, ...]
    copied: int
    lacking: int
    added_bytes: int | None
    seconds: float
    entry: int | None
    error: GuardianError | None = None

    @property
    def figures(self) -> dict[str, float]:
        """The measured numbers of it."""
        found: dict[str, float] = {"copied": self.copied, "lacking": self.lacking, "seconds": self.seconds}
        return found if self.added_bytes is None else {**found, "added_bytes": self.added_bytes}


@dataclass(frozen=True, slots=True)
class Past:
    """What the log says: the restore points of a source, oldest first, and which of them a copy holds whole.

    ``stated`` maps the snapshot that was backed up to that of the copy; ``removed`` are copies that retention removed.
    """

    points: tuple[Point, ...] = ()
    stated: Mapping[str, str] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()

    def holds(self, point: Point) -> bool:
        """Whether a statement calls the copy of ``point`` whole."""
        return point.receipt.snapshot_id in self.stated


def past(log: Log, target: Target, to: str, heed: Callable[[], None]) -> Past:
    """Go through the log for ``target`` and its copy in the repository ``to`` (a key). Raises EvidenceInvalid."""
    points: list[Point] = []
    stated: dict[str, str] = {}
    removed: set[str] = set()
    for entry in log.entries():
        heed()
        said = entry.predicate
        if not isinstance(said, BackupReceipt | CopyReceipt | Removal):
            continue
        if (said.system, said.source) != (target.system, target.source):
            continue
        match said:
            case BackupReceipt(repository=target.key):
                points.append(Point(said, entry.leaf_hash.hex(), entry.index))
            case CopyReceipt(repository=target.key, outcome="complete", copy_id=str(copy_id)) if said.to == to:
                stated[said.snapshot_id] = copy_id
            case Removal() if said.repository == to:
                removed |= {point.snapshot_id for point in said.removed}
            case _:
                pass
    return Past(tuple(points), stated, frozenset(removed))
