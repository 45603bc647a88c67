"""What a scan says of each clause of a standard. Pure.

The words are those of GB/T 28448: conforming, partly, not conforming, not applicable; and not tested, which is what a
verdict is that nobody could give. A fact that is hidden can turn the answer into ``not-tested`` and into nothing else.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from guardian.baseline.clauses import Entry
from guardian.model.finding import Finding, Status

Conformity = Literal["conforming", "partly", "not-conforming", "not-applicable", "not-tested"]
CONFORMITIES: Final[tuple[Conformity, ...]] = ("not-conforming", "partly", "not-tested", "conforming", "not-applicable")


@dataclass(frozen=True, slots=True)
class Answered:
    """One clause and what rules came to. ``conclusion`` is None where a person has the last word."""

    entry: Entry
    rules_say: Conformity
    counts: Mapping[Status, int]
    findings: tuple[Finding, ...]

    @property
    def conclusion(self) -> Conformity | None:
        """The answer to the whole clause; what rules answer a part of is conforming only when a person says so."""
        return self.rules_say if self.entry.coverage == "automatic" or self.rules_say == "partly" else None

    @property
    def waived(self) -> int:
        """Failed verdicts that somebody answers for."""
        return sum(finding.waived for finding in self.findings)


def conformity(counts: Mapping[Status, int]) -> Conformity:
    """What verdicts of several rules and targets come to together.

    One good and one bad make ``partly``, whatever else is unknown: nothing that is found out later changes that.
    """
    good, bad = counts.get("pass", 0), counts.get("fail", 0)
    if good and bad:
        return "partly"
    if counts.get("unknown", 0) or counts.get("manual", 0):
        return "not-tested"
    if good or bad:
        return "conforming" if good else "not-conforming"
    return "not-applicable" if counts.get("not_applicable", 0) else "not-tested"


def answered(entries: Iterable[Entry], findings: Iterable[Finding]) -> tuple[Answered, ...]:
    """Every clause with the verdicts of its rules, in the order of ``entries``."""
    by_rule: dict[str, list[Finding]] = {}
    for finding in findings:
        by_rule.setdefault(finding.rule, []).append(finding)
    return tuple(_answered(entry, by_rule) for entry in entries)


def _answered(entry: Entry, by_rule: Mapping[str, list[Finding]]) -> Answered:
    found = tuple(finding for rule in entry.rules for finding in by_rule.get(rule, ()))
    counts = Counter(finding.status for finding in found)
    return Answered(entry, conformity(counts), counts, found)
