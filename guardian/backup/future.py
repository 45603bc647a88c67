"""Which restore points there will be on later days, when backups go on as scheduled and retention as configured. Pure.

Nothing is guessed: the same reckoning that decides what is removed now is made for every maintenance until then, as if
every backup were made in its slot, and complete.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

from guardian.backup.guards import Standing, decide
from guardian.backup.retention import Point, is_empty, newest_first
from guardian.backup.slots import Rhythm, slots
from guardian.model.protection import Retention

HORIZONS: Final[dict[str, timedelta]] = {
    "now": timedelta(0),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
    "quarter": timedelta(days=91),
    "year": timedelta(days=365),
    "two-years": timedelta(days=730),
}
"""The days that are shown, by how far off they are."""

AGES: Final[dict[str, timedelta]] = {
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
    "year": timedelta(days=365),
}
"""How old points are: up to so much, each counted in the first that fits."""

MOST: Final = 50_000
"""Backups that are reckoned with; a schedule of every minute is not followed for two years."""


@dataclass(frozen=True, slots=True)
class Course:
    """How things go on: when the source is backed up (None: never again) and when its repository is maintained.

    ``zone`` is the one that the host's clock shows: periods are reckoned by it.
    """

    policy: Retention | None
    backups: Rhythm | None
    maintenance: Rhythm | None
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Day:
    """A moment to come, ``label`` from now, and the restore points that there will be, newest first."""

    label: str
    at: datetime
    points: tuple[Point, ...]

    def by_age(self) -> dict[str, int]:
        """How many points are at most so old, and older ones, each counted once."""
        found = {**dict.fromkeys(AGES, 0), "older": 0}
        for point in self.points:
            age = self.at - point.time
            found[next((name for name, most in AGES.items() if age <= most), "older")] += 1
        return found


def foresee(points: Sequence[Point], course: Course, now: datetime) -> tuple[Day, ...]:
    """The restore points of every horizon, given those there are ``now``, after a maintenance.

    Horizons that more than ``MOST`` backups lie before are left out.
    """
    standing = list(points)
    backups = list(islice(_coming(course, now), MOST + 1))
    coming = iter(backups[:MOST])
    waiting = next(coming, None)
    days: list[Day] = []
    for label, ahead in HORIZONS.items():
        until = now + ahead
        if len(backups) > MOST and until >= backups[MOST].time:
            break
        for moment in (*_maintenances(course, days[-1].at if days else now, until), until):
            while waiting is not None and waiting.time <= moment:
                standing.append(waiting)
                waiting = next(coming, None)
            if moment != until:
                standing = _maintained(standing, course.policy, moment)
        days.append(Day(label, until, tuple(newest_first(standing))))
    return tuple(days)


def _maintained(points: Sequence[Point], policy: Retention | None, moment: datetime) -> list[Point]:
    if policy is None or is_empty(policy):
        return list(points)
    decided = decide(Standing(tuple(points), frozenset(point.id for point in points), policy, moment))
    return [point for point in points if point.id not in decided.remove]


def _coming(course: Course, now: datetime) -> Iterable[Point]:
    if course.backups is None:
        return
    until = now + max(HORIZONS.values())
    for number, slot in enumerate(slots(course.backups, now, until)):
        yield Point(f"+{number}", slot.astimezone(course.zone))


def _maintenances(course: Course, after: datetime, until: datetime) -> list[datetime]:
    return list(slots(course.maintenance, after, until)) if course.maintenance else []
