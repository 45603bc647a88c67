"""What follows from statements without judging them: coverage, assurances, scores, times, intervals. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from guardian.audit.facts import (
    AssuranceFact,
    CoveragePoint,
    Interval,
    MutationScore,
    Period,
    Proof,
    Recorded,
    Timing,
)
from guardian.model.drill import DrillLevel
from guardian.model.evidence import BackupReceipt, DrillResult

Drills = Sequence[Recorded[DrillResult]]


def proof(recorded: Recorded[DrillResult] | Recorded[BackupReceipt]) -> Proof:
    """Where a statement stands."""
    return Proof(recorded.index, recorded.leaf_hash)


def coverage(drills: Drills) -> tuple[CoveragePoint, ...]:
    """Every rotation's coverage, in the order of the log."""
    return tuple(
        CoveragePoint(one.at, one.said.source, check.coverage, proof(one))
        for one in drills
        for check in one.said.checks
        if check.coverage is not None
    )


def assurances(drills: Drills) -> tuple[AssuranceFact, ...]:
    """What every sample says, in the order of the log."""
    return tuple(
        AssuranceFact(one.at, one.said.source, check.level, assurance, proof(one))
        for one in drills
        for check in one.said.checks
        for assurance in check.assurances
    )


def scores(drills: Drills) -> tuple[MutationScore, ...]:
    """Planted faults and how many of them were found, by level and kind."""
    planted: Counter[tuple[DrillLevel, str]] = Counter()
    found: Counter[tuple[DrillLevel, str]] = Counter()
    for one in drills:
        for check in one.said.checks:
            for fault in check.planted:
                planted[fault.level, fault.kind] += 1
                found[fault.level, fault.kind] += fault.found
    return tuple(
        MutationScore(kind, level, planted[level, kind], found[level, kind]) for level, kind in sorted(planted)
    )


def timings(drills: Drills) -> tuple[Timing, ...]:
    """Every drill that has a time of recovery, in the order of the log."""
    return tuple(
        Timing(
            at=one.at,
            source=one.said.source,
            level=one.said.level,
            rto_seconds=one.said.rto_seconds,
            rpo_seconds=one.said.rpo_seconds,
            extrapolated=one.said.extrapolated,
            proof=proof(one),
        )
        for one in drills
        if one.said.rto_seconds is not None or one.said.rpo_seconds is not None
    )


def intervals(receipts: Iterable[Recorded[BackupReceipt]], period: Period) -> tuple[Interval, ...]:
    """What could have been lost at worst, from one complete backup to the next, for every source.

    ``receipts`` may begin before the period: the last one before it opens the first interval.
    """
    by_source: dict[str, list[Recorded[BackupReceipt]]] = defaultdict(list)
    for receipt in receipts:
        if receipt.said.outcome == "complete" and receipt.at < period.end:
            by_source[receipt.said.source].append(receipt)
    found = []
    for source, kept in by_source.items():
        before: datetime | None = None
        for receipt in sorted(kept, key=lambda one: one.at):
            if before is not None and receipt.at >= period.start:
                found.append(Interval(receipt.at, source, (receipt.at - before).total_seconds(), proof(receipt)))
            before, last = datetime.fromisoformat(receipt.said.started), receipt
        if before is not None:
            found.append(Interval(period.end, source, (period.end - before).total_seconds(), proof(last), open=True))
    return tuple(sorted(found, key=lambda one: (one.at, one.source)))
