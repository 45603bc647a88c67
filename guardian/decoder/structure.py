"""D1: every tree that a snapshot leads to is there and whole, and every chunk it names lies in a pack that is there.

Each tree is read once for the whole repository, however many snapshots share it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from guardian.decoder import limits, trees
from guardian.decoder.blobs import Blobs
from guardian.decoder.damage import Damage, Findings, shown
from guardian.decoder.document import NotUnderstood
from guardian.decoder.index import ABSENT
from guardian.decoder.places import DATA, TREE
from guardian.decoder.snapshots import Snapshot
from guardian.model.reason import Reason, reason

_BATCH = 64  # trees under way at once


@dataclass(frozen=True, slots=True)
class Structure:
    """What the walk over all trees found. ``bad`` names blobs (kind, id) that snapshots need and cannot have.

    ``packs`` are the ids of those packs that hold what the snapshots need: of a blob with several copies, one of them.
    """

    trees: int
    files: int
    chunks: int
    bad: frozenset[tuple[int, bytes]]
    findings: Findings
    packs: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one tree holds: the folders below it, the chunks of its files, how many files, and what is odd in it."""

    folders: bytes
    chunks: bytes
    files: int
    odd: tuple[Reason, ...]


def check(
    blobs: Blobs, snapshots: Iterable[Snapshot], executor: Executor, report: Callable[[int], None] = lambda _trees: None
) -> Structure:
    """Walk all trees of ``snapshots``; ``report`` hears how many are done. Raises when the storage does not answer."""
    walk = _Walk(blobs)
    walk.push(b"".join(snapshot.tree for snapshot in snapshots))
    while batch := walk.next():
        for tree_id, seen in zip(batch, executor.map(lambda i: _look(blobs, i), batch), strict=True):
            walk.take(tree_id, seen)
        report(walk.trees)
    return Structure(walk.trees, walk.files, walk.chunks, frozenset(walk.bad), walk.findings, walk.packs())


class _Walk:
    """The trees still to read, and what was found; marks by entry number cost a byte for each blob of the index."""

    def __init__(self, blobs: Blobs) -> None:
        self._index = blobs.index
        self._marks = bytearray(len(blobs.index))
        self._waiting: list[bytes] = []
        self.trees = self.files = self.chunks = 0
        self.bad: set[tuple[int, bytes]] = set()
        self.findings = Findings()

    def packs(self) -> frozenset[bytes]:
        """The packs of all blobs that were met."""
        return self._index.packs_of(self._marks)

    def next(self) -> Sequence[bytes]:
        """The trees to read now."""
        batch, self._waiting = self._waiting[-_BATCH:], self._waiting[:-_BATCH]
        return batch

    def push(self, tree_ids: bytes) -> None:
        """Remember the trees that were not seen yet."""
        for tree_id in _ids(tree_ids):
            if self._is_new(TREE, tree_id):
                self._waiting.append(tree_id)

    def take(self, tree_id: bytes, seen: "_Seen | Reason") -> None:
        """Count what the tree ``tree_id`` holds."""
        self.trees += 1
        if isinstance(seen, Reason):
            self._lost(TREE, tree_id, seen)
            return
        self.files += seen.files
        for odd in seen.odd:
            self.findings.add(odd)
        for blob_id in _ids(seen.chunks):
            self.chunks += self._is_new(DATA, blob_id)
        self.push(seen.folders)

    def _is_new(self, kind: int, blob_id: bytes) -> bool:
        entry = self._index.find(kind, blob_id)
        if entry is None:
            self._lost(kind, blob_id, reason("blob-not-indexed", blob=blob_id.hex(), kind="tree" if kind else "data"))
            return False
        if self._marks[entry]:
            return False
        self._marks[entry] = 1
        pack = self._index.pack_of(entry)
        if pack.size == ABSENT:
            self._lost(kind, blob_id, reason("pack-missing", pack=pack.id.hex(), blob=blob_id.hex()))
            return False
        if not self._index.can_be_there(entry):
            self._lost(kind, blob_id, reason("blob-outside-pack", pack=pack.id.hex(), blob=blob_id.hex()))
            return False
        return True

    def _lost(self, kind: int, blob_id: bytes, why: Reason) -> None:
        if (kind, blob_id) in self.bad:
            return
        if why.code == "blob-too-large":
            # A folder of hundreds of thousands of entries is odd, and it is not damage: it was not looked into.
            self.findings.add(why.model_copy(update={"severity": "warning"}))
            return
        self.findings.add(why)
        if len(self.bad) < 100 * limits.FINDINGS:
            self.bad.add((kind, blob_id))


def _look(blobs: Blobs, tree_id: bytes) -> "_Seen | Reason":
    folders, chunks, odd = bytearray(), bytearray(), []
    files = 0
    last = b""
    try:
        for node in trees.outline(blobs.load(TREE, tree_id)):
            if node.name <= last:
                code = "name-twice" if node.name == last else "tree-not-sorted"
                odd.append(reason(code, "warning", tree=tree_id.hex(), name=shown(node.name)))
            last = node.name
            if node.kind == "file":
                files += 1
                chunks += node.content
            elif node.kind == "dir" and node.subtree is None:
                odd.append(reason("folder-without-tree", tree=tree_id.hex(), name=shown(node.name)))
            elif node.kind == "dir" and node.subtree is not None:
                folders += node.subtree
    except NotUnderstood:
        return reason("tree-not-understood", blob=tree_id.hex())
    except Damage as damage:
        return damage.reason
    return _Seen(bytes(folders), bytes(chunks), files, tuple(odd[: limits.FINDINGS]))


def _ids(packed: bytes) -> Iterator[bytes]:
    return (packed[at : at + 32] for at in range(0, len(packed), 32))
