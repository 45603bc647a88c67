"""Where a blob lies: a stretch of a pack, and what must come out of it."""

from typing import NamedTuple

from guardian.decoder.seal import OVERHEAD

DATA, TREE = 0, 1
KIND_NAMES = ("data", "tree")


class Place(NamedTuple):
    """One copy of a blob. A bare tuple, since a repository has millions.

    ``length`` counts the sealed bytes from ``offset`` on; ``raw`` is the plain length of a compressed blob, 0 where
    nothing is compressed.
    """

    kind: int
    id: bytes
    offset: int
    length: int
    raw: int

    @property
    def plain_length(self) -> int:
        """Bytes of the blob's plain content."""
        return self.raw or self.length - OVERHEAD

    @property
    def end(self) -> int:
        """The first offset behind it."""
        return self.offset + self.length
