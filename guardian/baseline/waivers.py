"""Waivers: findings that somebody answers for, for a while.

A waived finding stays a failed one; it does not count against the threshold. Nothing on the side that is scanned can
waive anything: waivers stand in files that the configuration names.
"""

import fnmatch
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, StringConstraints, ValidationError, model_validator

from guardian.config.document import Table, locate, parse, plain
from guardian.config.explain import explain
from guardian.config.includes import read_bytes
from guardian.config.problem import Fault, InvalidConfigError, Problem, did_you_mean, dotted
from guardian.i18n import _
from guardian.model.border import Written
from guardian.model.finding import RuleId, TargetRef

LONGEST: Final = timedelta(days=180)
"""A waiver ends at most so long from now: what is to be lived with for longer is decided again."""
SOON: Final = timedelta(days=14)
"""So long before its end a waiver is told of."""

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


def _day(value: object) -> object:
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise ValueError(_("not a day: write it as 2027-03-31")) from None
    return value


Day = Annotated[date, BeforeValidator(_day, json_schema_input_type=str)]

_TARGET = re.compile(r"[a-z0-9-]+:.+", re.DOTALL)


class Waiver(Written):
    """One exception. ``target`` is ``KIND:ID``, exact or with ``*`` and ``?``; ``until`` is the last day it holds."""

    rule: RuleId
    target: Annotated[str, StringConstraints(min_length=3, max_length=300)]
    owner: Words
    approver: Words
    reason: Words
    ticket: Words
    until: Day
    compensating: Words | None = Field(None, description="what is done instead")

    @model_validator(mode="after")
    def _whole(self) -> "Waiver":
        if self.owner.casefold() == self.approver.casefold():
            raise ValueError(_("owner and approver are one person"))
        if not _TARGET.fullmatch(self.target):
            raise ValueError(_("a target is written KIND:ID, such as host:app-1"))
        if not re.search(r"[^*?\[\]!]", self.target.partition(":")[2]):
            raise ValueError(_("a waiver for every target is none: name them"))
        return self

    def covers(self, rule: str, target: TargetRef) -> bool:
        """Whether it speaks of this rule and target, whatever the day."""
        return rule == self.rule and fnmatch.fnmatchcase(f"{target.kind}:{target.id}", self.target)

    @property
    def end(self) -> datetime:
        """The moment it is over: the end of its last day, in UTC."""
        return datetime.combine(self.until + timedelta(days=1), time(), UTC)

    def holds(self, at: datetime) -> bool:
        """Whether it is not over yet."""
        return at < self.end


class _File(Written):
    waivers: tuple[Waiver, ...]


@dataclass(frozen=True, slots=True)
class Waivers:
    """All that were written down."""

    known: tuple[Waiver, ...] = ()

    def of(self, rule: str, target: TargetRef, at: datetime) -> Waiver | None:
        """The one that holds for a finding, the longest of several."""
        found = [waiver for waiver in self.known if waiver.covers(rule, target) and waiver.holds(at)]
        return max(found, key=lambda waiver: waiver.until, default=None)

    def astray(self, looked_at: Sequence[tuple[str, TargetRef]]) -> tuple[Waiver, ...]:
        """Those that speak of nothing that was looked at: a typo, or a machine that is gone."""
        return tuple(
            waiver for waiver in self.known if not any(waiver.covers(rule, target) for rule, target in looked_at)
        )

    def ended(self, at: datetime) -> tuple[Waiver, ...]:
        """Those that are over."""
        return tuple(waiver for waiver in self.known if not waiver.holds(at))

    def ending(self, at: datetime) -> tuple[Waiver, ...]:
        """Those that will be over soon."""
        return tuple(waiver for waiver in self.known if waiver.holds(at) and waiver.end - at <= SOON)

    def next_end(self, at: datetime) -> datetime | None:
        """When the next of those that hold is over."""
        return min((waiver.end for waiver in self.known if waiver.holds(at)), default=None)


def read_waivers(paths: Iterable[Path], rules: Sequence[str], now: datetime) -> Waivers:
    """The waivers in the files ``paths``. Raises InvalidConfigError with every fault and its place.

    A rule that is not among ``rules``, and an end more than 180 days from ``now``, are faults.
    """
    problems: list[Problem] = []
    known: list[Waiver] = []
    for path in paths:
        try:
            found, tree = _read(path)
        except InvalidConfigError as error:
            problems += error.problems
            continue
        known += found
        problems += _faults(found, tree, rules, now)
    if problems:
        raise InvalidConfigError(problems)
    return Waivers(tuple(known))


def _faults(found: Sequence[Waiver], tree: Table, rules: Sequence[str], now: datetime) -> list[Problem]:
    faults = []
    for index, waiver in enumerate(found):
        if waiver.rule not in rules:
            text = _("there is no rule {name}").format(name=waiver.rule) + did_you_mean(waiver.rule, rules)
            faults.append(Fault(("waivers", index, "rule"), text))
        if waiver.end - now > LONGEST + timedelta(days=1):
            text = _("a waiver ends within {days} days").format(days=LONGEST.days)
            hint = _("What is to be lived with for longer is decided again then.")
            faults.append(Fault(("waivers", index, "until"), text, hint))
    return [_placed(fault, tree) for fault in faults]


def _read(path: Path) -> tuple[tuple[Waiver, ...], Table]:
    tree = parse(read_bytes(path, str(path)), str(path))
    try:
        return _File.model_validate_json(json.dumps(plain(tree))).waivers, tree
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        faults = explain(details, tree, _File.model_json_schema())
        raise InvalidConfigError([_placed(fault, tree) for fault in dict.fromkeys(faults)]) from error


def _placed(fault: Fault, tree: Table) -> Problem:
    return Problem(locate(tree, fault.loc), dotted(fault.loc), fault.message, fault.hint)
