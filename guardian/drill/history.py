"""What the log says was backed up and copied, read once for all sources."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from guardian.drill.presence import Expectation
from guardian.model.backup import Target
from guardian.model.evidence import (
    BackupReceipt,
    CopyReceipt,
    DrillResult,
    NoBackup,
    Removal,
    RemovalPlan,
    Suspicion,
    SuspicionCleared,
)

if TYPE_CHECKING:
    from guardian.ledger.store import Log

_Place = tuple[str, str, str]
"""System, source, key of the repository."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A receipt, the hash of its leaf in the log, and the leaf's number (-1 where it is not known).

    Of a copy the receipt is that of the backup, but for where it lies: repository and snapshot are the copy's.
    ``copy_of`` is then the leaf hash of the statement that says so; empty where the backup itself lies.
    """

    receipt: BackupReceipt
    leaf_hash: str
    index: int = -1
    copy_of: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """Receipts by (system, source, repository key), oldest first; ids of runs that ended without a backup.

    A copy is in it under the key of its own repository, with what its receipt says there.
    """

    receipts: Mapping[_Place, tuple[Kept, ...]]
    failed_runs: frozenset[str]
    size: int = 0
    """How many entries the log had."""
    drills: Mapping[_Place, str] = field(default_factory=dict)
    """The leaf hash of each source's newest drill."""
    copies: frozenset[str] = frozenset()
    """Every snapshot that a statement calls a whole copy."""
    removed: frozenset[str] = frozenset()
    """Snapshots that retention removed, or said it was about to: none of them is missed."""
    suspicious: frozenset[str] = frozenset()
    """The leaf hashes of the receipts whose backups look like the trace of an attack, and were not found harmless."""

    def of(self, target: Target) -> tuple[Kept, ...]:
        """The receipts of ``target``."""
        return self.receipts.get((target.system, target.source, target.key), ())

    def last_drill(self, target: Target) -> str | None:
        """The leaf hash of the newest drill of ``target``; None when it was never drilled."""
        return self.drills.get((target.system, target.source, target.key))

    def snapshots(self) -> frozenset[str]:
        """Every snapshot that has a receipt, of whatever source."""
        kept = frozenset(kept.receipt.snapshot_id for all_of_one in self.receipts.values() for kept in all_of_one)
        return kept | self.copies

    def expectation(self, target: Target) -> Expectation:
        """What the repository of ``target`` must hold."""
        elsewhere = {
            kept.receipt.snapshot_id: kept.receipt.tree_id
            for (system, source, key), all_of_one in self.receipts.items()
            if (system, source) == (target.system, target.source) and key != target.key
            for kept in all_of_one
        }
        receipts = tuple(kept.receipt for kept in self.of(target))
        removed = self.removed & {receipt.snapshot_id for receipt in receipts}
        return Expectation(receipts, self.failed_runs, removed, elsewhere=elsewhere)


def read(log: "Log", start: int = 0, *, heed: Callable[[], None]) -> History:
    """Go through the whole log once, or through what came after its first ``start`` entries.

    ``heed()`` is called for every entry, and may end it by raising.
    """
    receipts: dict[_Place, list[Kept]] = defaultdict(list)
    copies: list[tuple[CopyReceipt, str]] = []
    drills: dict[_Place, str] = {}
    failed = set()
    removals, suspicious = _Removals(), dict[str, str]()
    for entry in log.entries(start):
        heed()
        match entry.predicate:
            case BackupReceipt() as said:
                receipts[said.system, said.source, said.repository].append(
                    Kept(said, entry.leaf_hash.hex(), entry.index)
                )
            case Suspicion(receipt=str(leaf)) as said:
                suspicious[said.snapshot_id] = leaf
            case SuspicionCleared(harmless=True) as said:
                suspicious = {name: leaf for name, leaf in suspicious.items() if name not in said.snapshots}
            case CopyReceipt(outcome="complete") as said:
                copies.append((said, entry.leaf_hash.hex()))
            case NoBackup() as said:
                failed.add(said.run_id)
            case DrillResult() as said:
                drills[said.system, said.source, said.repository] = entry.leaf_hash.hex()
            case RemovalPlan() | Removal() as said:
                removals.take(said, entry.leaf_hash.hex())
            case _:
                pass
    ids = frozenset(said.copy_id for said, _leaf in copies if said.copy_id)
    marked = frozenset(suspicious.values())
    return History(_with_copies(receipts, copies), frozenset(failed), log.size, drills, ids, removals.all(), marked)


class _Removals:
    """What was removed; of what was announced and not answered for, everything: a run was cut off there."""

    def __init__(self) -> None:
        self._done: set[str] = set()
        self._announced: dict[str, frozenset[str]] = {}

    def take(self, said: RemovalPlan | Removal, leaf_hash: str) -> None:
        """One statement of a removal, in the order of the log."""
        if isinstance(said, RemovalPlan):
            self._announced[leaf_hash] = frozenset(said.snapshots)
            return
        self._announced.pop(said.plan or "", None)
        self._done |= {point.snapshot_id for point in said.removed}

    def all(self) -> frozenset[str]:
        """Every snapshot that may be gone with a reason."""
        return frozenset(self._done).union(*self._announced.values())


def _with_copies(
    receipts: Mapping[_Place, list[Kept]], copies: Iterable[tuple[CopyReceipt, str]]
) -> dict[_Place, tuple[Kept, ...]]:
    """``receipts`` and, for each copy, what its backup's receipt says of it. The newest copy of a snapshot counts."""
    by_leaf = {kept.leaf_hash: kept for all_of_one in receipts.values() for kept in all_of_one}
    found: dict[_Place, dict[str, Kept]] = defaultdict(dict)
    for said, leaf in copies:
        backup = by_leaf.get(said.receipt)
        receipt = said.as_copied(backup.receipt) if backup else None
        if backup and receipt:
            place = (said.system, said.source, said.to)
            found[place][said.snapshot_id] = Kept(receipt, backup.leaf_hash, backup.index, leaf)
    every = {place: [*kept, *found.pop(place, {}).values()] for place, kept in receipts.items()}
    every |= {place: list(kept.values()) for place, kept in found.items()}
    # As they were backed up: the newest point is copied first.
    return {place: tuple(sorted(kept, key=lambda one: one.index)) for place, kept in every.items()}
