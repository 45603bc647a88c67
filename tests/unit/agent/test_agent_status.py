"""What operators are told: a verdict for every source and all that speaks against it, and nothing made up."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guardian.agent.gathering import Gathering
from guardian.agent.journal import Journal
from guardian.agent.known import Facts
from guardian.agent.status import Sight, counts, status
from guardian.agent.tasks import planned
from guardian.agent.trace import left_out, trace
from guardian.cli import agent_table
from guardian.clock import rfc3339
from guardian.config.load import load
from guardian.errors import ConfigError
from guardian.ledger.store import Log
from guardian.model.border import format_size
from guardian.model.evidence import RepositoryPosture
from guardian.model.finding import BaselineResult, KindResult, ScanResult, TargetRef, TargetResult
from guardian.model.job import JobResult, SlotEnd, Task, TaskRecord
from guardian.model.posture import BucketFact
from guardian.model.reason import reason
from guardian.model.scan_status import ScanCount
from guardian.model.status import AgentNow, HostStatus, SourceStatus

HOUR = timedelta(hours=1)
AGENT = AgentNow(version="1", pid=1, started="", config_sha256="", config_loaded="")
BACKUP = "backup:app/docs"
YAML = """\
tenant: {id: agency, region: "520000"}
host: host-1
repositories:
  main: {url: /backup/main}
  offsite: {url: /backup/offsite}
systems:
  app:
    objectives: {rpo: 6h, rto: 4h}
    sources: {docs: {kind: files, paths: [/srv/docs]}}
    plan: {schedule: "every 4h", copy_to: [offsite], drills: {D0: daily, D4: weekly}}
"""

See = Callable[..., HostStatus]


@pytest.fixture
def see(tmp_path: Path, log: Log, said: Any) -> See:
    """``see(now)``: the status by the log; ``change=(old, new)`` changes the configuration, the rest is the sight's."""

    def look(now: datetime, change: tuple[str, str] = ("", ""), **more: Any) -> HostStatus:
        path = tmp_path / "guardian.yaml"
        assert change[0] in YAML
        path.write_text(YAML.replace(*change) if change[0] else YAML)
        loaded = load(path)
        gathering = Gathering()
        for entry in log.entries():
            gathering.take(entry)
        plans = planned(loaded)
        records = {one.task.key: TaskRecord(one.task.key, since=said.START) for one in plans}
        made = Sight(loaded, plans, gathering.facts(log.checkpoint.root.hex()), AGENT, records)
        records.update(more.pop("records", {}))
        return status(replace(made, **more), now)

    return look


def docs(found: HostStatus) -> SourceStatus:
    (source,) = found.sources
    return source


def told(found: HostStatus) -> dict[str, str]:
    return {one.code: one.severity for one in docs(found).reasons}


@pytest.fixture
def protected(log: Log, stating: Any, said: Any) -> datetime:
    """A log by which all is well at the moment that is returned."""
    log.append(stating.receipt(1, said.START))
    log.append(
        stating.drill(1, said.START + HOUR, said.checked("D0"), said.checked("D3", assurances=(said.sampled(),)))
    )
    log.append(stating.receipt(2, said.START + 2 * HOUR))
    return said.START + 4 * HOUR


def test_all_is_well(see: See, protected: datetime, said: Any, stating: Any) -> None:
    found = see(protected)
    source = docs(found)
    assert (source.verdict, source.reasons) == ("protected", ())
    assert source.restore_point == rfc3339(said.START + 2 * HOUR)
    assert source.restore_point_snapshot == stating.digest(2)
    assert (source.verified, source.verified_level) == (rfc3339(said.START), "D3")
    assert (source.rpo_seconds, source.rto_seconds, source.figures["files"], source.medians["files"]) == (
        21600,
        14400,
        2,
        1.5,
    )
    assert {one.level: one.outcome for one in found.drills} == {"D0": "PASS", "D4": "PASS", "D3": "PASS"}
    d4 = next(one for one in found.drills if one.level == "D4")
    assert (d4.confidence, d4.max_loss, d4.ran.enabled) == (0.95, 0.0099, True), "sources of files end at D3"
    assert found.log is not None
    assert (found.log.entries, found.log.intact) == (3, True)
    assert [one.key for one in found.repositories] == ["main", "offsite"]
    assert HostStatus.model_validate_json(found.model_dump_json(by_alias=True)) == found


