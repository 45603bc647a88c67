"""Days and times of day that come round: what all calendar schedules are made of."""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import pairwise
from typing import Final

LAST_DAY: Final = 0
"""In :attr:`Calendar.days`: the last day of the month, whichever it is."""

EVERY_DAY: Final = frozenset(range(1, 32))
EVERY_MONTH: Final = frozenset(range(1, 13))
EVERY_WEEKDAY: Final = frozenset(range(7))
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES: Final = 1440


@dataclass(frozen=True, slots=True)
class Calendar:
    """Local times of day (``times``, minutes since midnight, ascending) on some days.

    A day counts when its month is in ``months``, its number in ``days`` and its weekday (0 is Monday) in ``weekdays``;
    with ``either``, as cron has it, one of the last two is enough. ``hourly``: the times cover every hour of the day,
    so it is hours that pass which are counted, and not hours that clocks show.
    """

    times: tuple[int, ...]
    hourly: bool = False
    months: frozenset[int] = EVERY_MONTH
    days: frozenset[int] = EVERY_DAY
    weekdays: frozenset[int] = EVERY_WEEKDAY
    either: bool = False


@lru_cache(maxsize=512)
def days_of(calendar: Calendar, year: int, month: int) -> tuple[date, ...]:
    """The days of one month that count, ascending."""
    if month not in calendar.months:
        return ()
    first, length = monthrange(year, month)
    found = []
    for day in range(1, length + 1):
        by_number = day in calendar.days or (day == length and LAST_DAY in calendar.days)
        by_weekday = (first + day - 1) % 7 in calendar.weekdays
        if (by_number or by_weekday) if calendar.either else (by_number and by_weekday):
            found.append(date(year, month, day))
    return tuple(found)


def ever(calendar: Calendar) -> bool:
    """Whether there is any such day at all: there is none on 30 February."""
    return any(True for _day in _days(calendar))


@lru_cache(maxsize=128)
def gap_minutes(calendar: Calendar) -> tuple[int, int]:
    """The shortest and the longest time between two neighbours, in minutes as clocks show them."""
    within = {later - earlier for earlier, later in pairwise(calendar.times)}
    over_night = calendar.times[0] - calendar.times[-1]
    days = {(later - earlier).days for earlier, later in pairwise(_days(calendar))}
    gaps = within | {number * DAY_MINUTES + over_night for number in days}
    return min(gaps), max(gaps)


def _days(calendar: Calendar) -> Iterator[date]:
    # After 28 years, weekdays and leap years come round together; one more, for what happens once a year.
    for year in range(2001, 2030):
        for month in sorted(calendar.months):
            yield from days_of.__wrapped__(calendar, year, month)
