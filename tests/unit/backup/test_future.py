"""Restore points on later days."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from guardian.backup.future import HORIZONS, Course, foresee
from guardian.backup.retention import Point
from guardian.backup.slots import Rhythm
from guardian.config.schedule import parse_cadence
from guardian.model.protection import Retention

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
POLICY = Retention(daily=7, weekly=4, monthly=12, minimum=1, max_removal=1.0)


def course(policy: Retention | None = POLICY, backups: str | None = "daily at 02:00") -> Course:
    rhythm = Rhythm(parse_cadence(backups), ZONE) if backups else None
    return Course(policy, rhythm, Rhythm(parse_cadence("weekly"), ZONE), ZONE)


def test_after_two_years_there_is_what_the_rules_keep() -> None:
    days = foresee([], course(), NOW)
    assert [day.label for day in days] == list(HORIZONS)
    last = days[-1]
    # What came since the last maintenance, a week at most, and what that one kept.
    assert 7 + 3 + 11 <= len(last.points) <= 7 + 4 + 12 + 7
    assert timedelta(days=320) < last.at - last.points[-1].time < timedelta(days=400)
    assert sum(last.by_age().values()) == len(last.points)


def test_without_backups_the_points_only_become_fewer_and_never_none() -> None:
    points = [Point(str(number), NOW - timedelta(days=number)) for number in range(1, 60)]
    counts = [len(day.points) for day in foresee(points, course(backups=None), NOW)]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] > 5


def test_without_a_retention_everything_stays() -> None:
    days = foresee([Point("a", NOW)], course(policy=None, backups="weekly on mon at 02:00"), NOW)
    assert len(days[-1].points) in range(104, 107)
    assert days[-1].points[-1].id == "a"


def test_a_day_that_is_too_many_backups_away_is_left_out_and_never_told_wrong() -> None:
    days = foresee([], course(backups="every 2m"), NOW)
    assert [day.label for day in days] == ["now", "week", "month"]
    assert all(day.by_age()["day"] >= 300 for day in days[1:]), "backups go on to the very day"


def test_periods_are_those_of_the_hosts_clock() -> None:
    (first, *_rest) = foresee([], course(), NOW)[1].points
    assert first.time.utcoffset() == timedelta(hours=8)
