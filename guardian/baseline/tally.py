"""Verdicts counted: by severity and status, and what that comes to as two numbers that are never one. Pure."""

from collections import Counter
from collections.abc import Iterable

from guardian.model.finding import LEVELS, STATUSES, Finding, Level
from guardian.model.scan_status import ScanCount


def tally(findings: Iterable[Finding]) -> tuple[ScanCount, ...]:
    """So many of each severity and status, worst first; what nothing came to is left out."""
    found: Counter[tuple[str, str]] = Counter()
    waived: Counter[tuple[str, str]] = Counter()
    for finding in findings:
        found[finding.severity, finding.status] += 1
        waived[finding.severity, finding.status] += finding.waived
    return tuple(
        ScanCount(severity=level, status=status, count=found[level, status], waived=waived[level, status])
        for level in reversed(LEVELS)
        for status in STATUSES
        if found[level, status]
    )


def together(counts: Iterable[ScanCount]) -> tuple[ScanCount, ...]:
    """Counts of several targets as one."""
    found: Counter[tuple[str, str]] = Counter()
    waived: Counter[tuple[str, str]] = Counter()
    for one in counts:
        found[one.severity, one.status] += one.count
        waived[one.severity, one.status] += one.waived
    return tuple(
        ScanCount(severity=level, status=status, count=found[level, status], waived=waived[level, status])
        for level in reversed(LEVELS)
        for status in STATUSES
        if found[level, status]
    )


def of_status(counts: Iterable[ScanCount], status: str) -> int:
    """How many verdicts of one status there are."""
    return sum(one.count for one in counts if one.status == status)


def coverage(counts: Iterable[ScanCount]) -> float | None:
    """The share that was decided of what applies; None where nothing applies."""
    known = tuple(counts)
    decided = of_status(known, "pass") + of_status(known, "fail")
    applies = decided + of_status(known, "unknown") + of_status(known, "manual")
    return decided / applies if applies else None


def pass_rate(counts: Iterable[ScanCount]) -> float | None:
    """The share of good ones of what was decided; None where nothing was. A waived one is not good."""
    known = tuple(counts)
    good, bad = of_status(known, "pass"), of_status(known, "fail")
    return good / (good + bad) if good + bad else None


def at_or_over(threshold: Level) -> frozenset[str]:
    """The severities that count."""
    return frozenset(LEVELS[LEVELS.index(threshold) :])


def failing(counts: Iterable[ScanCount], threshold: Level) -> int:
    """Findings at or over the threshold that nobody waived."""
    over = at_or_over(threshold)
    return sum(one.count - one.waived for one in counts if one.status == "fail" and one.severity in over)


def undecided(counts: Iterable[ScanCount], threshold: Level) -> int:
    """Verdicts at or over the threshold that are unknown."""
    over = at_or_over(threshold)
    return sum(one.count for one in counts if one.status == "unknown" and one.severity in over)
