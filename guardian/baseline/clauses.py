"""Clauses of GB/T 22239 as data: what each asks, by which rules it is answered, and why where no rule can.

The files lie in ``policies/standards/clauses``, an area each. What the log answers (backups, drills) has its questions
in ``policies/standards/gbt22239-2019.yaml``; a clause here names that entry by ``log``.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError, model_validator

from guardian.baseline.policy import Library
from guardian.baseline.rule import Parameter
from guardian.config.document import parse, plain
from guardian.config.includes import read_bytes
from guardian.content import content_dir
from guardian.errors import ConfigError
from guardian.i18n import _
from guardian.model.border import Id, Written
from guardian.model.estate import LocalText
from guardian.model.finding import RuleId
from guardian.model.standard import Confidence

Coverage = Literal["automatic", "partial", "evidence", "manual"]
"""``automatic``: rules answer all of it. ``partial``: rules answer a part, a person the rest. ``evidence``: Guardian
keeps what a person needs to answer. ``manual``: only a person can answer. The last three say why."""
COVERAGES: Final[tuple[Coverage, ...]] = ("automatic", "partial", "evidence", "manual")

Level = Literal["2", "3"]
Number = Annotated[str, Field(pattern=r"^[78](\.[0-9]{1,2}){1,3}$")]
Letter = Annotated[str, Field(pattern=r"^[a-z]?$")]


class Clause(Written):
    """One requirement. ``least`` has the least strict parameters that a rule must have been asked with to count."""

    l2: Letter | None = Field(None, description="its letter at level 2; empty where its point has no other clause")
    l3: Letter | None = Field(None, description="its letter at level 3")
    unit: str | None = Field(None, description="the unit of GB/T 28448 at level 3, where it is known")
    asks: LocalText
    coverage: Coverage = "manual"
    rules: tuple[RuleId, ...] = ()
    least: dict[RuleId, dict[str, Any]] = Field(default_factory=dict)
    log: Id | None = Field(None, description="the entry of the standard that the log answers")
    evidence: LocalText | None = Field(None, description="what Guardian keeps that a person needs")
    why: LocalText | None = Field(None, description="why a person is needed; default: its point's, then its area's")
    confidence: Confidence | None = None

    @model_validator(mode="after")
    def _whole(self) -> "Clause":
        if self.l2 is None and self.l3 is None:
            raise ValueError("a clause has a letter at level 2 or 3")
        if (self.coverage == "evidence") != (self.evidence is not None):
            raise ValueError("coverage evidence says what the evidence is")
        if self.coverage == "automatic" and self.why is not None:
            raise ValueError("what is automatic needs nobody: no why")
        if self.coverage in ("manual", "evidence") and self.rules:
            raise ValueError("what rules answer is automatic or partial")
        if len(set(self.rules)) != len(self.rules) or not self.least.keys() <= set(self.rules):
            raise ValueError("a rule stands once under rules, and under least only where it stands there")
        return self


class Point(Written):
    """One control point."""

    l2: Number | None = None
    l3: Number | None = None
    title: LocalText
    why: LocalText | None = None
    clauses: Annotated[tuple[Clause, ...], Field(min_length=1)]


class Area(Written):
    """One layer of the standard, a file each."""

    area: Id
    standard: Id
    part: Literal["general", "cloud"]
    l2: Number
    l3: Number
    title: LocalText
    confidence: Confidence
    sources: Annotated[dict[Id, str], Field(min_length=1)]
    why: LocalText
    points: Annotated[tuple[Point, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Entry:
    """One clause as one level has it, with all that its point and area say of it."""

    number: str
    area: Area
    point: Point
    clause: Clause
    why: LocalText
    confidence: Confidence
    unit: str | None

    @property
    def coverage(self) -> Coverage:
        """Who answers it."""
        return self.clause.coverage

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that answer it."""
        return self.clause.rules


