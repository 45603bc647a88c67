"""The second path: a few of the same things through the restic program, held against what the decoder said.

Two programs that share no line of code read the same bytes. Where one has what the other has not, one of them is
wrong about the only copy there is, and no drill may pass on that.
"""

import hashlib
import hmac
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from guardian.drill.frame import Item
from guardian.drill.job import Job
from guardian.drill.opened import disagree
from guardian.drill.reading import Read
from guardian.drill.sample import Hit, Sample
from guardian.drill.structure import NOT_READ
from guardian.errors import GuardianError, Interrupted, RepositoryDamaged
from guardian.model.drill import DrillOutcome
from guardian.model.events import Phase
from guardian.model.reason import Reason, reason
from guardian.restic.client import RestoreRequest

__all__ = ["MOST_BLOBS", "MOST_BYTES", "MOST_FILES", "Second", "compare", "disagree"]

MOST_FILES, MOST_BYTES, MOST_BLOBS = 8, 32 << 20, 4
_NAMED = 10


@dataclass(frozen=True, slots=True)
class Second:
    """What went through restic, and where it said something else. ``error`` is what kept it from saying anything."""

    outcome: DrillOutcome = "PASS"
    reasons: tuple[Reason, ...] = ()
    files: int = 0
    blobs: int = 0
    bytes: int = 0
    seconds: float = 0.0
    error: GuardianError | None = None


def compare(job: Job, drawn: Sample, whole: Sequence[tuple[Item, Read]], chunks: Mapping[bytes, Read]) -> Second:
    """Bring up to 8 of the files that the decoder read, 32 MiB of them, back by restic; where there is none that
    small, up to 4 of the chunks. Errors of restic's that say nothing of the content are data here."""
    job.node.report(Phase("second-path", job.target.ref))
    started = job.node.clock.monotonic()
    chosen = choose(whole, job.seed)
    blobs = () if chosen else _blobs(drawn.hits)
    try:
        reasons = _files(job, chosen) if chosen else _chunks(job, blobs, chunks)
    except Interrupted:
        raise
    except GuardianError as error:
        said = reason("second-path-failed", "warning", why=error.code)
        return Second("COULD_NOT_VERIFY", (said,), seconds=_since(job, started), error=error)
    return Second(
        outcome="FAIL" if reasons else "PASS",
        reasons=tuple(reasons[:_NAMED]),
        files=len(chosen),
        blobs=len(blobs),
        bytes=sum(item.node.size for item, _read in chosen) + sum(hit.length for hit in blobs),
        seconds=_since(job, started),
    )


def choose(whole: Sequence[tuple[Item, Read]], seed: bytes) -> list[tuple[Item, Read]]:
    """The files that go through restic too, in the order of HMAC-SHA-256(seed, path). Pure.

    A name that is not UTF-8 stays out: restic takes its includes as text.
    """
    ranked = sorted(whole, key=lambda pair: hmac.digest(seed, pair[0].path, "sha256"))
    chosen: list[tuple[Item, Read]] = []
    room = MOST_BYTES
    for item, read in ranked:
        if len(chosen) < MOST_FILES and item.node.size <= room and _is_text(item.path):
            chosen.append((item, read))
            room -= item.node.size
    return chosen


def _is_text(path: bytes) -> bool:
    try:
        return "\0" not in path.decode()
    except UnicodeDecodeError:
        return False


def _blobs(hits: Sequence[Hit]) -> list[Hit]:
    return list({hit.key: hit for hit in hits if hit.cause is None}.values())[:MOST_BLOBS]


def _files(job: Job, chosen: Sequence[tuple[Item, Read]]) -> list[Reason]:
    assert job.newest is not None  # noqa: S101  there is nothing to choose from otherwise
    expected = sum(item.node.size for item, _read in chosen)
    with job.node.scratch(expected) as folder:
        request = RestoreRequest(
            snapshot_id=job.newest.receipt.snapshot_id,
            target=folder,
            includes=tuple(item.path.decode() for item, _read in chosen),
            expected_bytes=expected,
            lock=False,
        )
        try:
            whole = job.opened.restic.restore(request).ok
        except RepositoryDamaged:
            whole = False  # what came is what counts
        found = [_differs(folder, item, read, whole=whole) for item, read in chosen]
    return [one for one in found if one is not None]


def _differs(folder: Path, item: Item, read: Read, *, whole: bool) -> Reason | None:
    path = Path(os.fsdecode(os.fsencode(folder) + item.path))
    theirs = _digest(path)
    if read.cause is None:
        return None if theirs == read.sha256 else _said(item, f"sha256:{read.sha256}", theirs)
    # restic writes what it can of a damaged file: it disagrees only when it calls all that it brought back whole.
    if whole and theirs and read.cause.code not in NOT_READ and path.stat().st_size == item.node.size:
        return _said(item, read.cause.code, theirs)
    return None


def _said(item: Item, ours: str, theirs: str) -> Reason:
    return disagree(item.path.decode("utf-8", "backslashreplace")[:400], ours, f"sha256:{theirs}" if theirs else "-")


def _digest(path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    with os.fdopen(descriptor, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _chunks(job: Job, blobs: Sequence[Hit], chunks: Mapping[bytes, Read]) -> list[Reason]:
    found = []
    for hit in blobs:
        job.node.heed()
        try:
            theirs = hashlib.sha256(job.opened.restic.blob(hit.key.hex())).digest() == hit.key
        except RepositoryDamaged:
            theirs = False
        if theirs != chunks[hit.key].ok:
            words = {True: "ok", False: "damaged"}
            found.append(disagree(f"blob {hit.key.hex()}", words[chunks[hit.key].ok], words[theirs]))
    return found


def _since(job: Job, started: float) -> float:
    return round(job.node.clock.monotonic() - started, 3)
