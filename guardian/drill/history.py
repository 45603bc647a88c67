"""What the log says was backed up, read once for all sources."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from guardian.drill.presence import Expectation
from guardian.model.backup import Target
from guardian.model.evidence import BackupReceipt, DrillResult, NoBackup

if TYPE_CHECKING:
    from guardian.ledger.store import Log


@dataclass(frozen=True, slots=True)
class Kept:
    """A receipt, the hash of its leaf in the log, and the leaf's number (-1 where it is not known)."""

    receipt: BackupReceipt
    leaf_hash: str
    index: int = -1


@dataclass(frozen=True, slots=True)
class History:
    """Receipts by (system, source, repository key), oldest first; ids of runs that ended without a backup."""

    receipts: Mapping[tuple[str, str, str], tuple[Kept, ...]]
    failed_runs: frozenset[str]
    size: int = 0
    """How many entries the log had."""
    drills: Mapping[tuple[str, str, str], str] = field(default_factory=dict)
    """The leaf hash of each source's newest drill."""

    def of(self, target: Target) -> tuple[Kept, ...]:
        """The receipts of ``target``."""
        return self.receipts.get((target.system, target.source, target.key), ())

    def last_drill(self, target: Target) -> str | None:
        """The leaf hash of the newest drill of ``target``; None when it was never drilled."""
        return self.drills.get((target.system, target.source, target.key))

    def snapshots(self) -> frozenset[str]:
        """Every snapshot that has a receipt, of whatever source."""
        return frozenset(kept.receipt.snapshot_id for all_of_one in self.receipts.values() for kept in all_of_one)

    def expectation(self, target: Target) -> Expectation:
        """What the repository of ``target`` must hold."""
        return Expectation(tuple(kept.receipt for kept in self.of(target)), self.failed_runs)


def read(log: "Log", start: int = 0, *, heed: Callable[[], None]) -> History:
    """Go through the whole log once, or through what came after its first ``start`` entries.

    ``heed()`` is called for every entry, and may end it by raising.
    """
    receipts: dict[tuple[str, str, str], list[Kept]] = defaultdict(list)
    drills: dict[tuple[str, str, str], str] = {}
    failed = set()
    for entry in log.entries(start):
        heed()
        match entry.predicate:
            case BackupReceipt() as said:
                receipts[said.system, said.source, said.repository].append(
                    Kept(said, entry.leaf_hash.hex(), entry.index)
                )
            case NoBackup() as said:
                failed.add(said.run_id)
            case DrillResult() as said:
                drills[said.system, said.source, said.repository] = entry.leaf_hash.hex()
            case _:
                pass
    return History({key: tuple(kept) for key, kept in receipts.items()}, frozenset(failed), log.size, drills)
