"""What a collector says: the name of a metric, the values of its labels, a number."""

import math
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from guardian.model.reason import Reason
from guardian.model.status import Ran

_WORSE: Final = ("info", "warning", "critical")

Row = tuple[str, tuple[str, ...], float]
"""Name without ``guardian_``, label values in the catalogue's order, value."""
Rows = Iterator[Row]


def known(name: str, labels: tuple[str, ...], value: float | None) -> Rows:
    """One row, or none where the value is not known (or is no number)."""
    if value is not None and math.isfinite(value):
        yield name, labels, float(value)


def moment(name: str, labels: tuple[str, ...], time: str | None) -> Rows:
    """A moment, or no row where it is not known. Raises ValueError for what is no time."""
    if time is not None:
        yield name, labels, seconds(time)


def ever(name: str, labels: tuple[str, ...], time: str | None) -> Rows:
    """A moment of the past; 0 where it never came."""
    yield name, labels, seconds(time) if time is not None else 0.0


def seconds(time: str) -> float:
    """An RFC 3339 time as seconds since 1970. Raises ValueError for what is none, or has no zone."""
    read = datetime.fromisoformat(time)
    if read.tzinfo is None:
        raise ValueError("a time without a zone")
    return read.timestamp()


def reasons(name: str, labels: tuple[str, ...], found: Iterable[Reason]) -> Rows:
    """1 for each code; of one that is said twice, the worse severity."""
    worst: dict[str, str] = {}
    for one in found:
        if _WORSE.index(one.severity) > _WORSE.index(worst.get(one.code, "info")) or one.code not in worst:
            worst[one.code] = one.severity
    for code, severity in worst.items():
        yield name, (*labels, code, severity), 1


def exit_code(name: str, labels: tuple[str, ...], ran: Ran) -> Rows:
    """The exit code of the newest attempt that has ended."""
    return known(name, labels, ran.last_exit_code)
