"""Verdicts as events of the Open Cybersecurity Schema Framework 1.5.0, class Compliance Finding (2003), one a line.

A verdict that nobody could give has compliance status Unknown (0), one for a person Other (99); neither is Pass.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from guardian import __version__
from guardian.baseline.formats.pieces import json_pieces
from guardian.baseline.formats.said import STANDARD, clauses_of, milliseconds, name_of, sentence
from guardian.baseline.outcome import Scanned
from guardian.model.finding import Change, Finding, Level, Status
from guardian.model.visible import visible

VERSION: Final = "1.5.0"
_CLASS: Final = 2003
_SEVERITY: Final[Mapping[Level, tuple[int, str]]] = {
    "info": (1, "Informational"),
    "low": (2, "Low"),
    "medium": (3, "Medium"),
    "high": (4, "High"),
    "critical": (5, "Critical"),
}
_COMPLIANCE: Final[Mapping[Status, tuple[int, str]]] = {
    "pass": (1, "Pass"),
    "fail": (3, "Fail"),
    "unknown": (0, "Unknown"),
    "manual": (99, "Manual"),
    "not_applicable": (99, "Not applicable"),
}
_ACTIVITY: Final[Mapping[Change, tuple[int, str]]] = {
    "first": (1, "Create"),
    "new": (1, "Create"),
    "fixed": (3, "Close"),
    "still": (2, "Update"),
    "same": (2, "Update"),
    "became-unreadable": (2, "Update"),
    "became-readable": (2, "Update"),
}


def events(scanned: Scanned) -> Iterator[str]:
    """One event a line."""
    for finding in scanned.findings:
        yield from json_pieces(event(scanned, finding))
        yield "\n"


def event(scanned: Scanned, finding: Finding) -> dict[str, Any]:
    """One verdict."""
    activity, activity_name = _ACTIVITY[finding.change]
    severity, severity_name = _SEVERITY[finding.severity]
    status, status_name = _status(finding)
    said = sentence(finding)
    fix = scanned.library.rules.get(finding.rule)
    return {
        "activity_id": activity,
        "activity_name": activity_name,
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": _CLASS,
        "class_name": "Compliance Finding",
        "type_uid": _CLASS * 100 + activity,
        "time": milliseconds(finding.last_evaluated),
        "severity_id": severity,
        "severity": severity_name,
        "status_id": status,
        "status": status_name,
        "message": said,
        "metadata": {
            "version": VERSION,
            "product": {"name": "Guardian", "vendor_name": "Guardian", "version": __version__},
            "tenant_uid": scanned.result.tenant,
            "log_name": "guardian.scan",
            **({"sequence": scanned.entry} if scanned.entry is not None else {}),
        },
        "finding_info": {
            "uid": finding.id,
            "title": finding.title.spoken,
            "desc": said,
            "types": [finding.family],
            "last_seen_time": milliseconds(finding.last_evaluated),
            **({"first_seen_time": milliseconds(finding.first_seen)} if finding.first_seen else {}),
        },
        "compliance": _compliance(finding),
        "resources": [_resource(finding)],
        **({"evidences": found} if (found := _evidences(finding)) else {}),
        **({"remediation": {"desc": fix[0].fix.spoken}} if fix else {}),
        "unmapped": {
            "waived": finding.waived,
            **({"waiver": finding.waiver, "waived_until": finding.waived_until} if finding.waived else {}),
            "change": finding.change,
            "rule_rev": finding.rev,
            "rule_digest": finding.rule_digest,
            "policy_digest": scanned.result.policy,
        },
    }


def _status(finding: Finding) -> tuple[int, str]:
    """The life of the finding, not its verdict: a waived one is suppressed, a good one resolved."""
    if finding.status == "fail":
        return (3, "Suppressed") if finding.waived else (1, "New")
    if finding.status == "pass":
        return 4, "Resolved"
    return (99, "Other") if finding.status == "not_applicable" else (0, "Unknown")


def _compliance(finding: Finding) -> dict[str, Any]:
    status, name = _COMPLIANCE[finding.status]
    clauses = clauses_of(finding.rule)
    why = [visible(f"{one.path}: {one.why}") for one in finding.evidence if one.why]
    return {
        "control": finding.rule,
        "status_id": status,
        "status": name,
        **({"status_details": why} if why else {}),
        **({"requirements": list(clauses), "standards": [STANDARD]} if clauses else {}),
    }


def _resource(finding: Finding) -> dict[str, Any]:
    target = finding.target
    labels = [visible(f"{key}={value}") for key, value in sorted(target.labels.items())]
    return {
        "uid": name_of(target),
        "name": visible(target.id),
        "type": target.kind,
        **({"labels": labels} if labels else {}),
    }


def _evidences(finding: Finding) -> list[dict[str, Any]]:
    return [{"name": one.path, "data": one.model_dump(mode="json")} for one in finding.evidence]
