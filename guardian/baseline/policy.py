"""The rules that hold on a host: those that ship with Guardian and the operator's own, chosen by baselines.

Everything that does not fit is an error with its place: an id that is there twice, an include that names nothing, a
parameter for a rule that was not chosen. A rule that silently does not run would be a verdict nobody gave.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from guardian.baseline.evaluate import Ready, ready
from guardian.baseline.fact import Path as FactPath
from guardian.baseline.rule import Family, Rule, RuleSet
from guardian.config.document import Table, locate, parse, plain
from guardian.config.explain import explain
from guardian.config.includes import read_bytes
from guardian.config.problem import Fault, InvalidConfigError, Problem, did_you_mean, dotted
from guardian.content import content_dir
from guardian.errors import ConfigError, UsageError
from guardian.i18n import _
from guardian.model.finding import Json, TargetKind

MAX_FILES: Final = 200
FOLDER: Final = "baseline"


@dataclass(frozen=True)
class Library:
    """Every rule and set there is, by id."""

    families: Mapping[str, Family]
    sets: Mapping[str, RuleSet]

    @cached_property
    def rules(self) -> dict[str, tuple[Rule, Family]]:
        """Every rule with its family, by id."""
        return {rule.id: (rule, family) for family in self.families.values() for rule in family.rules}

    @property
    def baselines(self) -> tuple[str, ...]:
        """Everything that a configuration may name."""
        return (*self.sets, *self.families)

    def rule(self, name: str) -> tuple[Rule, Family]:
        """The rule ``name`` and its family. Raises UsageError when there is none."""
        found = self.rules.get(name)
        if found is None:
            raise UsageError(
                _("there is no rule {name}").format(name=name) + did_you_mean(name, list(self.rules)),
                _("'guardian scan --list' lists all."),
            )
        return found

    def chosen(self, baselines: Iterable[str], params: Mapping[str, Mapping[str, Json]] | None = None) -> "Policy":
        """The rules of ``baselines`` with ``params`` tightened. Raises UsageError, ConfigError."""
        tight: dict[str, dict[str, Json]] = {}
        rules: dict[str, Family] = {}
        names = tuple(dict.fromkeys(baselines))
        members: dict[str, frozenset[str]] = {}
        for name in names:
            found = tuple(self._of(name))
            members[name] = frozenset(rule for rule, _values in found)
            for rule, values in found:
                rules[rule] = self.rules[rule][1]
                _tighten(self.rules[rule][0], tight.setdefault(rule, {}), values)
        for rule, written in (params or {}).items():
            if rule not in self.rules:
                raise ConfigError(
                    _("scan.params names {rule}, which is no rule").format(rule=rule)
                    + did_you_mean(rule, list(self.rules))
                )
            if rule not in rules:
                continue  # another baseline than the configured ones was asked for
            tight[rule].update(written)
        order = {rule: place for place, rule in enumerate(self.rules)}
        chosen = tuple(
            ready(self.rules[rule][0], rules[rule].family, rules[rule].target, tight[rule])
            for rule in sorted(rules, key=order.__getitem__)
        )
        return Policy(names, chosen, members)

    def _of(self, name: str) -> Iterable[tuple[str, Mapping[str, Json]]]:
        """The ids of the rules of one baseline, each with the parameters that it tightens."""
        if name in self.families:
            return [(rule.id, {}) for rule in self.families[name].rules]
        if name not in self.sets:
            raise UsageError(
                _("there is no baseline {name}").format(name=name) + did_you_mean(name, self.baselines),
                _("Known are: {names}.").format(names=", ".join(self.baselines)),
            )
        chosen = self.sets[name]
        ids: dict[str, None] = {}
        for part in chosen.include:
            for rule in [rule.id for rule in self.families[part].rules] if part in self.families else [part]:
                ids[rule] = None
        return [(rule, chosen.params.get(rule, {})) for rule in ids if rule not in chosen.exclude]


@dataclass(frozen=True)
class Policy:
    """The rules that were chosen, ready to be asked."""

    baselines: tuple[str, ...]
    rules: tuple[Ready, ...]
    members: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The ids of the rules of each baseline."""

    def of(self, kind: TargetKind) -> tuple[Ready, ...]:
        """Those for one kind of target."""
        return tuple(rule for rule in self.rules if rule.target == kind)

    def needed(self, kinds: Iterable[TargetKind]) -> frozenset[FactPath]:
        """The facts that its rules for these kinds of targets read."""
        wanted = frozenset(kinds)
        return frozenset(need.fact for rule in self.rules if rule.target in wanted for need in rule.rule.needs)

    @cached_property
    def document(self) -> bytes:
        """Every rule and the parameters that hold, as canonical bytes: with them any verdict can be made again."""
        value = [
            {
                "family": one.family,
                "target": one.target,
                "rule": one.rule.model_dump(mode="json", exclude_unset=True, by_alias=True),
                "params": dict(one.params),
            }
            for one in self.rules
        ]
        return json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":")).encode()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of :attr:`document`: the same digest, the same questions."""
        return hashlib.sha256(self.document).hexdigest()

    @classmethod
    def from_document(cls, data: bytes) -> "Policy":
        """The policy that :attr:`document` gave. Raises ConfigError when it is none."""
        try:
            return cls(
                (),
                tuple(
                    ready(
                        Rule.model_validate_json(json.dumps(one["rule"])), one["family"], one["target"], one["params"]
                    )
                    for one in json.loads(data)
                ),
            )
        except (ValueError, TypeError, KeyError) as error:
            raise ConfigError(_("these are no rules: {why}").format(why=str(error).splitlines()[0][:200])) from error


def library(own: Iterable[Path] = (), folder: Path | None = None) -> Library:
    """All rules: those that ship with Guardian, and those in the folders or files ``own``.

    Raises InvalidConfigError with every fault and its place, UsageError where a folder of the operator's is missing.
    """
    shipped = folder or content_dir("policies") / FOLDER
    paths = [(path, path.name) for path in sorted(shipped.glob("*.yaml"))]
    for place in own:
        if not place.exists():
            raise UsageError(_("there are no rules at {path}").format(path=place))
        found = sorted(place.glob("*.yaml")) if place.is_dir() else [place]
        paths += [(path, str(path)) for path in found]
    if len(paths) > MAX_FILES:
        raise UsageError(_("more than {limit} files of rules").format(limit=MAX_FILES))
    problems: list[Problem] = []
    read: list[tuple[Family | RuleSet, Table]] = []
    for path, shown in paths:
        try:
            read.append(_read(path, shown))
        except InvalidConfigError as error:
            problems += error.problems
    families = {noun.family: noun for noun, _tree in read if isinstance(noun, Family)}
    sets = {noun.baseline: noun for noun, _tree in read if isinstance(noun, RuleSet)}
    problems += _collisions(read) + _loose_ends(read, families)
    if problems:
        raise InvalidConfigError(problems)
    return Library(families, sets)


def _read(path: Path, shown: str) -> tuple[Family | RuleSet, Table]:
    tree = parse(read_bytes(path, shown), shown)
    noun: type[Family | RuleSet] = RuleSet if "baseline" in tree.entries else Family
    try:
        # By way of JSON, where strict mode takes a list for a tuple.
        return noun.model_validate_json(json.dumps(plain(tree))), tree
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        faults = explain(details, tree, noun.model_json_schema())
        raise InvalidConfigError([_placed(fault, tree) for fault in dict.fromkeys(faults)]) from error


def _placed(fault: Fault, tree: Table) -> Problem:
    return Problem(locate(tree, fault.loc), dotted(fault.loc), fault.message, fault.hint)


def _collisions(read: list[tuple[Family | RuleSet, Table]]) -> list[Problem]:
    """Ids that are there twice, over all files."""
    seen: dict[str, Table] = {}
    problems = []
    for noun, tree in read:
        ids: list[tuple[str, tuple[Any, ...]]] = []
        if isinstance(noun, Family):
            ids = [(noun.family, ("family",)), *((r.id, ("rules", i, "id")) for i, r in enumerate(noun.rules))]
        else:
            ids = [(noun.baseline, ("baseline",))]
        for name, loc in ids:
            if name in seen and seen[name] is not tree:
                text = _("{name} is there already, in {file}").format(name=name, file=seen[name].place.file)
                problems.append(_placed(Fault(loc, text), tree))
            seen.setdefault(name, tree)
    return problems


def _loose_ends(read: list[tuple[Family | RuleSet, Table]], families: Mapping[str, Family]) -> list[Problem]:
    """What sets name that does not exist, and parameters that would loosen."""
    rules = {rule.id: rule for family in families.values() for rule in family.rules}
    return [
        _placed(fault, tree)
        for noun, tree in read
        if isinstance(noun, RuleSet)
        for fault in (*_strange_includes(noun, families, rules), *_loose_params(noun, rules))
    ]


def _strange_includes(chosen: RuleSet, families: Mapping[str, Family], rules: Mapping[str, Rule]) -> Iterator[Fault]:
    included: set[str] = set()
    for index, part in enumerate(chosen.include):
        included |= {rule.id for rule in families[part].rules} if part in families else {part}
        if part not in families and part not in rules:
            text = _("there is no rule and no family {name}").format(name=part)
            yield Fault(("include", index), text + did_you_mean(part, [*families, *rules]))
    for index, name in enumerate(chosen.exclude):
        if name not in included:
            yield Fault(("exclude", index), _("{name} is not included").format(name=name))
    for name in chosen.params:
        if name not in included:
            yield Fault(("params", name), _("{name} is not included").format(name=name))


def _loose_params(chosen: RuleSet, rules: Mapping[str, Rule]) -> Iterator[Fault]:
    for name, values in chosen.params.items():
        if name in rules:
            try:
                ready(rules[name], "", "host", values)
            except ConfigError as error:
                yield Fault(("params", name), str(error), error.hint)


def _tighten(rule: Rule, values: dict[str, Json], more: Mapping[str, Json]) -> None:
    """Take over ``more`` where it is stricter than what another baseline asked for already."""
    for name, value in more.items():
        parameter = rule.params.get(name)
        held = values.get(name)
        if parameter is None or held is None or parameter.model_copy(update={"default": held}).allows(value):
            values[name] = value
