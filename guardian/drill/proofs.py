"""Comparing what came back with what went in. Files are hashed here; what that means is decided by the caller."""

import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from guardian.model.backup import FileDigest
from guardian.model.reason import Reason, reason


@dataclass(frozen=True, slots=True)
class Extent:
    """How much there is below a directory: regular files and their bytes. Hard links count each time."""

    files: int
    bytes: int


def compare(restored: Path, expected: Iterable[FileDigest], step: Callable[[int], None]) -> list[Reason]:
    """Every way in which the restored files differ from their digests at the source. Calls ``step(bytes)`` per file."""
    found = []
    for file in expected:
        if problem := _compare_one(restored / file.path.lstrip("/"), file):
            found.append(problem)
        step(file.size)
    return found


def _compare_one(path: Path, expected: FileDigest) -> Reason | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return reason("file-missing", path=expected.path)
    except OSError as error:
        return reason("file-unreadable", path=expected.path, error=os.strerror(error.errno or 0))
    with os.fdopen(descriptor, "rb") as file:
        size = os.fstat(descriptor).st_size
        if size != expected.size:
            return reason("file-size-differs", path=expected.path, expected=expected.size, found=size)
        if hashlib.file_digest(file, "sha256").hexdigest() != expected.sha256:
            return reason("file-content-differs", path=expected.path)
    return None


def measure(directory: Path, heed: Callable[[], None] = lambda: None) -> Extent:
    """Count what is below ``directory``, without following links. ``heed()`` may end it by raising.

    A directory that is closed even to us counts as empty.
    """
    files = size = 0
    pending = [os.fsencode(directory)]
    while pending:
        heed()
        for entry in _listed(pending.pop()):
            info = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(info.st_mode):
                pending.append(entry.path)
            elif stat.S_ISREG(info.st_mode):
                files += 1
                size += info.st_size
    return Extent(files, size)


def _listed(directory: bytes) -> Iterator[os.DirEntry[bytes]]:
    try:
        with os.scandir(directory) as entries:
            yield from entries
    except PermissionError:
        return
