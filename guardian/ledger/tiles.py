"""Reading a log's files: entries and hashes, up to one size, held against the root that was signed for it."""

from collections import OrderedDict
from pathlib import Path

from guardian.ledger import layout
from guardian.ledger.invalid import LogInvalid
from guardian.ledger.layout import HASH, WIDTH
from guardian.ledger.tree import (
    CompactRange,
    inclusion_ranges,
    leaf_hash,
    perfect_root,
    range_root,
    root_from_inclusion,
    subtrees,
)
from guardian.model.evidence import Checkpoint

_CACHED_TILES = 8


class Tiles:
    """The files under ``folder`` as far as ``checkpoint`` vouches for them. Holds a few tiles, never the log.

    Every method raises LogInvalid when files are missing, too short or do not lead to the root, and Unavailable
    when they cannot be read.
    """

    def __init__(self, folder: Path, checkpoint: Checkpoint) -> None:
        """A reader of the log as it was at ``checkpoint``, whose signature the caller has verified."""
        self._folder = folder
        self._checkpoint = checkpoint
        self.size = checkpoint.size
        self._cache: OrderedDict[tuple[int, int], bytes] = OrderedDict()

    def bundle(self, index: int) -> list[bytes]:
        """The entries of bundle ``index`` as they lie there; nothing is proven."""
        width = layout.rows(self.size, 0, index)
        data = layout.read_part(self._folder, layout.bundle_path(index), width, layout.MAX_BUNDLE)
        entries = layout.unpack(data)[:width]
        if len(entries) < width:
            raise LogInvalid("entries-missing", index=index * WIDTH + len(entries), size=self.size)
        return entries

    def tile(self, level: int, index: int) -> bytes:
        """The hashes of a tile, one after another; nothing is proven."""
        width = layout.rows(self.size, level, index)
        if (data := self._cache.get((level, index))) is None:
            data = layout.read_part(self._folder, layout.tile_path(level, index), width, WIDTH * HASH)
            if len(data) < width * HASH:
                raise LogInvalid("tile-missing", level=level, tile=index)
            self._cache[level, index] = data
            if len(self._cache) > _CACHED_TILES:
                self._cache.popitem(last=False)
        return data[: width * HASH]

    def fetch(self, level: int, index: int) -> bytes:
        """The root of the ``2**level`` leaves from ``index << level`` on, from the tiles; nothing is proven."""
        above, inside = divmod(level, 8)
        first = index << inside
        tile, row = divmod(first, WIDTH)
        data = self.tile(above, tile)
        end = (row + (1 << inside)) * HASH
        return perfect_root([data[at : at + HASH] for at in range(row * HASH, end, HASH)])

    def frontier(self) -> CompactRange:
        """The complete subtrees over whole bundles only, from the tiles; nothing is proven."""
        whole = self.size - self.size % WIDTH
        return CompactRange(whole, [self.fetch(level, index) for level, index in subtrees(0, whole)])

    def root(self, size: int) -> bytes:
        """The root the log had at ``size``, from the tiles."""
        return range_root(self.fetch, 0, size)

    def proven_bundle(self, index: int) -> list[bytes]:
        """The entries of bundle ``index``, proven to be under the signed root."""
        entries = self.bundle(index)
        hashes = [leaf_hash(entry) for entry in entries]
        if self._leads_to_root(index, hashes):
            return entries
        raise LogInvalid("entry-altered", index=self._first_altered(index, hashes))

    def _leads_to_root(self, index: int, hashes: list[bytes]) -> bool:
        if len(hashes) < WIDTH:
            whole = self.frontier()
            for leaf in hashes:
                whole.push(leaf)
            return whole.root() == self._checkpoint.root
        # The first eight siblings on the path lie inside the bundle: its own root stands in for them.
        path = [range_root(self.fetch, *siblings) for siblings in inclusion_ranges(index * WIDTH, self.size)[8:]]
        bundles = (self.size - 1) // WIDTH + 1
        return root_from_inclusion(perfect_root(hashes), index, bundles, path) == self._checkpoint.root

    def _first_altered(self, index: int, hashes: list[bytes]) -> int:
        """The first entry that is not the one in the hash tile; the first of the bundle when that agrees."""
        data = self.tile(0, index)
        differing = (row for row, leaf in enumerate(hashes) if data[row * HASH : (row + 1) * HASH] != leaf)
        return index * WIDTH + next(differing, 0)
