"""The ladder by the restic program alone, where the decoder has no way to the storage (sftp, rest, rclone …).

Each check says so: what is proven then is what the program that wrote the backup says of it.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from guardian.drill import bounds
from guardian.drill.job import Ask, Job
from guardian.drill.proofs import compare
from guardian.drill.restore import restore
from guardian.drill.select import Stream, draw
from guardian.model.backup import FileDigest, SourceSample, StreamDigest
from guardian.model.drill import Assurance, DrillCheck
from guardian.model.events import Phase, Progress
from guardian.model.evidence import BackupReceipt
from guardian.model.reason import Reason, reason
from guardian.restic.client import Restic, RestoreRequest

MAX_SAMPLE = 64
_NAMED = 20
_ONLY = reason("decoder-not-possible", "info")


def structure(restic: Restic) -> DrillCheck:
    """D1: ``restic check``. Raises the typed error when restic could not tell."""
    said = restic.check()
    found = () if said.ok else tuple(reason("repository-damaged", detail=line[:300]) for line in said.errors[:_NAMED])
    return DrillCheck(
        level="D1", name="structure", outcome="PASS" if said.ok else "FAIL", reasons=(*found, _ONLY), measured={}
    )


def packs(job: Job) -> DrillCheck:
    """D2: ``restic check`` that reads all packs when all was asked for, else a part that the seed chooses."""
    if not job.seed:
        return _not_reached("D2")
    parts = 1 if job.ask.full else _parts(sum(kept.receipt.counts.added_bytes for kept in job.kept))
    part = Stream(job.seed, "packs").below(parts) + 1
    said = job.opened.restic.check(read_data=True, part=None if parts == 1 else (part, parts))
    found = () if said.ok else tuple(reason("content-damaged", detail=line[:300]) for line in said.errors[:_NAMED])
    return DrillCheck(
        level="D2",
        name="packs",
        outcome="PASS" if said.ok else "FAIL",
        reasons=(*found, _ONLY),
        measured={"part": part, "parts": parts},
    )


def _parts(stored: int) -> int:
    """So many that one has about 1 GiB; restic takes up to 256."""
    return min(256, 1 + (stored >> 30))


def drill(job: Job) -> DrillCheck:
    """D3 on the newest restore point that is there."""
    if job.newest is None or not job.seed:
        return _not_reached("D3")
    receipt = job.newest.receipt
    check = _stream(job, receipt) if receipt.stream else files(job, receipt, whole=job.ask.full)
    return check.model_copy(update={"reasons": (*check.reasons, _ONLY)})


def _not_reached(level: str) -> DrillCheck:
    why = (reason("not-reached", "warning"), _ONLY)
    return DrillCheck.model_validate({"level": level, "name": "none", "outcome": "NOT_RUN", "reasons": why})


def _stream(job: Job, receipt: BackupReceipt) -> DrillCheck:
    expected = receipt.stream
    assert expected is not None  # noqa: S101
    started = job.node.clock.monotonic()
    sink = _Hasher(job, expected)
    job.opened.restic.dump(receipt.snapshot_id, expected.path, sink)
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


def files(job: Job, receipt: BackupReceipt, *, whole: bool) -> DrillCheck:
    """A sample of the files, all of them when ``whole``, restored and held against their digests at the source."""
    ask = job.ask
    frame = receipt.sample.frame if receipt.sample else 0
    drawn = draw(receipt.sample.files if receipt.sample else (), job.seed, MAX_SAMPLE)
    # What holds no file at all comes back whole at no cost.
    whole = whole or receipt.counts.files == 0
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
        came = restore(job.opened.restic, request, receipt, job.node.report, job.node.heed)
        different = _compared(job, scratch, drawn)
    bad = len({r.args.get("path") for r in different})
    reasons = [*came.reasons, *different[:_NAMED]]
    assurance = _assurance(frame, len(drawn), bad, ask.confidence) if drawn else None
    if assurance and not bad and assurance.upper > ask.max_loss and not whole:
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


def everything(job: Job, receipt: BackupReceipt) -> DrillCheck:
    """All of a restore point by restic: a stream compared, files restored and counted."""
    return _stream(job, receipt) if receipt.stream else files(job, receipt, whole=True)
