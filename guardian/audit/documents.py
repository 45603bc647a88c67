"""The answers as JSON documents of a pack: stable codes and figures, and each sentence in both languages."""

from typing import Any

from guardian.audit.facts import Answer, ClauseAnswer, Grade, PackFacts, QuestionAnswer
from guardian.clock import rfc3339
from guardian.i18n import speaking
from guardian.model.reason import Reason


def head(facts: PackFacts, schema: str) -> dict[str, Any]:
    """What every document begins with."""
    return {
        "schema": schema,
        "tenant": facts.system.tenant,
        "host": facts.system.host,
        "system": facts.system.id,
        "period": {"from": rfc3339(facts.period.start), "to": rfc3339(facts.period.end)},
        "log": {"origin": facts.log.origin, "size": facts.log.size, "root": facts.log.root},
    }


def reasons(facts: PackFacts, said: tuple[Reason, ...]) -> list[dict[str, Any]]:
    """Reasons with their sentence in both languages."""
    documents = []
    for one in said:
        texts = {}
        for language in ("zh", "en"):
            with speaking(language):
                texts[language] = facts.sentence(one)
        documents.append({**one.model_dump(mode="json"), "text": texts})
    return documents


def answer(facts: PackFacts, said: Answer) -> dict[str, Any]:
    """One answer with its figures and proofs."""
    return {
        "state": said.state,
        "by": said.by,
        "reasons": reasons(facts, said.reasons),
        "proofs": [{"index": proof.index, "leaf_hash": proof.leaf_hash} for proof in said.proofs],
    }


def clause(facts: PackFacts, said: ClauseAnswer) -> dict[str, Any]:
    """One clause and its answer."""
    return {
        "standard": said.standard,
        "clause": said.clause,
        "title": said.title.model_dump(),
        "requirement": said.requirement.model_dump(),
        "confidence": said.confidence,
        "query": said.query,
        **answer(facts, said.answer),
    }


def question(facts: PackFacts, said: QuestionAnswer) -> dict[str, Any]:
    """One of the four questions and its answer."""
    return {"number": said.number, "question": said.question.model_dump(), **answer(facts, said.answer)}


def grade(facts: PackFacts, said: Grade) -> dict[str, Any]:
    """The level, what it rests on and what limits it."""
    return {
        "edition": said.edition,
        "superseded": said.superseded,
        "element": "data-backup",
        "level": said.level,
        "declared": said.declared,
        "refused": said.refused,
        "limited_by": list(said.limited_by),
        "criteria": [
            {
                "code": one.code,
                "level": one.level,
                "basis": one.basis,
                "reasons": reasons(facts, one.reasons),
                "proofs": [{"index": proof.index, "leaf_hash": proof.leaf_hash} for proof in one.proofs],
            }
            for one in said.criteria
        ],
        "elements": [{"id": one.id, "title": one.title.model_dump(), "level": one.level} for one in said.elements],
    }
