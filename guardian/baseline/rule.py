"""Rules as people write them, in ``policies/baseline/*.yaml``: what must be so, why, how to mend it, with tests."""

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from guardian.baseline.check import MAX_DEPTH, Check, FactPath
from guardian.baseline.fact import Path
from guardian.i18n import _
from guardian.model.border import Id, Written
from guardian.model.estate import LocalText
from guardian.model.finding import Json, Level, RuleId, TargetKind

Text = Annotated[str, Field(min_length=1, max_length=500)]
Bound = Literal["<=", ">=", "subset", "superset"]
"""Which way a parameter may be moved: ``<=`` means that a tenant may set it lower, never higher."""


class Need(Written):
    """A fact that a rule reads, how it is read, and who may read it."""

    fact: FactPath
    by: Text
    as_: Text = Field(alias="as")


class Parameter(Written):
    """A number or list of a rule that a tenant may tighten."""

    default: Any
    bound: Bound
    unit: str | None = None

    def allows(self, value: Json) -> bool:
        """Whether ``value`` is as strict as the default, or stricter."""
        default = self.default
        if isinstance(default, list):
            if not isinstance(value, list | tuple):
                return False
            inner, outer = (value, default) if self.bound == "subset" else (default, value)
            return all(item in outer for item in inner)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return bool(value <= default if self.bound == "<=" else value >= default)

    @model_validator(mode="after")
    def _whole(self) -> "Parameter":
        listed = isinstance(self.default, list)
        number = isinstance(self.default, int | float) and not isinstance(self.default, bool)
        if not (listed and self.bound in ("subset", "superset")) and not (number and self.bound in ("<=", ">=")):
            raise ValueError(_("a number is bound by <= or >=, a list by subset or superset"))
        return self


class Fix(LocalText):
    """How to put it right. ``risk``: what may go wrong when one does."""

    risk: LocalText | None = None


class Tests(Written):
    """Trees of facts and the verdict each must get; one tree, or a list."""

    pass_: Any = Field(alias="pass")
    fail: Any
    unknown: Any
    not_applicable: Any = None

    def trees(self) -> list[tuple[str, Json]]:
        """(status, facts) of every test."""
        named = (
            ("pass", self.pass_),
            ("fail", self.fail),
            ("unknown", self.unknown),
            ("not_applicable", self.not_applicable),
        )
        return [
            (status, tree)
            for status, trees in named
            for tree in (trees if isinstance(trees, list) else [trees] if trees is not None else [])
        ]


class Rule(Written):
    """One rule. ``rev`` rises with every change of what it asks; an id is never used again."""

    id: RuleId
    rev: Annotated[int, Field(ge=1, le=9999)]
    severity: Level
    title: LocalText
    why: LocalText
    needs: Annotated[tuple[Need, ...], Field(min_length=1, max_length=12)]
    applies: Check | None = None
    params: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")], Parameter] = Field(default_factory=dict)
    check: Check | None = None
    manual: LocalText | None = Field(None, description="what a person has to look at, where no fact can tell")
    fix: Fix
    tests: Tests | None = None
    tags: tuple[Id, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> "Rule":
        if (self.check is None) == (self.manual is None):
            raise ValueError(_("a rule has either check or manual"))
        if self.check is not None and self.tests is None:
            raise ValueError(_("a rule with a check has tests"))
        if self.applies is not None and self.tests is not None and self.tests.not_applicable is None:
            raise ValueError(_("a rule with applies has a test not_applicable"))
        if any(check.depth() > MAX_DEPTH for check in self.checks):
            raise ValueError(_("checks stand in checks deeper than {limit}").format(limit=MAX_DEPTH))
        self._reads_what_it_needs()
        self._names_its_parameters()
        return self

    @property
    def checks(self) -> tuple[Check, ...]:
        """What it asks, at the top."""
        return tuple(check for check in (self.applies, self.check) if check is not None)

    def digest(self) -> str:
        """SHA-256 of the rule's logic and words, without its tests."""
        value = self.model_dump(mode="json", exclude={"tests"}, exclude_unset=True, by_alias=True)
        text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def _reads_what_it_needs(self) -> None:
        needed = [need.fact for need in self.needs]
        read = [path for check in self.checks for path in check.facts()]
        for path in read:
            if not any(_under(path, need) for need in needed):
                raise ValueError(_("{fact} is read, but is not under needs").format(fact="/".join(path)))
        for need in needed:
            if self.check is not None and not any(_under(path, need) for path in read):
                raise ValueError(_("{fact} is under needs, but is not read").format(fact="/".join(need)))

    def _names_its_parameters(self) -> None:
        named = {name for check in self.checks for name in check.parameters()}
        spoken = {
            name for check in self.checks for leaf in check.cels() for name in self.params if name in str(leaf.cel)
        }
        if strange := sorted(named - self.params.keys()):
            raise ValueError(_("there is no parameter {name}").format(name=strange[0]))
        if unused := sorted(self.params.keys() - named - spoken):
            raise ValueError(_("the parameter {name} is not used").format(name=unused[0]))


def _under(path: Path, top: Path) -> bool:
    return path[: len(top)] == top


class Family(Written):
    """One file of rules over one kind of target. Its id is a baseline that a configuration may name."""

    family: Id
    target: TargetKind
    title: LocalText
    rules: Annotated[tuple[Rule, ...], Field(min_length=1, max_length=200)]

    @model_validator(mode="after")
    def _distinct(self) -> "Family":
        ids = [rule.id for rule in self.rules]
        if len(set(ids)) != len(ids):
            raise ValueError(_("{name} is there twice").format(name=max(ids, key=ids.count)))
        return self


class RuleSet(Written):
    """A baseline put together of families and rules, with parameters made tighter."""

    baseline: Id
    title: LocalText
    include: Annotated[tuple[str, ...], Field(min_length=1, max_length=200)]
    exclude: tuple[RuleId, ...] = ()
    params: dict[RuleId, dict[str, Any]] = Field(default_factory=dict)
