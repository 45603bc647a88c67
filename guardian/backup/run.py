"""One protected run: look, declare, run restic, look again, sign.

The order is the promise. The source is checked before restic starts; an intent is on disk before anything can
be left behind; the snapshot is listed again, by its id, before anything is called a backup; and only then the
receipt goes into the log. A crash between any two steps is found by the next run (:mod:`guardian.backup.recover`).
"""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from guardian import __version__, telemetry
from guardian.backup import compare, configuration
from guardian.backup.attempt import Attempt, Result, as_run, record
from guardian.backup.intent import declare, leave, settle
from guardian.backup.judge import Asked, Seen, judge
from guardian.backup.recover import recover
from guardian.backup.suspicion import is_marked, past
from guardian.backup.work import Done, OtherRepository, Work
from guardian.clock import rfc3339
from guardian.config.secrets import resolve
from guardian.errors import EvidenceInvalid, GuardianError
from guardian.ledger.anchor import anchor
from guardian.ledger.envelope import EntryTooLarge
from guardian.ledger.store import Log
from guardian.model.backup import BackupRun, Target
from guardian.model.events import Phase
from guardian.model.evidence import BackupReceipt
from guardian.model.protection import CommandSource, DatabaseSource, SourceSpec, SqliteSource
from guardian.model.reason import reason
from guardian.model.secret import Secret
from guardian.node import Node
from guardian.restic.client import Restic
from guardian.scratch import require_space
from guardian.sources import FilesJob, Job, SourceContext, SourceFailed, prepare


@dataclass(frozen=True, slots=True)
class Attempted:
    """What came of one target: the run as data and, when it could not be done at all, the error that says why."""

    run: BackupRun
    error: GuardianError | None = None


def back_up(node: Node, target: Target, slot: datetime | None = None) -> Attempted:
    """Back up one source. What happens to the run is its outcome; raises only when the log cannot be written.

    ``slot`` is the nominal moment an agent runs it for: the statement in the log names it.
    """
    attempt = Attempt.begin(node, target, slot)
    log = _open_log(node)
    with ExitStack() as held:
        if isinstance(log, Log):
            held.enter_context(log)
            configuration.note(node, log)
        result, error = _try(attempt, log, held)
        index = None
        if isinstance(log, Log):
            try:
                index = record(attempt, log, result)
            except EntryTooLarge as too_large:  # what the log does not know was no backup, and that it must know
                result, error = Result("failed", (reason(too_large.code),), result.snapshot), too_large
                index = record(attempt, log, result)
            _mark(attempt, log, result, index)
        if result.snapshot is not None and index is not None:
            settle(attempt.folder, attempt.intent)
        else:
            leave(attempt.folder, attempt.intent, recorded=index is not None)
    if error is None and isinstance(log, EvidenceInvalid):
        error = log
    return Attempted(as_run(attempt, result, index), error)


def _mark(attempt: Attempt, log: Log, result: Result, index: int) -> None:
    """Say of a suspicious backup, whose receipt has just been written, that it is. A crash before this loses nothing:
    the receipt says it too."""
    receipt, judged = result.receipt, result.judged
    if receipt is not None and judged is not None and is_marked(receipt):
        statement = compare.suspicion(attempt, receipt, log.entry(index).leaf_hash, judged)
        log.append(statement, [("snapshot", receipt.snapshot_id)])


def _open_log(node: Node) -> Log | EvidenceInvalid:
    # Backups fail open, evidence fails closed: a log that does not hold together must not stop the backup, and
    # must not be written to. Such a run ends with the log's error, its snapshot without a receipt.
    try:
        return node.log()
    except EvidenceInvalid as error:
        return error


def _try(attempt: Attempt, log: Log | EvidenceInvalid, held: ExitStack) -> tuple[Result, GuardianError | None]:
    node, target = attempt.node, attempt.target
    try:
        node.report(Phase("probe", target.ref))
        spec = node.loaded.config.systems[target.system].sources[target.source]
        scratch = held.enter_context(node.scratch())
        job = prepare(spec, _context(attempt, spec, scratch))
        if isinstance(spec, SqliteSource):
            require_space(scratch, Path(spec.path).stat().st_size)
        lease = held.enter_context(node.lease(target.key, "backup"))
        restic = node.restic(target.key, lease)
        if isinstance(log, Log):
            recover(node, restic, log, target.key)
        declare(attempt.folder, attempt.intent)
        return _run(attempt, restic, job, log), None
    except SourceFailed as failure:
        return Result("failed", (failure.reason,)), None
    except GuardianError as error:
        return Result("failed", (reason(error.code),)), error
    except Exception as fault:  # noqa: BLE001  it must not keep the log from telling, nor the next source from its backup
        ours = telemetry.unexpected(fault)
        return Result("failed", (reason(ours.code),)), ours