def test_nothing_was_ever_backed_up(see: See, said: Any) -> None:
    found = see(said.START)
    assert docs(found).verdict == "unprotected"
    assert told(found) == {"never-backed-up": "critical"}
    assert (docs(found).restore_point, docs(found).figures, docs(found).medians) == (None, {}, {})
    (copy,) = found.copies
    assert (copy.restore_point, copy.behind) == (None, 0)


@pytest.mark.parametrize("problem", [False, None])
def test_what_the_log_says_is_unknown_when_it_cannot_be_read(
    problem: bool | None, see: See, protected: datetime
) -> None:
    kept = see(protected)
    found = see(protected, facts=Facts(size=3, intact=problem))
    assert docs(kept).restore_point is not None
    assert (docs(found).verdict, docs(found).restore_point, docs(found).verified) == ("unknown", None, None)
    assert told(found) == {"log-not-readable": "critical"}
    reading = Facts(size=3, problem=reason("log-being-read", "info", done=1, total=3))
    assert told(see(protected, facts=reading)) == {"log-being-read": "info"}
    assert {one.behind for one in found.copies} | {one.outcome for one in found.drills} == {None}


def test_the_newest_restore_point_is_too_old(see: See, protected: datetime) -> None:
    found = see(protected + 5 * HOUR)
    assert docs(found).verdict == "at-risk"
    assert told(found) == {"recovery-point-too-old": "critical", "never-copied": "warning"}
    assert docs(found).reasons[0].args == {"age_seconds": 7 * 3600, "rpo_seconds": 6 * 3600}


def test_only_partial_backups(see: See, log: Log, stating: Any, said: Any) -> None:
    log.append(stating.receipt(1, said.START, outcome="partial"))
    found = see(said.START + HOUR)
    assert (docs(found).verdict, docs(found).restore_point) == ("at-risk", None)
    assert told(found) == {"no-good-point": "critical", "backup-partial": "warning"}


def test_without_an_rpo_the_schedule_is_the_measure(see: See, protected: datetime) -> None:
    without = ("objectives: {rpo: 6h, rto: 4h}", "objectives: {}")
    assert (docs(see(protected, without)).verdict, told(see(protected, without))) == ("protected", {"no-rpo": "info"})
    late = see(protected + 12 * HOUR, without)
    assert docs(late).verdict == "at-risk"
    assert told(late) == {"backup-overdue": "warning", "never-copied": "warning", "no-rpo": "info"}


def test_a_plan_that_is_paused_or_has_no_schedule(see: See, protected: datetime) -> None:
    paused = see(protected, ("plan: {", "plan: {enabled: false, "))
    assert (docs(paused).verdict, told(paused)) == ("at-risk", {"plan-disabled": "warning"})
    assert not docs(paused).backup.enabled
    idle = see(protected, ('schedule: "every 4h", ', ""))
    assert (docs(idle).verdict, told(idle)) == ("at-risk", {"no-schedule": "warning"})


def failed(said: Any, count: int = 3) -> dict[str, TaskRecord]:
    why = (reason("retries", "info", count=1), reason("storage-unreachable"))
    return {
        BACKUP: TaskRecord(
            BACKUP, since=said.START, last_started=said.START + 3 * HOUR, last_ended=said.START + 3 * HOUR,
            last_result=JobResult(outcome="failed", exit_code=4, reasons=why), failures_in_a_row=count,
        )
    }  # fmt: skip


def test_the_last_run_failed(see: See, protected: datetime, said: Any, log: Log, stating: Any) -> None:
    found = see(protected, records=failed(said))
    assert (docs(found).verdict, told(found)) == ("at-risk", {"last-run-failed": "warning"})
    assert docs(found).reasons[0].args == {"count": 3, "why": "storage-unreachable"}
    assert (docs(found).backup.failures_in_a_row, docs(found).backup.last_exit_code) == (3, 4)
    log.append(stating.receipt(3, protected))
    assert told(see(protected + HOUR, records=failed(said))) == {}, "somebody made one since"


def test_a_run_or_a_slot_without_a_backup_that_only_the_log_knows(
    see: See, protected: datetime, log: Log, stating: Any
) -> None:
    log.append(stating.lack(1, protected))
    assert told(see(protected)) == {"last-run-failed": "warning"}
    slot = rfc3339(protected)
    log.append(stating.lack(2, protected, reason("interrupted"), slot=slot))
    assert told(see(protected)) == {}, "who was stopped did not fail, and goes on"
    log.append(stating.lack(2, protected, reason("slot-unattended"), slot=slot, run_id=left_out(BACKUP, slot)))
    assert told(see(protected)) == {"last-slot-missed": "warning"}


