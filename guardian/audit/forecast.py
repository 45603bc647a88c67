"""The page of restore points to come: for each source a chart of how old its restore points will be on later days."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import log

from guardian import __version__
from guardian.audit import page as pages
from guardian.audit import svg
from guardian.audit.marks import LEFT, RIGHT, ROW
from guardian.i18n import _, language

_NEAREST = timedelta(hours=1)
_TICKS = (
    (timedelta(hours=1), "1 h"),
    (timedelta(hours=6), "6 h"),
    (timedelta(days=1), "1 d"),
    (timedelta(days=7), "7 d"),
    (timedelta(days=30), "30 d"),
    (timedelta(days=182), "182 d"),
    (timedelta(days=365), "1 y"),
    (timedelta(days=3650), "10 y"),
)
SOURCES = 60


@dataclass(frozen=True, slots=True)
class Outlook:
    """One source: its rules in words, and (words, moment, times of its restore points then) for each later day."""

    name: str
    rules: str
    days: tuple[tuple[str, datetime, tuple[datetime, ...]], ...]
    goes: int = 0
    held: int = 0

    @property
    def drawing(self) -> str:
        """The chart."""
        return chart(self)


def page(host: str, generated: datetime, outlooks: Sequence[Outlook]) -> str:
    """The page as one HTML document, in the language in use."""
    context = {
        "host": host,
        "generated": generated,
        "version": __version__,
        "outlooks": outlooks[:SOURCES],
        "more": max(0, len(outlooks) - SOURCES),
    }
    return pages.render("forecast.html", language(), context)


def chart(outlook: Outlook) -> str:
    """A row for each day, a dot for each restore point by its age then, on a scale of powers. ``""`` without days."""
    if not outlook.days:
        return ""
    ages = [at - time for _words, at, times in outlook.days for time in times]
    end = max([timedelta(days=7), *ages]) * 1.1
    bottom = 24 + ROW * len(outlook.days)
    parts: list[str] = []
    for age, words in _TICKS:
        if age <= end:
            x = _x(age, end)
            parts += [svg.line(x, 12, x, bottom, "grid"), svg.text(x, bottom + 18, words, anchor="middle")]
    parts.append(svg.text(LEFT - 10, bottom + 18, _("age"), class_="small", anchor="end"))
    for number, (words, at, times) in enumerate(outlook.days):
        y = 24 + ROW * number
        parts += [svg.name(LEFT - 10, y + 4, words), svg.box((LEFT, y - 5, RIGHT - LEFT, 10), "track")]
        places = sorted({round(_x(at - time, end)) for time in times})
        parts += [svg.element("circle", cx=x, cy=y, r=3.5, class_="dot series-0") for x in places]
    parts.append(svg.line(LEFT, bottom, RIGHT, bottom, "axis"))
    counted = "; ".join(f"{words}: {len(times)}" for words, _at, times in outlook.days)
    return svg.picture(bottom + 28, _("Restore points by age"), counted, parts)


def _x(age: timedelta, end: timedelta) -> float:
    """Where an age lies: an hour and less at the left end, ``end`` at the right one."""
    share = log(max(age, _NEAREST) / _NEAREST) / log(end / _NEAREST)
    return LEFT + 8 + min(1.0, share) * (RIGHT - LEFT - 16)
