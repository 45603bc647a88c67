"""What a source asks of a backup: read these paths, or take this stream."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from guardian.clock import Clock
from guardian.model.backup import StreamDigest
from guardian.model.reason import Reason
from guardian.model.secret import Secret
from guardian.proc import Stop

Write = Callable[[bytes], None]

TAIL_BYTES = 4096
"""How much of a stream's end is kept to look for its trailer."""


class SourceFailed(Exception):
    """The source could not be read whole. Its :class:`~guardian.model.reason.Reason` becomes the run's."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.code)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class SourceContext:
    """What a source may use: its own id, a private scratch directory, resolved secrets, the stop flag."""

    source: str
    scratch: Path
    clock: Clock
    stop: Stop
    stall_seconds: float
    secrets: Mapping[str, Secret] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FilesJob:
    """Paths for restic to read. ``roots`` are what the snapshot must show afterwards."""

    roots: tuple[str, ...]
    one_file_system: bool = False
    min_files: int = 1
    min_bytes: int = 0


class StreamJob(Protocol):
    """A stream that Guardian pumps into restic's standard input."""

    filename: str
    """Its path in the snapshot: ``/`` and one name."""
    estimated_bytes: int
    """For the progress bar; 0 when unknown."""

    def feed(self, write: Write) -> None:
        """Write the whole stream, or raise :class:`SourceFailed`: then no snapshot is made."""
        ...

    def digest(self) -> StreamDigest:
        """What was written. Only after :meth:`feed` returned."""
        ...

    def facts(self) -> dict[str, Any]:
        """What was true of the source at that moment (row counts, pages), for the receipt."""
        ...


Job = FilesJob | StreamJob


class Pump:
    """Counts, hashes and remembers the end of what passes through to ``write``."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._hash = hashlib.sha256()
        self.bytes = 0
        self.tail = b""

    def __call__(self, chunk: bytes) -> None:
        """Pass ``chunk`` on."""
        self._write(chunk)
        self._hash.update(chunk)
        self.bytes += len(chunk)
        self.tail = (self.tail + chunk[-TAIL_BYTES:])[-TAIL_BYTES:]

    def digest(self, path: str) -> StreamDigest:
        """SHA-256 and length of everything that passed."""
        return StreamDigest(path=path, bytes=self.bytes, sha256=self._hash.hexdigest())
