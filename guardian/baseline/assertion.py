"""What the comparisons of rules mean. Each is exact about types: a clash is unknown, never true or false.

========================  =============================================================================================
``== !=``                 the same value; null compares with everything
``< <= > >=``             numbers
``in not_in``             one of a list
``contains lacks``        a list has the item, or a text the part
``subset superset``       every item of the fact is in the list; every item of the list is in the fact
``size<= size>=``         how many items a list or mapping has, or characters a text
``mode_within``           permission bits: none beyond those of the value (``"0640"``)
``glob not_glob``         a text fits the pattern, or one of a list of patterns; ``*``, ``?``, ``[...]``, case counts
``cidr_within``           an address or network lies within one of the networks
``newer_than_days``       a time (RFC 3339) lies at most so many days before the look; one that lies ahead is unknown
``lasts_days``            a time lies at least so many days after the look
``version_ge``            dotted numbers, compared number by number; what follows them does not count
========================  =============================================================================================
"""

import fnmatch
import ipaddress
import operator
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from guardian.baseline.check import Op
from guardian.baseline.fact import kind
from guardian.baseline.truth import Truth
from guardian.model.finding import Json


class ClashError(Exception):
    """The fact and the value cannot be compared; the message says why."""


Compare = Callable[[Json, Json, datetime], bool]
"""Fact, value, the moment of the look → whether it holds. Raises ClashError."""

AHEAD: Final = timedelta(minutes=10)
"""So far ahead of the look a time of the past may lie: clocks differ."""


def compare(op: Op, fact: Json, value: Json, at: datetime) -> tuple[Truth, str]:
    """Whether ``fact op value`` holds, and where that is unknown, why."""
    try:
        return _COMPARE[op](fact, value, at), ""
    except ClashError as clash:
        return None, str(clash)


def text_test(op: Op, value: Json) -> Callable[[str], bool] | None:
    """What ``op value`` means for a fact that is text, as quick as can be; None where there is no quicker way.

    The same as :func:`compare`, which a test holds.
    """
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not texts or not all(isinstance(text, str) for text in texts):
        return None
    members = frozenset(texts)
    fits = re.compile("|".join(fnmatch.translate(text) for text in texts)).match
    tests: dict[str, Callable[[str], bool]] = {
        "in": members.__contains__,
        "not_in": lambda fact: fact not in members,
        "glob": lambda fact: fits(fact) is not None,
        "not_glob": lambda fact: fits(fact) is None,
    }
    if isinstance(value, str):
        tests |= {"==": value.__eq__, "!=": value.__ne__}
        del tests["in"], tests["not_in"]
    return tests.get(op)


def same(fact: Json, value: Json) -> bool:
    """Equal, by value and type. Raises ClashError when the types differ and neither is null."""
    if fact is None or value is None:
        return fact is value
    if _sort(fact) is not _sort(value):
        raise ClashError(f"{kind(fact)} cannot be compared with {kind(value)}")
    return bool(fact == value)


def _sort(value: Json) -> type:
    return float if type(value) is int else type(value)


def _among(fact: Json, values: Json) -> bool:
    if not isinstance(values, list | tuple):
        raise ClashError(f"a list is needed, not {kind(values)}")
    comparable = [value for value in values if value is None or fact is None or _sort(value) is _sort(fact)]
    if values and not comparable:
        raise ClashError(f"{kind(fact)} cannot be one of a list of other things")
    return any(same(fact, value) for value in comparable)


def _number(value: Json) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # noqa: PLR0124  NaN
        raise ClashError(f"a number is needed, not {kind(value)}")
    return value


def _text(value: Json) -> str:
    if not isinstance(value, str):
        raise ClashError(f"text is needed, not {kind(value)}")
    return value


def _items(value: Json) -> list[Json]:
    if not isinstance(value, list | tuple):
        raise ClashError(f"a list is needed, not {kind(value)}")
    return list(value)


def _ordered(compares: Callable[[float, float], bool]) -> Compare:
    return lambda fact, value, _: compares(_number(fact), _number(value))


