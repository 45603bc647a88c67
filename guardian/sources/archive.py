"""Several dumps in one stream: a ZIP archive of stored entries, written as it goes and read by ranges.

ZIP, since every system can open it without Guardian; stored, since restic compresses and must see equal content as
equal. Nothing is sought back to: sizes stand behind each entry (APPNOTE 4.3.9) and in the directory at the end, so a
stream that was cut has no directory and is no archive. What is read is hostile until proven otherwise.
"""

import errno
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType
from typing import BinaryIO, Self, cast
from urllib.parse import quote, unquote

from guardian.model.reason import Reason, reason

MAX_ENTRIES = 400_000
MAX_DIRECTORY = 128 << 20
"""Bytes of the directory at the end, which is read into memory."""

_STREAMED, _UTF8 = 0x08, 0x800
_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")


class ArchiveBroken(Exception):
    """A stream is no whole archive, or none that we would have written. ``reason`` says which."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.reason: Reason = reason("archive-broken", error=why[:200])


def encoded(name: str) -> str:
    """Any name (of a database, say) as one harmless part of an entry's path; :func:`decoded` undoes it."""
    plain = quote(name, safe="", errors="surrogateescape")
    return f"%2E{plain[1:]}" if plain.startswith(".") else plain


def decoded(part: str) -> str:
    """The name that :func:`encoded` made a part of a path."""
    return unquote(part, errors="surrogateescape")


class _Sink:
    """A file that can only be written to, until it is ``abandoned``."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self.abandoned = False

    def write(self, data: bytes) -> int:
        if not self.abandoned:
            self._write(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""


class ArchiveWriter:
    """Writes an archive to ``write``. As a context manager it ends the archive when nothing was raised.

    Otherwise nothing more is written: without its directory nobody takes what there is for whole.
    """

    def __init__(self, write: Callable[[bytes], None], now: datetime) -> None:
        """``now`` is what the entries are dated."""
        self._sink = _Sink(write)
        self._zip = zipfile.ZipFile(cast("BinaryIO", self._sink), "w", zipfile.ZIP_STORED, allowZip64=True)
        self._date = (max(now.year, 1980), now.month, now.day, now.hour, now.minute, now.second)

    @contextmanager
    def entry(self, name: str) -> Iterator[Callable[[bytes], None]]:
        """A new entry; what is passed to the function is its content."""
        info = zipfile.ZipInfo(name, self._date)
        info.external_attr = 0o600 << 16
        # Without the sizes known before, only this form holds more than 4 GiB.
        handle = self._zip.open(info, "w", force_zip64=True)

        def put(chunk: bytes) -> None:
            handle.write(chunk)

        try:
            yield put
        except BaseException:
            self._sink.abandoned = True  # before the handle is closed: that writes too
            raise
        finally:
            handle.close()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write the directory: now it is whole; unless something was raised."""
        if kind is not None:
            self._sink.abandoned = True
        self._zip.close()


class ArchiveReader:
    """An archive in a seekable file. Raises ArchiveBroken for one that was cut, or that we would not have written."""

    def __init__(self, stream: BinaryIO) -> None:
        _look_at_end(stream)
        with _understood("its directory"):
            self._zip = zipfile.ZipFile(stream)
            entries = self._zip.infolist()
        self._entries = {entry.filename: entry for entry in entries}
        if len(self._entries) != len(entries):
            raise ArchiveBroken("an entry is there twice")
        size = stream.seek(0, 2)
        for entry in entries:
            _examine(entry)
            if not 0 <= entry.header_offset < size:
                raise ArchiveBroken("an entry lies outside of it")
        if sum(entry.file_size for entry in entries) > size:
            raise ArchiveBroken("its entries are larger than itself")

    def names(self) -> tuple[str, ...]:
        """The paths of its entries, in their order."""
        return tuple(self._entries)

    def size(self, name: str) -> int:
        """Bytes of an entry. Raises KeyError."""
        return self._entries[name].file_size

    def chunks(self, name: str, size: int = 1 << 20) -> Iterator[bytes]:
        """The content of an entry, its checksum verified at its end. Raises KeyError, ArchiveBroken."""
        with _understood(name), self._zip.open(self._entries[name]) as handle:
            total = 0
            while chunk := handle.read(size):
                total += len(chunk)
                yield chunk
        if total != self.size(name):
            raise ArchiveBroken(f"{name} is cut short")

    def read(self, name: str, limit: int) -> bytes:
        """The whole of a small entry. Raises KeyError, ArchiveBroken when it has more than ``limit`` bytes."""
        if self.size(name) > limit:
            raise ArchiveBroken(f"{name} is too large")
        return b"".join(self.chunks(name))


@contextmanager
def _understood(what: str) -> Iterator[None]:
    """Every way in which zipfile says that bytes are no archive, as one."""
    try:
        yield
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, struct.error, ValueError) as error:
        raise ArchiveBroken(f"{what}: {error}") from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # a position before the start
            raise
        raise ArchiveBroken(f"{what}: {error}") from error


def _look_at_end(stream: BinaryIO) -> None:
    """Refuse a directory that would fill the memory, before anything reads it."""
    size = stream.seek(0, 2)
    # Our archives have no comment, so the end has a fixed size: with all the places where a hostile one could hide
    # another directory, only this one is looked at.
    stream.seek(max(0, size - _END.size - _LOCATOR.size - _END64.size))
    tail = stream.read(_END64.size + _LOCATOR.size + _END.size)
    if len(tail) < _END.size or not tail[-_END.size :].startswith(b"PK\x05\x06"):
        raise ArchiveBroken("it has no directory at its end: it was cut short, or is none")
    _sign, _disk, _start, _here, entries, length, _offset, _comment = _END.unpack(tail[-_END.size :])
    if len(tail) >= _END64.size + _LOCATOR.size + _END.size and tail[_END64.size :].startswith(b"PK\x06\x07"):
        fields = _END64.unpack(tail[: _END64.size])
        entries, length = max(entries if entries != 0xFFFF else 0, fields[7]), fields[8]
    if entries > MAX_ENTRIES or length > MAX_DIRECTORY:
        raise ArchiveBroken("its directory is too large")


def _examine(entry: zipfile.ZipInfo) -> None:
    parts = entry.filename.split("/")
    if "\0" in entry.orig_filename or "\\" in entry.filename or any(part in {"", ".", ".."} for part in parts):
        raise ArchiveBroken("a name in it leads elsewhere")
    if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
        raise ArchiveBroken("an entry is compressed")
    if entry.flag_bits & ~(_STREAMED | _UTF8):
        raise ArchiveBroken("an entry has flags that we do not set")
