"""``guardian scan --list`` and ``--explain``: the rules, for people who have to live by them."""

from collections.abc import Iterator

from guardian.baseline.formats.said import SEVERITIES
from guardian.baseline.policy import Library, library
from guardian.baseline.rule import Rule
from guardian.cli import frame, render
from guardian.cli.options import Session, configured
from guardian.errors import ExitCode
from guardian.i18n import _, language
from guardian.model.estate import LocalText


def listed(session: Session) -> render.Report:
    """Every rule and baseline there is."""
    known = _library(session)
    rows = [
        (rule.id, _(SEVERITIES[rule.severity]), family.family, family.target, _text(rule.title))
        for rule, family in known.rules.values()
    ]
    header = (_("rule"), _("severity"), _("family"), _("target"), _("what must be so"))
    sets = [f"{name}: {_text(chosen.title)}" for name, chosen in known.sets.items()]
    body = {
        "rules": [
            {
                "id": rule.id,
                "rev": rule.rev,
                "severity": rule.severity,
                "family": family.family,
                "target": family.target,
                "title": rule.title.model_dump(),
            }
            for rule, family in known.rules.values()
        ],
        "families": {name: family.title.model_dump() for name, family in known.families.items()},
        "baselines": {name: chosen.title.model_dump() for name, chosen in known.sets.items()},
    }
    lines = (*render.table(header, rows), *(("", _("baselines put together of these:")) if sets else ()), *sets)
    return render.Report("guardian.rules/v1", "listed", ExitCode.OK, body, lines)


def explained(session: Session, name: str) -> render.Report:
    """One rule, whole. Raises UsageError when there is none of that name."""
    rule, family = _library(session).rule(name)
    body = {
        "family": family.family,
        "target": family.target,
        "digest": rule.digest(),
        "rule": rule.model_dump(mode="json", by_alias=True, exclude_unset=True),
    }
    return render.Report("guardian.rule/v1", "explained", ExitCode.OK, body, tuple(_lines(rule, family.family)))


def _lines(rule: Rule, family: str) -> Iterator[str]:
    yield f"{rule.id} ({family}, {_(SEVERITIES[rule.severity])}, rev {rule.rev})"
    yield _text(rule.title)
    yield _("why: {text}").format(text=_text(rule.why))
    for need in rule.needs:
        yield _("reads: {fact}, by {by}, as {who}").format(fact="/".join(need.fact), by=need.by, who=need.as_)
    for name, parameter in rule.params.items():
        value = f"{parameter.default} {parameter.unit or ''}".strip()
        yield _("parameter: {name} {bound} {value}").format(name=name, bound=parameter.bound, value=value)
    yield _("to put it right: {text}").format(text=_text(rule.fix))
    if rule.fix.risk:
        yield _("beware: {text}").format(text=_text(rule.fix.risk))
    if rule.manual:
        yield _("a person looks: {text}").format(text=_text(rule.manual))


def _text(text: LocalText) -> str:
    return text.zh if language().startswith("zh") else text.en


def _library(session: Session) -> Library:
    """The rules of this host; where it has no configuration those that ship with Guardian."""
    if configured(session):
        loaded = frame.loaded(session)
        return library(loaded.resolve(path) for path in loaded.config.scan.policies)
    return library()
