"""Windows in the week: ``mon-fri 08:00-18:00``, ``22:00-06:00``, ``sat,sun 00:00-24:00``, in local time.

A window that ends before it begins goes past midnight and belongs to the day it begins on. On the days when clocks are
put forward or back it begins at the first coming of its beginning and ends at the last coming of its end.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from guardian.config.calendars import DAY_MINUTES, EVERY_WEEKDAY
from guardian.config.localtime import instant, local_day
from guardian.config.schedule import parse_weekdays
from guardian.i18n import _

_FORM: Final = re.compile(
    r"(?:([a-z, -]+?) +)?([01][0-9]|2[0-3]):([0-5][0-9])-(?:([01][0-9]|2[0-3]):([0-5][0-9])|24:00)"
)
_WEEK: Final = 7 * DAY_MINUTES
_DAY: Final = timedelta(days=1)
_HORIZON: Final = timedelta(days=15)
"""Windows come round within a week: what is not over by then never is."""


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the week. ``days`` it begins on (0 is Monday); ``start`` and ``end`` in minutes of that day.

    ``end`` is after ``start`` and may lie on the next day, above 1440.
    """

    text: str
    days: frozenset[int]
    start: int
    end: int


def parse_window(text: str) -> Window:
    """Read a window. Raises ValueError, with a sentence for people, for anything else."""
    form = _FORM.fullmatch(text)
    if not form:
        raise ValueError(_("not a window: write 22:00-06:00, mon-fri 08:00-18:00 or sat,sun 00:00-24:00"))
    days = parse_weekdays(form[1]) if form[1] else EVERY_WEEKDAY
    start = int(form[2]) * 60 + int(form[3])
    end = int(form[4]) * 60 + int(form[5]) if form[4] else DAY_MINUTES
    if start == end:
        raise ValueError(_("not a window: it ends as it begins; a whole day is 00:00-24:00"))
    return Window(text, days, start, end if end > start else end + DAY_MINUTES)


def holds(window: Window, moment: datetime, zone: ZoneInfo) -> bool:
    """Whether ``moment`` lies in ``window``; its beginning does, its end does not."""
    return any(start <= moment < end for start, end in _near(window, moment, zone))


def held_until(windows: Sequence[Window], moment: datetime, zone: ZoneInfo) -> datetime | None:
    """When the windows that hold ``moment`` are over, those that follow without a break included; None for none.

    For windows that leave nothing free it is some moment more than two weeks away.
    """
    end = moment
    while end <= moment + _HORIZON:
        later = max((e for w in windows for s, e in _near(w, end, zone) if s <= end < e), default=end)
        if later == end:
            break
        end = later
    return end if end > moment else None


def next_start(windows: Sequence[Window], moment: datetime, zone: ZoneInfo) -> datetime | None:
    """When the next window begins after ``moment``; None without windows."""
    today = local_day(moment, zone)
    starts = (
        instant(day, window.start, zone)
        for window in windows
        for day in (today + _DAY * ahead for ahead in range(-1, 9))
        if day.weekday() in window.days
    )
    return min((start for start in starts if start > moment), default=None)


def whole_week(windows: Iterable[Window]) -> bool:
    """Whether the windows leave not one minute of a week free."""
    taken = bytearray(_WEEK)
    for window in windows:
        for day in window.days:
            for minute in range(window.start, window.end):
                taken[(day * DAY_MINUTES + minute) % _WEEK] = 1
    return all(taken)


def _near(window: Window, moment: datetime, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    """The times of ``window`` that may hold ``moment``: of its day and of the one before."""
    today = local_day(moment, zone)
    for day in (today - _DAY, today):
        if day.weekday() in window.days:
            yield instant(day, window.start, zone), instant(day, window.end, zone, last=True)
