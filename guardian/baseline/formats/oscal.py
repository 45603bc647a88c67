"""A scan as OSCAL assessment-results (https://pages.nist.gov/OSCAL), for tools that read those.

OSCAL knows satisfied and not-satisfied alone. Every verdict is an observation; only one that was decided is a finding
too. What nobody could find out, or is for a person, stays an observation with a remark that says so: it satisfies
nothing. Ids are UUIDv5 of digests: the same scan gives the same document.
"""

import re
from collections.abc import Iterator
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from guardian.baseline.formats.pieces import json_pieces
from guardian.baseline.formats.said import STANDARD, clauses_of, grounds, name_of, sentence
from guardian.baseline.outcome import Scanned
from guardian.i18n import _
from guardian.model.evidence import NAMESPACE
from guardian.model.finding import Finding, TargetRef, TargetResult
from guardian.model.visible import visible

VERSION: Final = "1.1.2"
_NAMES: Final = uuid5(NAMESPACE_URL, f"{NAMESPACE}/scan")


def assessment_results(scanned: Scanned) -> Iterator[str]:
    """The document."""
    result = scanned.result
    root = _id("scan", result.policy, result.manifest, result.started)
    yield from json_pieces(
        {
            "assessment-results": {
                "uuid": root,
                "metadata": {
                    "title": _line(f"Guardian scan: {result.tenant} {result.host}"),
                    "last-modified": result.ended,
                    "version": result.manifest[:16],
                    "oscal-version": VERSION,
                },
                # The schema asks for a plan; the rules and parameters that were asked are all the plan there is.
                "import-ap": {"href": f"#{_id('policy', result.policy)}"},
                "results": iter([_result(scanned, root)]),
                "back-matter": {"resources": [_policy(scanned)]},
            }
        }
    )
    yield "\n"


def _result(scanned: Scanned, root: str) -> dict[str, Any]:
    result = scanned.result
    controls = sorted({_token(finding.rule) for finding in scanned.findings})
    selection: dict[str, Any] = (
        {"include-controls": [{"control-id": one} for one in controls]} if controls else {"include-all": {}}
    )
    found: dict[str, Any] = {
        "uuid": _id("result", root),
        "title": _line(f"{result.host}: {', '.join(result.baselines) or result.outcome}"),
        "description": _line(f"{result.outcome}; policy {result.policy}; manifest {result.manifest}"),
        "start": result.started,
        "end": result.ended,
        "props": [_prop("outcome", result.outcome), _prop("fail-on", result.fail_on)],
    }
    if scanned.targets:
        found["local-definitions"] = {"inventory-items": (_item(one) for one in scanned.targets)}
    found["reviewed-controls"] = {"control-selections": [selection]}
    if scanned.findings:
        found["observations"] = (_observation(scanned, finding) for finding in scanned.findings)
    if any(_decided(finding) for finding in scanned.findings):
        found["findings"] = (_finding(scanned, finding) for finding in scanned.findings if _decided(finding))
    return found


def _decided(finding: Finding) -> bool:
    return finding.status in ("pass", "fail")


def _observation(scanned: Scanned, finding: Finding) -> dict[str, Any]:
    said: dict[str, Any] = {
        "uuid": _observed(scanned, finding),
        "title": _line(f"{finding.rule} {name_of(finding.target)}"),
        "description": _line(sentence(finding)),
        "props": [
            _prop("status", finding.status),
            _prop("severity", finding.severity),
            _prop("change", finding.change),
            _prop("waived", "true" if finding.waived else "false"),
            _prop("rule-digest", finding.rule_digest),
            *(_prop("clause", f"{STANDARD} {clause}") for clause in clauses_of(finding.rule)),
        ],
        "methods": ["EXAMINE"] if finding.status == "manual" else ["TEST"],
        "types": ["finding"] if _decided(finding) else ["control-objective"],
        "subjects": [{"subject-uuid": _subject(finding.target), "type": "inventory-item"}],
        "collected": finding.last_evaluated,
    }
    if remark := _remark(finding):
        said["remarks"] = remark
    return said


def _remark(finding: Finding) -> str:
    if finding.status == "unknown":
        return _line(_("could not be decided: {why}").format(why=grounds(finding)))
    if finding.status == "manual":
        return _("only a person can tell")
    return _("does not apply") if finding.status == "not_applicable" else ""


def _finding(scanned: Scanned, finding: Finding) -> dict[str, Any]:
    good = finding.status == "pass"
    status: dict[str, Any] = {"state": "satisfied" if good else "not-satisfied", "reason": "pass" if good else "fail"}
    if finding.waived:
        status["remarks"] = _line(
            _("waived until {time}, {ticket}").format(time=(finding.waived_until or "")[:10], ticket=finding.waiver)
        )
    return {
        "uuid": _id("finding", scanned.result.manifest, finding.id),
        "title": _line(finding.title.spoken),
        "description": _line(sentence(finding)),
        "target": {"type": "objective-id", "target-id": _token(finding.rule), "status": status},
        "related-observations": [{"observation-uuid": _observed(scanned, finding)}],
    }


def _item(one: TargetResult) -> dict[str, Any]:
    return {
        "uuid": _subject(one.target),
        "description": _line(name_of(one.target)),
        "props": [_prop("facts", one.facts), _prop("findings", one.findings)],
    }


def _policy(scanned: Scanned) -> dict[str, Any]:
    digest = scanned.result.policy
    return {
        "uuid": _id("policy", digest),
        "title": "Rules and parameters",
        "description": f"SHA-256 {digest}; kept by the host that scanned.",
    }


def _observed(scanned: Scanned, finding: Finding) -> str:
    return _id("observation", scanned.result.manifest, finding.id)


def _subject(target: TargetRef) -> str:
    return _id("target", target.kind, target.id)


def _prop(name: str, value: str) -> dict[str, str]:
    return {"name": name, "ns": NAMESPACE, "value": _line(value)}


def _id(*parts: str) -> str:
    return str(uuid5(_NAMES, "\n".join(part.encode("utf-8", "backslashreplace").decode() for part in parts)))


def _token(name: str) -> str:
    """A name as the schema's token: a letter or underscore first."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name)


def _line(text: str) -> str:
    """One line without blanks at its ends, and never empty: what the schema calls a string."""
    return " ".join(visible(text).split()) or "-"
