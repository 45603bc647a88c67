"""What a sample is drawn from: the files of a signed tree, and the stored packs, in a form anybody can make again.

The list of files: every regular file below the tree, folder by folder. A folder's files come in the order in which
its tree names them; after them its subfolders, in that order too, each with all that is below it. Of every file::

    length of the path, 4 bytes ‖ path ‖ size, 8 bytes ‖ number of chunks, 4 bytes ‖ their ids, 32 bytes each

with numbers big endian, the path as bytes from the snapshot's root with a leading slash, the size as the tree has it.
A folder whose tree cannot be read contributes ``ff ff ff ff`` ‖ its tree's id where that is known, else 32 zeros.
The list of packs, by id: of every pack that the storage has, its id (32 bytes) and its length (8 bytes).
The SHA-256 of such a list is the frame's digest. Byte number b of the files' frame lies in the file in which the sum
of sizes, in the list's order, first exceeds b.

A list may have ten million entries: the digest is made on the way, a size takes eight bytes, and a file that was drawn
is found by a second walk. Only of a short list the files themselves are kept.
"""

import hashlib
from array import array
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from guardian.decoder.damage import Damage
from guardian.decoder.repository import Loaded
from guardian.decoder.snapshots import Snapshot
from guardian.decoder.trees import Node
from guardian.model.drill import Frame
from guardian.model.evidence import BackupReceipt

_KEPT_FILES, _KEPT_BYTES = 20_000, 8 << 20
_MOST_BYTES = 1 << 62
_HOLE = b"\xff" * 4
_NAMED = 20

CRITICAL_BYTES = 1 << 20
"""The largest file that counts as a small critical one."""
CRITICAL_FILES = 256
"""Critical files that are read one by one; what is beyond is counted."""


@dataclass(frozen=True, slots=True)
class Item:
    """A file of the frame: its number in the list, its path, its node."""

    number: int
    path: bytes
    node: Node


@dataclass(slots=True)
class Files:
    """The files of one tree. ``holes`` are the folders that could not be read: what is below them is not in the frame.

    ``critical`` are the first files whose names match the owner's patterns, ``critical_left`` counts the others;
    ``named`` maps the paths that were asked for to their numbers.
    """

    snapshot: Snapshot
    sha256: str = ""
    chunks: int = 0
    holes: list[Damage] = field(default_factory=list)
    hole_count: int = 0
    critical: list[int] = field(default_factory=list)
    critical_left: int = 0
    named: dict[bytes, int] = field(default_factory=dict)
    _ends: "array[int]" = field(default_factory=lambda: array("Q"))
    _kept: list[Item] | None = field(default_factory=list)
    _weight: int = 0

    def __len__(self) -> int:
        """How many files there are."""
        return len(self._ends)

    def sizes(self) -> Iterator[int]:
        """The size of every file, in order."""
        before = 0
        for end in self._ends:
            yield end - before
            before = end

    @property
    def bytes(self) -> int:
        """The sum of all sizes."""
        return self._ends[-1] if self._ends else 0

    def frame(self) -> Frame:
        """What the plan says of it."""
        return Frame(unit="files", count=len(self), bytes=self.bytes, sha256=self.sha256)

    def at(self, offset: int) -> tuple[int, int]:
        """The number of the file in which byte ``offset`` of the frame lies, and where in that file."""
        number = bisect_right(self._ends, offset)
        return number, offset - self.begin(number)

    def add(self, item: Item, look: "Look") -> None:
        """Take in the next file. Raises Damage when the sizes add up to more than there can be."""
        size, content = item.node.size, item.node.content
        if size > _MOST_BYTES or self.bytes + size > _MOST_BYTES:
            raise Damage("frame-too-large", bytes=_MOST_BYTES)
        self._ends.append(self.bytes + size)
        self.chunks += len(content) // 32
        if size <= CRITICAL_BYTES and _matches(item.node.name, look.critical):
            if len(self.critical) < CRITICAL_FILES:
                self.critical.append(item.number)
            else:
                self.critical_left += 1
        if item.path in look.named:
            self.named[item.path] = item.number
        self._weight += len(item.path) + len(content)
        if self._kept is not None:
            self._kept.append(item)
            if len(self._kept) > _KEPT_FILES or self._weight > _KEPT_BYTES:
                self._kept = None

    def begin(self, number: int) -> int:
        """The offset in the frame at which file ``number`` begins."""
        return self._ends[number - 1] if number else 0

    def size(self, number: int) -> int:
        """The size of file ``number``."""
        return self._ends[number] - self.begin(number)

    def every(self, loaded: Loaded) -> Iterator[Item]:
        """All files, in the list's order. Folders that cannot be read are passed over: ``holes`` has them."""
        source = self._kept if self._kept is not None else _files(loaded, self.snapshot)
        return (item for item in source if isinstance(item, Item))

    def visit(self, loaded: Loaded, wanted: Collection[int], take: Callable[[Item], None]) -> None:
        """Call ``take`` for every file whose number is ``wanted``, in the list's order. Ends after the last one.

        Raises Damage when the tree cannot be walked as before.
        """
        missing = set(wanted)
        for item in self.every(loaded) if missing else ():
            if item.number in missing:
                missing.discard(item.number)
                take(item)
                if not missing:
                    return
        if missing:
            raise Damage("tree-changed", snapshot=self.snapshot.id)


