"""What several formats say of a verdict, in the language in use: its grounds, its clauses, its target."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Final

from guardian.baseline.clauses import areas, served
from guardian.i18n import N_, _
from guardian.model.finding import Change, Evidence, Finding, Level, Status, TargetRef
from guardian.model.visible import visible

STATUSES: Final[Mapping[Status, str]] = {
    "pass": N_("pass"),
    "fail": N_("FAIL"),
    "unknown": N_("unknown"),
    "manual": N_("manual"),
    "not_applicable": N_("does not apply"),
}
SEVERITIES: Final[Mapping[Level, str]] = {
    "critical": N_("critical"),
    "high": N_("high"),
    "medium": N_("medium"),
    "low": N_("low"),
    "info": N_("info"),
}
CHANGES: Final[Mapping[Change, str]] = {
    "first": N_("first scan"),
    "new": N_("new"),
    "still": N_("still failing"),
    "fixed": N_("fixed"),
    "became-unreadable": N_("became unreadable"),
    "became-readable": N_("became readable"),
    "same": N_("unchanged"),
}

STANDARD: Final = "GB/T 22239-2019"
_GROUNDS: Final = 12


def name_of(target: TargetRef) -> str:
    """A target as ``KIND:ID``, safe to look at."""
    return visible(f"{target.kind}:{target.id}")


@cache
def _serving() -> Mapping[str, tuple[str, ...]]:
    return {rule: tuple(entry.number for entry in found) for rule, found in served(areas()).items()}


def clauses_of(rule: str) -> tuple[str, ...]:
    """The clauses of GB/T 22239-2019 at level 3 that a rule serves, such as ``8.1.4.1 a``."""
    return _serving().get(rule, ())


def deciding(finding: Finding) -> tuple[Evidence, ...]:
    """The grounds that decided: single facts before tallies."""
    wanted = {"fail": "broken", "unknown": "unknown"}.get(finding.status)
    found = tuple(one for one in finding.evidence if wanted in (None, one.result)) or finding.evidence
    return tuple(one for one in found if one.op.removeprefix("not ") not in ("every", "some")) or found


def ground(one: Evidence) -> str:
    """One ground as a line: why it is unknown, or what was read and what was wanted."""
    if one.why:
        return visible(f"{one.path}: {one.why}")
    wanted = f"{one.op} {one.expected}".strip()
    return visible(f"{one.path} = {one.value} ({wanted})")


def grounds(finding: Finding, most: int = _GROUNDS) -> str:
    """The grounds of a verdict in one line."""
    found = deciding(finding)
    said = [ground(one) for one in found[:most]]
    if len(found) > most:
        said.append(_("and {count} more").format(count=len(found) - most))
    return "; ".join(said)


def sentence(finding: Finding) -> str:
    """The whole verdict in one line."""
    said = f"{_(STATUSES[finding.status])}: {finding.title.spoken}"
    why = grounds(finding)
    return f"{said} [{why}]" if why else said


def milliseconds(moment: str) -> int:
    """An RFC 3339 time as milliseconds since 1970."""
    return int(datetime.fromisoformat(moment).timestamp() * 1000)
