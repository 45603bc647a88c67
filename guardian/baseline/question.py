"""A check made ready to be asked of any number of trees of facts: closures, so that asking costs microseconds."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from guardian.baseline import cel
from guardian.baseline.assertion import compare, text_test
from guardian.baseline.check import Check
from guardian.baseline.fact import ABSENT, ERR, Absent, Path, Unreadable, hole, kind, look
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


Inner = tuple[Mapping[str, Json], datetime]
"""What is the same for every item of a list: parameters and the moment."""


@dataclass(frozen=True, slots=True)
class Question:
    """A check in two forms that agree: ``truth`` alone, for every item of a list, and with its grounds.

    ``sieve``, where there is one, is a step and a test of the text there: where that fails, the check is false. What a
    rule means of a long list is mostly told by a name.
    """

    truth: Callable[[Json, Inner], Truth]
    ask: Callable[[Asked], Answer]
    sieve: tuple[str, Callable[[str], bool]] | None = None


def question(check: Check, params: Mapping[str, Json]) -> Question:
    """``check`` ready to be asked, with the parameters that hold. Raises ConfigError for CEL that is not allowed."""
    match check.form:
        case "path":
            return _assertion(check, params)
        case "cel":
            return _cel(check, params)
        case "every" | "some":
            return _items(check, params)
        case form:
            return _joined(form, [question(part, params) for part in check.parts()])


def _joined(form: str, parts: list[Question]) -> Question:
    truths_of = [part.truth for part in parts]

    def truth(tree: Json, inner: Inner) -> Truth:
        if form == "all":
            return both(one(tree, inner) for one in truths_of)
        found = either(one(tree, inner) for one in truths_of)
        return found if form == "any" else negated(found)

    def ask(asked: Asked) -> Answer:
        answers = [part.ask(asked) for part in parts]
        truths = [answer.truth for answer in answers]
        leaves = tuple(leaf for answer in answers for leaf in answer.leaves)
        if form == "all":
            return Answer(both(truths), leaves)
        if form == "any":
            return Answer(either(truths), leaves)
        # What speaks for one of them speaks against none of them.
        turned = tuple(leaf._replace(truth=negated(leaf.truth), op=f"not {leaf.op}") for leaf in leaves)
        return Answer(negated(either(truths)), turned)

    sieve = next((part.sieve for part in parts if part.sieve), None) if form == "all" else None
    return Question(truth, ask, sieve)


def _assertion(check: Check, params: Mapping[str, Json]) -> Question:
    path, op, shown = check.path or (), check.op or "==", shown_path(check.path or ())
    value = bound(check.value, params)
    fact_of = _reader(check)

    def truth(tree: Json, inner: Inner) -> Truth:
        fact = fact_of(tree)
        if fact is ABSENT or isinstance(fact, Unreadable):
            return None
        return compare(op, fact, value, inner[1])[0]

    def ask(asked: Asked) -> Answer:
        fact = fact_of(asked.tree)
        if isinstance(fact, Absent):
            return Answer(None, (Leaf(shown, op, value, None, None, "not among the facts"),))
        if isinstance(fact, Unreadable):
            return Answer(None, (Leaf(shown, op, value, None, None, fact.why),))
        found, why = compare(op, fact, value, asked.at)
        return Answer(found, (Leaf(shown, op, value, fact, found, why),))

    holds = text_test(op, value) if len(path) == 1 else None
    return Question(truth, ask) if holds is None else Question(_quick(path[0], holds, truth), ask, (path[0], holds))


def bound(value: Json, params: Mapping[str, Json]) -> Json:
    """``$name`` as the parameter it names, ``$$text`` as the text ``$text``, everything else as it is."""
    if isinstance(value, str) and value.startswith("$"):
        return value[1:] if value.startswith("$$") else params.get(value[1:], value)
    return value


def _reader(check: Check) -> Callable[[Json], Json | Unreadable | Absent]:
    """How an assertion finds its fact in a tree."""
    path, has_absent, absent = check.path or (), check.has_absent, check.absent

    def fact_of(tree: Json) -> Json | Unreadable | Absent:
        fact = look(tree, path)
        if has_absent and (fact is None or fact is ABSENT):
            fact = absent
        if isinstance(fact, dict | list):
            return hole(fact) or fact
        return fact

    return fact_of


def _quick(
    step: str, holds: Callable[[str], bool], truth: Callable[[Json, Inner], Truth]
) -> Callable[[Json, Inner], Truth]:
    """``truth``, and a short way for what lists are asked most: one text of an item, against texts."""

    def quick(tree: Json, inner: Inner) -> Truth:
        if type(tree) is dict:
            fact = tree.get(step)
            if type(fact) is str and ERR not in tree:
                return holds(fact)
        return truth(tree, inner)

    return quick


def _cel(check: Check, params: Mapping[str, Json]) -> Question:
    program = cel.program(check, frozenset(params))
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
        found, why = program(names)
        read = {shown_path(path): names[name] for name, path in bound if name in names}
        value = next(iter(read.values())) if len(read) == 1 else read
        paths = ", ".join(shown_path(path) for _, path in bound)
        return Answer(found, (Leaf(paths, "cel", source, value, found, (lost or why) if found is None else ""),))

    return Question(lambda tree, inner: ask(Asked(tree, *inner)).truth, ask)


def _items(check: Check, params: Mapping[str, Json]) -> Question:
    path = (check.every if check.form == "every" else check.some) or ()
    inner = question(check.check, params) if check.check is not None else _NOTHING
    where = question(check.where, params) if check.where is not None else None
    form, has_absent, absent = check.form, check.has_absent, check.absent
    quantifier = _Quantifier(shown_path(path), form == "every", inner, where, check.name)

    def items_of(tree: Json) -> tuple[Json, str]:
        """The items; or, where there are none to be had, why."""
        found = look(tree, path)
        if has_absent and (found is None or found is ABSENT):
            found = absent
        if isinstance(found, Absent):
            return None, "not among the facts"
        if isinstance(found, Unreadable):
            return None, found.why
        if not isinstance(found, list | dict):
            return None, f"a list or mapping is needed, not {kind(found)}"
        return found, ""

    def truth(tree: Json, inside: Inner) -> Truth:
        found, why = items_of(tree)
        return None if why else quantifier.truth(found, inside)

    def ask(asked: Asked) -> Answer:
        found, why = items_of(asked.tree)
        if why:
            return Answer(None, (Leaf(quantifier.shown, form, None, None, None, why),))
        return quantifier.over(found, asked)

    return Question(truth, ask)


_NOTHING = Question(lambda _tree, _inner: True, lambda _asked: Answer(True, ()))


@dataclass(frozen=True, slots=True)
class _Quantifier:
    """``every`` or ``some`` over items."""

    shown: str
    every: bool
    inner: Question
    where: Question | None
    name: Path | None

    def truth(self, found: Json, inside: Inner) -> Truth:
        """Without the grounds."""
        truths = (self._one(item, inside) for _index, item in self._meant(found))
        return both(truths) if self.every else either(truths)

    def over(self, found: Json, asked: Asked) -> Answer:
        """With the items that decide: what breaks ``every``, what satisfies ``some``, and what is unknown."""
        inside = (asked.params, asked.at)
        truths: list[Truth] = []
        deciding: list[tuple[Truth, int, Json]] = []
        for index, item in self._meant(found):
            truth = self._one(item, inside)
            truths.append(truth)
            if truth is None or truth is not self.every:
                deciding.append((truth, index, item))
        whole = both(truths) if self.every else either(truths)
        leaves: list[Leaf] = []
        for truth, index, item in deciding:
            if truth is whole and len(leaves) < MAX_NAMED:
                leaves += self._grounds(item, index, truth, asked)
        summary = Leaf(self.shown, "every" if self.every else "some", None, _tally(truths), whole, _why(whole, leaves))
        return Answer(whole, (summary, *leaves[:MAX_NAMED]))

    def _meant(self, found: Json) -> Iterator[tuple[int, Json]]:
        """The items that ``where`` may mean: those of which a name tells otherwise are left out."""
        sieve = self.where.sieve if self.where is not None else None
        if sieve is None:
            yield from enumerate(_entries(found))
            return
        step, holds = sieve
        if isinstance(found, dict):
            named = step == "key"
            for index, (key, value) in enumerate(found.items()):
                if not named or holds(key):
                    yield index, {"key": key, "value": value}
            return
        for index, item in enumerate(found):
            if type(item) is dict:
                name = item.get(step)
                if type(name) is str and not holds(name) and ERR not in item:
                    continue
            yield index, item

    def _one(self, item: Json, inside: Inner) -> Truth:
        meant = True if self.where is None else self.where.truth(item, inside)
        if meant is False:
            return self.every
        truth = self.inner.truth(item, inside)
        # Not known whether it is meant: harmless only if it satisfies `every` (or breaks `some`) anyway.
        return truth if meant or truth is self.every else None

    def _grounds(self, item: Json, index: int, truth: Truth, asked: Asked) -> Iterator[Leaf]:
        """What decided about one item, under its name."""
        inside = Asked(item, asked.params, asked.at)
        called = self._called(item, index)
        where = self.where.ask(inside).leaves if self.where is not None and truth is None else ()
        for leaf in (*where, *self.inner.ask(inside).leaves):
            if leaf.truth is truth:
                yield leaf._replace(path=f"{called}/{leaf.path}" if leaf.path != "." else called)

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
