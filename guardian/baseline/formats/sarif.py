"""A scan as SARIF 2.1.0, for platforms that show results of static analysis.

What nobody could find out is ``open``, what is for a person ``review``: neither is ``pass``. A waived result is
suppressed from outside, with whoever answers for it.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from guardian import __version__
from guardian.baseline.formats.pieces import json_pieces
from guardian.baseline.formats.said import STANDARD, clauses_of, name_of, sentence
from guardian.baseline.outcome import Scanned
from guardian.baseline.rule import Rule
from guardian.i18n import language
from guardian.model.finding import Finding, Level, Status
from guardian.model.visible import visible

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0-rtm.5.json"
"""The schema's name; nobody needs to fetch it."""
_KIND: Final[Mapping[Status, str]] = {
    "pass": "pass",
    "fail": "fail",
    "unknown": "open",
    "manual": "review",
    "not_applicable": "notApplicable",
}
_LEVEL: Final[Mapping[Level, str]] = {
    "critical": "error",
    "high": "error",
    "medium": "warning",
    "low": "note",
    "info": "note",
}
_SCORE: Final[Mapping[Level, str]] = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "3.0", "info": "0.0"}
"""``security-severity``, by which code hosts sort: the middle of each range of CVSS."""


def log(scanned: Scanned) -> Iterator[str]:
    """The document."""
    result = scanned.result
    used = tuple(dict.fromkeys(finding.rule for finding in scanned.findings))
    index = {name: place for place, name in enumerate(used)}
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "Guardian",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": (_rule(scanned, name) for name in used),
            }
        },
        "language": "zh-CN" if language() == "zh" else "en",
        "automationDetails": {"id": f"guardian/{quote(result.tenant)}/{quote(result.host)}/"},
        "invocations": [_invocation(scanned)],
        "results": (_result(scanned, finding, index) for finding in scanned.findings),
        "properties": {"tenant": result.tenant, "outcome": result.outcome, "policy": result.policy},
    }
    yield from json_pieces({"$schema": SCHEMA, "version": "2.1.0", "runs": iter([run])})
    yield "\n"


def _invocation(scanned: Scanned) -> dict[str, Any]:
    result = scanned.result
    notes = [
        {"level": "error", "message": {"text": visible(f"{name}: {why}")}} for name, why in result.unreachable.items()
    ]
    return {
        "executionSuccessful": bool(scanned.targets),
        "startTimeUtc": result.started,
        "endTimeUtc": result.ended,
        "toolExecutionNotifications": notes,
    }


def _rule(scanned: Scanned, name: str) -> dict[str, Any]:
    found = scanned.library.rules.get(name)
    if found is None:
        return {"id": name}
    rule, family = found
    tags = ["security", "compliance", family.family, *rule.tags]
    tags += [f"{STANDARD} {clause}" for clause in clauses_of(name)]
    return {
        "id": name,
        "shortDescription": {"text": rule.title.spoken},
        "fullDescription": {"text": rule.why.spoken},
        "help": {"text": _help(rule)},
        "defaultConfiguration": {"level": _LEVEL[rule.severity]},
        "properties": {"tags": list(dict.fromkeys(tags)), "security-severity": _SCORE[rule.severity], "rev": rule.rev},
    }


def _help(rule: Rule) -> str:
    risk = f" ({rule.fix.risk.spoken})" if rule.fix.risk else ""
    return f"{rule.fix.spoken}{risk}"


def _result(scanned: Scanned, finding: Finding, index: Mapping[str, int]) -> dict[str, Any]:
    kind = _KIND[finding.status]
    return {
        "ruleId": finding.rule,
        "ruleIndex": index[finding.rule],
        "kind": kind,
        "level": _LEVEL[finding.severity] if kind == "fail" else "none",
        "message": {"text": sentence(finding)},
        "locations": [_location(scanned, finding)],
        "partialFingerprints": {"guardianFinding/v1": finding.id},
        **({"suppressions": [_suppression(scanned, finding)]} if finding.waived else {}),
        "properties": {
            "change": finding.change,
            "severity": finding.severity,
            "evidence": [one.model_dump(mode="json") for one in finding.evidence],
        },
    }


def _location(scanned: Scanned, finding: Finding) -> dict[str, Any]:
    target = finding.target
    way = "/".join(quote(part, safe="", errors="backslashreplace") for part in (target.kind, target.id))
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": f"{quote(scanned.result.tenant, safe='')}/{way}"},
        },
        "logicalLocations": [{"fullyQualifiedName": name_of(target), "kind": "resource"}],
    }


def _suppression(scanned: Scanned, finding: Finding) -> dict[str, Any]:
    said = next(
        (
            f"{one.reason} ({one.owner}, {one.approver}, {one.ticket}, {one.until})"
            for one in scanned.waivers
            if one.ticket == finding.waiver and one.covers(finding.rule, finding.target)
        ),
        finding.waiver or "",
    )
    return {"kind": "external", "status": "accepted", "justification": visible(said)}
