"""D1 and D3: what restic says of the repository's structure, and files that really came back.

D3 restores a seeded sample with the restic program and compares it with digests that the backup took at the
source; a streamed source comes back whole and is compared with what the pump saw. ``full`` brings every file
back, counts them against the receipt, and has restic read every stored byte.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from guardian.drill import bounds
from guardian.drill.history import Kept
from guardian.drill.proofs import compare
from guardian.drill.restore import restore
from guardian.drill.select import draw
from guardian.model.backup import FileDigest, SourceSample, StreamDigest
from guardian.model.drill import Assurance, DrillCheck
from guardian.model.events import Phase, Progress
from guardian.model.evidence import BackupReceipt
from guardian.model.reason import Reason, reason
from guardian.node import Node
from guardian.restic.client import Restic, RestoreRequest

MAX_SAMPLE = 64
_NAMED = 20


@dataclass(frozen=True, slots=True)
class Job:
    """One source whose content is drilled: its receipts, which snapshots are there, and the seed."""

    node: Node
    restic: Restic
    kept: Sequence[Kept]
    present: set[str]
    seed: bytes


@dataclass(frozen=True, slots=True)
class Ask:
    """How sure the answer must be, and whether everything comes back."""

    confidence: float
    max_loss: float
    full: bool


def structure(restic: Restic, *, read_data: bool) -> DrillCheck:
    """``restic check``: every tree, index entry and pack is there; with ``read_data`` also whole.

    Raises the typed error when restic could not tell.
    """
    said = restic.check(read_data=read_data)
    code = "content-damaged" if read_data else "repository-damaged"
    return DrillCheck(
        level="D2" if read_data else "D1",
        name="content" if read_data else "structure",
        outcome="PASS" if said.ok else "FAIL",
        reasons=tuple(reason(code, detail=line[:300]) for line in said.errors[:_NAMED]) if not said.ok else (),
    )


def drill(job: Job, ask: Ask) -> DrillCheck:
    """D3 on the newest restore point that is there."""
    newest = next((k.receipt for k in reversed(job.kept) if k.receipt.snapshot_id in job.present), None)
    if newest is None:
        return DrillCheck(level="D3", name="restore", outcome="NOT_RUN", reasons=(reason("not-reached", "warning"),))
    check = _stream(job, newest) if newest.stream else _files(job, newest, ask)
    if not ask.full:
        return check
    whole = structure(job.restic, read_data=True)
    bad = "FAIL" in (check.outcome, whole.outcome)
    return check.model_copy(
        update={
            "name": "full-restore",
            "outcome": "FAIL" if bad else check.outcome,
            "reasons": (*check.reasons, *whole.reasons),
            "measured": {**check.measured, "content_check": whole.outcome},
        }
    )


def _stream(job: Job, receipt: BackupReceipt) -> DrillCheck:
    expected = receipt.stream
    assert expected is not None  # noqa: S101
    started = job.node.clock.monotonic()
    sink = _Hasher(job, expected)
    job.restic.dump(receipt.snapshot_id, expected.path, sink)
    same = (sink.bytes, sink.hexdigest()) == (expected.bytes, expected.sha256)
    return DrillCheck(
        level="D3",
        name="restore",
        outcome="PASS" if same else "FAIL",
        reasons=() if same else (reason("stream-differs", path=expected.path),),
        measured={"files": 1, "bytes": sink.bytes, "seconds": round(job.node.clock.monotonic() - started, 3)},
    )


class _Hasher:
    def __init__(self, job: Job, expected: StreamDigest) -> None:
        self._job, self._expected, self._hash, self.bytes = job, expected, hashlib.sha256(), 0

    def __call__(self, chunk: bytes) -> None:
        self._hash.update(chunk)
        self.bytes += len(chunk)
        self._job.node.report(Progress(self.bytes, self._expected.bytes))

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def _files(job: Job, receipt: BackupReceipt, ask: Ask) -> DrillCheck:
    frame = receipt.sample.frame if receipt.sample else 0
    drawn = draw(receipt.sample.files if receipt.sample else (), job.seed, MAX_SAMPLE)
    # What holds no file at all comes back whole at no cost.
    whole = ask.full or receipt.counts.files == 0
    if not drawn and not whole:
        return DrillCheck(
            level="D3", name="restore", outcome="COULD_NOT_VERIFY", reasons=(reason("nothing-to-compare", "warning"),)
        )
    started = job.node.clock.monotonic()
    expected = receipt.counts.bytes if whole else sum(f.size for f in drawn)
    with job.node.scratch(expected) as scratch:
        request = RestoreRequest(
            snapshot_id=receipt.snapshot_id,
            target=scratch,
            includes=() if whole else tuple(f.path for f in drawn),
            expected_bytes=expected,
            lock=False,
        )
        came = restore(job.restic, request, receipt, job.node.report, job.node.heed)
        different = _compared(job, scratch, drawn)
    bad = len({r.args.get("path") for r in different})
    reasons = [*came.reasons, *different[:_NAMED]]
    assurance = _assurance(frame, len(drawn), bad, ask.confidence) if drawn else None
    if assurance and not bad and assurance.upper > ask.max_loss and not ask.full:
        reasons.append(_small(frame, len(drawn), ask))
    if receipt.sample and (left_out := _left_out(receipt.sample)):
        reasons.append(reason("sample-leaves-out", "info", count=left_out, frame=frame))
    return DrillCheck(
        level="D3",
        name="restore",
        outcome="FAIL" if any(r.severity == "critical" for r in reasons) else "PASS",
        reasons=tuple(reasons),
        measured={
            "files": came.extent.files,
            "bytes": came.extent.bytes,
            "compared": len(drawn),
            "seconds": round(job.node.clock.monotonic() - started, 3),
        },
        assurances=(assurance,) if assurance else (),
    )


def _compared(job: Job, scratch: Path, drawn: Sequence[FileDigest]) -> list[Reason]:
    job.node.report(Phase("compare"))
    total, done = sum(f.size for f in drawn), 0

    def step(size: int) -> None:
        nonlocal done
        done += size
        job.node.heed()
        job.node.report(Progress(done, total))

    return compare(scratch, drawn, step)


def _assurance(frame: int, drawn: int, bad: int, confidence: float) -> Assurance:
    return Assurance(
        unit="files",
        frame=frame,
        drawn=drawn,
        bad=bad,
        confidence=confidence,
        upper=bounds.upper_bound_finite(frame, drawn, bad, confidence),
        method="hypergeometric" if frame <= bounds.FINITE_LIMIT else "clopper-pearson",
    )


def _left_out(sample: SourceSample) -> int:
    """Files the backup drew and could not take a digest of: too large, changing, or not to be read again."""
    return sample.too_large + sample.unstable + sample.unreadable + sample.cut


def _small(frame: int, drawn: int, ask: Ask) -> Reason:
    needed = min(frame, bounds.needed(ask.max_loss, ask.confidence))
    return reason("sample-small", "info", drawn=drawn, needed=needed, max_loss=f"{100 * ask.max_loss:g} %")
