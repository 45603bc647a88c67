"""Local time of day as moments, also on the days when clocks are put forward or back; and which zone a host is in."""

import os
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from guardian.i18n import _

_SECOND = timedelta(seconds=1)


@lru_cache(maxsize=1024)
def instant(day: date, minute: int, zone: ZoneInfo, *, last: bool = False) -> datetime:
    """The moment, in UTC, at which clocks show ``minute`` (of the day; 1440 is the next midnight) on ``day``.

    A local time that does not exist is the first moment after the gap. One that comes twice is its first coming, with
    ``last`` its second.
    """
    shown = datetime(day.year, day.month, day.day) + timedelta(minutes=minute)  # noqa: DTZ001  what a clock shows
    first = shown.replace(tzinfo=zone).astimezone(UTC)
    second = shown.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if first == second:
        return first
    if second > first:
        return second if last else first
    # In a gap, reading it by the offset after the change gives a moment before it, and the other way round.
    return _change(second, first, zone)


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The moment between the two at which the offset of ``zone`` changes."""
    old = before.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


def local_day(moment: datetime, zone: ZoneInfo) -> date:
    """The date that calendars in ``zone`` show at ``moment``."""
    return moment.astimezone(zone).date()


@lru_cache(maxsize=16)
def named(name: str) -> ZoneInfo:
    """The zone of an IANA name such as ``Asia/Shanghai``. Raises ValueError, with a sentence for people."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        # A folder of the database, a path that leads out of it, no text at all: none of them is a zone.
        raise ValueError(_("not a time zone: write an IANA name such as Asia/Shanghai or Europe/Berlin")) from None


def host_zone(localtime: Path = Path("/etc/localtime")) -> ZoneInfo:
    """The zone this host lives in, as the C library finds it: ``TZ``, else ``localtime``, else UTC.

    It is read anew at every call, since an administrator may change it while the agent runs.
    """
    said = os.environ.get("TZ", "").removeprefix(":")
    if said:
        found = _file(Path(said)) if said.startswith("/") else _zone_named(said)
        return found or named("UTC")
    return _file(localtime) or named("UTC")


def _file(path: Path) -> ZoneInfo | None:
    """The zone a file of the database holds, by the name it has there."""
    real = os.path.realpath(path)
    _folder, marker, name = real.partition("/zoneinfo/")
    if marker and (found := _zone_named(name.removeprefix("posix/").removeprefix("right/"))):
        return found
    try:
        with open(real, "rb") as stream:  # noqa: PTH123  no name leads to it: a copy, as some installers make
            return ZoneInfo.from_file(stream, key=str(path))
    except (OSError, ValueError):
        return None


def _zone_named(name: str) -> ZoneInfo | None:
    try:
        return named(name)
    except ValueError:
        return None
