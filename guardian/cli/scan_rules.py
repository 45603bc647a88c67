"""``guardian scan --list`` and ``--explain``: the rules, for people who have to live by them."""

from collections.abc import Iterator, Mapping
from typing import Any

from guardian.baseline import wording
from guardian.baseline.clauses import Entry, areas, served
from guardian.baseline.formats.said import SEVERITIES, STANDARD
from guardian.baseline.policy import Library, library
from guardian.baseline.rule import Family, Rule
from guardian.cli import frame, render
from guardian.cli.options import Session, configured
from guardian.errors import ExitCode
from guardian.i18n import _

SHOWN = 3
"""So many clauses a line of the list names."""


def listed(session: Session) -> render.Report:
    """Every rule and baseline there is."""
    known = _library(session)
    serves = served(areas())
    rows = [
        (rule.id, _(SEVERITIES[rule.severity]), family.family, family.target, rule.title.spoken, _few(serves, rule.id))
        for rule, family in known.rules.values()
    ]
    header = (_("rule"), _("severity"), _("family"), _("target"), _("what must be so"), _("clauses"))
    sets = [f"{name}: {chosen.title.spoken}" for name, chosen in known.sets.items()]
    body = {
        "rules": [_document(rule, family, serves) for rule, family in known.rules.values()],
        "families": {name: family.title.model_dump() for name, family in known.families.items()},
        "baselines": {name: chosen.title.model_dump() for name, chosen in known.sets.items()},
    }
    lines = (*render.table(header, rows), *(("", _("baselines put together of these:")) if sets else ()), *sets)
    return render.Report("guardian.rules/v1", "listed", ExitCode.OK, body, lines)


def explained(session: Session, name: str) -> render.Report:
    """One rule, whole. Raises UsageError when there is none of that name."""
    rule, family = _library(session).rule(name)
    serves = served(areas())
    body = {
        "family": family.family,
        "target": family.target,
        "digest": rule.digest(),
        "clauses": _document(rule, family, serves)["clauses"],
        "rule": rule.model_dump(mode="json", by_alias=True, exclude_unset=True),
    }
    lines = tuple(_lines(rule, family, serves.get(rule.id, ())))
    return render.Report("guardian.rule/v1", "explained", ExitCode.OK, body, lines)


def _few(serves: Mapping[str, tuple[Entry, ...]], rule: str) -> str:
    found = [entry.number for entry in serves.get(rule, ())]
    return ", ".join(found[:SHOWN]) + (f" (+{len(found) - SHOWN})" if len(found) > SHOWN else "")


def _document(rule: Rule, family: Family, serves: Mapping[str, tuple[Entry, ...]]) -> dict[str, Any]:
    return {
        "id": rule.id,
        "rev": rule.rev,
        "severity": rule.severity,
        "family": family.family,
        "target": family.target,
        "title": rule.title.model_dump(),
        "needs": [{"fact": "/".join(need.fact), "by": need.by, "as": need.as_} for need in rule.needs],
        "params": {name: one.model_dump(mode="json", exclude_none=True) for name, one in rule.params.items()},
        "clauses": [{"standard": STANDARD, "number": entry.number} for entry in serves.get(rule.id, ())],
    }


def _lines(rule: Rule, family: Family, clauses: tuple[Entry, ...]) -> Iterator[str]:
    yield f"{rule.id} ({family.title.spoken}, {family.target}, {_(SEVERITIES[rule.severity])}, rev {rule.rev})"
    yield rule.title.spoken
    yield _("why: {text}").format(text=rule.why.spoken)
    for need in rule.needs:
        yield _("reads: {fact}, by {by}, as {who}").format(fact="/".join(need.fact), by=need.by, who=need.as_)
    yield from _asked(rule)
    for name, parameter in rule.params.items():
        said = f"{name} = {wording.value(parameter)} ({wording.bound(parameter)})"
        yield _("parameter: {said}").format(said=said)
    yield _("to put it right: {text}").format(text=rule.fix.spoken)
    if rule.fix.risk:
        yield _("beware: {text}").format(text=rule.fix.risk.spoken)
    for entry in clauses:
        yield _("serves {standard} {number}: {point}").format(
            standard=STANDARD, number=entry.number, point=entry.point.title.spoken
        )
    for verdict, facts in wording.examples(rule):
        yield _("example, {verdict}: {facts}").format(verdict=verdict, facts=facts[:400])


def _asked(rule: Rule) -> Iterator[str]:
    if rule.manual:
        yield _("a person looks: {text}").format(text=rule.manual.spoken)
    if rule.applies is not None:
        yield _("applies only where:")
        yield from (wording.INDENT + line for line in wording.asked(rule.applies))
    if rule.check is not None:
        yield _("asks:")
        yield from (wording.INDENT + line for line in wording.asked(rule.check))


def _library(session: Session) -> Library:
    """The rules of this host; where it has no configuration those that ship with Guardian."""
    if configured(session):
        loaded = frame.loaded(session)
        return library(loaded.resolve(path) for path in loaded.config.scan.policies)
    return library()
