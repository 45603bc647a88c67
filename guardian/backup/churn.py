"""What a backup changed, found out by our own decoder in the repository itself, right after restic has ended.

In the repository, and not at the source: what is looked at is what would come back. Nobody can show us one content and
restic another, or change a file between the two readings; and whoever has the key can do it again, years later and
without the source.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from guardian.backup.difference import Comparison, Difference
from guardian.backup.looking import Eye, compression, plan_files, plan_measure, plan_stream
from guardian.clock import rfc3339
from guardian.decoder.damage import shown
from guardian.decoder.repository import Repository
from guardian.model.backup import Counts
from guardian.model.churn import Churn, Repeated, Suffix
from guardian.model.evidence import BackupReceipt
from guardian.model.reader import Reader

OLD_FILES: Final = 64
FRESH_FILES: Final = 32
"""Files that are looked into: of those that were there before, of new ones."""
_SUFFIXES: Final = 4
_EXAMPLES: Final = 3
_SHOWN: Final = 160


@dataclass(frozen=True, slots=True)
class Later:
    """The backup that was just made: its root tree, when it was begun, what restic counted, what its source said."""

    tree: str
    started: datetime
    kind: Literal["files", "stream"]
    counts: Counts
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Means:
    """How it is looked at: the index files of before, restic's cache, a seed, and when to stop.

    ``heed`` raises when a stop was asked for; ``monotonic`` are seconds on a clock that never goes back.
    """

    before: frozenset[str]
    nearby: Reader | None
    seed: bytes
    heed: Callable[[], None]
    monotonic: Callable[[], float]


def measure(repository: Repository, earlier: BackupReceipt, later: Later, means: Means) -> Churn:
    """Compare ``later`` with the backup of the receipt ``earlier``. Raises Damage, and what the reader raises."""
    figures = _counted(earlier, later)
    if later.tree == earlier.tree_id:
        return Churn(**figures)
    rng = random.Random(means.seed)  # noqa: S311  seeded with what nobody can know beforehand
    now = repository.names("index/")
    loaded = repository.partly(sorted(now - means.before), sorted(now & means.before), means.nearby)
    found = Comparison(loaded.differing, rng, means.heed).run(bytes.fromhex(earlier.tree_id), bytes.fromhex(later.tree))
    if later.kind == "stream":
        old, fresh = plan_stream(found.old, rng), []
    else:
        old, fresh = plan_files(found.old, OLD_FILES, rng), plan_files(found.fresh, FRESH_FILES, rng)
    measured = plan_measure((found.old, found.fresh), rng)
    wanted = {blob_id for one in (*old, *fresh) for blob_id in one.ids} | {i for one in measured for i in one.ids}
    # Content that was there before, or whose index file we already saw when we took note of them, is looked up now.
    repository.complete(loaded, wanted, sorted(now & means.before), means.nearby)
    eye = Eye(loaded, means.heed, means.monotonic)
    old_look, scrambled = eye.look(old)
    fresh_look, _paths = eye.look(fresh)
    raw, stored = compression(loaded, measured)
    return Churn(
        **figures,
        **_figures(found),
        raw_bytes=raw,
        stored_bytes=stored,
        old=old_look,
        fresh=fresh_look,
        examples=tuple(shown(path)[:_SHOWN] for path in scrambled[:_EXAMPLES]),
    )


def _counted(earlier: BackupReceipt, later: Later) -> dict[str, Any]:
    rows_before, rows = row_counts(earlier.facts), row_counts(later.facts)
    both = rows_before.keys() & rows.keys()
    elapsed = (later.started - datetime.fromisoformat(earlier.started)).total_seconds()
    return {
        "kind": later.kind,
        "against": earlier.snapshot_id,
        "at": rfc3339(later.started),
        "elapsed": max(0, round(elapsed)),
        "files": later.counts.files,
        "files_before": earlier.counts.files,
        "bytes": later.counts.bytes,
        "bytes_before": earlier.counts.bytes,
        "rows": sum(rows[table] for table in both) if both else None,
        "rows_before": sum(rows_before[table] for table in both) if both else None,
        "emptied": sum(count > 0 and not rows.get(table) for table, count in rows_before.items()) if rows else 0,
    }


def row_counts(facts: Mapping[str, Any], depth: int = 0) -> dict[str, int]:
    """The rows of every table that a receipt's ``facts`` count, however its source nests them."""
    found: dict[str, int] = {}
    for name, value in facts.items():
        if name == "rows" and isinstance(value, Mapping):
            found |= {str(table): count for table, count in value.items() if isinstance(count, int)}
        elif isinstance(value, Mapping) and depth < 4:
            found |= {f"{name}/{table}": count for table, count in row_counts(value, depth + 1).items()}
    return found


def _figures(found: Difference) -> dict[str, Any]:
    """The counts, extrapolated when not every folder was compared."""
    names = ("changed", "replaced", "new", "removed", "renamed", "touched", "hidden", "shrunk", "folders")
    more = 1 / found.examined
    counts = {name: round(getattr(found, name) * more) for name in (*names, "new_bytes", "changed_bytes")}
    most = max(found.copies.values(), key=lambda copy: copy[2], default=None)
    return {
        **counts,
        "examined": round(found.examined, 4),
        "suffixes": tuple(
            Suffix(suffix=shown(suffix)[:32], files=round(files * more))
            for suffix, files in found.suffixes.most_common(_SUFFIXES)
        ),
        "repeated": Repeated(name=shown(most[0])[:_SHOWN], size=most[1], folders=most[2])
        if most is not None and most[2] > 1
        else None,
    }