def _run(attempt: Attempt, restic: Restic, job: Job, log: Log | EvidenceInvalid) -> Result:
    node, target = attempt.node, attempt.target
    newest = node.heads(log).latest(target.system, target.source, target.key) if isinstance(log, Log) else None
    before = newest.predicate if newest and isinstance(newest.predicate, BackupReceipt) else None
    known_past = past(log, node.state, target) if isinstance(log, Log) else None
    base = compare.base_of(known_past)
    parent = before.snapshot_id if before and isinstance(job, FilesJob) else None
    known = node.keys().record(target.key)
    try:
        done = Work(attempt, restic, known.repository_id if known else None, parent, _anchor(log), base).run(job)
    except OtherRepository as other:
        changed = reason("repository-changed", expected=other.expected, found=other.found)
        return Result("failed", (changed,), other.snapshot)
    if done.report.error and done.snapshot is None and not done.report.missing_sources:
        raise done.report.error
    outcome, reasons = judge(_asked(job, before), _seen(attempt, done))
    reasons = (*reasons, *done.remarks)
    result = Result(outcome, reasons, done.snapshot, done.report.counts, locks=done.locks)
    if outcome == "failed" or done.snapshot is None:
        return result
    judged, marks = compare.judge(known_past, done.compared.churn)
    result = replace(result, reasons=(*marks, *reasons, *done.compared.remarks), judged=judged)
    receipt = _receipt(attempt, job, done, result)
    previous = newest.leaf_hash.hex() if newest else None
    tools = {"guardian": __version__, "restic": restic.capability.version_text}
    return replace(
        result,
        receipt=receipt.model_copy(update={"repository_id": done.repository_id, "previous": previous, "tools": tools}),
    )


def _context(attempt: Attempt, spec: SourceSpec, scratch: Path) -> SourceContext:
    node = attempt.node
    secrets: Mapping[str, Secret] = {}
    if isinstance(spec, CommandSource):
        secrets = {name: resolve(ref, node.loaded.base) for name, ref in spec.environment.items()}
    elif isinstance(spec, DatabaseSource):
        secrets = {"dsn": resolve(spec.dsn, node.loaded.base)}
    stall = node.loaded.config.restic.stall_timeout.total_seconds()
    return SourceContext(attempt.target.source, scratch, node.clock, node.stop, stall, secrets)


def _anchor(log: Log | EvidenceInvalid) -> str:
    """The log's head, to be carried by the snapshot: the repository then witnesses what the log once was."""
    return anchor(log) if isinstance(log, Log) else "invalid"


def _asked(job: Job, before: BackupReceipt | None) -> Asked:
    files_before = before.counts.files if before else 0
    if isinstance(job, FilesJob):
        return Asked(job.roots, job.min_files, job.min_bytes, files_before)
    return Asked((job.filename,), 1, 0, files_before, stream_bytes=job.digest().bytes)


def _seen(attempt: Attempt, done: Done) -> Seen:
    report = done.report
    return Seen(
        files=report.counts.files,
        bytes=report.counts.bytes,
        unreadable=report.unreadable,
        unreadable_count=report.unreadable_count,
        missing_sources=report.missing_sources,
        changed=tuple(done.changed.first),
        changed_count=done.changed.count,
        retries=report.retries,
        snapshot=done.snapshot,
        clock_jump_seconds=attempt.clock_jump(),
        unseen=done.unseen,
        incomplete=report.outcome == "source-unreadable",
        flaws=done.flaws,
    )


def _receipt(attempt: Attempt, job: Job, done: Done, result: Result) -> BackupReceipt:
    node, target = attempt.node, attempt.target
    assert done.snapshot is not None  # noqa: S101
    stream = None if isinstance(job, FilesJob) else job.digest()
    return BackupReceipt(
        run_id=attempt.run_id,
        tenant=node.tenant,
        host=node.host,
        system=target.system,
        source=target.source,
        source_kind=node.loaded.config.systems[target.system].sources[target.source].kind,
        repository=target.key,
        repository_id="",
        snapshot_id=done.snapshot.id,
        tree_id=done.snapshot.tree,
        paths=done.snapshot.paths,
        outcome=result.outcome,
        reasons=result.reasons,
        counts=result.counts,
        started=rfc3339(attempt.started),
        ended=rfc3339(node.clock.now()),
        plan_sha256=_plan_digest(attempt),
        tools={},
        sample=done.sample,
        stream=stream,
        facts={} if isinstance(job, FilesJob) else job.facts(),
        parent=done.parent,
        churn=done.compared.churn,
        slot=attempt.intent.slot,
    )


def _plan_digest(attempt: Attempt) -> str:
    """SHA-256 of the system's configuration as it was applied: sources, objectives, plan."""
    system = attempt.node.loaded.config.systems[attempt.target.system]
    return sha256(system.model_dump_json(exclude_defaults=False).encode()).hexdigest()
