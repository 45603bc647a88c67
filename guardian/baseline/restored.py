"""The restored database held against the same rules as the one it is a copy of: would the copy pass too?

What a dump brings back is roles, rights and what is in databases; how a server is set up is no part of it. So only
rules that read nothing else are compared, and a role that a drill made for itself is no finding.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from guardian.baseline.evaluate import evaluate
from guardian.baseline.fact import Path
from guardian.baseline.facts import mysql, postgresql
from guardian.baseline.policy import Policy
from guardian.baseline.scan import chosen_policy, rules_of
from guardian.baseline.services import service_places
from guardian.model.backup import Target
from guardian.model.finding import Json, Status
from guardian.model.reason import Reason, reason
from guardian.node import Node
from guardian.sources.proof import Restored

TRAVELS: Final[Mapping[str, tuple[Path, ...]]] = {
    "postgresql": (("pg", "roles"), ("pg", "superusers"), ("pg", "logins"), ("pg", "databases")),
    "mysql": (("my", "databases"),),
}
"""Facts that come back with a dump."""
NAMED: Final = 10
"""So many rules are named in the evidence of a drill; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What one rule says of the restored database and of the one it is a copy of; None where nobody could look."""

    rule: str
    restored: Status
    production: Status | None


@dataclass(slots=True)
class RestoredScan:
    """Looks at restored databases while a drill has them; ``seen`` holds what was found, by source."""

    node: Node
    baselines: tuple[str, ...] = ()
    seen: dict[str, tuple[Compared, ...]] = field(default_factory=dict)

    def __call__(self, target: Target, restored: Restored) -> Iterator[Reason]:
        """What is worth saying of one restored database. Raises UsageError for a baseline that does not exist."""
        place = next((one for one in service_places(self.node) if one.name == target.ref), None)
        if place is None:
            return
        policy = comparable(chosen_policy(self.node, rules_of(self.node), self.baselines, (place,)), restored.kind)
        there = _verdicts(policy, without(_facts(self.node, restored), restored.servants), self.node)
        looked = next(iter(place.look(self.node.clock)), None)
        here = _verdicts(policy, looked.facts, self.node) if looked is not None and not looked.unreachable else {}
        found = tuple(Compared(rule, status, here.get(rule)) for rule, status in there.items())
        self.seen[target.ref] = found
        yield from told(found)


def comparable(policy: Policy, kind: str) -> Policy:
    """The rules of one kind that read only what a dump brings back."""
    travels = TRAVELS[kind]
    rules = tuple(
        one
        for one in policy.rules
        if one.target == kind and all(any(need.fact[: len(top)] == top for top in travels) for need in one.rule.needs)
    )
    return Policy(policy.baselines, rules, policy.members)


def told(found: tuple[Compared, ...]) -> Iterator[Reason]:
    """What goes into the evidence: how many rules agree, and which the copy breaks that production keeps. Pure."""
    same = sum(one.restored == one.production for one in found)
    yield reason("restored-scanned", "info", rules=len(found), same=same)
    worse = [one for one in found if one.restored == "fail" and one.production == "pass"]
    for one in worse[:NAMED]:
        yield reason("restored-breaks-rule", "warning", rule=one.rule)
    if len(worse) > NAMED:
        yield reason("restored-breaks-rule-more", "warning", count=len(worse) - NAMED)
    if blind := sum(one.production is None for one in found):
        yield reason("restored-not-compared", "info", count=blind)


def without(facts: Json, names: tuple[str, ...]) -> Json:
    """``facts`` without roles called so, wherever a list has an item of that name."""
    if isinstance(facts, dict):
        return {key: without(value, names) for key, value in facts.items()}
    if isinstance(facts, list):
        return [without(one, names) for one in facts if _name(one) not in names]
    return facts


def _name(one: Any) -> str:
    named = one.get("name", one.get("role", "")) if isinstance(one, dict) else one
    return named if isinstance(named, str) else ""


def _facts(node: Node, restored: Restored) -> Json:
    collectors: dict[str, Callable[[], Json]] = {
        "postgresql": lambda: postgresql.collect(
            postgresql.Options(way=restored.way, clock=node.clock, stop=node.stop)
        ),
        "mysql": lambda: mysql.collect(mysql.Options(login=restored.way, clock=node.clock, stop=node.stop)),
    }
    return collectors[restored.kind]()


def _verdicts(policy: Policy, facts: Json, node: Node) -> dict[str, Status]:
    return {one.rule.rule.id: one.status for one in evaluate(facts, node.clock.now(), policy.rules)}
