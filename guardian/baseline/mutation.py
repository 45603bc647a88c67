"""Does a baseline notice? Every option that a rule claims is made worse, one at a time, and the rule is asked again.

A mutant that no rule notices survives. The score is the share that was noticed, as for the tests of a program: it says
how much of what a rule reads it really decides by. An option that is unset must not pass either; what cannot be read is
no mutant (a property of the engine holds that already).
"""

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from guardian.baseline.check import Check
from guardian.baseline.evaluate import Ready
from guardian.baseline.fact import Absent, Path, Unreadable, look
from guardian.baseline.question import bound, question, shown_path
from guardian.baseline.weaken import weaker
from guardian.model.finding import Json, Status

Way = tuple[str | int, ...]
"""A path that may lead through lists."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A tree of facts in which one option is worse. ``unset``: it is not there at all."""

    option: str
    value: Json
    tree: Json
    unset: bool = False


@dataclass(frozen=True, slots=True)
class Tried:
    """What a rule said of a mutant."""

    rule: str
    family: str
    mutant: Mutant
    status: Status

    @property
    def killed(self) -> bool:
        """Whether it was noticed."""
        return self.status != "pass" if self.mutant.unset else self.status == "fail"


def tried(rule: Ready, at: datetime) -> Iterator[Tried]:
    """Every mutant of the first tree that the rule passes, and what it says of it."""
    tests = rule.rule.tests
    if rule.rule.check is None or tests is None:
        return
    good = next(tree for status, tree in tests.trees() if status == "pass")
    bad = [tree for status, tree in tests.trees() if status == "fail"]
    for mutant in _Maker(rule.params, at, good, bad).of(rule.rule.check, ()):
        yield Tried(rule.rule.id, rule.family, mutant, rule.judge(mutant.tree, at).status)


@dataclass(frozen=True, slots=True)
class _Maker:
    params: Mapping[str, Json]
    at: datetime
    good: Json
    bad: Sequence[Json]

    def of(self, check: Check, way: Way) -> Iterator[Mutant]:
        """The mutants of what ``check`` claims; its paths begin at ``way``."""
        match check.form:
            case "path":
                yield from self._asserted(check, way)
            case "all":
                for part in check.parts():
                    yield from self.of(part, way)
            case "any":
                yield from self._joint(check, way)
            case "none":
                yield from self._satisfied(check, way)
            case "every":
                yield from self._item(check, way)
            case "some":
                path = check.some or ()
                yield self._made(way + path, [] if not isinstance(_at(self.good, way + path), dict) else {})
            case _:
                yield from self._borrowed(check.with_.values())

    def _asserted(self, check: Check, way: Way) -> Iterator[Mutant]:
        path, value = way + (check.path or ()), bound(check.value, self.params)
        fact = _at(self.good, path)
        if not self._holds(check, _at(self.good, way)):
            return  # an alternative that this good tree does not use
        known = fact if fact is not None else check.absent
        for worse in weaker(check.op or "==", value, known, self.at):
            yield self._made(path, worse)
        if not check.has_absent and fact is not None:
            yield Mutant(_shown(path), None, _set(self.good, path, None), unset=True)

    def _joint(self, check: Check, way: Way) -> Iterator[Mutant]:
        """All alternatives that hold made worse together: one alone decides nothing."""
        tree, names = self.good, list[str]()
        for part in check.parts():
            mutants = _Maker(self.params, self.at, tree, self.bad).of(part, way)
            first = next((one for one in mutants if not one.unset), None)
            if first is not None:
                tree, names = first.tree, [*names, first.option]
        if names:
            yield Mutant(" / ".join(names), None, tree)

    def _satisfied(self, check: Check, way: Way) -> Iterator[Mutant]:
        """What must not be, made so: by the value itself, or as the rule's own bad examples have it."""
        for part in check.parts():
            if part.form == "path" and part.op in ("==", "in"):
                value = bound(part.value, self.params)
                yield self._made(way + (part.path or ()), value[0] if part.op == "in" else value)
            else:
                yield from self._borrowed(part.facts())

    def _item(self, check: Check, way: Way) -> Iterator[Mutant]:
        """One item made worse that the rule means; where the good tree has none, one of the bad examples."""
        path = way + (check.every or ())
        items = _at(self.good, path)
        meant = question(check.where, self.params) if check.where is not None else None
        if isinstance(items, list) and check.check is not None:
            for index, item in enumerate(items):
                if meant is None or meant.truth(item, (self.params, self.at)) is True:
                    yield from self.of(check.check, (*path, index))
                    return
        yield from self._borrowed([check.every or ()])

    def _borrowed(self, paths: Iterable[Path]) -> Iterator[Mutant]:
        """Facts as the rule's bad examples have them, one fact at a time."""
        for path in paths:
            for tree in self.bad:
                worse = look(tree, path)
                if not isinstance(worse, Absent | Unreadable) and worse != _at(self.good, path):
                    yield self._made(path, worse)

    def _holds(self, check: Check, tree: Json) -> bool:
        return question(check, self.params).truth(tree, (self.params, self.at)) is True

    def _made(self, path: Way, worse: Json) -> Mutant:
        return Mutant(_shown(path), worse, _set(self.good, path, worse))


def _at(tree: Json, way: Way) -> Json:
    """What stands there; None for nothing."""
    for step in way:
        if isinstance(tree, dict) and isinstance(step, str):
            tree = tree.get(step)
        elif isinstance(tree, list) and isinstance(step, int) and step < len(tree):
            tree = tree[step]
        else:
            return None
    return tree


def _set(tree: Json, way: Way, value: Json) -> Json:
    """A copy of ``tree`` with ``value`` there."""
    if not way:
        return value
    step, rest = way[0], way[1:]
    if isinstance(step, int):
        return [_set(one, rest, value) if index == step else one for index, one in enumerate(tree)]
    held = copy.copy(tree) if isinstance(tree, dict) else {}
    held[step] = _set(held.get(step), rest, value)
    return held


def _shown(way: Way) -> str:
    return shown_path(tuple(str(step) for step in way))
