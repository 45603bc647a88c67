"""A small writer of SVG: elements, text that fits, scales and ticks. Pure; colours come from the page's style sheet."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape

from guardian.model.visible import visible

WIDTH = 760
"""Of every chart, in its own units: near the width of an A4 page's text in CSS pixels, so that 12 is 12."""

_LONGEST = 200
"""Characters of a name in a hint."""

_HOUR, _DAY = 3600, 86400
_STEPS = tuple(60 * m for m in (1, 5, 15, 30)) + tuple(_HOUR * h for h in (1, 3, 6, 12))
_LONG_STEPS = tuple(_DAY * d for d in (1, 2, 7, 14, 28, 56, 91, 182, 364, 728, 1820, 3640))


def element(tag: str, *body: str, **attributes: object) -> str:
    """One element. ``class_`` and names with ``_`` become ``class`` and names with ``-``; None is left out."""
    words = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(visible(_number(value)), quote=True)}"'
        for name, value in attributes.items()
        if value is not None
    )
    return f"<{tag}{words}>{''.join(body)}</{tag}>"


def text(x: float, y: float, words: str, *, class_: str = "label", anchor: str = "start") -> str:
    """``words`` at a place; ``anchor`` is ``start``, ``middle`` or ``end``."""
    return element("text", escape(visible(words)), x=x, y=y, class_=class_, text_anchor=anchor)


def name(x: float, y: float, words: str, columns: int = 20) -> str:
    """A row's name, ending at a place, cut to ``columns``; the whole of it is its hint."""
    whole = words if len(words) <= _LONGEST else f"{words[:_LONGEST]}…"
    return element(
        "text", hint(whole), escape(fit(words, columns)), x=x, y=y, class_="label", text_anchor="end"
    )  # fmt: skip


def hint(words: str) -> str:
    """The title of the element it stands in: read aloud, and shown under the pointer."""
    return element("title", escape(visible(words)))


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> str:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def box(place: tuple[float, float, float, float], class_: str, title: str = "") -> str:
    """A rectangle at (x, y, width, height)."""
    x, y, width, height = place
    inside = hint(title) if title else ""
    return element("rect", inside, x=x, y=y, width=max(0.0, width), height=height, class_=class_)


def picture(height: float, title: str, description: str, parts: Iterable[str]) -> str:
    """A whole chart. ``description`` says in words what it shows, for those who do not see it."""
    named = f"{visible(title)}. {visible(description)}"
    return element(
        "svg", hint(title), element("desc", escape(visible(description))), *parts,
        xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {WIDTH} {_number(height)}", class_="chart", role="img",
        aria_label=named,
    )  # fmt: skip


def fit(words: str, columns: int) -> str:
    """``words`` cut to so many columns, with an ellipsis; Chinese characters take two."""
    words = visible(words)
    used = 0
    for at, character in enumerate(words):
        used += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if used > columns:
            return words[: max(0, at - 1)] + "…"
    return words


def columns(words: str) -> int:
    """How wide ``words`` are, in columns: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in words)


@dataclass(frozen=True, slots=True)
class Times:
    """The axis of time: from ``start`` to ``end`` (later), drawn from ``left`` to ``right``."""

    start: datetime
    end: datetime
    left: float
    right: float

    def x(self, moment: datetime) -> float:
        """Where ``moment`` lies; what is outside is drawn at the edge."""
        share = (moment - self.start) / max(self.end - self.start, timedelta(seconds=1))
        return self.left + min(1.0, max(0.0, share)) * (self.right - self.left)

    def ticks(self, most: int = 8) -> tuple[tuple[datetime, str], ...]:
        """Round moments in UTC, at most about ``most`` of them, each with its label."""
        seconds = max(1.0, (self.end - self.start).total_seconds())
        step = next((s for s in (*_STEPS, *_LONG_STEPS) if seconds / s <= most), _LONG_STEPS[-1])
        form = "%m-%d" if step >= _DAY else "%m-%d %H:%M"
        if seconds > 300 * _DAY:
            form = "%Y-%m-%d"
        # From a midnight: what is then a multiple of an hour's step is round on every day.
        first = self.start.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        count = int((self.end - first).total_seconds() // step)
        moments = (first + timedelta(seconds=step * n) for n in range(count + 1))
        return tuple((m, m.strftime(form)) for m in moments if self.start <= m <= self.end)[: most + 2]


def round_up(value: float, steps: Iterable[float] = (1, 2, 2.5, 5, 10)) -> float:
    """The next round number at or over ``value`` (positive): 1, 2, 2.5 or 5 times a power of ten."""
    power = 1.0
    while power * 10 <= value:
        power *= 10
    while power > value:
        power /= 10
    return next((power * s for s in steps if power * s >= value * (1 - 1e-12)), power * 10)


def duration_step(seconds: float, most: int = 6) -> float:
    """A round step for an axis of durations that is ``seconds`` long, in at most ``most`` steps."""
    choices = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, _HOUR, 2 * _HOUR, 4 * _HOUR, 6 * _HOUR, 12 * _HOUR)
    days = (_DAY, 2 * _DAY, 7 * _DAY, 14 * _DAY, 28 * _DAY)
    return next((float(s) for s in (*choices, *days) if seconds / s <= most), round_up(seconds / most / _DAY) * _DAY)


def _number(value: object) -> str:
    """Coordinates with one digit behind the point: a tenth of a pixel is enough, and the same on every machine."""
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0")
    return str(value)
