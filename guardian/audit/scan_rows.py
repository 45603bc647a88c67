"""What the page of a scan shows, taken from the scan: rows put together, ordered and capped. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from guardian.audit.scan_charts import Bar
from guardian.baseline.conformity import Answered
from guardian.baseline.formats.said import SEVERITIES, clauses_of, deciding, ground, name_of
from guardian.baseline.outcome import Scanned
from guardian.baseline.rule import Rule
from guardian.baseline.waivers import SOON, Waiver
from guardian.i18n import _
from guardian.model.finding import LEVELS, Finding
from guardian.model.visible import visible

NAMED: Final = 12
"""So many targets, and grounds, a row names."""


@dataclass(frozen=True, slots=True)
class Broken:
    """One rule and where it is broken."""

    finding: Finding
    where: tuple[tuple[Finding, str], ...]
    """Each target's verdict, and the facts that broke the rule there."""
    count: int
    clauses: tuple[str, ...]
    rule: Rule | None


@dataclass(frozen=True, slots=True)
class Dark:
    """One reason why facts could not be read: what a person would have to grant, and what it leaves open."""

    why: str
    needed: tuple[str, ...]
    facts: tuple[str, ...]
    rules: tuple[str, ...]
    targets: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Held:
    """A waiver: whether it ends soon, is over, or speaks of nothing."""

    waiver: Waiver
    state: str
    days: int


def bars_by(scanned: Scanned, kind: str) -> tuple[Bar, ...]:
    """Verdicts that apply, by ``severity`` (worst first) or by ``family``."""
    found: dict[str, Counter[str]] = {}
    for finding in scanned.findings:
        if finding.status != "not_applicable":
            key = finding.severity if kind == "severity" else finding.family
            part = "waived" if finding.waived else finding.status
            found.setdefault(key, Counter())[part] += 1
    if kind == "severity":
        return tuple(Bar(_(SEVERITIES[level]), found[level]) for level in reversed(LEVELS) if level in found)
    named = {
        name: scanned.library.families[name].title.spoken if name in scanned.library.families else name
        for name in found
    }
    return tuple(Bar(named[name], parts) for name, parts in sorted(found.items(), key=lambda one: -one[1]["fail"]))


def bars_of_clauses(answers: Iterable[Answered]) -> tuple[Bar, ...]:
    """Clauses that rules speak of, by area."""
    part = {
        "not-conforming": "fail",
        "partly": "waived",
        "not-tested": "unknown",
        "conforming": "pass",
        "not-applicable": "none",
    }
    found: dict[str, Counter[str]] = {}
    for one in answers:
        if one.entry.rules:
            found.setdefault(one.entry.area.title.spoken, Counter())[part[one.rules_say]] += 1
    return tuple(Bar(name, parts) for name, parts in found.items())


def broken(scanned: Scanned, *, waived: bool = False) -> tuple[Broken, ...]:
    """Rules that are broken, worst first, each with where."""
    by_rule: dict[str, list[Finding]] = {}
    for finding in scanned.findings:
        if finding.status == "fail" and finding.waived == waived:
            by_rule.setdefault(finding.rule, []).append(finding)
    return tuple(sorted((_broken(scanned, found) for found in by_rule.values()), key=_worst))


def _broken(scanned: Scanned, found: Sequence[Finding]) -> Broken:
    known = scanned.library.rules.get(found[0].rule)
    where = tuple((finding, _grounds(finding)) for finding in found[:NAMED])
    return Broken(found[0], where, len(found), clauses_of(found[0].rule), known[0] if known else None)


def _worst(one: Broken) -> tuple[int, int, str]:
    return -LEVELS.index(one.finding.severity), -one.count, one.finding.rule


def _grounds(finding: Finding) -> str:
    found = deciding(finding)
    said = [ground(one) for one in found[:4]]
    return "; ".join(said) + (f" … (+{len(found) - 4})" if len(found) > 4 else "")


def dark(scanned: Scanned) -> tuple[Dark, ...]:
    """Why verdicts are unknown, the reason that leaves most open first."""
    found: dict[str, list[tuple[Finding, str]]] = {}
    for finding in scanned.findings:
        if finding.status == "unknown":
            reasons = {one.why: one.path for one in finding.evidence if one.result == "unknown"} or {"": ""}
            for why, path in reasons.items():
                found.setdefault(visible(why), []).append((finding, visible(path)))
    rows = (_dark(scanned, why, rows) for why, rows in found.items())
    return tuple(sorted(rows, key=lambda one: (-one.count, one.why)))


def _dark(scanned: Scanned, why: str, rows: Sequence[tuple[Finding, str]]) -> Dark:
    rules = tuple(dict.fromkeys(finding.rule for finding, _path in rows))
    needs = [
        f"{need.as_}: {need.by}"
        for name in rules
        if name in scanned.library.rules
        for need in scanned.library.rules[name][0].needs
        if any(path.startswith("/".join(need.fact)[:80]) for finding, path in rows if finding.rule == name)
    ]
    return Dark(
        why,
        tuple(dict.fromkeys(needs))[:4],
        tuple(dict.fromkeys(path for _finding, path in rows)),
        rules,
        tuple(dict.fromkeys(name_of(finding.target) for finding, _path in rows)),
        len(rows),
    )


def held(scanned: Scanned) -> tuple[Held, ...]:
    """Every waiver, the one that ends first at the top."""
    at = datetime.fromisoformat(scanned.result.started)
    return tuple(sorted((_held(one, scanned, at) for one in scanned.waivers), key=lambda one: one.waiver.until))


def _held(waiver: Waiver, scanned: Scanned, at: datetime) -> Held:
    left = waiver.end - at
    state = (
        "astray" if waiver in scanned.astray else "over" if left <= timedelta() else "ending" if left <= SOON else ""
    )
    return Held(waiver, state, max(0, left // timedelta(days=1)))


def changed(scanned: Scanned) -> Mapping[str, tuple[Finding, ...]]:
    """What became of findings since the scan before, by kind of change, where anything did."""
    kinds = ("new", "became-unreadable", "fixed", "became-readable")
    found = {kind: tuple(one for one in scanned.findings if one.change == kind) for kind in kinds}
    return {kind: findings for kind, findings in found.items() if findings}
