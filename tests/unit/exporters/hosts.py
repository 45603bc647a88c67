"""Hosts for the tests of metrics: the reference host of the catalogue, with everything known that can be known."""

from collections.abc import Callable
from typing import TypeVar

from guardian.model.reason import reason
from guardian.model.status import (
    AgentNow,
    Assured,
    CopyStatus,
    CustodyStatus,
    DrillStatus,
    HostStatus,
    JobNow,
    LogStatus,
    Ran,
    RepositoryStatus,
    ScanCount,
    ScanStatus,
    SourceStatus,
)
from guardian_exporters.patience import Patience

T = TypeVar("T")


class ShortFor(Patience):
    """Waits long for everything, as a busy machine may need, but for ``name``."""

    def __init__(self, name: str) -> None:
        super().__init__(60.0)
        self._short = name

    def run(self, name: str, work: Callable[[], T]) -> T:
        self._seconds = 0.05 if name == self._short else 60.0
        return super().run(name, work)


AT = "2026-11-23T08:00:00.000000Z"
AT_SECONDS = 1795420800.0
FIGURES = {"files": 1000, "bytes": 5e9, "files_changed": 12, "added_bytes": 3e7, "seconds": 42.5}


def ran(task: str, **changes: object) -> Ran:
    said: dict[str, object] = {
        "task": task,
        "last_started": "2026-11-23T06:00:00.000000Z",
        "last_ended": "2026-11-23T06:01:00.000000Z",
        "last_outcome": "complete",
        "last_exit_code": 0,
        "last_seconds": 60.0,
        "last_success": "2026-11-23T06:01:00.000000Z",
        "missed": 2,
        "skipped": 1,
        "next_due": "2026-11-23T12:00:00.000000Z",
    }
    return Ran.model_validate(said | changes)


def source(system: str = "social", name: str = "documents", **changes: object) -> SourceStatus:
    said: dict[str, object] = {
        "system": system,
        "source": name,
        "kind": "files",
        "repository": "main",
        "verdict": "protected",
        "backup": ran(f"backup:{system}/{name}"),
        "rpo_seconds": 21600.0,
        "rto_seconds": 14400.0,
        "known_since": "2026-11-01T00:00:00.000000Z",
        "restore_point": "2026-11-23T06:00:10.000000Z",
        "restore_point_snapshot": "ab" * 32,
        "verified": "2026-11-22T06:00:10.000000Z",
        "verified_level": "D3",
        "figures": FIGURES,
        "medians": FIGURES,
        "missing": 0,
        "unaccounted": 0,
        "assured": Assured(level="D3", confidence=0.95, max_loss=0.01, at="2026-11-22T01:00:00.000000Z"),
    }
    return SourceStatus.model_validate(said | changes)


def drill(name: str, level: str) -> DrillStatus:
    measured = {"rto_seconds": 90.0, "rpo_seconds": 3600.0} if level == "D4" else {}
    bound = {} if level == "D4" else {"confidence": 0.95, "max_loss": 0.01}
    planted = {} if level == "D4" else {"planted": 4, "planted_missed": 0, "disagreements": 0}
    return DrillStatus.model_validate(
        {
            "system": "social", "source": name, "level": level, "ran": ran(f"drill:{level}:social/{name}"),
            "last_pass": "2026-11-22T01:00:00.000000Z", "outcome": "PASS", **measured, **bound,
            "interval_seconds": 7 * 86400.0, "known_since": "2026-11-01T00:00:00.000000Z", **planted,
        }
    )  # fmt: skip


def scan(**changes: object) -> ScanStatus:
    counts = (("pass", "high", 80, 0), ("fail", "high", 5, 2), ("fail", "critical", 1, 0), ("unknown", "low", 4, 0))
    said: dict[str, object] = {
        "baseline": "mlps-l3-host", "target": "host:app-1", "ran": ran("scan"), "evaluated": AT, "coverage": 0.96,
        "counts": tuple(ScanCount(status=s, severity=how, count=n, waived=w) for s, how, n, w in counts),
        "score": 0.93, "waivers": 2, "waivers_unmatched": 0, "next_expiry": "2026-12-01T00:00:00.000000Z",
    }  # fmt: skip
    return ScanStatus.model_validate(said | changes)


def reference_host(**changes: object) -> HostStatus:
    names = ("documents", "database", "mail")
    said: dict[str, object] = {
        "tenant": "gz-hrss",
        "host": "app-1",
        "at": AT,
        "agent": AgentNow(
            version="0.1.0", restic="0.14.0", pid=4711, started="2026-11-20T00:00:00.000000Z", config_sha256="0" * 64,
            config_loaded="2026-11-20T00:00:01.000000Z", next_wake="2026-11-23T08:10:00.000000Z",
            state_free_bytes=10**10, max_loss_objective=0.01,
            problems=(reason("metrics-not-served", "warning", address="x", error="y"),),
        ),
        "log": LogStatus(entries=812, intact=True, root="ab" * 32, newest="2026-11-23T06:01:00.000000Z"),
        "sources": tuple(
            source(name=name, reasons=(reason("recovery-point-too-old"),) if name == "mail" else ()) for name in names
        ),
        "drills": tuple(drill(name, level) for name in names for level in ("D2", "D3", "D4")),
        "copies": tuple(
            CopyStatus(
                system="social", source=name, repository="offsite", ran=ran(f"copy:social/{name}:offsite"),
                restore_point="2026-11-23T00:00:10.000000Z", behind=1,
            )
            for name in names
        ),
        "repositories": (
            RepositoryStatus(
                key="main", maintain=ran("maintain:main"), posture=ran("posture:main"), snapshots=120, bytes=10**12,
                locks=1, oldest_lock="2026-11-23T07:59:00.000000Z", coverage=0.8,
                lock_until="2026-12-20T00:00:00.000000Z", immutable=True,
                promised=True, reasons=(reason("canary-hidden", "info"),),
                custody=CustodyStatus(
                    threshold=3, shares=5, escrowed="2026-11-01T00:00:00.000000Z", proven="2026-11-02T00:00:00.000000Z"
                ),
            ),
        ),
        "scans": (scan(),),
        "jobs": (
            JobNow(task="backup:social/mail", kind="backup", state="running", since="2026-11-23T07:59:00.000000Z"),
        ),
    }  # fmt: skip
    return HostStatus.model_validate(said | changes)
