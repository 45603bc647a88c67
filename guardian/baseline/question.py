"""A check made ready to be asked of any number of trees of facts: closures, so that asking costs microseconds."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from guardian.baseline import cel
from guardian.baseline.assertion import compare
from guardian.baseline.check import Check
from guardian.baseline.fact import ABSENT, Absent, Path, Unreadable, hole, kind, look
from guardian.baseline.truth import Truth, both, either, negated
from guardian.model.finding import Json

MAX_NAMED = 20
"""So many items that break a rule are named in its evidence; the rest is counted."""


class Leaf(NamedTuple):
    """One fact that was asked for: the ground of a verdict. ``value`` may be a whole subtree; it is cut when shown."""

    path: str
    op: str
    expected: Json
    value: Json
    truth: Truth
    why: str


class Answer(NamedTuple):
    """What a check comes to, and on which grounds."""

    truth: Truth
    leaves: tuple[Leaf, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a check is asked of."""

    tree: Json
    params: Mapping[str, Json]
    at: datetime


Question = Callable[[Asked], Answer]


def question(check: Check, parameters: frozenset[str]) -> Question:
    """``check`` as a function. Raises ConfigError for CEL that is not allowed."""
    match check.form:
        case "path":
            return _assertion(check)
        case "cel":
            return _cel(check, parameters)
        case "every" | "some":
            return _items(check, parameters)
        case form:
            return _joined(form, [question(part, parameters) for part in check.parts()])


def _joined(form: str, parts: list[Question]) -> Question:
    def ask(asked: Asked) -> Answer:
        answers = [part(asked) for part in parts]
        truths = [answer.truth for answer in answers]
        leaves = tuple(leaf for answer in answers for leaf in answer.leaves)
        if form == "all":
            return Answer(both(truths), leaves)
        if form == "any":
            return Answer(either(truths), leaves)
        # What speaks for one of them speaks against none of them.
        turned = tuple(leaf._replace(truth=negated(leaf.truth), op=f"not {leaf.op}") for leaf in leaves)
        return Answer(negated(either(truths)), turned)

    return ask


def _assertion(check: Check) -> Question:
    path, op, value, shown = check.path or (), check.op or "==", check.value, shown_path(check.path or ())
    parameter = value[1:] if isinstance(value, str) and re.match(r"\$[a-z]", value) else None
    if isinstance(value, str) and value.startswith("$$"):
        value = value[1:]
    has_absent, absent = check.has_absent, check.absent

    def ask(asked: Asked) -> Answer:
        expected = asked.params[parameter] if parameter is not None else value
        fact = look(asked.tree, path)
        if has_absent and (fact is None or isinstance(fact, Absent)):
            fact = absent
        if isinstance(fact, Absent):
            return Answer(None, (Leaf(shown, op, expected, None, None, "not among the facts"),))
        if not isinstance(fact, Unreadable) and isinstance(fact, dict | list):
            fact = hole(fact) or fact
        if isinstance(fact, Unreadable):
            return Answer(None, (Leaf(shown, op, expected, None, None, fact.why),))
        truth, why = compare(op, fact, expected, asked.at)
        return Answer(truth, (Leaf(shown, op, expected, fact, truth, why),))

    return ask


def _cel(check: Check, parameters: frozenset[str]) -> Question:
    program = cel.program(check, parameters)
    bound = tuple(check.with_.items())
    source = check.cel or ""

    def ask(asked: Asked) -> Answer:
        names: dict[str, Any] = {"params": dict(asked.params), "now": asked.at.isoformat()}
        lost = ""
        for name, path in bound:
            fact = look(asked.tree, path)
            gap = fact if isinstance(fact, Unreadable) else None if isinstance(fact, Absent) else hole(fact)
            if isinstance(fact, Absent) or gap is not None:
                lost = f"{shown_path(path)}: {gap.why if gap else 'not among the facts'}"
            else:
                names[name] = fact
        truth, why = program(names)
        read = {shown_path(path): names[name] for name, path in bound if name in names}
        value = next(iter(read.values())) if len(read) == 1 else read
        paths = ", ".join(shown_path(path) for _, path in bound)
        return Answer(truth, (Leaf(paths, "cel", source, value, truth, (lost or why) if truth is None else ""),))

    return ask


