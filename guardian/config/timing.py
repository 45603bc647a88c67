"""The rules of everything in a configuration that has to do with time: schedules, windows, the time zone."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from guardian.config.localtime import named
from guardian.config.problem import Fault, Loc
from guardian.config.schedule import parse_cadence
from guardian.config.windows import Window, parse_window, whole_week
from guardian.i18n import _
from guardian.model.border import parse_duration


def faults(tree: Mapping[str, Any]) -> Iterator[Fault]:
    """Every fault against these rules in ``tree``, which may be wrong in any other way too."""
    agent = _table(tree.get("agent"))
    yield from _windows(_items(agent.get("blackout")), ("agent", "blackout"))
    yield from _zone(agent.get("time_zone"))
    for index, rule in enumerate(_items(agent.get("bandwidth"))):
        yield from _window(_table(rule).get("window"), ("agent", "bandwidth", index, "window"))
    for name, spec in _tables(tree, "repositories"):
        for key in ("maintain", "posture"):
            yield from _cadence(spec.get(key), ("repositories", name, key))
    for name, system in _tables(tree, "systems"):
        yield from _plan(_table(system.get("plan")), ("systems", name, "plan"), _items(agent.get("blackout")))


def _plan(plan: Mapping[str, Any], at: Loc, everybody: list[object]) -> Iterator[Fault]:
    yield from _cadence(plan.get("schedule"), (*at, "schedule"))
    for level, text in _table(plan.get("drills")).items():
        yield from _cadence(text, (*at, "drills", level))
    yield from _windows(_items(plan.get("blackout")), (*at, "blackout"), everybody)
    yield from _jitter(plan, (*at, "jitter"))


def _cadence(text: object, at: Loc) -> Iterator[Fault]:
    try:
        if isinstance(text, str):
            parse_cadence(text)
    except ValueError as error:
        yield Fault(at, str(error))


def _jitter(plan: Mapping[str, Any], at: Loc) -> Iterator[Fault]:
    """A jitter as long as the steps of a schedule would let runs of two slots fall together."""
    try:
        jitter, cadence = parse_duration(plan.get("jitter")), parse_cadence(str(plan.get("schedule")))
    except ValueError:
        return  # there is none, or it is told elsewhere what is wrong with it
    if jitter > cadence.shortest:
        yield Fault(at, _("the jitter is longer than the time between two slots of the schedule"))


def _zone(name: object) -> Iterator[Fault]:
    try:
        if isinstance(name, str):
            named(name)
    except ValueError as error:
        yield Fault(("agent", "time_zone"), str(error))


def _windows(texts: list[object], at: Loc, more: Iterable[object] = ()) -> Iterator[Fault]:
    """Windows that cannot be read; and those that, with ``more`` that hold too, leave no time at all."""
    for index, text in enumerate(texts):
        yield from _window(text, (*at, index))
    if texts and whole_week(_readable([*texts, *more])):
        yield Fault(at, _("these windows leave no minute of the week: nothing would ever run"))


def _window(text: object, at: Loc) -> Iterator[Fault]:
    try:
        if isinstance(text, str):
            parse_window(text)
    except ValueError as error:
        yield Fault(at, str(error))


def _readable(texts: Iterable[object]) -> Iterator[Window]:
    for text in texts:
        try:
            yield parse_window(str(text))
        except ValueError:
            continue


def _tables(tree: Mapping[str, Any], key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    return ((name, _table(value)) for name, value in _table(tree.get(key)).items())


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _items(value: object) -> list[object]:
    return value if isinstance(value, list) else []
