"""A stored stream as a file: what D4 loads, straight out of the repository, without a copy on a disk."""

import io
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from guardian.decoder.files import File

_AHEAD = 6
"""Chunks fetched before they are asked for, when reading goes on where it was. Of at most 8 MiB each, usually 1."""

_BUFFER = 1 << 20


class RepositoryDump:
    """A stream read chunk by chunk through the decoder, each verified against its name, the SHA-256 of its content."""

    def __init__(self, path: str, file: "File", heed: Callable[[], None]) -> None:
        """``heed()`` is called for every chunk and may end the reading by raising."""
        self.path, self.size = path, file.size
        self._file, self._heed = file, heed

    def open(self) -> BinaryIO:
        """A seekable file of it. Reading raises RepositoryDamaged where a chunk cannot be had whole."""
        return io.BufferedReader(_Chunks(self._file, self._heed), _BUFFER)


class FileDump:
    """A stream that another program put into a file: the way where the decoder cannot reach the storage."""

    def __init__(self, path: str, copy: Path) -> None:
        """``path`` in the snapshot, ``copy`` on a disk of ours."""
        self.path, self.size = path, copy.stat().st_size
        self._copy = copy

    def open(self) -> BinaryIO:
        """The copy, opened for reading."""
        return self._copy.open("rb")


class _Chunks(io.RawIOBase):
    """Positions and chunks. One reader at a time; the fetching ahead has threads of its own."""

    def __init__(self, file: "File", heed: Callable[[], None]) -> None:
        super().__init__()
        self._file, self._heed = file, heed
        self._at = 0
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="dump")
        self._fetched: OrderedDict[int, Future[bytes | memoryview]] = OrderedDict()
        self._last = -1

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._file.size}[whence]
        if base + offset < 0:
            raise ValueError("negative seek position")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        if self._at >= self._file.size:
            return 0
        number = self._file.number_at(self._at)
        chunk = self._file.chunk(number)
        data = self._load(number)
        start = self._at - chunk.start
        part = memoryview(data)[start : start + len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)

    def close(self) -> None:
        if not self.closed:
            self._pool.shutdown(cancel_futures=True)
            self._fetched.clear()
        super().close()

    def _load(self, number: int) -> bytes | memoryview:
        self._heed()
        ahead = _AHEAD if number in (self._last, self._last + 1) else 0
        self._last = number
        for wanted in range(number, min(number + ahead + 1, self._file.chunk_count)):
            if wanted not in self._fetched:
                self._fetched[wanted] = self._pool.submit(self._file.load, self._file.chunk(wanted))
        while len(self._fetched) > _AHEAD + 2 and (oldest := next(iter(self._fetched))) != number:
            self._fetched.pop(oldest).cancel()
        return self._fetched[number].result()
