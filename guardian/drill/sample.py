"""What a D3 drill reads, drawn from its frame by its seed: the same from the same evidence, whoever draws.

Four parts. Bytes: offsets in the frame; the chunk each hits is read, until enough different ones were hit
(:func:`guardian.drill.select.stop`); where the frame has no more chunks than that, all are read (a census). Strata:
files by size (:mod:`guardian.drill.strata`), and the largest. Critical: every small file with a name that matters.
Named: what the backup took digests of at the source.

``sha256`` is that of: for each draw ``b``, its offset (8 bytes), the chunk's key (32); in a census, offset and key of
every chunk; for each part of a large file ``p``, the file's number (8), the chunk's start in it (8), its key (32); for
each whole file ``f``, its number (8). A chunk's key is its blob's id; of a file whose chunks the index does not know,
zeros and the file's number. Numbers are big endian.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from guardian.decoder.damage import Damage
from guardian.decoder.files import File
from guardian.decoder.repository import Loaded
from guardian.drill import bounds, select, strata
from guardian.drill.frame import Files, Item
from guardian.drill.select import Stream
from guardian.drill.strata import Strata
from guardian.model.reason import Reason

_PARTS = 128
"""Chunks of the largest file at most."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that was drawn. ``offset`` is the draw's, in the frame; ``start`` is the chunk's, in its file.

    ``cause`` says why it cannot even be asked for.
    """

    number: int
    path: bytes
    offset: int
    key: bytes
    start: int = 0
    length: int = 0
    pack: bytes = b""
    cause: Reason | None = None


@dataclass(slots=True)
class Sample:
    """What was drawn. ``hits`` are in the order of the draws; of a census, in that of the frame.

    ``parts`` are chunks of files too large to be read whole; ``whole`` are the files read from end to end, in order of
    their numbers; ``largest_read`` counts the bytes drawn of the largest, when it is read in part.
    """

    census: bool
    needed: int
    strata: Strata
    hits: list[Hit] = field(default_factory=list)
    parts: list[Hit] = field(default_factory=list)
    whole: list[Item] = field(default_factory=list)
    largest_read: int = 0

    @property
    def sha256(self) -> str:
        """The digest of what was drawn, in order."""
        digest = hashlib.sha256()
        for hit in self.hits:
            digest.update(b"b" + _eight(hit.offset) + hit.key)
        for hit in self.parts:
            digest.update(b"p" + _eight(hit.number) + _eight(hit.start) + hit.key)
        for item in self.whole:
            digest.update(b"f" + _eight(item.number))
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Wish:
    """How sure the answer must be, and the largest file that was named and is read whole (bytes)."""

    confidence: float
    max_loss: float
    named_bytes: int


def draw(loaded: Loaded, files: Files, seed: bytes, wish: Wish) -> Sample:
    """Draw from ``files`` by ``seed``. Raises Damage when the tree is another than when the frame was made."""
    needed = bounds.needed(wish.max_loss, wish.confidence)
    filled = sum(1 for size in files.sizes() if size)
    census = max(files.chunks, filled) <= needed
    drawing = _Drawing(loaded, files, seed, Sample(census, needed, strata.draw(files.sizes, seed)))
    drawing.plan(wish)
    drawing.draw()
    return drawing.sample


class _Drawing:
    """From numbers to chunks: the files that are needed are found in one walk."""

    def __init__(self, loaded: Loaded, files: Files, seed: bytes, sample: Sample) -> None:
        self._loaded, self._files, self._seed, self.sample = loaded, files, seed, sample
        self._offsets: list[int] = []
        self._of_file: dict[int, list[int]] = {}
        self._whole: set[int] = set()
        self._in_part: dict[int, int] = {}
        self._hit: dict[int, Hit] = {}

    def plan(self, wish: Wish) -> None:
        """Which files are wanted, and for what."""
        drawn = self.sample.strata
        self._whole = {*drawn.of("small"), *drawn.of("medium"), *self._files.critical}
        named = set(self._files.named.values())
        if drawn.largest is not None:
            if drawn.largest_size <= strata.WHOLE_BYTES:
                self._whole.add(drawn.largest)
            else:
                self._in_part[drawn.largest] = _PARTS
        for number in drawn.of("large"):
            self._in_part.setdefault(number, strata.LARGE_CHUNKS)
        self._whole |= {number for number in named if self._files.size(number) <= wish.named_bytes}
        if not self.sample.census:
            self._offsets = select.offsets(self._seed, self._files.bytes, self.sample.needed)
        for offset in self._offsets:
            self._of_file.setdefault(self._files.at(offset)[0], []).append(offset)

    def draw(self) -> None:
        """Find the files, and what of them was hit."""
        wanted = {*self._whole, *self._in_part, *self._of_file}
        if self.sample.census:
            wanted |= {number for number, size in enumerate(self._files.sizes()) if size}
        self._files.visit(self._loaded, wanted, self._take)
        if not self.sample.census:
            hits = [self._hit[offset] for offset in self._offsets]
            self.sample.hits = hits[: select.stop([hit.key for hit in hits], self.sample.needed)]

    def _take(self, item: Item) -> None:
        if item.number in self._whole:
            self.sample.whole.append(item)
        begin = self._files.begin(item.number)
        try:
            file = self._loaded.file(item.node)
            if file.size != item.node.size:
                raise Damage("content-length-differs", expected=item.node.size, found=file.size)
        except Damage as damage:
            lost = Hit(item.number, item.path, begin, bytes(24) + _eight(item.number), 0, item.node.size)
            self._lost(item, lost, damage.reason)
            return
        if self.sample.census and item.node.size:
            self.sample.hits += _all(item, file, begin)
        for offset in self._of_file.get(item.number, ()):
            self._hit[offset] = _hit(item, file, file.number_at(offset - begin), offset)
        if item.number in self._in_part:
            self._parts(item, file)

    def _lost(self, item: Item, lost: Hit, why: Reason) -> None:
        for offset in self._of_file.get(item.number, ()):
            self._hit[offset] = replace(lost, offset=offset, cause=why)
        broken = replace(lost, cause=why)
        if self.sample.census and item.node.size:
            self.sample.hits.append(broken)
        if item.number in self._in_part:
            self.sample.parts.append(broken)

    def _parts(self, item: Item, file: File) -> None:
        stream = Stream(self._seed, f"parts-{item.number}")
        read = 0
        for number in stream.distinct(file.chunk_count, min(file.chunk_count, self._in_part[item.number])):
            if read >= strata.WHOLE_BYTES:
                break
            hit = _hit(item, file, number, 0)
            self.sample.parts.append(hit)
            read += hit.length
        if item.number == self.sample.strata.largest:
            self.sample.largest_read = read


def _all(item: Item, file: File, begin: int) -> Iterator[Hit]:
    for number in range(file.chunk_count):
        yield _hit(item, file, number, begin + file.chunk(number).start)


def _hit(item: Item, file: File, number: int, offset: int) -> Hit:
    chunk = file.chunk(number)
    return Hit(item.number, item.path, offset, chunk.id, chunk.start, chunk.length, chunk.pack)


def _eight(value: int) -> bytes:
    return value.to_bytes(8, "big")
