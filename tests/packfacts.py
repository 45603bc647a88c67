"""Facts of an evidence pack, for tests of what is drawn from them: two sources, thirty days, all kinds of entries."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from typing import Any

from guardian.audit import facts as f
from guardian.clock import rfc3339
from guardian.model.backup import Counts
from guardian.model.drill import Assurance, Coverage, DrillCheck, Frame, Planted
from guardian.model.estate import LocalText
from guardian.model.evidence import BackupReceipt, DrillPlan, DrillResult, KeyEvent, NoBackup
from guardian.model.reason import reason

START = datetime(2026, 11, 1, tzinfo=UTC)
END = START + timedelta(days=30)
FAULTS = ("flip", "truncate", "drop", "stale", "swapped-tree")


def digest(text: object) -> str:
    return sha256(str(text).encode()).hexdigest()


def receipt(index: int, source: str, at: datetime, **more: Any) -> f.Recorded[BackupReceipt]:
    said: dict[str, Any] = {
        "run_id": f"run-{index}", "tenant": "gy-hrss", "host": "db-1", "system": "social", "source": source,
        "source_kind": "postgresql", "repository": "main", "repository_id": digest("r"), "snapshot_id": digest(index),
        "tree_id": digest(f"t{index}"), "paths": ("/srv",), "outcome": "complete",
        "counts": Counts(files=412_806, directories=900, bytes=1_930_000_000_000, added_bytes=8_000_000_000),
        "started": rfc3339(at - timedelta(minutes=20)), "ended": rfc3339(at), "plan_sha256": digest("p"), "tools": {},
    }  # fmt: skip
    return f.Recorded(index, digest(f"leaf{index}"), at, BackupReceipt(**{**said, **more}))


def no_backup(index: int, source: str, at: datetime, **more: Any) -> f.Recorded[NoBackup]:
    said: dict[str, Any] = {
        "run_id": f"run-{index}", "tenant": "gy-hrss", "host": "db-1", "system": "social", "source": source,
        "repository": "main", "outcome": "failed", "reasons": (reason("could-not-run", detail="no answer"),),
        "started": rfc3339(at), "ended": rfc3339(at),
    }  # fmt: skip
    return f.Recorded(index, digest(f"leaf{index}"), at, NoBackup(**{**said, **more}))


def check(level: str, outcome: str = "PASS", **more: Any) -> DrillCheck:
    return DrillCheck(level=level, name="check", outcome=outcome, **more)


def sampled(upper: float = 0.00997, bad: int = 0, **more: Any) -> Assurance:
    values = {
        "unit": "bytes", "frame": 1_930_000_000_000, "drawn": 299, "bad": bad, "confidence": 0.95, "upper": upper,
        "method": "clopper-pearson",
    }  # fmt: skip
    return Assurance(**{**values, **more})


def drill(index: int, source: str, at: datetime, checks: tuple[DrillCheck, ...], **more: Any) -> Any:
    said: dict[str, Any] = {
        "drill_id": digest(f"d{index}")[:32], "tenant": "gy-hrss", "host": "db-1", "system": "social",
        "source": source, "repository": "main", "repository_id": digest("r"), "level": checks[-1].level,
        "outcome": "FAIL" if any(c.outcome == "FAIL" for c in checks) else "PASS", "checks": checks,
        "snapshot_id": digest(index), "started": rfc3339(at), "ended": rfc3339(at), "tools": {},
    }  # fmt: skip
    return f.Recorded(index, digest(f"leaf{index}"), at, DrillResult(**{**said, **more}))


def planned(index: int, source: str, at: datetime) -> f.Recorded[DrillPlan]:
    frame = Frame(unit="files", count=412_806, bytes=1_930_000_000_000, sha256=digest("frame"))
    plan = DrillPlan(
        drill_id=digest(f"d{index + 1}")[:32], tenant="gy-hrss", host="db-1", system="social", source=source,
        repository="main", repository_id=digest("r"), level="D3", snapshot_id=digest(index), tree_id=digest("t"),
        receipt=digest("leaf"), frames=(frame,), confidence=0.95, max_loss=0.01, commitment=digest("c"),
        nonce_by="auditor", planned=rfc3339(at),
    )  # fmt: skip
    return f.Recorded(index, digest(f"leaf{index}"), at, plan)


def system(**more: Any) -> f.SystemFacts:
    values: dict[str, Any] = {
        "id": "social", "tenant": "gy-hrss", "host": "db-1",
        "sources": (
            f.SourceFacts("core", "postgresql", "main", "s3", 90),
            f.SourceFacts("files", "files", "main", "s3", 90),
        ),
        "name": LocalText(zh="社保核心系统", en="Social insurance core"),
        "tenant_name": LocalText(zh="贵阳市人力资源和社会保障局", en="Guiyang Human Resources Bureau"),
        "owner": "Data office", "mlps_level": 3, "rpo_seconds": 86400.0, "rto_seconds": 14400.0, "dr_level": 3,
        "config_sha256": digest("config"),
    }  # fmt: skip
    return f.SystemFacts(**{**values, **more})


def rich() -> f.PackFacts:
    """A month with a gap, a failed backup, a partial one, every level but D5 and D6, questions, clauses and a grade."""
    number = count(3)
    receipts, missed, plans, drills = [], [], [], []
    coverage, assurances, timings, intervals = [], [], [], []
    for day in range(30):
        for source, hour in (("core", 2), ("files", 3)):
            at = START + timedelta(days=day, hours=hour)
            if source == "core" and 11 <= day <= 13:
                missed.append(no_backup(next(number), source, at))
                continue
            partial = source == "files" and day == 20
            gone = (reason("file-unreadable-at-source", "warning", path="/srv/锁定/账本.xlsx"),)
            more = {"outcome": "partial", "reasons": gone} if partial else {}
            receipts.append(receipt(next(number), source, at, **more))
            proof = f.Proof(receipts[-1].index, receipts[-1].leaf_hash)
            intervals.append(f.Interval(at, source, 86400.0 * (4 if source == "core" and day == 14 else 1), proof))
            late = at + timedelta(hours=2)
            if day % 7 == 6:
                plans.append(planned(next(number), source, late))
                read = min(1.0, 0.3 + day / 30)
                rotation = Coverage(
                    days=30, packs=84_211, packs_read=int(84_211 * read), bytes=10**12, bytes_read=int(10**12 * read)
                )
                planted = tuple(Planted(kind=kind, level="D2", where="pack", found=True) for kind in FAULTS)
                bad = source == "files" and day == 13
                checks = (
                    check("K"), check("D0"), check("D1"), check("D2", coverage=rotation, planted=planted),
                    check(
                        "D3", "FAIL" if bad else "PASS",
                        assurances=(sampled(0.0158, 1) if bad else sampled(0.00997 - day / 4000),),
                        reasons=(reason("file-content-differs", path="/srv/社保/2026/缴费.csv"),) if bad else (),
                    ),
                    *((check("D4"),) if source == "core" else ()),
                )  # fmt: skip
                done = drill(
                    next(number), source, late + timedelta(hours=1), checks, plan=plans[-1].leaf_hash,
                    receipt=receipts[-1].leaf_hash, rto_seconds=5400.0 if source == "core" else 16200.0,
                    rpo_seconds=3600.0, extrapolated=source == "files",
                )  # fmt: skip
                drills.append(done)
                proof = f.Proof(done.index, done.leaf_hash)
                coverage.append(f.CoveragePoint(done.at, source, rotation, proof))
                assurances.append(f.AssuranceFact(done.at, source, "D3", checks[4].assurances[0], proof))
                timings.append(
                    f.Timing(done.at, source, done.said.level, done.said.rto_seconds, 3600.0, source == "files", proof)
                )
            else:
                drills.append(drill(next(number), source, late, (check("D0"),)))
    proof = f.Proof(drills[-1].index, drills[-1].leaf_hash)
    return f.PackFacts(
        generated=END + timedelta(hours=9), version="0.3.0", system=system(), period=f.Period(START, END),
        log=log(),
        receipts=tuple(receipts), no_backups=tuple(missed), plans=tuple(plans), drills=tuple(drills),
        key_events=(
            key_event("signing-key-created", START), key_event("password-escrowed", START, threshold=3, shares=5),
        ),
        coverage=tuple(coverage), assurances=tuple(assurances), timings=tuple(timings), intervals=tuple(intervals),
        planted=tuple(f.MutationScore(kind, "D2", 8, 8 if kind != "stale" else 7) for kind in FAULTS),
        questions=questions(proof), clauses=clauses(proof), grade=grade(proof),
    )  # fmt: skip


def log() -> f.LogFacts:
    origin, key = "guardian/gy-hrss/db-1", "8a1f03bc"
    return f.LogFacts(origin, 412, digest("root"), key, f"{origin}+{key}+{'A' * 44}", 412, 412, END)


def key_event(event: str, at: datetime, **more: Any) -> f.Recorded[KeyEvent]:
    said = KeyEvent(
        event=event, tenant="gy-hrss", host="db-1", key_id="8a1f03bc", repository="main", at=rfc3339(at), **more
    )
    return f.Recorded(0, digest(event), at, said)


def questions(proof: f.Proof) -> tuple[f.QuestionAnswer, ...]:
    asked = (
        ("是否按备份策略对重要数据进行本地备份?", "Is important data backed up as the policy says?", "satisfied"),
        ("备份策略设置是否合理、配置是否正确?", "Is the policy sound and its configuration right?", "could-not-verify"),
        ("备份结果是否与备份策略一致?", "Do the results agree with the policy?", "not-satisfied"),
        ("近期恢复测试记录是否能够进行正常的数据恢复?", "Do restore tests show that data comes back?", "satisfied"),
    )  # fmt: skip
    return tuple(
        f.QuestionAnswer(number, LocalText(zh=zh, en=en), f.Answer(state, (), (proof,)))  # type: ignore[arg-type]
        for number, (zh, en, state) in enumerate(asked, 1)
    )


def clauses(proof: f.Proof) -> tuple[f.ClauseAnswer, ...]:
    title = LocalText(zh="数据备份恢复", en="Backup and recovery of data")
    wants = LocalText(
        zh="应提供重要数据的本地数据备份与恢复功能", en="Local backup and recovery of important data is provided"
    )
    states = (("8.1.4.9 a", "satisfied"), ("8.1.4.9 b", "not-satisfied"), ("8.1.4.9 c", "could-not-verify"))
    return tuple(
        f.ClauseAnswer("GB/T 22239-2019", clause, title, wants, "verified", "q", f.Answer(state, (), (proof,)))  # type: ignore[arg-type]
        for clause, state in states
    )


def grade(proof: f.Proof) -> f.Grade:
    return f.Grade(
        "2007 Table C.1", True, 2, 3,
        (f.Criterion("backup-interval", 2, "proven", (), (proof,)), f.Criterion("off-site", 4, "declared")),
        ("backup-interval",),
        (f.Element("data-backup", LocalText(zh="数据备份系统", en="Data backup system"), 2),
         f.Element("plan", LocalText(zh="灾难恢复预案", en="Disaster recovery plan"), None)),
    )  # fmt: skip


def empty() -> f.PackFacts:
    """A system that nobody ever backed up."""
    made = rich()
    return f.PackFacts(made.generated, made.version, made.system, made.period, made.log)


def healthy() -> f.PackFacts:
    """A month without a fault."""
    number = count(1)
    receipts = tuple(
        receipt(next(number), name, START + timedelta(days=day, hours=1))
        for day in range(30)
        for name in ("core", "files")
    )
    checks = (check("D0"), check("D1"), check("D2"), check("D3", assurances=(sampled(),)))
    drills = tuple(drill(next(number), name, END - timedelta(hours=2), checks) for name in ("core", "files"))
    return replace(empty(), receipts=receipts, drills=drills)
