"""Values that are worse than a rule allows: what a careless hand, or an attacker, would put in the place of a good one.

Derived from what an assertion claims, so that each is known to be bad: whether the *rule* notices is what is measured.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

from guardian.baseline.check import Op
from guardian.clock import rfc3339
from guardian.model.finding import Json

ALIEN: Final = "x-nobody-meant-this"
_OPPOSITES: Final = {"yes": "no", "no": "yes", "on": "off", "off": "on", "true": "false", "false": "true"}


def weaker(op: Op, value: Json, fact: Json, at: datetime) -> Iterator[Json]:
    """Values for which ``op value`` does not hold, in place of ``fact``, for which it does."""
    yield from _WEAKER[op](value, fact, at)


def _other(value: Json) -> Iterator[Json]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield value + 1
        yield value - 1
    elif isinstance(value, str):
        yield _OPPOSITES.get(value, ALIEN)
        yield ALIEN
    elif isinstance(value, list | tuple):
        yield [*value, ALIEN]
    else:
        yield ALIEN


def _not_one_of(value: Json, _fact: Json, _at: datetime) -> Iterator[Json]:
    if all(isinstance(one, str) or one is None for one in value):
        yield from (_OPPOSITES[one] for one in value if one in _OPPOSITES and _OPPOSITES[one] not in value)
        yield ALIEN
    else:
        yield max((one for one in value if isinstance(one, int | float)), default=0) + 1


def _without(value: Json, fact: Json, _at: datetime) -> Iterator[Json]:
    if isinstance(fact, str):
        yield fact.replace(value, "")
    else:
        yield [one for one in fact if one != value]


def _with(value: Json, fact: Json, _at: datetime) -> Iterator[Json]:
    yield f"{fact}{value}" if isinstance(fact, str) else [*fact, value]


def _longer(value: Json, fact: Json, _at: datetime) -> Iterator[Json]:
    more = int(value) + 1
    if isinstance(fact, str):
        yield "x" * more
    elif isinstance(fact, dict):
        yield {**fact, **{f"{ALIEN}-{number}": ALIEN for number in range(more)}}
    else:
        yield [*fact, *[ALIEN] * (more - len(fact))]


def _shorter(_value: Json, fact: Json, _at: datetime) -> Iterator[Json]:
    yield type(fact)() if isinstance(fact, str | list | dict) else []


def _wider(value: Json, _fact: Json, _at: datetime) -> Iterator[Json]:
    allowed = int(value, 8)
    yield from (f"{allowed | bit:04o}" for bit in (0o002, 0o020, 0o001, 0o4000) if not allowed & bit)


def _patterns(value: Json) -> list[str]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _fitting(value: Json, _fact: Json, _at: datetime) -> Iterator[Json]:
    yield from (pattern.replace("*", "x").replace("?", "x") for pattern in _patterns(value) if "[" not in pattern)


_Maker = Callable[[Json, Json, datetime], Iterator[Json]]
_WEAKER: Final[dict[Op, _Maker]] = {
    "==": lambda value, _fact, _at: _other(value),
    "!=": lambda value, _fact, _at: iter([value]),
    "<": lambda value, _fact, _at: iter([value, value * 10 + 1]),
    "<=": lambda value, _fact, _at: iter([value + 1, value * 10 + 1]),
    ">": lambda value, _fact, _at: iter([value, value - 1]),
    ">=": lambda value, _fact, _at: iter([value - 1]),
    "in": _not_one_of,
    "not_in": lambda value, _fact, _at: iter(list(value)[:3]),
    "contains": _without,
    "lacks": _with,
    "subset": lambda _value, fact, _at: iter([[*fact, ALIEN]]),
    "superset": lambda value, fact, _at: iter([[one for one in fact if one not in list(value)[:1]]]),
    "size<=": _longer,
    "size>=": _shorter,
    "mode_within": _wider,
    "glob": lambda _value, _fact, _at: iter([ALIEN]),
    "not_glob": _fitting,
    "cidr_within": lambda _value, _fact, _at: iter(["0.0.0.0/0", "203.0.113.9"]),
    "newer_than_days": lambda value, _fact, at: iter([rfc3339(at - timedelta(days=value + 1))]),
    "lasts_days": lambda value, _fact, at: iter([rfc3339(at + timedelta(days=value) - timedelta(hours=1))]),
    "version_ge": lambda _value, _fact, _at: iter(["0.0.1"]),
}
