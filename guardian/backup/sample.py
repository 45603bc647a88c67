"""Digests of the source, taken by the backup, for later drills to hold the restored files against.

restic names every file it saw. Files are ranked by BLAKE2b (RFC 7693, 32 bytes) of their path, keyed with the seed, so
the sample is random, bounded in memory whatever the number of files, and anyone with the seed and the list of files can
redo it. HMAC-SHA-256, by which earlier receipts were drawn, costs four times as much. A file whose
inode changed since before the run began is left out: its digest might not be of the bytes restic read.
"""

import hashlib
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import heappush, heappushpop
from pathlib import Path
from typing import Literal

from guardian.model.backup import FileDigest, SourceSample

MAX_FILES = 64
MAX_BYTES = 64 << 20
CANDIDATES = 4 * MAX_FILES
"""Ranked files kept, so that changed, vanished and too large ones can be passed over."""

MAX_PATH_BYTES = 24 << 10
"""Sum of the paths in a sample, as JSON: a log entry holds 64 KiB at most, base64 included."""

CTIME_MARGIN_NS = 50_000_000
"""The kernel stamps inodes with a coarse clock: a change may look this much earlier than it was."""

_NAMED = 5
_REPLACED = "\ufffd".encode()


class Ranking:
    """The ``CANDIDATES`` lowest-ranked paths of those offered, and how many were offered."""

    def __init__(self, seed: bytes) -> None:
        """``seed`` has at most 64 bytes."""
        self._keyed = hashlib.blake2b(key=seed, digest_size=32)
        self._heap: list[tuple[int, bytes]] = []
        self._highest = b"\xff" * 33  # rank of the last candidate once there are enough: most files end here
        self.frame = 0

    def offer(self, paths: Iterable[bytes]) -> None:
        """Take note of regular files restic saw. Cheap: every file of the source comes by here."""
        keyed, highest = self._keyed, self._highest
        for path in paths:
            self.frame += 1
            ranked = keyed.copy()
            ranked.update(path)
            rank = ranked.digest()
            if rank < highest:
                self._keep((-int.from_bytes(rank, "big"), path))
                highest = self._highest

    def _keep(self, candidate: tuple[int, bytes]) -> None:
        if len(self._heap) < CANDIDATES:
            heappush(self._heap, candidate)
        else:
            heappushpop(self._heap, candidate)
        if len(self._heap) == CANDIDATES:
            self._highest = (-self._heap[0][0]).to_bytes(32, "big")

    def candidates(self) -> list[str]:
        """Paths in order of rank."""
        return [path.decode("utf-8", "surrogateescape") for _rank, path in sorted(self._heap, reverse=True)]


@dataclass(slots=True)
class _Tally:
    files: list[FileDigest] = field(default_factory=list)
    bytes: int = 0
    path_bytes: int = 0
    too_large: int = 0
    unstable: int = 0
    unreadable: int = 0
    cut: int = 0


def take(ranking: Ranking, seed: bytes, started_ns: int) -> SourceSample:
    """Hash the first candidates that fit. ``started_ns``: the wall clock before restic started, since the epoch."""
    tally = _Tally()
    for path in ranking.candidates():
        if len(tally.files) == MAX_FILES:
            break
        path_bytes = len(path.encode("unicode_escape"))
        if tally.path_bytes + path_bytes > MAX_PATH_BYTES:
            tally.cut += 1
            continue
        _consider(path, tally, started_ns)
        tally.path_bytes += path_bytes
    return SourceSample(
        seed=seed.hex(),
        rule="blake2b",
        frame=ranking.frame,
        files=tuple(tally.files),
        too_large=tally.too_large,
        unstable=tally.unstable,
        unreadable=tally.unreadable,
        cut=tally.cut,
    )


def _consider(path: str, tally: _Tally, started_ns: int) -> None:
    try:
        result = _hash(Path(path), MAX_BYTES - tally.bytes, started_ns)
    except OSError:
        tally.unreadable += 1
        return
    if result == "too-large":
        tally.too_large += 1
    elif result == "unstable":
        tally.unstable += 1
    elif isinstance(result, FileDigest):
        tally.files.append(result)
        tally.bytes += result.size


def _hash(path: Path, room: int, started_ns: int) -> FileDigest | Literal["too-large", "unstable"]:
    # O_NONBLOCK: should the file have become a FIFO meanwhile, opening it must not wait for a writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode) or before.st_ctime_ns > started_ns - CTIME_MARGIN_NS:
            return "unstable"
        if before.st_size > room:
            return "too-large"
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        after = os.fstat(descriptor)
    if (before.st_ctime_ns, before.st_size) != (after.st_ctime_ns, after.st_size):
        return "unstable"
    return FileDigest(path=str(path), size=before.st_size, sha256=digest)


class Changes:
    """Files that changed, or vanished, since the run began: their saved content may be torn. ``first`` names a few.

    restic names a path that is not UTF-8 with U+FFFD in it: nobody can look that file up, and it is not counted.
    """

    def __init__(self, started_ns: int) -> None:
        self._started_ns = started_ns
        self.count = 0
        self.first: list[str] = []

    def note(self, paths: Iterable[bytes]) -> None:
        """Look whether files that restic has just read are still as they were."""
        lstat, started = os.lstat, self._started_ns
        for path in paths:
            try:
                changed = lstat(path).st_ctime_ns > started
            except OSError:
                changed = _REPLACED not in path
            if changed:
                self.count += 1
                if len(self.first) < _NAMED:
                    self.first.append(path.decode("utf-8", "surrogateescape")[:1000])