def test_the_newest_drill_did_not_pass(see: See, protected: datetime, log: Log, stating: Any, said: Any) -> None:
    for outcome, expected in (
        ("COULD_NOT_VERIFY", {"drill-found-nothing-out": "warning"}),
        ("FAIL", {"drill-says-no": "critical"}),
    ):
        log.append(stating.drill(2, protected, said.checked("D0", outcome)))
        found = see(protected)
        assert (docs(found).verdict, told(found)) == ("at-risk", expected)
        assert docs(found).verified is not None


def test_what_was_never_proven_has_its_time_until_a_drill_is_overdue(
    see: See, log: Log, stating: Any, said: Any
) -> None:
    for day in range(20):
        log.append(stating.receipt(day, said.START + timedelta(days=day)))
    fresh = see(said.START + timedelta(days=1))
    assert told(fresh)["not-proven"] == "info"
    assert told(see(said.START + timedelta(days=19)))["not-proven"] == "warning"
    no_drills = see(said.START + timedelta(days=1), (", drills: {D0: daily, D4: weekly}", ""))
    assert told(no_drills)["not-proven"] == "warning"


def test_a_proof_grows_old(see: See, protected: datetime, log: Log, stating: Any) -> None:
    later = protected + timedelta(days=15)
    log.append(stating.receipt(3, later))
    log.append(stating.copied(3, 103, later))
    assert told(see(later)) == {"proof-too-old": "warning"}


def test_suspicious_snapshots(see: See, protected: datetime, log: Log, stating: Any) -> None:
    log.append(stating.receipt(3, protected, reasons=(reason("suspicious", "warning"),)))
    found = docs(see(protected))
    assert (found.verdict, found.suspicious, found.last_clean) == ("at-risk", (stating.digest(3),), stating.digest(2))
    assert found.reasons[0].code == "snapshots-suspicious"


def test_copies(see: See, protected: datetime, log: Log, stating: Any, said: Any) -> None:
    assert see(protected).copies[0].behind == 2
    log.append(stating.copied(1, 101, protected))
    (copy,) = see(protected).copies
    assert (copy.restore_point, copy.behind) == (rfc3339(said.START), 1)


def test_copies_that_do_not_keep_up_are_a_risk_once_they_have_had_their_time(
    see: See, protected: datetime, log: Log, stating: Any, said: Any
) -> None:
    task, later = "copy:app/docs:offsite", {"change": ("rpo: 6h", "rpo: 9d")}
    assert docs(see(protected, **later)).verdict == "protected", "the first copy is not overdue yet"
    overdue = told(see(said.START + 9 * HOUR, **later))
    assert overdue.pop("never-copied") == "warning"
    log.append(stating.copied(1, 101, protected))
    assert docs(see(protected)).verdict == "protected", "one restore point behind is no delay"
    failed = JobResult(outcome="failed", exit_code=4, reasons=(reason("storage-unreachable"),))
    record = TaskRecord(task, since=said.START, last_result=failed)
    source = docs(see(protected, records={task: record}))
    assert (source.verdict, source.reasons) == (
        "at-risk", (reason("copy-failed", "warning", repository="offsite", why="storage-unreachable"),)
    )  # fmt: skip
    log.append(stating.receipt(3, said.START + 9 * HOUR))
    found = docs(see(said.START + 9 * HOUR))
    assert reason("copy-behind", "warning", repository="offsite", at=rfc3339(said.START)) in found.reasons
    assert found.verdict == "at-risk"


def test_a_task_as_the_journal_has_it(see: See, tmp_path: Path, clock: Any, said: Any) -> None:
    with Journal.open(tmp_path / "agent", clock) as journal:
        attempt = journal.begin(BACKUP, clock.at)
        clock.sleep(90)
        journal.end(attempt, JobResult(outcome="complete", exit_code=0))
        clock.sleep(60)
        journal.begin(BACKUP, clock.at)
        journal.account(
            [SlotEnd(BACKUP, said.START - HOUR, "missed"), SlotEnd(BACKUP, said.START - 2 * HOUR, "skipped")]
        )
        records = {BACKUP: journal.records([planned_task()])[BACKUP]}
        found = see(clock.at, records=records, counts=counts(journal, []) | {BACKUP: journal.counts(BACKUP)},
                    due={BACKUP: said.START + 4 * HOUR})  # fmt: skip
    ran = docs(found).backup
    assert (ran.last_started, ran.last_ended) == (rfc3339(clock.at), rfc3339(said.START + timedelta(seconds=90)))
    assert (ran.last_outcome, ran.last_seconds, ran.missed, ran.skipped) == ("complete", 90.0, 1, 1)
    assert ran.next_due == rfc3339(said.START + 4 * HOUR)
    assert (found.drills[0].ran.last_started, found.drills[0].ran.missed) == (None, 0)


