"""D0: receipts against the repository's snapshots. Pure.

restic cannot see that one of its snapshots was deleted, nor that the whole bucket was rolled back: the record
of what must be there lives in the log, outside the repository.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from guardian.model.backup import Snapshot
from guardian.model.drill import DrillCheck
from guardian.model.evidence import BackupReceipt
from guardian.model.reason import Reason, reason

_NAMED = 20
"""Findings of one kind named one by one; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the log says of one source: its receipts, oldest first, and the runs known to have failed.

    ``later`` are snapshots that got a receipt since the log was read; ``under_way`` are runs that go on now: their
    snapshots are no strangers, and have no receipt yet.
    """

    receipts: tuple[BackupReceipt, ...]
    failed_runs: frozenset[str]
    removed: frozenset[str] = frozenset()
    later: frozenset[str] = frozenset()
    under_way: frozenset[str] = frozenset()
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    """Trees by the snapshots of this source in other repositories: what may have been copied from there."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the repository holds: snapshots of this source, and lines about snapshot files nobody could read."""

    snapshots: tuple[Snapshot, ...]
    unreadable: tuple[str, ...] = ()
    repository_id: str = ""


def judge(expected: Expectation, found: Found, now: datetime, rpo: timedelta | None) -> DrillCheck:
    """Whether every expected snapshot is there, unaltered and fresh, and which are there without a receipt."""
    reasons = [
        *_missing(expected, found),
        *_altered(expected, found),
        *_unexpected(expected, found),
        *_stale(expected, now, rpo),
        *_partial(expected),
        *(reason("snapshot-unreadable", detail=line[:200]) for line in found.unreadable[:_NAMED]),
    ]
    measured: dict[str, int | float | str] = {
        "expected": len(expected.receipts) - len(expected.removed),
        "present": len(found.snapshots),
    }
    if expected.receipts:
        measured["newest"] = expected.receipts[-1].snapshot_id
        measured["age_seconds"] = round(
            (now - datetime.fromisoformat(expected.receipts[-1].started)).total_seconds(), 1
        )
    bad = any(r.severity == "critical" for r in reasons)
    return DrillCheck(
        level="D0", name="presence", outcome="FAIL" if bad else "PASS", reasons=tuple(reasons), measured=measured
    )


def _missing(expected: Expectation, found: Found) -> Iterable[Reason]:
    if not expected.receipts:
        yield reason("never-backed-up")
        return
    if found.repository_id and found.repository_id != expected.receipts[-1].repository_id:
        yield reason("repository-changed", expected=expected.receipts[-1].repository_id, found=found.repository_id)
    present = {s.id for s in found.snapshots}
    due = [r for r in expected.receipts if r.snapshot_id not in expected.removed]
    missing = [r for r in due if r.snapshot_id not in present]
    if not missing:
        return
    # When exactly the newest are gone, somebody turned the repository back to an earlier state.
    rolled_back = len(missing) < len(due) and missing == due[-len(missing) :]
    if rolled_back:
        yield reason("repository-rolled-back", missing=len(missing), newest_left=due[-len(missing) - 1].snapshot_id)
    yield from _named("snapshot-missing", [(r.snapshot_id, r.ended) for r in missing])


def _altered(expected: Expectation, found: Found) -> Iterable[Reason]:
    trees = {r.snapshot_id: r.tree_id for r in expected.receipts}
    return _some(
        reason("snapshot-altered", snapshot=s.id, expected=trees[s.id], found=s.tree)
        for s in found.snapshots
        if s.id in trees and trees[s.id] != s.tree
    )


def _unexpected(expected: Expectation, found: Found) -> Iterable[Reason]:
    known = {r.snapshot_id for r in expected.receipts} | expected.later
    strangers = [s for s in found.snapshots if s.id not in known]
    runs = {s.id: s.tag("run") or "" for s in strangers}
    yield from (
        reason("snapshot-under-way", "info", snapshot=s.id) for s in strangers if runs[s.id] in expected.under_way
    )
    strangers = [s for s in strangers if runs[s.id] not in expected.under_way]
    copied = {s.id: s for s in strangers if s.original and expected.elsewhere.get(s.original) == s.tree}
    yield from _some(reason("copy-unstated", "info", snapshot=s.id, original=str(s.original)) for s in copied.values())
    strangers = [s for s in strangers if s.id not in copied]
    yield from _some(
        reason("snapshot-orphan", "warning", snapshot=s.id, run=runs[s.id])
        for s in strangers
        if runs[s.id] in expected.failed_runs
    )
    yield from _some(
        reason("snapshot-foreign", snapshot=s.id, host=s.hostname[:255], time=s.time.isoformat())
        for s in strangers
        if runs[s.id] not in expected.failed_runs
    )


def _some(reasons: Iterable[Reason]) -> Iterable[Reason]:
    """The last so many of one kind, and how many more there are: whoever has the password can make any number."""
    found = list(reasons)
    yield from found[-_NAMED:]
    if len(found) > _NAMED:
        yield reason(f"{found[0].code}-more", found[0].severity, count=len(found) - _NAMED)


def _stale(expected: Expectation, now: datetime, rpo: timedelta | None) -> Iterable[Reason]:
    if not expected.receipts or rpo is None:
        return
    # Data is as old as the moment the run began to read it.
    age = now - datetime.fromisoformat(expected.receipts[-1].started)
    if age > rpo:
        yield reason(
            "recovery-point-too-old", age_seconds=int(age.total_seconds()), rpo_seconds=int(rpo.total_seconds())
        )
    elif age < timedelta(minutes=-5):
        yield reason("receipt-from-the-future", "warning", seconds=int(-age.total_seconds()))


def _partial(expected: Expectation) -> Iterable[Reason]:
    if expected.receipts and expected.receipts[-1].outcome == "partial":
        yield reason("backup-partial", "warning", snapshot=expected.receipts[-1].snapshot_id)


def _named(code: str, items: Sequence[tuple[str, str]]) -> Iterable[Reason]:
    yield from _some(reason(code, snapshot=snapshot, time=time) for snapshot, time in items)
