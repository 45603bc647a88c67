"""What the agent's tests share: a clock that is set by hand, and statements about backups and drills."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from guardian.clock import rfc3339
from guardian.keys.signing import SigningKey
from guardian.ledger.store import Log
from guardian.model.backup import Counts
from guardian.model.drill import Assurance, Coverage, DrillCheck
from guardian.model.evidence import BackupReceipt, CopyReceipt, DrillResult, NoBackup
from guardian.model.reason import Reason, reason
from guardian.model.secret import Secret

START = datetime(2026, 11, 2, tzinfo=UTC)


@dataclass
class SetClock:
    """Shows what it is set to."""

    at: datetime = START

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - START).total_seconds()

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class Stating:
    """Makes statements; ids are made of numbers."""

    system: str = "app"
    source: str = "docs"
    repository: str = "main"

    @staticmethod
    def digest(number: int) -> str:
        return f"{number:064x}"

    def receipt(self, number: int, at: datetime, slot: datetime | None = None, **more: Any) -> BackupReceipt:
        said: dict[str, Any] = {
            "run_id": f"{number:032x}", "tenant": "t", "host": "h", "system": self.system, "source": self.source,
            "source_kind": "files", "repository": self.repository, "repository_id": self.digest(0xAA),
            "snapshot_id": self.digest(number), "tree_id": self.digest(number), "paths": ("/srv",),
            "outcome": "complete", "counts": Counts(files=number, bytes=number * 1000),
            "started": rfc3339(at), "ended": rfc3339(at + timedelta(minutes=10)), "plan_sha256": self.digest(1),
            "tools": {}, "slot": rfc3339(slot) if slot else None,
        }  # fmt: skip
        return BackupReceipt(**{**said, **more})

    def lack(self, number: int, at: datetime, why: Reason | None = None, **more: Any) -> NoBackup:
        said: dict[str, Any] = {
            "run_id": f"{number:032x}", "tenant": "t", "host": "h", "system": self.system, "source": self.source,
            "repository": self.repository, "outcome": "failed",
            "reasons": (why or reason("storage-unreachable"),), "started": rfc3339(at), "ended": rfc3339(at),
        }  # fmt: skip
        return NoBackup(**{**said, **more})

    def drill(self, snapshot: int, at: datetime, *checks: DrillCheck, **more: Any) -> DrillResult:
        outcomes = {check.outcome for check in checks}
        said: dict[str, Any] = {
            "drill_id": "d" * 32, "tenant": "t", "host": "h", "system": self.system, "source": self.source,
            "repository": self.repository, "repository_id": self.digest(0xAA), "level": checks[-1].level,
            "outcome": "FAIL" if "FAIL" in outcomes else "PASS" if outcomes == {"PASS"} else "COULD_NOT_VERIFY",
            "checks": checks, "snapshot_id": self.digest(snapshot), "started": rfc3339(at), "ended": rfc3339(at),
            "tools": {},
        }  # fmt: skip
        return DrillResult(**{**said, **more})

    def copied(self, snapshot: int, copy: int, at: datetime, to: str = "offsite", **more: Any) -> CopyReceipt:
        said: dict[str, Any] = {
            "run_id": "c" * 32, "tenant": "t", "host": "h", "system": self.system, "source": self.source,
            "repository": self.repository, "repository_id": self.digest(0xAA), "snapshot_id": self.digest(snapshot),
            "receipt": self.digest(snapshot), "to": to, "to_id": self.digest(0xBB), "copy_id": self.digest(copy),
            "tree_id": self.digest(snapshot), "outcome": "complete", "bytes": 1, "started": rfc3339(at),
            "ended": rfc3339(at), "tools": {},
        }  # fmt: skip
        return CopyReceipt(**{**said, **more})


def checked(level: str, outcome: str = "PASS", **more: Any) -> DrillCheck:
    return DrillCheck(level=level, name="check", outcome=outcome, **more)


def sampled(upper: float = 0.0099) -> Assurance:
    return Assurance(unit="bytes", frame=10**9, drawn=299, bad=0, confidence=0.95, upper=upper, method="binomial")


def rotated(read: int, total: int) -> Coverage:
    return Coverage(days=30, packs=2, packs_read=1, bytes=total, bytes_read=read)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def stating() -> Stating:
    return Stating()


@pytest.fixture
def quick() -> Iterator[Path]:
    """A folder in memory, where there is one: every commit is synced, which disks take their time for."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log.create(tmp_path / "log", "example.org/log", SigningKey.load(Secret(b"k" * 32)))


@pytest.fixture
def said() -> Any:
    """``said.checked``, ``said.sampled``, ``said.rotated``: parts of drills; ``said.START``."""
    from types import SimpleNamespace

    return SimpleNamespace(checked=checked, sampled=sampled, rotated=rotated, START=START)
