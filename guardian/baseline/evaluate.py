"""Facts and rules in, verdicts out. Pure: the same view and rules give the same verdicts on any machine, any day.

The promise that everything else rests on: a fact that is hidden turns a verdict into ``unknown`` or leaves it as it is.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from guardian.baseline.question import Answer, Asked, Leaf, Question, question
from guardian.baseline.rule import Rule
from guardian.errors import ConfigError
from guardian.i18n import _
from guardian.model.finding import Json, Status, TargetKind, TargetRef

MAX_LEAVES = 24
"""So many facts a verdict names as its grounds."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule says of one tree of facts, and the grounds that decided it."""

    rule: "Ready"
    status: Status
    leaves: tuple[Leaf, ...]


@dataclass(frozen=True)
class Ready:
    """A rule made ready to be asked, with the parameters that hold here."""

    rule: Rule
    family: str
    target: TargetKind
    params: Mapping[str, Json]
    applies: Question | None
    check: Question | None

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the rule's wording; parameters are in the policy's digest."""
        return self.rule.digest()

    def judge(self, facts: Json, at: datetime) -> Verdict:
        """The verdict over ``facts`` as they were at ``at``."""
        asked = Asked(facts, self.params, at)
        if self.applies is not None:
            applies = self.applies.ask(asked)
            if applies.truth is not True:
                other: Status = "unknown" if applies.truth is None else "not_applicable"
                return Verdict(self, other, _deciding(applies))
        if self.check is None:
            return Verdict(self, "manual", ())
        answer = self.check.ask(asked)
        status: Status = "unknown" if answer.truth is None else "pass" if answer.truth else "fail"
        return Verdict(self, status, _deciding(answer))


def _deciding(answer: Answer) -> tuple[Leaf, ...]:
    """The leaves that point the way the whole went; all of them where none does."""
    return (tuple(leaf for leaf in answer.leaves if leaf.truth is answer.truth) or answer.leaves)[:MAX_LEAVES]


def ready(rule: Rule, family: str, target: TargetKind, tightened: Mapping[str, Json] | None = None) -> Ready:
    """``rule`` ready to be asked, with parameters that may be tighter than its own.

    Raises ConfigError for a parameter that is not known or would be looser, and for CEL that is not allowed.
    """
    params = {name: parameter.default for name, parameter in rule.params.items()}
    for name, value in (tightened or {}).items():
        if name not in rule.params:
            raise ConfigError(_("{rule} has no parameter {name}").format(rule=rule.id, name=name))
        if not rule.params[name].allows(value):
            raise ConfigError(
                _("{rule}: {name} may only be tightened: {bound} {value}").format(
                    rule=rule.id, name=name, bound=rule.params[name].bound, value=rule.params[name].default
                ),
                _("To live with less, write a waiver: it has an owner, an approver and an end."),
            )
        params[name] = value
    try:
        applies = question(rule.applies, params) if rule.applies is not None else None
        check = question(rule.check, params) if rule.check is not None else None
    except ConfigError as error:
        raise ConfigError(f"{rule.id}: {error}", error.hint) from error
    return Ready(rule, family, target, params, applies, check)


def evaluate(facts: Json, at: datetime, rules: Iterable[Ready]) -> Iterator[Verdict]:
    """The verdict of every rule over one target's facts, in the order of the rules."""
    for rule in rules:
        yield rule.judge(facts, at)


def finding_id(tenant: str, target: TargetRef, rule: str) -> str:
    """The identity of a finding: for ever the same for tenant, target and rule."""
    text = f"{tenant}\0{target.kind}\0{target.id}\0{rule}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
