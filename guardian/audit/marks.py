"""What the charts share: the symbols of outcomes, rows of them on an axis of time, the axis, the legend."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from guardian.audit import svg
from guardian.audit.wording import OUTCOMES, moment
from guardian.i18n import _

ROWS = 24
"""Rows a chart shows at most."""

LEFT, RIGHT = 150.0, svg.WIDTH - 24.0
ROW = 30.0
MERGED = 7.0
"""Marks nearer than this (in the chart's units) become one: the worst of them, so that no failure hides."""

SHAPES: dict[str, str] = {
    "PASS": "pass", "complete": "pass",
    "FAIL": "fail", "failed": "fail",
    "COULD_NOT_VERIFY": "unsure", "partial": "unsure",
    "NOT_RUN": "none", "skipped": "none",
}  # fmt: skip
"""Outcomes by their shape: a disc with a tick, a square with a cross, a diamond with a question, a ring."""

_WORST = ("fail", "unsure", "none", "pass")


@dataclass(frozen=True, slots=True)
class Span:
    """The time a chart shows: from ``start`` to ``end``."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at a moment, with its outcome; ``title`` says more."""

    at: datetime
    outcome: str
    title: str = ""


def symbol(outcome: str, x: float, y: float, title: str = "") -> str:
    """The mark of an outcome, centred at a place."""
    shape = SHAPES.get(outcome, "unsure")
    inside = [svg.hint(title)] if title else []
    match shape:
        case "pass":
            inside += [
                svg.element("circle", cx=x, cy=y, r=6.5),
                svg.element("path", d=f"M{x - 3:.1f} {y:.1f}l2.2 2.4 4-4.8", class_="sign"),
            ]
        case "fail":
            inside += [
                svg.element("rect", x=x - 6.5, y=y - 6.5, width=13, height=13),
                svg.element("path", d=f"M{x - 3:.1f} {y - 3:.1f}l6 6m0 -6l-6 6", class_="sign"),
            ]
        case "none":
            inside.append(svg.element("circle", cx=x, cy=y, r=5.5))
        case _:
            inside += [
                svg.element("path", d=f"M{x:.1f} {y - 8:.1f}l8 8-8 8-8-8z"),
                svg.text(x, y + 3.8, "?", class_="sign-text", anchor="middle"),
            ]
    return svg.element("g", *inside, class_=f"mark {shape}")


def marked(marks: Sequence[Mark], times: svg.Times, y: float) -> list[str]:
    """The symbols of ``marks``; those that would lie upon each other become their worst, which says how many."""
    near: dict[int, list[Mark]] = {}
    for mark in marks:
        near.setdefault(int(times.x(mark.at) // MERGED), []).append(mark)
    drawn = []
    for group in near.values():
        worst = min(group, key=lambda m: _WORST.index(SHAPES.get(m.outcome, "unsure")))
        said = f"{moment(worst.at)}: {_(OUTCOMES.get(worst.outcome, worst.outcome))} {worst.title}".strip()
        if len(group) > 1:
            said = _("the worst of {count}: {said}").format(count=len(group), said=said)
        drawn.append((worst, symbol(worst.outcome, times.x(worst.at), y, said)))
    # What is bad is drawn last, and so on top.
    drawn.sort(key=lambda pair: _WORST.index(SHAPES.get(pair[0].outcome, "unsure")), reverse=True)
    return [drawing for _mark, drawing in drawn]


def foot(times: svg.Times, bottom: float, left_out: int) -> tuple[float, list[str]]:
    """The axis of time under a chart that ends at ``bottom``; the height reached, and the drawing."""
    parts = [svg.line(LEFT, bottom, RIGHT, bottom, "axis")]
    for when, words in times.ticks():
        x = times.x(when)
        parts += [svg.line(x, bottom, x, bottom + 5, "axis"), svg.text(x, bottom + 18, words, anchor="middle")]
    parts.append(svg.text(LEFT - 44, bottom + 18, "UTC", class_="small", anchor="end"))
    if left_out > 0:
        parts.append(svg.text(LEFT, bottom + 38, _("… and {count} more").format(count=left_out)))
        return bottom + 50, parts
    return bottom + 30, parts


def legend(keys: Sequence[tuple[str, str]], y: float) -> tuple[float, list[str]]:
    """What symbols (by outcome) and areas (by style class) mean, in as many lines as needed; the height reached."""
    parts: list[str] = []
    x = LEFT
    for kind, words in keys:
        said = words or _(OUTCOMES[kind])
        width = 34 + svg.columns(said) * 6.6
        if x > LEFT and x + width > svg.WIDTH:
            x, y = LEFT, y + 22
        if kind in SHAPES:
            parts.append(symbol(kind, x, y))
        else:
            parts.append(svg.box((x - 7, y - 6, 14, 12), f"key {kind}"))
        parts.append(svg.text(x + 13, y + 4, said))
        x += width
    return y + 14, parts