def planned_task() -> Any:
    return Task(key=BACKUP, kind="backup")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(years=st.sampled_from((1970, 2020, 2026, 2099)), hours=st.integers(-9000, 9000))
def test_a_clock_in_the_past_or_the_future_makes_nothing_up(
    years: int, hours: int, see: See, protected: datetime, log: Log
) -> None:
    found = see(datetime(years, 11, 2, tzinfo=UTC) + hours * HOUR)
    figures = [value for one in docs(found).reasons for value in one.args.values() if isinstance(value, int)]
    assert all(value >= 0 for value in figures)
    if years < 2026:
        assert told(found) == {"receipt-from-the-future": "warning"}
        assert docs(found).verdict == "at-risk"
    if years > 2026:
        assert {"recovery-point-too-old", "proof-too-old"} <= told(found).keys()


def test_drills_tell_how_often_they_come_and_a_pause_since_when(see: See, protected: datetime, said: Any) -> None:
    since = protected - timedelta(days=3)
    found = see(protected, paused={BACKUP: since}, change=("D4: weekly}", "D4: weekly, K: monthly}"))
    d4 = next(one for one in found.drills if one.level == "D4")
    assert (d4.interval_seconds, d4.known_since) == (7 * 86400, rfc3339(said.START))
    d3 = next(one for one in found.drills if one.level == "D3")
    assert (d3.interval_seconds, d3.known_since) == (None, None), "nobody planned it"
    assert docs(found).paused_since == rfc3339(since)
    assert docs(found).assured is not None
    assert docs(found).assured.max_loss == 0.0099
    main = found.repositories[0]
    assert main.custody is not None
    assert (main.custody.escrowed, main.custody.proven) == (None, None)
    assert main.custody.interval_seconds == 31 * 86400


def test_a_scan_that_is_asked_for_is_there_with_nothing_known(see: See, protected: datetime) -> None:
    found = see(protected, change=("systems:", "scan: {baselines: [sshd, mlps-l3-host], every: 24h}\nsystems:"))
    assert [(one.baseline, one.ran.task, one.score, one.counts) for one in found.scans] == [
        ("sshd", "scan", None, ()),
        ("mlps-l3-host", "scan", None, ()),
    ]
    assert HostStatus.model_validate_json(found.model_dump_json(by_alias=True)) == found


def a_scan(buckets: int, *, full: bool = True) -> ScanResult:
    counts = (
        ScanCount(severity="high", status="fail", count=2, waived=1),
        ScanCount(severity="low", status="pass", count=3),
    )
    targets = [TargetRef(kind="host", id="host-1"), *(TargetRef(kind="s3-bucket", id=f"b{n}") for n in range(buckets))]
    results = tuple(
        TargetResult(
            target=target,
            facts="0" * 64,
            findings="1" * 64,
            counts=counts,
            baselines=(BaselineResult(baseline="s3" if target.kind == "s3-bucket" else "sshd", counts=counts),),
            read_at="2026-11-20T11:00:00Z",
        )
        for target in targets
    )
    return ScanResult(
        tenant="agency",
        host="host-1",
        baselines=("sshd", "s3"),
        fail_on="high",
        outcome="failed",
        policy="2" * 64,
        manifest="3" * 64,
        targets=results,
        targets_in_all=len(results),
        kinds=(
            KindResult(kind="host", baseline="sshd", targets=1, counts=counts),
            KindResult(kind="s3-bucket", baseline="s3", targets=buckets, counts=counts),
        ),
        waivers=1,
        next_waiver_end="2026-12-31T00:00:00Z",
        full=full,
        started="2026-11-20T11:00:00Z",
        ended="2026-11-20T11:00:09Z",
    )


SCANNED = ("systems:", "scan: {baselines: [sshd, s3], every: 24h}\nsystems:")


