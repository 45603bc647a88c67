"""D4: the application's data works. The stream is loaded into a scratch database and asked what its owner would ask.

How long it took from the declaration until the assertions held is the measured RTO of this source's data; how old the
newest business record was that came back is the measured RPO. Both are held against the system's objectives.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from guardian.clock import rfc3339
from guardian.decoder.damage import Damage
from guardian.drill.dump import FileDump, RepositoryDump
from guardian.drill.job import Job
from guardian.drill.timeline import Timeline
from guardian.errors import RepositoryDamaged
from guardian.model.drill import DrillCheck, DrillOutcome
from guardian.model.estate import Objectives
from guardian.model.evidence import BackupReceipt
from guardian.model.reason import Reason, reason
from guardian.scratch import require_space
from guardian.sources import SourceFailed
from guardian.sources.proof import Dump, Proof, ProofContext, Restored
from guardian.sources.prove import prove

_UNSURE = frozenset({"rows-unknown", "newest-after-backup"})
"""Codes of what could not be checked though it was asked for: no pass."""
_AHEAD = timedelta(minutes=5)
"""So far the clocks of a host and of its database may differ."""


def drill(job: Job, timeline: Timeline) -> tuple[DrillCheck, ...]:
    """D4 on the newest restore point that is there. ``measured`` holds ``rto_seconds`` and ``rpo_seconds``.

    Raises what kept it from finding out: a scratch server that will not start, a disk that is full.
    """
    if job.newest is None or job.newest.receipt.stream is None:
        return (_check("NOT_RUN", (reason("not-reached", "warning"),)),)
    receipt = job.newest.receipt
    objectives = job.node.loaded.config.systems[job.target.system].objectives
    begun = job.node.clock.now()
    timeline.declare()  # what was looked at before it on the ladder is no part of a recovery
    try:
        with job.node.scratch(servers=True) as folder:
            timeline.mark("key_ready")
            proof = _prove(job, receipt, folder, timeline)
    except SourceFailed as failure:
        proof = Proof((failure.reason,))
    except RepositoryDamaged as damaged:
        proof = Proof((_damage(damaged),))
    timeline.mark("cleaned")
    return (judge(receipt, proof, timeline, objectives, begun),)


def _prove(job: Job, receipt: BackupReceipt, folder: Path, timeline: Timeline) -> Proof:
    spec = job.node.loaded.source(job.target)
    stall = job.node.loaded.config.restic.stall_timeout.total_seconds()

    def inspect(restored: Restored) -> Iterable[Reason]:
        return job.ask.inspect(job.target, restored)

    context = ProofContext(folder, job.node.clock, job.node.stop, stall, timeline.mark, job.node.report, inspect)
    with _dump(job, receipt, folder) as dump:
        return prove(spec, dump, receipt.facts, context)


@contextmanager
def _dump(job: Job, receipt: BackupReceipt, folder: Path) -> Iterator[Dump]:
    """The stream of the receipt: through the decoder, or, where that has no way to the storage, copied by restic."""
    stream = receipt.stream
    assert stream is not None  # noqa: S101  drill() has looked
    loaded = job.opened.loaded
    if loaded is None:
        require_space(folder, stream.bytes)
        copy = folder / "stream"
        with copy.open("xb") as file:
            job.opened.restic.dump(receipt.snapshot_id, stream.path, lambda chunk: _write(job, file, chunk))
        yield FileDump(stream.path, copy)
        return
    snapshot = loaded.snapshot(receipt.snapshot_id)
    node = loaded.find(snapshot, stream.path.encode()) if snapshot else None
    if node is None:
        raise Damage("stream-missing", path=stream.path)
    dump = RepositoryDump(stream.path, loaded.file(node), job.node.heed)
    if dump.size != stream.bytes:
        raise Damage("count-differs", unit="bytes", expected=stream.bytes, found=dump.size)
    yield dump


def _write(job: Job, file: Any, chunk: bytes) -> None:
    job.node.heed()
    file.write(chunk)


def judge(
    receipt: BackupReceipt, proof: Proof, timeline: Timeline, objectives: Objectives, now: datetime
) -> DrillCheck:
    """The verdict: nothing critical was found, rows could be compared, and the objectives were met. Pure."""
    reasons, newest = [*proof.reasons], proof.newest
    if newest and newest > datetime.fromisoformat(receipt.ended) + _AHEAD:
        # A date of expiry, or another time zone: taken for the newest record's it would hide any loss.
        reasons.append(reason("newest-after-backup", "warning", newest=rfc3339(newest), ended=receipt.ended))
        newest = None
    rto = timeline.between("declared", "assertions_ok")
    rpo = round(max(0.0, (now - (newest or datetime.fromisoformat(receipt.started))).total_seconds()), 3)
    if objectives.rto is not None and rto is not None and rto > objectives.rto.total_seconds():
        reasons.append(reason("rto-over-objective", seconds=int(rto), most=int(objectives.rto.total_seconds())))
    if objectives.rpo is not None and newest and rpo > objectives.rpo.total_seconds():
        reasons.append(reason("rpo-over-objective", seconds=int(rpo), most=int(objectives.rpo.total_seconds())))
    measured = {**proof.measured, "rpo_seconds": rpo, "rpo_from": "record" if newest else "receipt"}
    if rto is not None:
        measured["rto_seconds"] = rto
    bad = any(r.severity == "critical" for r in reasons)
    unsure = any(r.code in _UNSURE for r in reasons)
    return _check("FAIL" if bad else "COULD_NOT_VERIFY" if unsure else "PASS", tuple(reasons), measured)


def _check(
    outcome: DrillOutcome, reasons: tuple[Reason, ...], measured: dict[str, int | float | str] | None = None
) -> DrillCheck:
    return DrillCheck(level="D4", name="application", outcome=outcome, reasons=reasons, measured=measured or {})


def _damage(error: RepositoryDamaged) -> Reason:
    if isinstance(error, Damage):
        return error.reason
    return reason("restore-error", detail=error.message[:300])
