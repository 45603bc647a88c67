"""The nominal moments at which something that comes round is due: a pure function of cadence and time zone."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b, sha256
from typing import Final
from zoneinfo import ZoneInfo

from guardian.config.calendars import DAY_MINUTES, Calendar, days_of
from guardian.config.localtime import instant, local_day
from guardian.config.schedule import Cadence
from guardian.config.windows import Window

ANCHOR: Final = datetime(1970, 1, 5, tzinfo=UTC)
"""A Monday: what intervals are counted from."""

SEARCH: Final = timedelta(days=9 * 366)
"""How far off the next slot of a calendar may be: 29 February comes after eight years once a century."""

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When a task is due: its cadence in a zone, each slot later by the host's own ``offset``, outside of blackouts.

    While not ``enabled``, its slots are skipped and told.
    """

    cadence: Cadence
    zone: ZoneInfo
    offset: timedelta = timedelta(0)
    blackout: tuple[Window, ...] = ()
    enabled: bool = True


def offset_of(host: str, task: str, jitter: timedelta | None) -> timedelta:
    """The part of ``jitter`` by which this task begins later on this host: whole seconds, always the same."""
    if not jitter:
        return timedelta(0)
    digest = blake2b(task.encode(), key=sha256(host.encode()).digest(), digest_size=8).digest()
    return timedelta(seconds=int.from_bytes(digest) % int(jitter.total_seconds()))


def slots(rhythm: Rhythm, after: datetime, until: datetime) -> Iterator[datetime]:
    """The slots with ``after`` < slot <= ``until``, in UTC, ascending, each once. Lazy: take no more than needed."""
    if rhythm.cadence.interval:
        yield from _intervals(rhythm.cadence.interval, after, until)
        return
    last = after
    for day in _days(rhythm, local_day(after, rhythm.zone) - _DAY, local_day(until, rhythm.zone) + _DAY):
        for slot in _of_day(rhythm, day):
            if slot > until:
                return
            if slot > last:
                yield slot
                last = slot


def following(rhythm: Rhythm, after: datetime) -> datetime | None:
    """The first slot after a moment; None when there is none for years."""
    return next(slots(rhythm, after, after + SEARCH), None)


def newest(rhythm: Rhythm, after: datetime, until: datetime) -> datetime | None:
    """The newest slot with ``after`` < slot <= ``until``: found from its end, however far away the beginning is."""
    if interval := rhythm.cadence.interval:
        slot = ANCHOR + (until - ANCHOR) // interval * interval
        return slot if after < slot else None
    floor = max(after, until - SEARCH)
    for day in _days_back(rhythm, local_day(floor, rhythm.zone) - _DAY, local_day(until, rhythm.zone) + _DAY):
        for slot in reversed(_of_day(rhythm, day)):
            if slot <= floor:
                return None
            if slot <= until:
                return slot
    return None


def _intervals(interval: timedelta, after: datetime, until: datetime) -> Iterator[datetime]:
    slot = ANCHOR + ((after - ANCHOR) // interval + 1) * interval
    while slot <= until:
        yield slot
        slot += interval


def _days(rhythm: Rhythm, first: date, last: date) -> Iterator[date]:
    """The days of the calendar from ``first`` to ``last``."""
    year, month = first.year, first.month
    while (year, month) <= (last.year, last.month):
        yield from (day for day in days_of(_calendar(rhythm), year, month) if first <= day <= last)
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)


def _days_back(rhythm: Rhythm, first: date, last: date) -> Iterator[date]:
    """The same days from the last to the first."""
    year, month = last.year, last.month
    while (year, month) >= (first.year, first.month):
        yield from (day for day in reversed(days_of(_calendar(rhythm), year, month)) if first <= day <= last)
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)


def _calendar(rhythm: Rhythm) -> Calendar:
    assert rhythm.cadence.calendar is not None  # noqa: S101  a cadence has an interval or a calendar
    return rhythm.cadence.calendar


def _of_day(rhythm: Rhythm, day: date) -> tuple[datetime, ...]:
    return _moments(_calendar(rhythm), rhythm.zone, day)


@lru_cache(maxsize=512)
def _moments(calendar: Calendar, zone: ZoneInfo, day: date) -> tuple[datetime, ...]:
    """The slots of one local day, ascending; times that fall into one gap of the clock are all the moment after it."""
    if calendar.hourly:
        return tuple(sorted(_hourly(calendar, zone, day)))
    return tuple(instant(day, time, zone) for time in calendar.times)


def _hourly(calendar: Calendar, zone: ZoneInfo, day: date) -> set[datetime]:
    """Every passing hour of a local day, at the minutes that clocks show: 23, 24 or 25 times as many."""
    start, end = instant(day, 0, zone), instant(day, DAY_MINUTES, zone)
    minutes = sorted({time % 60 for time in calendar.times})
    found: set[datetime] = set()
    hour = start.replace(minute=0, second=0)
    while hour < end:
        # A clock may change by less than an hour within it: try by both offsets, and keep what it really shows.
        shown = {hour.astimezone(zone), (hour + _HOUR).astimezone(zone)}
        for minute in minutes:
            for clock in shown:
                moment = hour + timedelta(minutes=(minute - clock.minute) % 60)
                if start <= moment < end and moment.astimezone(zone).minute == minute:
                    found.add(moment)
        hour += _HOUR
    return found
