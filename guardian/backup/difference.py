"""Two snapshots of one source, walked side by side: what came, went and changed, folder by folder.

Equal trees have equal ids and are not read. Nothing of a file's content is read either: equal content has equal blob
ids. What is looked into later is drawn while walking, by a seed nobody knows beforehand.
"""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from guardian.backup.kinds import suffix_of
from guardian.decoder.trees import Node

MOST_NODES: Final = 400_000
"""Entries of folders that are compared; beyond it the figures are extrapolated."""
CANDIDATES: Final = 160
_DEEPEST: Final = 4096
_NOTE: Final = 64 << 10
_DOTS: Final = 5
"""Endings that are taken off a name to find the one it had before: ``a.docx.id-1.[mail@x.org].locked``."""

Apart = Callable[[bytes | None, bytes | None], tuple[Sequence[Node], Sequence[Node], int]]
"""The nodes in which two trees (their ids; None: an empty one) differ, and how many nodes they have together."""
_Pair = tuple[bytes, bytes | None, bytes | None, int]
"""Path of a folder, its tree before and now (None: it was not there, or is not), its depth."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that may be looked into: its path, the name it had before, what it is now, the chunks it had before."""

    path: bytes
    name_before: str
    node: Node
    known: bytes = b""


class Drawn:
    """A uniform sample of those offered, whatever their number (Vitter's algorithm R)."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.kept: list[Candidate] = []
        self.offered = 0

    def offer(self, candidate: Candidate) -> None:
        """Take note of a file."""
        self.offered += 1
        if len(self.kept) < CANDIDATES:
            self.kept.append(candidate)
        elif (at := self._rng.randrange(self.offered)) < CANDIDATES:
            self.kept[at] = candidate


@dataclass(slots=True)
class Difference:
    """What was found. ``seen`` and ``left`` count pairs of folders that were compared, and that were not any more."""

    old: Drawn
    fresh: Drawn
    changed: int = 0
    replaced: int = 0
    new: int = 0
    removed: int = 0
    renamed: int = 0
    touched: int = 0
    hidden: int = 0
    shrunk: int = 0
    new_bytes: int = 0
    changed_bytes: int = 0
    folders: int = 0
    suffixes: Counter[str] = field(default_factory=Counter)
    copies: dict[int, tuple[str, int, int]] = field(default_factory=dict)
    """Content of a small new file → its name, its length, in how many folders it is."""
    seen: int = 0
    left: int = 0

    @property
    def examined(self) -> float:
        """The share of folders that was compared, as far as it is known."""
        return self.seen / (self.seen + self.left) if self.left else 1.0


class Comparison:
    """One walk. ``heed`` is called for every folder, and may raise."""

    def __init__(self, apart: Apart, rng: random.Random, heed: Callable[[], None] = lambda: None) -> None:
        self._apart, self._rng, self._heed = apart, rng, heed
        self._found = Difference(Drawn(rng), Drawn(rng))
        self._came: Counter[int] = Counter()  # content of files that are new, and of those that went
        self._went: Counter[int] = Counter()
        self._nodes = 0

    def run(self, before: bytes, now: bytes, most: int = MOST_NODES) -> Difference:
        """Compare the trees ``before`` and ``now``. Raises Damage, and what the reader raises."""
        waiting: list[_Pair] = [(b"", before, now, 0)]
        while waiting and self._nodes < most:
            # In no order: what is left out when there is too much is then as good a sample as what was compared.
            at = self._rng.randrange(len(waiting))
            waiting[at], waiting[-1] = waiting[-1], waiting[at]
            self._heed()
            waiting += self._folder(waiting.pop())
            self._found.seen += 1
        self._found.left = len(waiting)
        self._match()
        return self._found

    def _folder(self, pair: _Pair) -> list[_Pair]:
        path, tree_before, tree_now, depth = pair
        if tree_before == tree_now or depth > _DEEPEST:
            return []
        old_nodes, new_nodes, nodes = self._apart(tree_before, tree_now)
        before, now = ({node.name: node for node in side} for side in (old_nodes, new_nodes))
        self._nodes += nodes
        count = self._count()
        below: list[_Pair] = []
        came, went = [], []
        for name in before.keys() | now.keys():
            old, new = before.get(name), now.get(name)
            trees = (_subtree(old), _subtree(new))
            if trees != (None, None) and trees[0] != trees[1]:
                below.append((path + b"/" + name, *trees, depth + 1))
            old, new = _file(old), _file(new)
            if old and new:
                self._same_name(path, old, new)
            elif new:
                came.append(new)
            elif old:
                went.append(old)
        self._others(path, came, went)
        self._found.folders += self._count() != count
        return below

    def _count(self) -> int:
        found = self._found
        return found.changed + found.replaced + found.new + found.removed + found.renamed

    def _same_name(self, path: bytes, old: Node, new: Node) -> None:
        found = self._found
        if old.content == new.content:
            found.touched += 1
            return
        found.changed += 1
        found.hidden += (old.mtime, old.size) == (new.mtime, new.size)
        self._overwritten(path, _text(new.name), old, new)

    def _overwritten(self, path: bytes, name_before: str, old: Node, new: Node) -> None:
        found = self._found
        found.changed_bytes += new.size
        found.shrunk += new.size * 10 <= old.size > 0
        found.old.offer(Candidate(path + b"/" + new.name, name_before, new, old.content))

    def _others(self, path: bytes, came: Sequence[Node], went: Sequence[Node]) -> None:
        """Files that are only there now, or only were: those that belong together, and the rest."""
        found = self._found
        gone = {node.name: node for node in went}
        stems = {_stem(node.name): node.name for node in went}
        for new in came:
            old = gone.pop(_ancestor(new.name, gone, stems), None)
            if old is not None and old.content != new.content:
                found.replaced += 1
                found.suffixes[suffix_of(_text(new.name))] += 1
                self._overwritten(path, _text(old.name), old, new)
            elif old is not None:
                found.renamed += 1
            else:
                self._new(path, new)
        for old in gone.values():
            found.removed += 1
            self._went[_content(old)] += 1

    def _new(self, path: bytes, new: Node) -> None:
        found, content = self._found, _content(new)
        found.new += 1
        found.new_bytes += new.size
        self._came[content] += 1
        found.fresh.offer(Candidate(path + b"/" + new.name, _text(new.name), new))
        if 0 < new.size <= _NOTE:
            name, size, folders = found.copies.get(content, (_text(new.name), new.size, 0))
            found.copies[content] = (name, size, folders + 1)

    def _match(self) -> None:
        """Files that went and came with the same content were renamed, wherever to."""
        found = self._found
        moved = {content for content in self._came.keys() & self._went.keys() if content}
        for content in moved:
            count = min(self._came[content], self._went[content])
            found.renamed += count
            found.new -= count
            found.removed -= count
            found.copies.pop(content, None)
        found.fresh.kept = [one for one in found.fresh.kept if _content(one.node) not in moved]


def _file(node: Node | None) -> Node | None:
    return node if node is not None and node.kind == "file" else None


def _subtree(node: Node | None) -> bytes | None:
    return node.subtree if node is not None and node.kind == "dir" else None


def _content(node: Node) -> int:
    """The content as a number; 0 for none."""
    return hash(node.content) or 1 if node.content else 0


def _text(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")


def _stem(name: bytes) -> bytes:
    stem, dot, _suffix = name.rpartition(b".")
    return stem if dot and stem else name


def _ancestor(name: bytes, gone: dict[bytes, Node], stems: dict[bytes, bytes]) -> bytes:
    """The name that ``name`` was made of: with fewer endings, or another one. Empty when there is none."""
    shorter = name
    for _dot in range(_DOTS):
        shorter, dot, _suffix = shorter.rpartition(b".")
        if not dot or not shorter:
            break
        if shorter in gone:
            return shorter
    return stems.get(_stem(name), b"")
