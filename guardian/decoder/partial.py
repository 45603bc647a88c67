"""Part of a repository's index: all that one backup added, and of all before it the folders alone.

That is enough to compare its trees with any earlier ones, and to read what is new; it takes a fraction of the memory
and of the time that the whole index takes, and lists no packs.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from guardian.decoder import indexfile, limits
from guardian.decoder.damage import Damage
from guardian.decoder.document import NotUnderstood
from guardian.decoder.index import Index
from guardian.decoder.seal import Opener
from guardian.decoder.unpacked import in_pieces
from guardian.model.reader import ObjectMissing, ObjectUnreadable, Reader

_TREE = 'tree"'
"""Stands in every pack that has a tree. Packs of files, which are most, are not even parsed."""


def load(readers: Sequence[Reader], opener: Opener, added: Iterable[str], before: Iterable[str]) -> Index:
    """The index of the blobs in the index files ``added`` and of the trees in those ``before`` (ids).

    Each file comes from the first of ``readers`` that has it whole. A file that none has is left out: what it alone
    leads to is then not found. Packs are taken to be there, as long as their blobs need.
    """
    index = Index()
    for name in added:
        _take(index, _document(readers, opener, indexfile.FOLDER + name), lambda _blob: True)
    for name in before:
        _take(index, _document(readers, opener, indexfile.FOLDER + name), lambda blob: blob["type"] == "tree", _TREE)
    index.trust()
    return index


def complete(index: Index, readers: Sequence[Reader], opener: Opener, what: tuple[set[str], Iterable[str]]) -> None:
    """Add to ``index`` the blobs with the ids ``what[0]`` (in digits), by the index files with the ids ``what[1]``."""
    wanted, names = what
    for name in names:
        _take(index, _document(readers, opener, indexfile.FOLDER + name), lambda blob: blob["id"] in wanted)
    index.trust()


def _document(readers: Sequence[Reader], opener: Opener, name: str) -> Iterator[bytes | memoryview]:
    for reader in readers:
        try:
            return in_pieces(reader, opener, name, limits.INDEX)
        except (Damage, ObjectMissing, ObjectUnreadable):
            continue
    return iter((b"{}",))


def _take(
    index: Index, pieces: Iterator[bytes | memoryview], chosen: Callable[[Any], bool], wanted: str | None = None
) -> None:
    try:
        for value in indexfile.packs(pieces, wanted):
            if blobs := list(filter(chosen, value["blobs"])):
                indexfile.take(index, {**value, "blobs": blobs})
    except (NotUnderstood, Damage, KeyError, TypeError):
        return  # what was understood is kept: every blob is held against its own id when it is read
