"""Rules in words, in the language in use: what a check asks, which way a parameter may be moved, examples."""

import json
from collections.abc import Iterator
from typing import Final

from guardian.baseline.check import Check
from guardian.baseline.question import shown_path
from guardian.baseline.rule import Parameter, Rule
from guardian.i18n import N_, _
from guardian.model.finding import Json
from guardian.model.visible import visible

_JOINED: Final = {"all": N_("all of:"), "any": N_("any of:"), "none": N_("none of:")}
_BOUNDS: Final = {
    "<=": N_("may be set lower, never higher"),
    ">=": N_("may be set higher, never lower"),
    "subset": N_("may be made shorter, never longer"),
    "superset": N_("may be made longer, never shorter"),
}
_VERDICTS: Final = {
    "pass": N_("pass"),
    "fail": N_("FAIL"),
    "unknown": N_("unknown"),
    "not_applicable": N_("does not apply"),
}
INDENT: Final = "  "


def asked(check: Check) -> Iterator[str]:
    """``check`` as lines, what stands in it indented."""
    form = check.form
    if form == "path":
        yield _assertion(check)
    elif form == "cel":
        yield f"CEL: {visible(check.cel or '')}"
        for name, path in check.with_.items():
            yield f"{INDENT}{name} = {visible(shown_path(path))}"
    elif form in ("every", "some"):
        yield from _items(check, form)
    else:
        yield _(_JOINED[form])
        for part in check.parts():
            yield from (INDENT + line for line in asked(part))


def _assertion(check: Check) -> str:
    said = f"{visible(shown_path(check.path or ()))} {check.op} {plain(check.value)}"
    if not check.has_absent:
        return said
    taken = _("absent counts as {value}").format(value=plain(check.absent))
    return f"{said} ({taken})"


def _items(check: Check, form: str) -> Iterator[str]:
    path = visible(shown_path((check.every if form == "every" else check.some) or ()))
    yield (
        _("every item of {path}:").format(path=path) if form == "every" else _("some item of {path}:").format(path=path)
    )
    if check.where is not None:
        yield INDENT + _("only those where:")
        yield from (2 * INDENT + line for line in asked(check.where))
    if check.check is not None:
        yield from (INDENT + line for line in asked(check.check))


def bound(parameter: Parameter) -> str:
    """Which way it may be moved."""
    return _(_BOUNDS[parameter.bound])


def value(parameter: Parameter) -> str:
    """What it is unless somebody tightens it."""
    return f"{plain(parameter.default)} {parameter.unit or ''}".strip()


def examples(rule: Rule) -> Iterator[tuple[str, str]]:
    """(what it comes to, facts) of every test of the rule."""
    for status, tree in rule.tests.trees() if rule.tests else ():
        yield _(_VERDICTS[status]), plain(tree)


def plain(node: Json) -> str:
    """A value or a tree of facts in one line."""
    return visible(node if isinstance(node, str) else json.dumps(node, ensure_ascii=False))