def _contains(fact: Json, value: Json, _: datetime) -> bool:
    if isinstance(fact, str):
        return _text(value) in fact
    return _holds_item(fact, value)


def _holds_item(items: Json, wanted: Json) -> bool:
    return any(_sort(item) is _sort(wanted) and item == wanted for item in _items(items))


def _size(fact: Json) -> int:
    if not isinstance(fact, list | dict | str):
        raise ClashError(f"{kind(fact)} has no size")
    return len(fact)


def _mode(value: Json) -> int:
    text = _text(value)
    if not re.fullmatch(r"[0-7]{1,6}", text):
        raise ClashError(f"{text[:20]!r} is no file mode")
    return int(text, 8)


@lru_cache(maxsize=4096)
def _pattern(glob: str) -> re.Pattern[str]:
    # fnmatch writes its own expression, without nested repetition: no pattern takes more than linear time in practice.
    return re.compile(fnmatch.translate(glob))


def _glob(fact: Json, value: Json, _: datetime) -> bool:
    text = _text(fact)
    patterns = value if isinstance(value, list | tuple) else [value]
    return any(_pattern(_text(pattern)).match(text) is not None for pattern in patterns)


def _within(fact: Json, value: Json, _: datetime) -> bool:
    wanted = value if isinstance(value, list | tuple) else [value]
    try:
        inner = ipaddress.ip_network(_text(fact), strict=False)
        outer = [ipaddress.ip_network(_text(network), strict=False) for network in wanted]
    except ValueError as error:
        raise ClashError(f"no address or network: {error}") from error
    return any(inner.version == net.version and inner.subnet_of(net) for net in outer)  # type: ignore[arg-type]


def _time(value: Json) -> datetime:
    try:
        time = datetime.fromisoformat(_text(value))
    except ValueError as error:
        raise ClashError(f"no time: {error}") from error
    if time.tzinfo is None:
        raise ClashError("a time without a zone")
    return time


def _days(value: Json) -> timedelta:
    try:
        return timedelta(days=_number(value))
    except OverflowError as error:
        raise ClashError("that many days do not exist") from error


def _newer(fact: Json, value: Json, at: datetime) -> bool:
    time = _time(fact)
    if time - at > AHEAD:
        raise ClashError("the time lies in the future")
    return at - time <= _days(value)


def _version(value: Json) -> tuple[int, ...]:
    found = re.match(r"\s*v?(\d{1,9}(?:\.\d{1,9}){0,5})", _text(value), re.ASCII)
    if found is None:
        raise ClashError("no version")
    numbers = [int(part) for part in found[1].split(".")]
    return tuple([*numbers, 0, 0, 0, 0, 0][:6])


def _negated(compares: Compare) -> Compare:
    return lambda fact, value, at: not compares(fact, value, at)


def _equal(fact: Json, value: Json, _: datetime) -> bool:
    return same(fact, value)


def _in(fact: Json, value: Json, _: datetime) -> bool:
    return _among(fact, value)


_COMPARE: Final[dict[Op, Compare]] = {
    "==": _equal,
    "!=": _negated(_equal),
    "<": _ordered(operator.lt),
    "<=": _ordered(operator.le),
    ">": _ordered(operator.gt),
    ">=": _ordered(operator.ge),
    "in": _in,
    "not_in": _negated(_in),
    "contains": _contains,
    "lacks": _negated(_contains),
    "subset": lambda fact, value, _: all(_holds_item(value, item) for item in _items(fact)),
    "superset": lambda fact, value, _: all(_holds_item(fact, item) for item in _items(value)),
    "size<=": lambda fact, value, _: _size(fact) <= _number(value),
    "size>=": lambda fact, value, _: _size(fact) >= _number(value),
    "mode_within": lambda fact, value, _: _mode(fact) & ~_mode(value) == 0,
    "glob": _glob,
    "not_glob": _negated(_glob),
    "cidr_within": _within,
    "newer_than_days": _newer,
    "lasts_days": lambda fact, value, at: _time(fact) - at >= _days(value),
    "version_ge": lambda fact, value, _: _version(fact) >= _version(value),
}
