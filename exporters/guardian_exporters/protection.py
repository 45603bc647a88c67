"""Collectors of what is protected: sources and their plans, drills, copies."""

from typing import Final

from guardian.model.status import HostStatus, SourceStatus
from guardian_exporters.catalogue import VERDICTS
from guardian_exporters.rows import Rows, ever, exit_code, known, moment, reasons, seconds

LATE: Final = 2
"""Drills are overdue after so many of the longest times between two of them, as in the agent's verdicts."""
_FIGURES = (
    ("backup_last_duration_seconds", "seconds"),
    ("backup_last_source_bytes", "bytes"),
    ("backup_last_source_files", "files"),
    ("backup_last_changed_files", "files_changed"),
    ("backup_last_added_bytes", "added_bytes"),
)
_MEDIANS = (
    ("backup_baseline_duration_seconds", "seconds"),
    ("backup_baseline_source_bytes", "bytes"),
    ("backup_baseline_added_bytes", "added_bytes"),
)


def sources(status: HostStatus) -> Rows:
    """Every source: its plan, its backups, its figures."""
    running = {job.task: job.since for job in status.jobs if job.kind == "backup" and job.state != "queued"}
    for source in status.sources:
        labels = (source.system, source.source)
        yield from _plan(source, labels)
        yield from _backups(source, labels)
        yield "backup_running", labels, source.backup.task in running
        yield from moment("backup_running_since_timestamp_seconds", labels, running.get(source.backup.task))
        for name, figure in _FIGURES:
            yield from known(name, labels, source.figures.get(figure))
        for name, figure in _MEDIANS:
            yield from known(name, labels, source.medians.get(figure))


def _plan(source: SourceStatus, labels: tuple[str, str]) -> Rows:
    yield "plan_info", (*labels, source.kind, source.repository), 1
    yield "plan_enabled", labels, source.backup.enabled
    yield from moment("plan_paused_since_timestamp_seconds", labels, source.paused_since)
    yield from reasons("plan_reason", labels, source.reasons)
    if source.assured is not None:
        yield from known("plan_assured_max_loss_ratio", labels, source.assured.max_loss)
        yield from known("plan_assured_confidence_ratio", labels, source.assured.confidence)
    for verdict in VERDICTS:
        yield "plan_verdict", (*labels, verdict), source.verdict == verdict
    yield from moment("plan_created_timestamp_seconds", labels, source.known_since)
    yield from known("plan_rpo_seconds", labels, source.rpo_seconds)
    yield from known("plan_rto_seconds", labels, source.rto_seconds)


def _backups(source: SourceStatus, labels: tuple[str, str]) -> Rows:
    # "Never" is something one has to know: where the verdict is unknown, a time that is not there means nothing.
    past = moment if source.verdict == "unknown" else ever
    yield from past("backup_last_success_timestamp_seconds", labels, source.restore_point)
    yield from past("backup_last_verified_timestamp_seconds", labels, source.verified)
    ran = source.backup
    yield from ever("backup_last_start_timestamp_seconds", labels, ran.last_started)
    yield from exit_code("backup_last_exit_code", labels, ran)
    yield "backup_consecutive_failures", labels, ran.failures_in_a_row
    yield from moment("backup_next_due_timestamp_seconds", labels, ran.next_due)
    yield "backup_slots_missed_total", labels, ran.missed
    yield "backup_slots_skipped_total", labels, ran.skipped
    yield "backup_suspicious_snapshots", labels, len(source.suspicious)
    yield from known("backup_missing_snapshots", labels, source.missing)
    yield from known("backup_unaccounted_snapshots", labels, source.unaccounted)


def drills(status: HostStatus) -> Rows:
    """The newest drills of every source and level."""
    deadlines: dict[tuple[str, str], float] = {}
    for drill in status.drills:
        labels = (drill.system, drill.source, drill.level)
        yield "drill_enabled", labels, drill.ran.enabled
        yield from ever("drill_last_success_timestamp_seconds", labels, drill.last_pass)
        yield from exit_code("drill_last_exit_code", labels, drill.ran)
        yield from moment("drill_next_due_timestamp_seconds", labels, drill.ran.next_due)
        yield from known("drill_last_rto_seconds", labels, drill.rto_seconds)
        yield from known("drill_last_rpo_seconds", labels, drill.rpo_seconds)
        yield from known("drill_last_confidence_ratio", labels, drill.confidence)
        yield from known("drill_last_max_loss_ratio", labels, drill.max_loss)
        yield from known("drill_interval_seconds", labels, drill.interval_seconds)
        yield from known("drill_planted_faults", labels, drill.planted)
        yield from known("drill_planted_missed", labels, drill.planted_missed)
        yield from known("drill_disagreements", labels, drill.disagreements)
        since = drill.last_pass or drill.known_since
        if drill.ran.enabled and drill.interval_seconds is not None and since is not None:
            late = seconds(since) + LATE * drill.interval_seconds
            deadlines[labels[:2]] = min(late, deadlines.get(labels[:2], late))
    for source, deadline in deadlines.items():
        yield "drill_deadline_timestamp_seconds", source, deadline


def copies(status: HostStatus) -> Rows:
    """Every source's copies in further repositories."""
    for copy in status.copies:
        labels = (copy.system, copy.source, copy.repository)
        yield "copy_enabled", labels, copy.ran.enabled
        yield from ever("copy_last_success_timestamp_seconds", labels, copy.restore_point)
        yield from ever("copy_last_verified_timestamp_seconds", labels, copy.verified)
        yield from exit_code("copy_last_exit_code", labels, copy.ran)
        yield "copy_consecutive_failures", labels, copy.ran.failures_in_a_row
        yield from known("copy_behind_snapshots", labels, copy.behind)
