"""Read-ahead for trees: small blobs that lie side by side are fetched at once, in blocks that are kept a while."""

import threading
from collections import OrderedDict
from collections.abc import Generator, Iterator

from guardian.model.reader import Reader

_BLOCK = 1 << 20
_KEPT = 32


class Blocks:
    """A reader in front of another one. What is longer than a block, and what lies over the edge, goes straight on."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._sizes: dict[str, int] = {}

    def size(self, name: str) -> int:
        """As the reader behind it."""
        return self._reader.size(name)

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """As the reader behind it."""
        return self._reader.list(prefix)

    def stream(self, name: str, length: int) -> Generator[bytes, None, None]:
        """As the reader behind it."""
        return self._reader.stream(name, length)

    def read(self, name: str, offset: int, length: int) -> bytes:
        """Exactly ``length`` bytes from ``offset``."""
        first, last = offset // _BLOCK, (offset + length - 1) // _BLOCK
        if length > _BLOCK or not length:
            return self._reader.read(name, offset, length)
        start = first * _BLOCK
        whole = self._block(name, first) + (self._block(name, last) if last != first else b"")
        wanted = whole[offset - start : offset - start + length]
        # A pack that is shorter than the index has it: let the reader say so in its own words.
        return wanted if len(wanted) == length else self._reader.read(name, offset, length)

    def _block(self, name: str, number: int) -> bytes:
        key = (name, number)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            size = self._sizes.get(name)
        if size is None:
            size = self._reader.size(name)
        start = number * _BLOCK
        data = self._reader.read(name, start, max(0, min(_BLOCK, size - start)))
        with self._lock:
            self._sizes[name] = size
            self._kept[key] = data
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            if len(self._sizes) > 100 * _KEPT:
                self._sizes.clear()
        return data