def entries(areas: Iterable[Area], level: Level) -> tuple[Entry, ...]:
    """Every clause that ``level`` has, in the standard's order."""
    return tuple(
        Entry(
            number=f"{base} {letter}".strip(),
            area=area,
            point=point,
            clause=clause,
            why=clause.why or point.why or area.why,
            confidence=clause.confidence or area.confidence,
            unit=clause.unit if level == "3" else None,
        )
        for area in areas
        for point in area.points
        if (base := point.l2 if level == "2" else point.l3) is not None
        for clause in point.clauses
        if (letter := clause.l2 if level == "2" else clause.l3) is not None
    )


def served(areas: Iterable[Area], level: Level = "3") -> Mapping[str, tuple[Entry, ...]]:
    """The clauses that each rule serves."""
    found: dict[str, list[Entry]] = {}
    for entry in entries(areas, level):
        for rule in entry.rules:
            found.setdefault(rule, []).append(entry)
    return {rule: tuple(serving) for rule, serving in found.items()}


def faults(areas: Sequence[Area], known: Library, shipped: Iterable[str]) -> Iterator[str]:
    """What does not fit between clauses and rules, in both directions; ``shipped`` are the rules that need a clause."""
    mapped: set[str] = set()
    for area in areas:
        for point in area.points:
            for clause in point.clauses:
                where = f"{point.l3 or point.l2} {clause.l3 or clause.l2 or ''}".strip()
                mapped |= set(clause.rules)
                if clause.coverage in ("automatic", "partial") and not (clause.rules or clause.log):
                    yield f"{where}: {clause.coverage}, and neither rules nor the log answer it"
                for rule in clause.rules:
                    yield from (f"{where}: {said}" for said in _rule_faults(rule, clause.least.get(rule, {}), known))
    for rule in shipped:
        if rule not in mapped:
            yield f"{rule}: serves no clause"
    for level in ("2", "3"):
        yield from _number_faults(entries(areas, level))


def _rule_faults(rule: str, least: Mapping[str, Any], known: Library) -> Iterator[str]:
    if rule not in known.rules:
        yield f"there is no rule {rule}"
        return
    params = known.rules[rule][0].params
    for name, value in least.items():
        if name not in params:
            yield f"{rule} has no parameter {name}"
        elif not _as_strict(params[name], value):
            yield f"{rule}: {name} is {params[name].default} and looser than {value}"


def _as_strict(parameter: Parameter, least: Any) -> bool:
    """Whether the rule's own value is as strict as ``least`` asks, or stricter; a tenant can only tighten it."""
    return parameter.model_copy(update={"default": least}).allows(parameter.default)


def _number_faults(found: Sequence[Entry]) -> Iterator[str]:
    for number, count in Counter(entry.number for entry in found).items():
        if count > 1:
            yield f"{number} is there {count} times"
    points: dict[str, list[str]] = {}
    for entry in found:
        base, _space, letter = entry.number.partition(" ")
        points.setdefault(base, []).append(letter)
    for base, letters in points.items():
        wanted = [chr(ord("a") + place) for place in range(len(letters))] if len(letters) > 1 else [""]
        if letters != wanted:
            yield f"{base}: letters {letters} instead of {wanted}"


def read_area(path: Path) -> Area:
    """The area in the file ``path``. Raises ConfigError when it is none."""
    try:
        # By way of JSON, where strict mode takes a list for a tuple.
        return Area.model_validate_json(json.dumps(plain(parse(read_bytes(path, path.name), path.name))))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        why = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise ConfigError(_("{path} is no standard: {why}").format(path=path.name, why=why)) from error


@cache
def areas(folder: Path | None = None) -> tuple[Area, ...]:
    """Every area that ships with Guardian, in order. Raises ConfigError."""
    found = sorted((folder or content_dir("policies") / "standards" / "clauses").glob("*.yaml"))
    return tuple(read_area(path) for path in found)
