"""What a host of a made-up province says of its repository, and of how it came through its scan."""

from math import floor
from typing import Final, Literal

from guardian.model.scan_status import ScanCount, ScanSeverity, ScanStatus, ScanVerdict
from guardian.model.status import CustodyStatus, Ran, RepositoryStatus
from guardian.province.backups import Backups
from guardian.province.draw import between
from guardian.province.estate import DAY
from guardian.province.told import Told

CUSTODY: Final = 90 * DAY
LOCK: Final = 30 * DAY
_KEPT: Final = 45
"""Restore points that retention leaves of a source."""


def repository(told: Told, backups: list[Backups]) -> RepositoryStatus:
    """Its one repository."""
    alive = [(b, good) for b in backups if (good := b.good) is not None]
    week = floor((told.at - told.host.born) / (7 * DAY)) * 7 * DAY + told.host.born
    day = floor((told.at - told.host.born) / DAY) * DAY + told.host.born
    proven = floor((told.at - told.host.born) / CUSTODY) * CUSTODY + told.host.born
    done: Literal["complete"] = "complete"
    failed = "maintenance-failing" in told.trouble
    last = min(week, told.trouble.get("maintenance-failing", week))
    return RepositoryStatus(
        key="main",
        maintain=Ran(
            task="maintain:main", last_started=told.text(week), last_ended=told.text(week + 300),
            last_outcome="failed" if failed else done, last_exit_code=4 if failed else 0,
            last_success=told.text(last + 300), next_due=told.text(week + 7 * DAY),
        ),
        posture=Ran(
            task="posture:main", last_started=told.text(day), last_ended=told.text(day + 30), last_outcome=done,
            last_exit_code=0, last_success=told.text(day + 30), next_due=told.text(day + DAY),
        ),
        snapshots=sum(min(_KEPT, good - b.first + 1) for b, good in alive),
        bytes=int(sum(0.7 * b.size(good) for b, good in alive)),
        locks=0,
        coverage=round(between(0.75, 1.0, told.host.shape.seed, told.host.number, "coverage"), 3),
        lock_until=told.text(day + LOCK),
        immutable=True,
        promised=True,
        custody=CustodyStatus(
            threshold=3, shares=5, escrowed=told.text(told.host.born), proven=told.text(proven),
            interval_seconds=CUSTODY,
        ),
    )  # fmt: skip


def scan(told: Told) -> ScanStatus:
    """The scan of the host itself."""
    day = floor((told.at - told.host.born) / DAY) * DAY + told.host.born
    grown = min(1.0, (told.at - told.host.born) / (180 * DAY))
    # A host that was just enrolled breaks a quarter of all rules; people put most of that right in half a year.
    bad = int(140 * (0.25 - 0.2 * grown) * (0.5 + told.host.draw("bad")))
    counts: tuple[tuple[ScanVerdict, ScanSeverity, int, int], ...] = (
        ("pass", "medium", 140 - bad - 6, 0),
        ("fail", "medium", bad - bad // 5 - bad // 20, 0),
        ("fail", "high", bad // 5, min(1, bad // 5)),
        ("fail", "critical", bad // 20, 0),
        ("unknown", "low", 2, 0),
        ("manual", "medium", 4, 0),
    )
    return ScanStatus(
        baseline="mlps-l3-host",
        target=f"host:{told.host.name}",
        ran=Ran(task="scan", last_started=told.text(day), next_due=told.text(day + DAY)),
        evaluated=told.text(day + 20),
        counts=tuple(ScanCount(status=s, severity=how, count=n, waived=w) for s, how, n, w in counts if n),
        coverage=134 / 140,
        score=(134 - bad) / 134,
        waivers=min(1, bad // 5),
        waivers_unmatched=0,
        next_expiry=told.text(day + 90 * DAY) if bad // 5 else None,
    )
