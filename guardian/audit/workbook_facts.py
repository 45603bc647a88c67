"""What the assessor's workbook takes from the log beside the scan: answers to clauses, and restore drills."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from guardian.audit.clauses import clause_answers
from guardian.audit.facts import ClauseAnswer, Period, Recorded, code_of
from guardian.audit.gather import gather, verified
from guardian.audit.standards import clause_standards
from guardian.baseline.clauses import Entry, Level
from guardian.model.evidence import DrillResult
from guardian.model.reason import Reason

if TYPE_CHECKING:
    from guardian.node import Node

LOOKED_BACK: Final = timedelta(days=366)
DRILLS: Final = 2000
"""The newest drills that a workbook lists."""
STANDARD: Final = "gbt22239-2019"


@dataclass(frozen=True, slots=True)
class Beside:
    """What the log says. ``answers`` are by the number of the clause, each with the system it is about."""

    drills: tuple[Recorded[DrillResult], ...] = ()
    answers: Mapping[str, tuple[tuple[str, ClauseAnswer], ...]] = field(default_factory=dict)
    sentence: Callable[[Reason], str] = code_of

    def of(self, entry: Entry, level: Level) -> tuple[tuple[str, ClauseAnswer], ...]:
        """The answers to one clause, a system each."""
        if entry.clause.log is None:
            return ()
        (standard,) = clause_standards(STANDARD)
        named = {clause.id: clause.numbers[level].id for clause in standard.clauses if level in clause.numbers}
        return self.answers.get(named.get(entry.clause.log, ""), ())


def read(node: "Node", level: Level, sentence: Callable[[Reason], str] = code_of) -> Beside:
    """What this host's log says of every configured system in the last year.

    Raises LogInvalid when the log does not hold together, and what reading it raises.
    """
    log = verified(node)
    (standard,) = clause_standards(STANDARD)
    now = node.clock.now()
    answers: dict[str, list[tuple[str, ClauseAnswer]]] = {}
    drills: list[Recorded[DrillResult]] = []
    for system in node.loaded.config.systems:
        facts = gather(node, log, system, Period(now - LOOKED_BACK, now + timedelta(minutes=1))).facts
        drills += facts.drills
        for one in clause_answers(facts, standard, level):
            answers.setdefault(one.clause, []).append((system, one))
    drills.sort(key=lambda one: one.at, reverse=True)
    return Beside(tuple(drills[:DRILLS]), {number: tuple(found) for number, found in answers.items()}, sentence)
