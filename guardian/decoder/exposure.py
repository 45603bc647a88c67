"""What damage costs: which files of which snapshots need a blob that is lost, named one by one."""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from guardian.decoder import limits
from guardian.decoder.blobs import Blobs
from guardian.decoder.damage import Damage
from guardian.decoder.index import ABSENT
from guardian.decoder.places import DATA, TREE
from guardian.decoder.snapshots import Snapshot
from guardian.decoder.walk import tree

Blob = tuple[int, bytes]
"""Kind and id."""


@dataclass(frozen=True, slots=True)
class DamagedFile:
    """A file that cannot be had whole. ``ranges`` are the bytes of it that are lost: from, up to (not with).

    For a folder whose own tree is lost, ``path`` ends in a slash, everything below it is lost, and there are no ranges.
    """

    snapshot: str
    path: bytes
    size: int
    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Exposure:
    """Which snapshots each damaged pack exposes, by the pack's id; ``""`` stands for blobs that no pack holds."""

    snapshots: Mapping[str, tuple[str, ...]]


@dataclass(slots=True)
class _Frame:
    """A tree under way: its entry number, what is exposed in it so far, the trees below that are still to see."""

    entry: int
    mask: int
    below: "array[int]" = field(default_factory=lambda: array("q"))


class Assessment:
    """Holds a repository's snapshots against a set of lost blobs."""

    def __init__(self, blobs: Blobs, lost: Iterable[Blob], copies: Iterable[tuple[Blob, bytes]] = ()) -> None:
        """``lost`` are blobs of which no copy is whole; ``copies`` says in which packs (ids) damaged copies lie.

        A blob that ``lost`` does not name is taken for whole, even if a damaged copy of it lies somewhere.
        """
        self._blobs = blobs
        packs: dict[Blob, set[bytes]] = {blob: set() for blob in lost}
        for blob, pack_id in copies:
            if blob in packs:
                packs[blob].add(pack_id)
        for blob, held in packs.items():
            if not held:
                held.update(blobs.index.pack_of(entry).id for entry in blobs.index.entries(*blob))
        self.packs: Sequence[str] = sorted({pack_id.hex() for held in packs.values() for pack_id in held} | {""})
        numbers = {pack: 1 << n for n, pack in enumerate(self.packs)}
        self._masks: dict[Blob, int] = {
            blob: sum(numbers[p.hex()] for p in held) or numbers[""] for blob, held in packs.items()
        }
        self._of_tree: dict[int, int] = {}

    def exposure(self, snapshots: Iterable[Snapshot]) -> Exposure:
        """The snapshots that each damaged pack exposes."""
        found: dict[str, list[str]] = {}
        for snapshot in snapshots:
            mask = self._mask(snapshot.tree)
            for number, pack in enumerate(self.packs):
                if mask >> number & 1:
                    found.setdefault(pack, []).append(snapshot.id)
        return Exposure({pack: tuple(ids) for pack, ids in found.items()})

    def files(self, snapshot: Snapshot) -> Iterator[DamagedFile]:
        """Every damaged file of ``snapshot``. Only folders with damage below them are looked into."""
        waiting = [(b"/", snapshot.tree)] if self._mask(snapshot.tree) else []
        while waiting:
            folder, tree_id = waiting.pop()
            if (TREE, tree_id) in self._masks or len(folder) > limits.PATH:
                yield DamagedFile(snapshot.id, folder, 0, ())
                continue
            try:
                for node in tree(self._blobs, tree_id):
                    if node.kind == "dir" and node.subtree is not None and self._mask(node.subtree):
                        waiting.append((folder + node.name + b"/", node.subtree))
                    elif node.kind == "file" and (ranges := self._ranges(node.chunks)):
                        yield DamagedFile(snapshot.id, folder + node.name, node.size, ranges)
            except Damage:
                yield DamagedFile(snapshot.id, folder, 0, ())

    def _ranges(self, chunks: Iterator[bytes]) -> tuple[tuple[int, int], ...]:
        index = self._blobs.index
        found: list[tuple[int, int]] = []
        at = 0
        for blob_id in chunks:
            entry = index.find(DATA, blob_id)
            length = index.place(entry).plain_length if entry is not None else 0
            if (DATA, blob_id) in self._masks:
                # Neighbours join, so that a file that lost much of itself stays short to tell.
                joins = found and found[-1][1] == at
                start = found.pop()[0] if joins else at
                found.append((start, at + length))
            at += length
        return tuple(found)

    def _mask(self, root: bytes) -> int:
        """Which packs' damage there is at or below the tree ``root``; each tree is read once for it."""
        entry = self._blobs.index.find(TREE, root)
        if entry is None:
            return self._masks.get((TREE, root), 0)
        if entry in self._of_tree:
            return self._of_tree[entry]
        stack = [self._enter(entry)]
        weight = len(stack[0].below)
        while stack:
            top = stack[-1]
            if top.below:
                below = top.below.pop()
                weight -= 1
                if below in self._of_tree:
                    top.mask |= self._of_tree[below]
                else:
                    stack.append(self._enter(below))
                    weight += len(stack[-1].below)
                    if weight * 8 > limits.WAITING or len(stack) > limits.DEPTH:
                        raise Damage("tree-too-wide", most=limits.WAITING)
                continue
            stack.pop()
            self._of_tree[top.entry] = top.mask
            if stack:
                stack[-1].mask |= top.mask
        return self._of_tree[entry]

    def _enter(self, entry: int) -> _Frame:
        index = self._blobs.index
        tree_id = index.place(entry).id
        frame = _Frame(entry, self._masks.get((TREE, tree_id), 0))
        if frame.mask or index.pack_of(entry).size == ABSENT:
            return frame
        try:
            for node in tree(self._blobs, tree_id):
                if node.kind == "file":
                    for blob_id in node.chunks:
                        frame.mask |= self._masks.get((DATA, blob_id), 0)
                elif node.kind == "dir" and node.subtree is not None:
                    below = index.find(TREE, node.subtree)
                    if below is None:
                        frame.mask |= self._masks.get((TREE, node.subtree), 0)
                    else:
                        frame.below.append(below)
        except Damage:
            # Lost since the damage was listed; the next check will say so.
            pass
        return frame