def _items(check: Check, parameters: frozenset[str]) -> Question:
    path = (check.every if check.form == "every" else check.some) or ()
    inner = question(check.check, parameters) if check.check is not None else _nothing
    where = question(check.where, parameters) if check.where is not None else None
    form, has_absent, absent = check.form, check.has_absent, check.absent
    quantifier = _Quantifier(shown_path(path), form == "every", inner, where, check.name)

    def ask(asked: Asked) -> Answer:
        found = look(asked.tree, path)
        if has_absent and (found is None or isinstance(found, Absent)):
            found = absent
        why = ""
        if isinstance(found, Absent):
            why = "not among the facts"
        elif isinstance(found, Unreadable):
            why = found.why
        elif not isinstance(found, list | dict):
            why = f"a list or mapping is needed, not {kind(found)}"
        if why:
            return Answer(None, (Leaf(quantifier.shown, form, None, None, None, why),))
        return quantifier.over(found, asked)

    return ask


def _nothing(_asked: Asked) -> Answer:
    return Answer(True, ())


@dataclass(frozen=True, slots=True)
class _Quantifier:
    """``every`` or ``some`` over items."""

    shown: str
    every: bool
    inner: Question
    where: Question | None
    name: Path | None

    def over(self, found: Json, asked: Asked) -> Answer:
        truths: list[Truth] = []
        deciding: list[Leaf] = []
        for index, item in enumerate(_entries(found)):
            truth, leaves = self._one(item, asked)
            truths.append(truth)
            # What decides is named: what breaks `every`, what satisfies `some`, and what is unknown.
            if truth is None or truth is not self.every:
                called = self._called(item, index)
                deciding += [
                    leaf._replace(path=f"{called}/{leaf.path}" if leaf.path != "." else called)
                    for leaf in leaves
                    if leaf.truth is truth
                ][: MAX_NAMED - len(deciding)]
        truth = both(truths) if self.every else either(truths)
        summary = Leaf(
            self.shown, "every" if self.every else "some", None, _tally(truths), truth, _why(truth, deciding)
        )
        return Answer(truth, (summary, *(leaf for leaf in deciding if leaf.truth is truth)))

    def _one(self, item: Json, asked: Asked) -> Answer:
        inside = Asked(item, asked.params, asked.at)
        if self.where is None:
            return self.inner(inside)
        meant = self.where(inside)
        if meant.truth is False:
            return Answer(self.every, ())
        answer = self.inner(inside)
        if meant.truth is True:
            return answer
        # Not known whether it is meant: harmless only if it satisfies `every` (or breaks `some`) anyway.
        truth = (
            True if self.every and answer.truth is True else False if not self.every and answer.truth is False else None
        )
        return Answer(truth, (*meant.leaves, *answer.leaves))

    def _called(self, item: Json, index: int) -> str:
        name = look(item, self.name) if self.name is not None else ABSENT
        if isinstance(name, str | int):
            return f"{self.shown}[{name}]"
        if isinstance(item, dict) and isinstance(item.get("key"), str) and item.keys() == {"key", "value"}:
            return f"{self.shown}[{item['key']}]"
        return f"{self.shown}[{index}]"


def _entries(found: Json) -> Iterator[Json]:
    if isinstance(found, dict):
        return ({"key": key, "value": value} for key, value in found.items())
    return iter(found)


def _tally(truths: list[Truth]) -> str:
    good, bad = truths.count(True), truths.count(False)
    return f"{good}/{len(truths)}" + (f", {len(truths) - good - bad} unknown" if good + bad < len(truths) else "")


def _why(truth: Truth, leaves: list[Leaf]) -> str:
    return next((leaf.why for leaf in leaves if leaf.truth is None and leaf.why), "") if truth is None else ""


def shown_path(path: Path) -> str:
    """A path as evidence names it: keys that have a slash in them stand in brackets."""
    if not path:
        return "."
    return "/".join(f"[{key}]" if "/" in key else key for key in path)
