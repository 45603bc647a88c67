"""Clauses and the assessor's four questions, answered for one system. Pure."""

from collections.abc import Iterable

from guardian.audit.answers import answer, combined, worst
from guardian.audit.facts import Answer, ClauseAnswer, PackFacts, QuestionAnswer
from guardian.audit.standards import Ask, Clause, Clauses
from guardian.errors import ExitCode
from guardian.model.estate import LocalText
from guardian.model.reason import reason
from guardian.model.standard import Confidence, MlpsLevel

_SURENESS: tuple[Confidence, ...] = ("secondary", "from-memory", "derived", "verified")

QUESTIONS = (
    LocalText(zh="是否按照备份策略进行本地备份？", en="Are backups made as the backup policy asks?"),
    LocalText(zh="备份策略设置是否合理、配置是否正确？", en="Is the backup policy reasonable and configured right?"),
    LocalText(zh="备份结果是否与备份策略一致？", en="Do the results of backups match the policy?"),
    LocalText(
        zh="近期恢复测试记录是否表明能够正常恢复？", en="Do recent records of restore tests show normal recovery?"
    ),
)
"""What an assessor asks of GB/T 22239-2019 8.1.4.9 a (GB/T 28448), in our words."""
RECENT_DAYS = 92
"""A restore test is recent for a quarter: our reading, the standard has no figure."""


def clause_answers(facts: PackFacts, standard: Clauses, level: MlpsLevel) -> tuple[ClauseAnswer, ...]:
    """Every clause that ``level`` has, in the standard's order, answered."""
    return tuple(_answered(facts, standard, clause, level) for clause in standard.clauses if level in clause.numbers)


def _answered(facts: PackFacts, standard: Clauses, clause: Clause, level: MlpsLevel) -> ClauseAnswer:
    number = clause.numbers[level]
    return ClauseAnswer(
        standard=standard.id,
        clause=number.id,
        title=clause.title,
        requirement=clause.requirement,
        confidence=min(clause.confidence, number.confidence, key=_SURENESS.index),
        query=", ".join(ask.query for ask in clause.answered_by),
        answer=combined(answer(facts, ask) for ask in clause.answered_by),
    )


def four_questions(facts: PackFacts) -> tuple[QuestionAnswer, ...]:
    """The four answers, with figures and proofs."""
    answers = (
        combined((_ask(facts, "sources-backed-up"), _failures(facts))),
        combined((_ask(facts, "config-known"), _ask(facts, "plan-declared"))),
        combined((_ask(facts, "receipts-within-rpo"), _ask(facts, "log-verified"))),
        combined(
            (
                answer(facts, Ask(query="drill-passed", level="D3", days=RECENT_DAYS)),
                _abandoned(facts),
                _restores(facts),
            )
        ),
    )
    return tuple(
        QuestionAnswer(n, text, said) for n, (text, said) in enumerate(zip(QUESTIONS, answers, strict=True), 1)
    )


def _ask(facts: PackFacts, query: str) -> Answer:
    return answer(facts, Ask.model_validate({"query": query}))


def _failures(facts: PackFacts) -> Answer:
    """Runs that came to nothing are told; whether they did harm is what the intervals say."""
    said = []
    for source in facts.system.sources:
        partial = sum(one.said.source == source.id and one.said.outcome != "complete" for one in facts.receipts)
        if count := partial + sum(one.said.slots for one in facts.no_backups if one.said.source == source.id):
            said.append(reason("backups-failed", "warning", source=source.id, count=count))
    return Answer("satisfied", tuple(said))


def _abandoned(facts: PackFacts) -> Answer:
    """A plan without a result is a drill that was begun and not told: whoever draws until it pleases leaves such."""
    told = {one.said.plan for one in facts.drills}
    left = [one for one in facts.plans if one.leaf_hash not in told]
    return Answer("satisfied", (reason("plans-without-result", "warning", count=len(left)),) if left else ())


def _restores(facts: PackFacts) -> Answer:
    if not facts.restores:
        return Answer("satisfied")
    bad = sum(one.said.outcome != "complete" for one in facts.restores)
    return Answer("satisfied", (reason("restores-seen", "info", count=len(facts.restores), bad=bad),))


def exit_code(answers: Iterable[Answer]) -> ExitCode:
    """0 all satisfied, 3 something is not, 4 something could not be verified; what is for a person does not count."""
    codes = {
        "satisfied": ExitCode.OK,
        "not-satisfied": ExitCode.BAD_ANSWER,
        "could-not-verify": ExitCode.COULD_NOT_VERIFY,
    }
    return codes[worst(tuple(answers))]