def test_the_newest_whole_scan_is_told_by_baseline_and_target(see: See, protected: datetime, log: Log) -> None:
    log.append(a_scan(2))
    log.append(a_scan(1, full=False))
    found = see(protected, change=SCANNED).scans
    assert [(one.baseline, one.target) for one in found] == [
        ("sshd", "host:host-1"),
        ("s3", "s3-bucket:b0"),
        ("s3", "s3-bucket:b1"),
    ]
    assert (found[0].coverage, found[0].score, found[0].waivers) == (1.0, 0.6, 1)
    assert found[0].next_expiry == "2026-12-31T00:00:00Z"
    # So many buckets would be as many series: they are told of together.
    log.append(a_scan(30))
    assert [one.target for one in see(protected, change=SCANNED).scans] == ["host:host-1", "s3-bucket:*"]
    lines = list(agent_table.lines(see(protected, change=SCANNED), running=False))
    assert any(line.split()[:7] == ["sshd", "host:host-1", "1", "1", "0", "3", "100"] for line in lines)


def test_a_scan_is_the_trace_of_its_task(log: Log) -> None:
    whole, part = log.append(a_scan(1)), log.append(a_scan(1, full=False))
    found = trace(whole)
    assert found is not None
    assert (found.task, found.result.outcome, found.result.exit_code) == ("scan", "failed", 3)
    assert trace(part) is None


def test_storage_that_breaks_its_promise_is_a_risk_until_it_is_seen_to_keep_it(
    see: See, log: Log, protected: datetime, said: Any
) -> None:
    """Storage that did not answer says nothing new: it breaks no promise, and mends none."""
    told_of = {"tenant": "agency", "host": "host-1", "repository": "main", "repository_id": "r", "kind": "s3"}
    fact = {"versioning": BucketFact(value="enabled")}
    time = {"started": rfc3339(said.START), "ended": rfc3339(said.START)}
    broken = (reason("posture-fact-not-offered", "info"), reason("canary-version-deleted"))
    log.append(RepositoryPosture(**told_of, **time, outcome="failed", reasons=broken, facts=fact, immutable=False))
    log.append(RepositoryPosture(**told_of, **time, outcome="failed", reasons=(reason("storage-unreachable"),)))
    source = docs(see(protected))
    assert (source.verdict, source.reasons) == (
        "at-risk", (reason("storage-not-as-promised", why="canary-version-deleted"),)
    )  # fmt: skip
    log.append(RepositoryPosture(**told_of, **time, outcome="complete", facts=fact, immutable=True))
    assert docs(see(protected)).verdict == "protected"


def test_locks_are_those_that_the_newest_job_saw(see: See, protected: datetime, said: Any) -> None:
    def ran(key: str, hours: int, **figures: float) -> TaskRecord:
        result = JobResult(outcome="complete", exit_code=0, figures=figures)
        return TaskRecord(key, since=said.START, last_ended=said.START + hours * HOUR, last_result=result)

    oldest = said.START - HOUR
    records = {
        "backup:app/docs": ran("backup:app/docs", 2, locks=1, oldest_lock=oldest.timestamp()),
        "maintain:main": ran("maintain:main", 1, locks=7),
        "maintain:offsite": ran("maintain:offsite", 3, removed=1),
    }
    main, offsite = see(protected, records=records).repositories
    assert (main.locks, main.oldest_lock) == (1, rfc3339(oldest))
    assert (offsite.locks, offsite.oldest_lock) == (None, None), "nobody looked there"


@pytest.mark.parametrize(("written", "size"), [("2TiB", 2 << 40), ("500GiB", 500 << 30), ("1KiB", 1024)])
def test_how_much_a_repository_may_grow_to(written: str, size: int, see: See, protected: datetime) -> None:
    found = see(protected, change=("main: {url: /backup/main}", f"main: {{url: /backup/main, quota: {written}}}"))
    assert [one.quota_bytes for one in found.repositories] == [size, None]
    assert format_size(size) == written


@pytest.mark.parametrize("written", ["0GiB", "2TB", "2", "-1GiB", "1.5TiB", "TiB", "999999999GiB", "yes"])
def test_what_is_no_size_is_refused(written: str, see: See, protected: datetime) -> None:
    with pytest.raises(ConfigError):
        see(protected, change=("main: {url: /backup/main}", f"main: {{url: /backup/main, quota: '{written}'}}"))
