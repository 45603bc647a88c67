"""The verdict on one run of restic. Pure: what it said, what was asked, what the repository lists afterwards.

restic's exit code is one witness among several. 0 has been seen with a source missing, with a file cut short
while it was read, with storage that kept nothing; 3 with a snapshot that holds no file at all.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from guardian.model.backup import RunOutcome, Snapshot
from guardian.model.reason import Reason, reason

_NAMED = 20
_LONGEST = 256


@dataclass(frozen=True, slots=True)
class Asked:
    """What the source must come to: exact snapshot paths, floors, and the size it had last time (0: unknown)."""

    paths: tuple[str, ...]
    min_files: int
    min_bytes: int
    files_before: int = 0
    stream_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of it: restic's figures, what it could not read, and the snapshot as the repository lists it."""

    files: int
    bytes: int
    unreadable: tuple[str, ...]
    unreadable_count: int
    missing_sources: tuple[str, ...]
    changed: tuple[str, ...]
    changed_count: int
    retries: int
    snapshot: Snapshot | None
    clock_jump_seconds: float
    unseen: tuple[str, ...] = ()
    """Roots of which restic said nothing at all."""
    incomplete: bool = False
    """restic itself says that it could not read everything, whether or not it named what."""
    flaws: tuple[Reason, ...] = ()
    """What of the snapshot cannot be read back."""


def judge(asked: Asked, seen: Seen) -> tuple[RunOutcome, tuple[Reason, ...]]:
    """``failed`` when anything critical stands against it, ``partial`` when files are missing, else ``complete``."""
    reasons = tuple(_reasons(asked, seen))
    if any(r.severity == "critical" for r in reasons):
        return "failed", reasons
    return ("partial" if seen.unreadable_count or seen.incomplete else "complete"), reasons


def _reasons(asked: Asked, seen: Seen) -> Iterable[Reason]:
    # A snapshot that is there and damaged is told of by its flaws.
    if seen.snapshot is None:
        yield from seen.flaws or (reason("snapshot-not-listed"),)
    else:
        yield from seen.flaws
        yield from (
            reason("source-incomplete", missing=_short(path)) for path in _absent(asked, seen.snapshot)[:_NAMED]
        )
    # The lock may have been taken for stale and removed while the machine stood still (restic: after 30 minutes).
    if abs(seen.clock_jump_seconds) > 600:
        yield reason("clock-jumped", seconds=round(seen.clock_jump_seconds))
    yield from (reason("source-missing", path=_short(path)) for path in seen.missing_sources[:_NAMED])
    yield from (
        reason("source-excluded", path=_short(path))
        for path in seen.unseen[:_NAMED]
        if path not in seen.unreadable and path not in seen.missing_sources
    )
    yield from _floors(asked, seen)
    yield from _unreadable(asked, seen)
    if asked.stream_bytes is not None and asked.stream_bytes != seen.bytes:
        yield reason("stream-length-differs", expected=asked.stream_bytes, found=seen.bytes)
    yield from _remarks(asked, seen)


def _absent(asked: Asked, snapshot: Snapshot) -> list[str]:
    there = set(snapshot.paths)
    return [path for path in asked.paths if path not in there]


def _short(path: str) -> str:
    """A path of any length, so that the reasons of one run fit an entry of the log: its beginning and its end."""
    return path if len(path) <= _LONGEST else f"{path[: _LONGEST // 2]}…{path[-_LONGEST // 2 :]}"


def _floors(asked: Asked, seen: Seen) -> Iterable[Reason]:
    if seen.files < asked.min_files:
        yield reason("source-too-small", unit="files", expected=asked.min_files, found=seen.files)
    if seen.bytes < asked.min_bytes:
        yield reason("source-too-small", unit="bytes", expected=asked.min_bytes, found=seen.bytes)


def _unreadable(asked: Asked, seen: Seen) -> Iterable[Reason]:
    for path in seen.unreadable[:_NAMED]:
        if path in asked.paths:
            yield reason("root-unreadable", path=_short(path))
        else:
            yield reason("file-unreadable-at-source", "warning", path=_short(path))
    if seen.unreadable_count > _NAMED:
        yield reason("files-unreadable-more", "warning", count=seen.unreadable_count - _NAMED)
    if seen.incomplete and not (seen.unreadable_count or seen.missing_sources):
        yield reason("files-unreadable-unnamed", "warning")


def _remarks(asked: Asked, seen: Seen) -> Iterable[Reason]:
    if seen.changed_count:
        yield reason("files-changed", "warning", count=seen.changed_count, first=", ".join(seen.changed))
    if asked.files_before > 10 and seen.files * 2 < asked.files_before:
        yield reason("source-shrunk", "warning", before=asked.files_before, after=seen.files)
    if seen.retries:
        yield reason("retries", "info", count=seen.retries)
