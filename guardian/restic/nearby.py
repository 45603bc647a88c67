"""restic's own cache as a reader: index files and the packs of trees lie there, a step away instead of a network.

Nobody vouches for what is in a cache. That is not needed either: every index file and every blob is held against the
SHA-256 that names it, wherever it came from.
"""

from collections.abc import Generator, Iterator
from pathlib import Path

from guardian.model.reader import Reader, in_pieces

_CACHED = ("index", "data")


class Nearby:
    """What restic's cache has of one repository; everything else comes from ``origin``."""

    def __init__(self, cache: Path, repository_id: str, origin: Reader) -> None:
        """``cache`` is restic's cache folder, in which there is one folder for each repository."""
        self._folder, self._origin = cache / repository_id, origin

    def size(self, name: str) -> int:
        """As ``origin``."""
        try:
            return self._path(name).stat().st_size
        except OSError:
            return self._origin.size(name)

    def read(self, name: str, offset: int, length: int) -> bytes:
        """As ``origin``."""
        try:
            with self._path(name).open("rb") as file:
                file.seek(offset)
                data = file.read(length)
        except OSError:
            data = b""
        return data if len(data) == length else self._origin.read(name, offset, length)

    def stream(self, name: str, length: int) -> Generator[bytes, None, None]:
        """As ``origin``."""
        return in_pieces(self.read, name, length)

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """As ``origin``: a cache never says what there is."""
        return self._origin.list(prefix)

    def _path(self, name: str) -> Path:
        kind, _slash, rest = name.partition("/")
        identity = rest.rpartition("/")[2]
        if kind not in _CACHED or not identity.isalnum():
            raise FileNotFoundError(name)
        return self._folder / kind / identity[:2] / identity
