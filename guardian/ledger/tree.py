"""The Merkle tree of RFC 6962 (section 2.1) and RFC 9162 (section 2.1): hashes and proofs, nothing else.

Pure. Where a proof needs hashes that lie elsewhere it asks a ``Fetch`` for complete subtrees: ``fetch(level, index)``
is the root of the ``2**level`` leaves that begin at ``index << level``.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence

Fetch = Callable[[int, int], bytes]

EMPTY_ROOT = hashlib.sha256(b"").digest()
"""The root of no leaves (RFC 6962, section 2.1)."""

_sha256 = hashlib.sha256


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf: SHA-256(0x00, data) (RFC 6962, section 2.1)."""
    return _sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node: SHA-256(0x01, left, right) (RFC 6962, section 2.1)."""
    return _sha256(b"\x01" + left + right).digest()


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """The root over ``hashes``, whose number is a power of two."""
    row = hashes
    while len(row) > 1:
        row = [_sha256(b"\x01" + row[i] + row[i + 1]).digest() for i in range(0, len(row), 2)]
    return row[0]


class CompactRange:
    """What a growing tree must remember: the roots of its complete subtrees, largest first."""

    __slots__ = ("hashes", "size")

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        """The range over ``size`` leaves; ``hashes`` as :func:`subtrees` of it, left to right. Raises ValueError."""
        if len(hashes) != size.bit_count():
            raise ValueError(f"{size} leaves have {size.bit_count()} complete subtrees, not {len(hashes)}")
        self.size = size
        self.hashes = list(hashes)

    def push(self, leaf: bytes) -> list[bytes]:
        """Add a leaf by its hash. Returns the roots of all complete subtrees that end with it, smallest first."""
        done = [leaf]
        rest = self.size
        while rest & 1:
            leaf = _sha256(b"\x01" + self.hashes.pop() + leaf).digest()
            done.append(leaf)
            rest >>= 1
        self.hashes.append(leaf)
        self.size += 1
        return done

    def root(self) -> bytes:
        """The root of the tree so far."""
        return _fold(self.hashes)

    def copy(self) -> "CompactRange":
        """A range of its own with the same leaves."""
        return CompactRange(self.size, self.hashes)


def _fold(hashes: Sequence[bytes]) -> bytes:
    if not hashes:
        return EMPTY_ROOT
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root


def subtrees(start: int, end: int) -> Iterator[tuple[int, int]]:
    """The complete subtrees (level, index) that make up leaves ``start`` to ``end``, left to right.

    ``start`` must be where the tree of RFC 6962 splits: a multiple of the largest power of two not above the length.
    """
    while start < end:
        level = (end - start).bit_length() - 1
        yield level, start >> level
        start += 1 << level


def range_root(fetch: Fetch, start: int, end: int) -> bytes:
    """The hash of leaves ``start`` to ``end``, a subtree of the RFC's tree, from complete subtrees."""
    return _fold([fetch(level, index) for level, index in subtrees(start, end)])


def _split(size: int) -> int:
    """The largest power of two smaller than ``size``."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion_ranges(index: int, size: int) -> list[tuple[int, int]]:
    """The leaves (start, end) under each sibling on the audit path of leaf ``index``, lowest first.

    Raises IndexError when there is no such leaf.
    """
    if not 0 <= index < size:
        raise IndexError(f"no leaf {index} in a tree of {size}")
    ranges = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    return ranges[::-1]


def inclusion_proof(fetch: Fetch, index: int, size: int) -> list[bytes]:
    """The audit path of leaf ``index`` in the tree of ``size`` leaves, lowest sibling first (RFC 6962, 2.1.1).

    Raises IndexError when there is no such leaf.
    """
    return [range_root(fetch, start, end) for start, end in inclusion_ranges(index, size)]


def consistency_proof(fetch: Fetch, first: int, second: int) -> list[bytes]:
    """The proof that the tree of ``first`` leaves is the beginning of that of ``second`` (RFC 6962, 2.1.2).

    Raises IndexError unless 0 <= first <= second.
    """
    if not 0 <= first <= second:
        raise IndexError(f"no consistency between trees of {first} and {second}")
    if first in (0, second):
        return []
    ranges = []
    start, end, whole = 0, second, True
    while first - start != end - start:
        middle = start + _split(end - start)
        if first <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
            whole = False
    if not whole:
        ranges.append((start, end))
    return [range_root(fetch, *part) for part in reversed(ranges)]


def root_from_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes | None:
    """The root that ``proof`` leads to (RFC 9162, section 2.1.3.2); None when it has the wrong length.

    The node at ``index`` of ``size`` nodes of one level will do in place of a leaf.
    """
    if not 0 <= index < size:
        return None
    node, last, root = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return None
        if node & 1 or node == last:
            root = node_hash(sibling, root)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            root = node_hash(root, sibling)
        node >>= 1
        last >>= 1
    return root if last == 0 else None


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether ``leaf`` is leaf ``index`` of the tree with that ``size`` and ``root`` (RFC 9162, section 2.1.3.2)."""
    return root_from_inclusion(leaf, index, size, proof) == root


def verify_consistency(first: tuple[int, bytes], second: tuple[int, bytes], proof: Sequence[bytes]) -> bool:
    """Whether the tree ``first`` (size, root) is the beginning of the tree ``second`` (RFC 9162, section 2.1.4.2)."""
    (size, root), (larger, larger_root) = first, second
    if not 0 <= size <= larger:
        return False
    if size in (0, larger):
        return not proof and root == (EMPTY_ROOT if size == 0 else larger_root)
    if not proof:
        return False
    path = [root, *proof] if size & (size - 1) == 0 else list(proof)
    node, last = size - 1, larger - 1
    while node & 1:
        node >>= 1
        last >>= 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            old = node_hash(sibling, old)
            new = node_hash(sibling, new)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            new = node_hash(new, sibling)
        node >>= 1
        last >>= 1
    return last == 0 and old == root and new == larger_root
