"""The content of a file, whole or by ranges: which chunk holds which byte, without reading what was not asked for."""

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from guardian.decoder.blobs import Blobs
from guardian.decoder.damage import Damage
from guardian.decoder.places import DATA
from guardian.decoder.trees import Node


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk of a file: its blob's id, where in the file it begins, its length, the pack it would be read from."""

    id: bytes
    start: int
    length: int
    pack: bytes


class File:
    """A file of a snapshot, read by byte ranges. Lengths come from the index, so that opening one reads nothing."""

    def __init__(self, blobs: Blobs, node: Node) -> None:
        """Raises Damage when the index does not know one of its chunks (``blob-not-indexed``)."""
        self._blobs, self._content = blobs, node.content
        self._ends = array("Q")
        total = 0
        for blob_id in node.chunks:
            entry = blobs.index.find(DATA, blob_id)
            if entry is None:
                raise Damage("blob-not-indexed", blob=blob_id.hex(), kind="data")
            total += blobs.index.place(entry).plain_length
            self._ends.append(total)

    @property
    def size(self) -> int:
        """Bytes of its content, by its chunks."""
        return self._ends[-1] if self._ends else 0

    @property
    def chunk_count(self) -> int:
        """How many chunks it has."""
        return len(self._ends)

    def chunk_at(self, offset: int) -> Chunk:
        """The chunk that holds the byte at ``offset``. Raises IndexError outside the file."""
        return self.chunk(self.number_at(offset))

    def number_at(self, offset: int) -> int:
        """The number, from 0, of the chunk that holds the byte at ``offset``. Raises IndexError outside the file."""
        if not 0 <= offset < self.size:
            raise IndexError(offset)
        return bisect_right(self._ends, offset)

    def chunk(self, number: int) -> Chunk:
        """Chunk ``number``, from 0."""
        blob_id = self._content[number * 32 : number * 32 + 32]
        start = self._ends[number - 1] if number else 0
        entry = self._blobs.index.find(DATA, blob_id)
        assert entry is not None  # noqa: S101  the constructor found it
        return Chunk(blob_id, start, self._ends[number] - start, self._blobs.index.pack_of(entry).id)

    def load(self, chunk: Chunk) -> bytes | memoryview:
        """The chunk's content, verified. Raises Damage, and what the reader raises."""
        return self._blobs.load(DATA, chunk.id)

    def read(self, offset: int = 0, length: int | None = None) -> Iterator[bytes | memoryview]:
        """The content from ``offset`` on, ``length`` bytes or up to the end, chunk by chunk, each verified.

        Raises Damage, and what the reader raises, at the first chunk that cannot be had.
        """
        end = self.size if length is None else min(self.size, offset + length)
        while offset < end:
            chunk = self.chunk_at(offset)
            data = self.load(chunk)
            yield data[offset - chunk.start : end - chunk.start]
            offset = chunk.start + chunk.length
