"""What a copy lacks: restore points that have a receipt, and no whole copy that is there. Pure.

restic goes by what a snapshot in the target says of itself (``original``): whoever has the password can write that.
So what counts here is the tree, which the receipt names, and that a signed statement says it was looked into.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from guardian.model.backup import Snapshot
from guardian.model.evidence import BackupReceipt


@dataclass(frozen=True, slots=True)
class Point:
    """A restore point: the receipt of its backup, the receipt's leaf hash and its number in the log."""

    receipt: BackupReceipt
    leaf_hash: str
    index: int


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a copy is behind; every part has the newest point first.

    ``lacking`` is to be copied; ``unlooked`` lies there as far as the list tells, and nobody looked into it yet;
    ``gone`` cannot be copied any more; of ``altered`` the source has another tree than the receipt says.
    """

    lacking: tuple[Point, ...] = ()
    unlooked: tuple[Point, ...] = ()
    gone: tuple[Point, ...] = ()
    altered: tuple[Point, ...] = ()

    @property
    def work(self) -> tuple[Point, ...]:
        """What is to be copied or looked into, in the order in which it makes the copy useful."""
        return _newest_first((*self.lacking, *self.unlooked))


def lag(
    points: Iterable[Point],
    source: Iterable[Snapshot],
    copy: Sequence[Snapshot],
    stated: Mapping[str, str],
    removed: Collection[str] = (),
) -> Lag:
    """What ``copy`` lacks of ``points``, given what the ``source`` lists.

    ``stated`` maps snapshots of the source to the copies that a statement calls whole; ``removed`` are copies that the
    target's own retention took away since, which are not brought back. All that the source still has is copied, since
    its retention waits for that.
    """
    ordered = _newest_first(points)
    trees, done = {s.id: s.tree for s in source}, {*(s.id for s in copy), *removed}
    copies = by_original(copy)
    parts: dict[str, list[Point]] = {"lacking": [], "unlooked": [], "gone": [], "altered": []}
    for point in ordered:
        snapshot_id = point.receipt.snapshot_id
        if stated.get(snapshot_id) in done:
            continue
        if snapshot_id not in trees:
            part = "gone"
        elif trees[snapshot_id] != point.receipt.tree_id:
            part = "altered"
        else:
            part = "unlooked" if candidates(point, copies) else "lacking"
        parts[part].append(point)
    return Lag(**{name: tuple(found) for name, found in parts.items()})


def by_original(copy: Iterable[Snapshot]) -> dict[str, list[Snapshot]]:
    """The snapshots of a copy by what they say they are copies of."""
    found: dict[str, list[Snapshot]] = {}
    for snapshot in copy:
        if snapshot.original:
            found.setdefault(snapshot.original, []).append(snapshot)
    return found


def candidates(point: Point, copies: Mapping[str, Sequence[Snapshot]]) -> tuple[Snapshot, ...]:
    """What may be the copy of ``point``: says so, and has the tree of the receipt."""
    return tuple(s for s in copies.get(point.receipt.snapshot_id, ()) if s.tree == point.receipt.tree_id)


def impostors(point: Point, copies: Mapping[str, Sequence[Snapshot]]) -> tuple[Snapshot, ...]:
    """What says that it is the copy of ``point``, and has another tree."""
    return tuple(s for s in copies.get(point.receipt.snapshot_id, ()) if s.tree != point.receipt.tree_id)


def batches(work: Sequence[Point], size: int) -> tuple[tuple[Point, ...], ...]:
    """``work`` in parts that are copied at once: the newest point alone, so that the copy is useful at once."""
    rest = work[1:]
    return (tuple(work[:1]), *(tuple(rest[at : at + size]) for at in range(0, len(rest), size))) if work else ()


def _newest_first(points: Iterable[Point]) -> tuple[Point, ...]:
    return tuple(sorted(points, key=lambda point: point.index, reverse=True))
