"""How often: ``every 6h``, ``daily at 02:30``, ``weekly on sun at 03:00``, ``cron 30 2 * * mon-fri`` and so on."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from guardian.config.calendars import (
    EVERY_DAY,
    EVERY_MONTH,
    EVERY_WEEKDAY,
    LAST_DAY,
    WEEKDAYS,
    Calendar,
    ever,
    gap_minutes,
)
from guardian.config.cron import parse_cron
from guardian.i18n import _
from guardian.model.border import parse_duration

_LONGEST: Final = timedelta(days=366)
_FORM: Final = re.compile(r"(hourly|daily|weekly|monthly|quarterly|yearly)(?: on ([^:]+?))?(?: at (.+))?", re.ASCII)
_TIME: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_MINUTE: Final = re.compile(r":([0-5][0-9])", re.ASCII)
_MONTHS: Final = {"quarterly": frozenset({1, 4, 7, 10}), "yearly": frozenset({1})}


@dataclass(frozen=True, slots=True)
class Cadence:
    """How often something happens: either after each ``interval``, or by the local ``calendar``. One of them is None.

    Intervals are counted from Monday, 5 January 1970, 00:00 UTC: never from when a program was started, so they do not
    drift, and are the same after a restart and in every time zone.
    """

    text: str
    interval: timedelta | None = None
    calendar: Calendar | None = None

    @property
    def longest(self) -> timedelta:
        """The longest time between two slots, as clocks show it."""
        if self.calendar is None:
            return self.interval or _LONGEST
        return timedelta(minutes=gap_minutes(self.calendar)[1])

    @property
    def shortest(self) -> timedelta:
        """The shortest time between two slots, as clocks show it."""
        if self.calendar is None:
            return self.interval or _LONGEST
        return timedelta(minutes=gap_minutes(self.calendar)[0])


def parse_cadence(text: str) -> Cadence:
    """Read a cadence. Raises ValueError, with a sentence for people, for anything else."""
    if text.startswith("every "):
        return Cadence(text, interval=_interval(text.removeprefix("every ")))
    if text.startswith("cron "):
        calendar = parse_cron(text.removeprefix("cron "))
    elif form := _FORM.fullmatch(text):
        calendar = _calendar(form[1], form[2], form[3])
    else:
        raise _unknown()
    if not ever(calendar):
        raise ValueError(_("no schedule: there is no such day in any year"))
    return Cadence(text, calendar=calendar)


def _unknown() -> ValueError:
    return ValueError(
        _(
            "not a schedule: write every 6h, hourly, daily at 02:30, weekly on sun at 03:00, monthly on last at 02:00, "
            "quarterly, yearly, or cron and five fields"
        )
    )


def _interval(text: str) -> timedelta:
    try:
        interval = parse_duration(text)
    except ValueError:
        raise _unknown() from None
    if interval > _LONGEST:
        raise ValueError(_("not a schedule: an interval is at most 366d"))
    return interval


def _calendar(period: str, on: str | None, at: str | None) -> Calendar:
    if period == "hourly":
        if on:
            raise ValueError(_("not a schedule: hourly is on every day; write cron and five fields for some days"))
        minutes = _each(at, _MINUTE, _("not a schedule: hourly is at minutes, such as hourly at :15 or at :00, :30"))
        return Calendar(tuple(hour * 60 + minute for hour in range(24) for minute in minutes), hourly=True)
    times = _each(at, _TIME, _("not a schedule: times of day are written 02:30, several as 02:30, 14:30"))
    if period == "daily" and on:
        raise ValueError(_("not a schedule: daily is on every day; write weekly on mon,thu for some days"))
    weekdays, days = EVERY_WEEKDAY, EVERY_DAY
    if period == "weekly":
        weekdays = parse_weekdays(on) if on else frozenset({0})
    elif period != "daily":
        days = _days(on) if on else frozenset({1})
    return Calendar(times, months=_MONTHS.get(period, EVERY_MONTH), days=days, weekdays=weekdays)


def _each(text: str | None, form: re.Pattern[str], complaint: str) -> tuple[int, ...]:
    """The minutes that ``text`` lists, ascending; 0 for none."""
    found = set()
    for part in (text or "").split(",") if text is not None else ():
        match = form.fullmatch(part.strip(" "))
        if not match:
            raise ValueError(complaint)
        numbers = [int(group) for group in match.groups()]
        found.add(sum(number * 60**power for power, number in enumerate(reversed(numbers))))
    return tuple(sorted(found)) or (0,)


def _days(text: str) -> frozenset[int]:
    found = set()
    for part in (word.strip(" ") for word in text.split(",")):
        if part == "last":
            found.add(LAST_DAY)
        elif re.fullmatch(r"[1-9]|1[0-9]|2[0-8]", part, re.ASCII):
            found.add(int(part))
        else:
            raise ValueError(_("not a schedule: days that every month has are 1 to 28, and last"))
    return frozenset(found)


def parse_weekdays(text: str) -> frozenset[int]:
    """Read ``mon-fri`` or ``sat,sun``; 0 is Monday, ``fri-mon`` goes over the weekend. Raises ValueError."""
    found: set[int] = set()
    for part in (word.strip(" ") for word in text.split(",")):
        first, dash, last = part.partition("-")
        if first not in WEEKDAYS or (dash and last not in WEEKDAYS):
            raise ValueError(_("days of the week are mon, tue, wed, thu, fri, sat, sun; several as mon-fri or sat,sun"))
        start = WEEKDAYS.index(first)
        length = (WEEKDAYS.index(last) - start) % 7 if dash else 0
        found |= {(start + step) % 7 for step in range(length + 1)}
    return frozenset(found)
