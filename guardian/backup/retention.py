"""Which restore points a retention keeps, and by which rule. Pure, and exactly what ``restic forget`` would answer.

Two programs have to agree before anything is removed, so this follows restic in every detail: newest first; a rule
keeps the newest point of each of its periods until its count is used up, and the very oldest one while a count is left;
``within`` is measured back from the newest point that is not in the future. A period is one of the local time at which
a point was made: restic goes by the offset from UTC that stands in the snapshot, not by the zone of whoever asks, and
neither do we. So the answer is the same on every machine, and a change of zone moves no old point.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from guardian.model.protection import Retention

Rule = Literal["last", "hourly", "daily", "weekly", "monthly", "yearly", "within"]
"""A rule by the name it has in the configuration."""

EXPIRED: Final = "expired"
"""Why a point is not kept: no rule reaches it. Otherwise that is a rule's name: in its period stands a newer one."""

_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Point:
    """A restore point: the id of its snapshot, and when it was made, with the offset its host's clock had then."""

    id: str
    time: datetime


@dataclass(frozen=True, slots=True)
class Kept:
    """What a retention says of each point, newest first: the rules that keep it, or why none does."""

    rules: dict[str, tuple[Rule, ...]]
    removed: dict[str, str]


def _year(moment: datetime) -> tuple[int, ...]:
    return (moment.year,)


def _month(moment: datetime) -> tuple[int, ...]:
    return (moment.year, moment.month)


def _week(moment: datetime) -> tuple[int, ...]:
    return moment.isocalendar()[:2]


def _day(moment: datetime) -> tuple[int, ...]:
    return (moment.year, moment.month, moment.day)


def _hour(moment: datetime) -> tuple[int, ...]:
    return (moment.year, moment.month, moment.day, moment.hour)


PERIODS: Final[dict[Rule, Callable[[datetime], tuple[int, ...]]]] = {
    "hourly": _hour,
    "daily": _day,
    "weekly": _week,
    "monthly": _month,
    "yearly": _year,
}
"""Rules that keep one point of each period, from the shortest period to the longest."""


def counts(policy: Retention) -> dict[Rule, int]:
    """How many points each counting rule of ``policy`` keeps; rules that are not there are left out."""
    named: dict[Rule, int | None] = {
        "last": policy.last,
        "hourly": policy.hourly,
        "daily": policy.daily,
        "weekly": policy.weekly,
        "monthly": policy.monthly,
        "yearly": policy.yearly,
    }
    return {rule: count for rule, count in named.items() if count}


def within_hours(policy: Retention) -> int:
    """``within`` in hours, which are the smallest unit restic knows: begun ones count whole. 0 for none."""
    return -(-policy.within // _HOUR) if policy.within else 0


def is_empty(policy: Retention | None) -> bool:
    """Whether there is no rule at all: then everything is kept."""
    return policy is None or not (counts(policy) or policy.within)


def newest_first(points: Iterable[Point]) -> list[Point]:
    """``points`` in the order in which they are judged."""
    return sorted(points, key=lambda point: point.time, reverse=True)


def keep(points: Sequence[Point], policy: Retention, now: datetime, *, keeps_oldest: bool = True) -> Kept:
    """What ``policy`` keeps of ``points`` and what it does not, at ``now``. Without any rule everything is kept.

    ``keeps_oldest`` false: as restic reckons before 0.16, without the very oldest point. We always keep it.
    """
    ordered = newest_first(points)
    kept, removed = dict[str, tuple[Rule, ...]](), dict[str, str]()
    if is_empty(policy) or not ordered:
        return Kept({point.id: () for point in ordered}, {})
    buckets = [_Bucket(rule, count) for rule, count in counts(policy).items()]
    start = _within_from(ordered, policy, now)
    for number, point in enumerate(ordered):
        oldest = keeps_oldest and number == len(ordered) - 1
        rules: list[Rule] = ["within"] if start is not None and point.time > start else []
        thinned = next((bucket.rule for bucket in buckets if bucket.passes_over(point.time, number)), EXPIRED)
        rules += [bucket.rule for bucket in buckets if bucket.takes(point.time, number, oldest=oldest)]
        if rules:
            kept[point.id] = tuple(rules)
        else:
            removed[point.id] = thinned
    return Kept(kept, removed)


def _within_from(points: Iterable[Point], policy: Retention, now: datetime) -> datetime | None:
    """After which moment ``within`` keeps everything; None where there is no such rule."""
    if not policy.within:
        return None
    latest = max((point.time for point in points if point.time < now), default=None)
    # Where every point lies in the future, restic keeps them all; so do we, and never count with such a clock anyway.
    return latest - within_hours(policy) * _HOUR if latest is not None else datetime.min.replace(tzinfo=UTC)


class _Bucket:
    """One rule while the points go by: how many it has left, and the period of the last one it took."""

    def __init__(self, rule: Rule, count: int) -> None:
        self.rule, self._left = rule, count
        self._last: tuple[int, ...] | None = None

    def _period(self, moment: datetime, number: int) -> tuple[int, ...]:
        period = PERIODS.get(self.rule)
        return (number,) if period is None else period(moment)

    def passes_over(self, moment: datetime, number: int) -> bool:
        """Whether a newer point of the same period was taken, so that this one is not needed."""
        return self._period(moment, number) == self._last

    def takes(self, moment: datetime, number: int, *, oldest: bool) -> bool:
        """Whether the rule keeps the point; it then has one less left."""
        period = self._period(moment, number)
        if self._left <= 0 or (period == self._last and not oldest):
            return False
        self._left -= 1
        self._last = period
        return True
