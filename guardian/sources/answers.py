"""What the owner's questions were answered, and what that means. Pure: the same for every kind of database."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from guardian.model.reason import Reason, Severity, reason

_TRUE = ("1", "t", "true")
_NAMED = 20
_LONGEST = 200
_MILLISECONDS = 10**11
"""From here on a number of seconds would lie beyond the year 5138: it counts milliseconds."""

_NUMBER = re.compile(r"[+-]?\d{1,20}(\.\d{0,20})?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def is_true(answer: object) -> bool:
    """Whether an assertion holds: 1, true, or the texts 1, t, true. Nothing else is, no other number either.

    A count that should have been compared with something would otherwise pass as soon as it is not 0.
    """
    return (str(answer).strip().lower() if isinstance(answer, str | bool) else str(answer)) in _TRUE


def moment(answer: object, zone: tzinfo) -> datetime | None:
    """The time that an owner's query for the newest record answered, in UTC; None for NULL.

    Understood: ISO 8601 texts with or without a zone, a date alone (its first instant), ``YYYYMMDD`` and
    ``YYYYMMDDhhmmss``, seconds since 1970 (milliseconds from 10¹¹ on). A time without a zone is one of ``zone``, the
    zone of the host that asks. Raises ValueError for anything else.
    """
    if answer is None:
        return None
    text = str(answer).strip()
    if len(text) > 64:
        raise ValueError("not a time")
    found = _numeric(text, zone) if _NUMBER.fullmatch(text) else _written(text)
    if found.tzinfo is None:
        found = found.replace(tzinfo=zone)
    try:
        return found.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("a time out of range") from error


def _numeric(text: str, zone: tzinfo) -> datetime:
    if len(text) == 8 and text.isdecimal():
        return datetime.strptime(text, "%Y%m%d").replace(tzinfo=zone)
    if len(text) == 14 and text.isdecimal():
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=zone)
    value = float(text)
    seconds = value / 1000 if abs(value) >= _MILLISECONDS else value
    try:
        return _EPOCH + timedelta(seconds=seconds)
    except OverflowError as error:
        raise ValueError("a time out of range") from error


def _written(text: str) -> datetime:
    # PostgreSQL and people write +08; Python knows that too. "UTC" behind a time is common, and unknown to it.
    return datetime.fromisoformat(re.sub(r"\s*(UTC|GMT|Z)$", "+00:00", text))


def short(text: object) -> str:
    """A text of any length as a reason may hold it."""
    line = " ".join(str(text).split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def expected_rows(facts: Mapping[str, Any], key: str = "rows") -> dict[str, int] | None:
    """The row counts of a receipt's facts; None when it has none. What is no count is left out."""
    rows = facts.get(key)
    if not isinstance(rows, Mapping):
        return None
    return {str(name): count for name, count in rows.items() if type(count) is int}


def compare_rows(expected: Mapping[str, int], found: Mapping[str, int | None]) -> Iterator[Reason]:
    """``rows-differ`` for every table with another count, ``table-missing`` for one that is not there (or None)."""
    yield from capped(_row_differences(expected, found), "tables-differ-more")


def _row_differences(expected: Mapping[str, int], found: Mapping[str, int | None]) -> Iterator[Reason]:
    for table, count in expected.items():
        there = found.get(table)
        if there is None:
            yield reason("table-missing", table=short(table))
        elif there != count:
            yield reason("rows-differ", table=short(table), expected=count, found=there)


def capped(reasons: Iterable[Reason], more: str) -> Iterator[Reason]:
    """At most 20 of them, so that they fit an entry of the log; the rest as a count under the code ``more``."""
    left: list[Severity] = []
    for number, each in enumerate(reasons):
        if number < _NAMED:
            yield each
        else:
            left.append(each.severity)
    if left:
        yield reason(more, "critical" if "critical" in left else left[0], count=len(left))


def assertion_failed(sql: str, why: str) -> Reason:
    """That an owner's assertion does not hold, or could not be asked."""
    return reason("assertion-failed", sql=short(sql), why=short(why))


def names_that_fit(names: Iterable[str], count: int = 1000, size: int = 8 << 10) -> Iterator[str]:
    """The first ``names`` whose row counts fit an entry of the log: at most ``count``, and ``size`` bytes as JSON."""
    for number, name in enumerate(names):
        size -= len(json.dumps(name)) + 8
        if number >= count or size < 0:
            return
        yield name
