"""Walking a snapshot: every entry with its path, folder by folder, in bounded memory however the trees are made."""

from collections.abc import Iterator
from dataclasses import dataclass

from guardian.decoder import limits, trees
from guardian.decoder.blobs import Blobs
from guardian.decoder.damage import Damage
from guardian.decoder.document import NotUnderstood
from guardian.decoder.places import TREE
from guardian.decoder.trees import Node

_OVERHEAD = 150  # bytes that a remembered folder takes beside its name


@dataclass(frozen=True, slots=True)
class Entry:
    """A node and where it stands: ``path`` from the snapshot's root, with a leading slash; ``depth`` from 0."""

    path: bytes
    node: Node
    depth: int


def tree(blobs: Blobs, tree_id: bytes) -> Iterator[Node]:
    """The nodes of the tree ``tree_id``. Raises Damage, and what the reader raises."""
    data = blobs.load(TREE, tree_id)
    try:
        yield from trees.parse(data)
    except NotUnderstood:
        raise Damage("tree-not-understood", blob=tree_id.hex()) from None


def differing(blobs: Blobs, before: bytes | None, now: bytes | None) -> tuple[list[Node], list[Node], int]:
    """As :func:`guardian.decoder.trees.differing`, for the trees with these ids; None is an empty one. Raises Damage,
    and what the reader raises."""
    old, new = (blobs.load(TREE, tree_id) if tree_id else b"{}" for tree_id in (before, now))
    try:
        return trees.differing(old, new)
    except NotUnderstood:
        raise Damage("tree-not-understood", blob=(now or before or b"").hex()) from None


def walk(blobs: Blobs, root: bytes, most: int = 1 << 40) -> Iterator[Entry | Damage]:
    """Every entry under the tree ``root``; for a folder that cannot be read, its Damage, and the walk goes on.

    Entries of one folder come together, sorted as restic sorted them. Raises Damage when the walk itself has to end:
    more than ``most`` entries, a path without end; and what the reader raises when the storage does not answer.
    """
    waiting: list[tuple[bytes, bytes, bytes, int]] = [(b"", b"", root, 0)]
    weight = seen = 0
    while waiting:
        prefix, name, tree_id, depth = waiting.pop()
        weight -= len(name) + _OVERHEAD
        folder = prefix + name
        if len(folder) > limits.PATH or depth > limits.DEPTH:
            raise Damage("path-too-long", bytes=len(folder), depth=depth)
        below: list[tuple[bytes, bytes, bytes, int]] = []
        try:
            for node in tree(blobs, tree_id):
                seen += 1
                if seen > most:
                    raise Damage("too-many-entries", most=most)
                yield Entry(folder + b"/" + node.name, node, depth)
                if node.kind == "dir" and node.subtree is not None:
                    below.append((folder, b"/" + node.name, node.subtree, depth + 1))
                    weight += len(node.name) + _OVERHEAD
                    if weight > limits.WAITING:
                        raise Damage("tree-too-wide", most=limits.WAITING)
        except Damage as damage:
            if damage.reason.code in {"too-many-entries", "tree-too-wide"}:
                raise
            yield damage
        waiting += reversed(below)


def find(blobs: Blobs, root: bytes, path: bytes) -> Node | None:
    """The node at ``path``; None when there is none. Reads only the folders on the way.

    Raises Damage, and what the reader raises.
    """
    parts = [part for part in path.split(b"/") if part]
    tree_id: bytes | None = root
    found: Node | None = None
    for part in parts:
        if tree_id is None:
            return None
        found = next((node for node in tree(blobs, tree_id) if node.name == part), None)
        if found is None:
            return None
        tree_id = found.subtree if found.kind == "dir" else None
    return found
