"""Times as Go writes them (RFC 3339, nanoseconds, any zone), exact: a datetime would lose the last three digits."""

import re

_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII)


def nanoseconds(text: str) -> int | None:
    """Nanoseconds from 1970 (negative before it) of the moment ``text`` writes; None when it writes none."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 61):
        return None
    seconds = _days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second
    if found[8]:
        ahead = int(found[9]) * 3600 + int(found[10]) * 60
        seconds += -ahead if found[8] == "+" else ahead
    return seconds * 1_000_000_000 + int((found[7] or "").ljust(9, "0"))


def _days(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 in the Gregorian calendar, also for the year 0, which Go writes and datetime cannot."""
    # Counted in years that begin in March, so that the leap day is a year's last.
    year -= month < 3
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return year * 365 + year // 4 - year // 100 + year // 400 + of_year - 719468
