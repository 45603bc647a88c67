"""The answers as OSCAL 1.1 assessment-results (https://pages.nist.gov/OSCAL), for tools that read those.

OSCAL knows satisfied and not-satisfied alone: what could not be verified, or is for a person, is not-satisfied with a
remark that says so. Ids are UUIDv5 of the log's root and of leaf hashes: the same evidence gives the same document.
"""

import re
from collections.abc import Sequence
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from guardian.audit.facts import Answer, ClauseAnswer, PackFacts, Proof
from guardian.clock import rfc3339
from guardian.i18n import speaking
from guardian.model.evidence import NAMESPACE

VERSION = "1.1.2"
_NAMES = uuid5(NAMESPACE_URL, NAMESPACE)
_REMARKS = {
    "not-satisfied": "not satisfied",
    "could-not-verify": "could not verify: the evidence does not say, which is no finding that the clause is violated",
    "person": "for a person to judge: no log can answer this clause",
}


def assessment_results(facts: PackFacts) -> dict[str, Any]:
    """The document. Texts are English; values are single lines and names are NCNames, as the schema asks."""
    root = _id("log", facts.log.root, facts.system.id)
    controls = [_control(clause) for clause in facts.clauses]
    plan = _id("plan", facts.system.config_sha256)
    observations = _observations(facts)
    result: dict[str, Any] = {
        "uuid": _id("result", facts.log.root, facts.system.id, rfc3339(facts.period.start), rfc3339(facts.period.end)),
        "title": f"Backup and recovery of {facts.system.id}",
        "description": f"Read from the log {facts.log.origin} of {facts.log.size} entries, verified whole.",
        "start": rfc3339(facts.period.start),
        "end": rfc3339(facts.period.end),
        "reviewed-controls": {
            "control-selections": [{"include-controls": [{"control-id": one} for one in dict.fromkeys(controls)]}]
            if controls
            else [{"include-all": {}}]
        },
    }
    if observations:
        result["observations"] = observations
    if facts.clauses:
        result["findings"] = [_finding(facts, clause) for clause in facts.clauses]
    return {
        "assessment-results": {
            "uuid": root,
            "metadata": {
                "title": f"Assessment results of {facts.system.id}",
                "last-modified": rfc3339(facts.generated),
                "version": facts.log.root[:16],
                "oscal-version": VERSION,
            },
            # The schema asks for a plan; the configuration in force is all the plan there is.
            "import-ap": {"href": f"#{plan}", "remarks": "There is no assessment plan in OSCAL; see the resource."},
            "results": [result],
            "back-matter": {
                "resources": [
                    {
                        "uuid": plan,
                        "title": "Configuration in force",
                        "description": f"SHA-256 {facts.system.config_sha256}; its statements are in the pack.",
                    }
                ]
            },
        }
    }


def _id(*parts: str) -> str:
    return str(uuid5(_NAMES, "\n".join(parts)))


def _control(clause: ClauseAnswer) -> str:
    """A clause's number as a token, such as ``gbt22239-2019_8.1.4.9_a``."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", f"{clause.standard}_{clause.clause}").strip("_")


def _proofs(answers: Sequence[Answer]) -> list[Proof]:
    return sorted({proof for answer in answers for proof in answer.proofs}, key=lambda proof: proof.index)


def _observations(facts: PackFacts) -> list[dict[str, Any]]:
    return [
        {
            "uuid": observation_id(proof.leaf_hash),
            "description": f"Entry {proof.index} of the log, leaf hash {proof.leaf_hash}.",
            "methods": ["EXAMINE"],
            "collected": rfc3339(facts.generated),
            "relevant-evidence": [
                {"href": f"./proofs/{proof.index:09d}.tlog-proof", "description": "Signed statement and its proof."}
            ],
        }
        for proof in _proofs([clause.answer for clause in facts.clauses])
    ]


def observation_id(leaf_hash: str) -> str:
    """The id of the observation that rests on the entry with this leaf hash."""
    return _id("entry", leaf_hash)


def _finding(facts: PackFacts, clause: ClauseAnswer) -> dict[str, Any]:
    answer, control = clause.answer, _control(clause)
    status: dict[str, Any] = {"state": "satisfied" if answer.state == "satisfied" else "not-satisfied"}
    if answer.state != "satisfied":
        status["reason"] = "fail" if answer.state == "not-satisfied" else "other"
        status["remarks"] = _REMARKS["person" if answer.by == "person" else answer.state]
    with speaking("en"):
        said = "; ".join(facts.sentence(one) for one in answer.reasons) or clause.requirement.en
    finding: dict[str, Any] = {
        "uuid": str(UUID(_id("finding", facts.log.root, facts.system.id, control, clause.title.en))),
        "title": f"{clause.clause} {clause.title.en}",
        "description": said,
        "target": {"type": "objective-id", "target-id": control, "status": status},
    }
    if answer.proofs:
        related = [{"observation-uuid": observation_id(proof.leaf_hash)} for proof in answer.proofs]
        finding["related-observations"] = related
    return finding