@dataclass(frozen=True, slots=True)
class Look:
    """What is noted on the way: files whose names match ``critical``, and the numbers of the paths in ``named``.

    ``heed()`` is called for every file and may end the walk by raising.
    """

    critical: tuple[str, ...] = ()
    named: Collection[bytes] = frozenset()
    heed: Callable[[], None] = lambda: None


_LOOK = Look()


def files(loaded: Loaded, snapshot: Snapshot, tree_id: str, look: Look = _LOOK) -> Files:
    """Walk the tree ``tree_id``, that of the receipt, whatever the file of ``snapshot`` says.

    Raises Damage when the walk has to end (a tree without end), and what the reader raises.
    """
    found = Files(replace(snapshot, tree=bytes.fromhex(tree_id)))
    digest = hashlib.sha256()
    for item in _files(loaded, found.snapshot):
        look.heed()
        if isinstance(item, Damage):
            digest.update(_HOLE + _tree_of(item))
            found.hole_count += 1
            found.holes += [item] if len(found.holes) < _NAMED else []
            continue
        digest.update(_entry(item))
        found.add(item, look)
    found.sha256 = digest.hexdigest()
    return found


def of_receipt(
    loaded: Loaded, receipt: BackupReceipt, critical: tuple[str, ...], heed: Callable[[], None]
) -> Files | None:
    """The files of the tree that ``receipt`` vouches for; None when its snapshot cannot be had. Raises as above."""
    snapshot = loaded.snapshot(receipt.snapshot_id)
    if snapshot is None:
        return None
    paths = [file.path for file in receipt.sample.files] if receipt.sample else []
    paths += [receipt.stream.path] if receipt.stream else []
    named = frozenset(path.encode("utf-8", "surrogateescape") for path in paths)
    return files(loaded, snapshot, receipt.tree_id, Look(critical, named, heed))


def packs(loaded: Loaded) -> Frame:
    """The frame of the stored packs."""
    digest, count, total = hashlib.sha256(), 0, 0
    for pack in loaded.packs():
        if pack.size >= 0:
            digest.update(pack.id + _number(pack.size, 8))
            count += 1
            total += pack.size
    return Frame(unit="packs", count=count, bytes=total, sha256=digest.hexdigest())


def _files(loaded: Loaded, snapshot: Snapshot) -> Iterator[Item | Damage]:
    number = 0
    for entry in loaded.walk(snapshot):
        if isinstance(entry, Damage):
            yield entry
        elif entry.node.kind == "file":
            yield Item(number, entry.path, entry.node)
            number += 1


def _entry(item: Item) -> bytes:
    node = item.node
    chunks = _number(len(node.content) // 32, 4) + node.content
    return b"%b%b%b%b" % (_number(len(item.path), 4), item.path, _number(node.size, 8), chunks)


def _number(value: int, width: int) -> bytes:
    return value.to_bytes(width, "big")


def _tree_of(damage: Damage) -> bytes:
    named = damage.reason.args.get("blob")
    try:
        return bytes.fromhex(named) if isinstance(named, str) and len(named) == 64 else bytes(32)
    except ValueError:
        return bytes(32)


def _matches(name: bytes, patterns: tuple[str, ...]) -> bool:
    text = name.decode("utf-8", "surrogateescape")
    return any(fnmatchcase(text, pattern) for pattern in patterns)
