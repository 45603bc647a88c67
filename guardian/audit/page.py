"""Renders the templates beside it: autoescaped, every text through the catalogue, no script, nothing from outside."""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from guardian.audit import marks, wording
from guardian.i18n import _, language, speaking
from guardian.model.estate import LocalText
from guardian.model.visible import visible

if TYPE_CHECKING:
    from jinja2 import Environment

STATES: dict[str, str] = {
    "satisfied": "pass",
    "not-satisfied": "fail",
    "could-not-verify": "unsure",
}
"""The shape of an answer's state: the same as of a drill's outcome."""


def render(template: str, lang: str, context: Mapping[str, Any]) -> str:
    """``template`` in ``lang`` (``zh`` or ``en``); the process goes on in the language it had."""
    with speaking(lang):
        return _environment().get_template(template).render(lang=_tag(), **context)


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415  heavy
    from markupsafe import Markup  # noqa: PLC0415  comes with it

    def shown(value: object) -> object:
        # Whatever a template puts out: names that came from a repository hold no control and no direction mark.
        return value if isinstance(value, Markup) else visible(str(value))

    environment = Environment(
        loader=PackageLoader("guardian.audit", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Markup only around what we drew ourselves, with every text in it escaped.
    environment.globals.update(
        _=_, local=local, drawing=Markup, icon=lambda name: Markup(icon(name)), shape_of=shape_of,  # noqa: S704
        outcome_text=outcome_text, state_text=lambda name: _(wording.STATES[name]), event_text=event_text,
        criterion_text=criterion_text,
    )  # fmt: skip
    names = ("moment", "stamp", "day", "last_day", "duration", "size", "bound", "portion", "percent", "grouped")
    environment.filters.update({name: getattr(wording, name) for name in names})
    environment.filters["cut"] = cut
    return environment


def shape_of(name: str) -> str:
    """The style class of an outcome or of an answer's state."""
    return STATES.get(name) or marks.SHAPES.get(name, "unsure")


def criterion_text(code: str) -> str:
    """What a level of GB/T 20988 is judged by."""
    return _(wording.CRITERIA.get(code, code))


def event_text(name: str) -> str:
    """What happened to a key."""
    return _(wording.EVENTS.get(name, name))


def local(text: LocalText | None, fallback: str = "") -> str:
    """One of both languages' texts, the one in use."""
    if text is None:
        return fallback
    return text.zh if language() == "zh" else text.en


def cut(text: object, length: int = 160) -> str:
    """Very long names end in an ellipsis: they are data, and the log has them whole."""
    words = str(text)
    return words if len(words) <= length else f"{words[: length - 1]}…"


def icon(outcome: str) -> str:
    """The symbol of an outcome or of an answer's state, to stand in a line; words must stand beside it."""
    example = {"satisfied": "PASS", "not-satisfied": "FAIL", "could-not-verify": "COULD_NOT_VERIFY"}
    named = example.get(outcome, outcome)
    drawing = marks.symbol(named, 9, 9)
    return f'<svg class="icon" viewBox="0 0 18 18" width="18" height="18" aria-hidden="true">{drawing}</svg>'


def outcome_text(name: str) -> str:
    """An outcome as people read it."""
    return _(wording.OUTCOMES.get(name, name))


def _tag() -> str:
    return "zh-CN" if language() == "zh" else "en"
