"""What a retention keeps: the rules one by one, and what holds whatever the points and the rules are."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from guardian.backup.retention import EXPIRED, Point, counts, is_empty, keep, within_hours
from guardian.model.protection import Retention

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def at(*hours_ago: float) -> list[Point]:
    return [Point(f"{hours:g}", NOW - timedelta(hours=hours)) for hours in hours_ago]


def kept(points: list[Point], **rules: Any) -> list[str]:
    return list(keep(points, Retention.model_validate(rules), NOW).rules)


def test_the_newest_of_each_day_is_kept() -> None:
    assert kept(at(1, 2, 3, 25, 26, 49, 73), daily=2) == ["1", "25"]


def test_a_rule_goes_on_to_the_next_period_that_has_a_point() -> None:
    assert kept(at(1, 24 * 10, 24 * 10 + 1, 24 * 30), daily=2) == ["1", "240"]


def test_the_oldest_is_kept_too_while_a_count_is_left() -> None:
    found = keep(at(1, 2, 3), Retention(daily=2), NOW)
    assert found.rules == {"1": ("daily",), "3": ("daily",)}
    assert found.removed == {"2": "daily"}


def test_what_no_rule_reaches_has_expired() -> None:
    assert keep(at(1, 2, 3), Retention(last=1), NOW).removed == {"2": EXPIRED, "3": EXPIRED}


def test_within_is_measured_from_the_newest_point_and_not_from_now() -> None:
    assert kept(at(100, 120, 130), within="24h") == ["100", "120"]


def test_within_looks_past_points_of_the_future() -> None:
    assert kept(at(-1000, 5, 6, 40), within="24h") == ["-1000", "5", "6"]


def test_within_of_part_of_an_hour_keeps_the_whole_hour() -> None:
    assert within_hours(Retention.model_validate({"within": "61m"})) == 2
    assert kept(at(0.1, 1.9, 2.2), within="61m") == ["0.1", "1.9"]


def test_a_period_is_that_of_the_clock_the_point_was_made_by() -> None:
    """Half past midnight in Shanghai and twenty to one in New York are one day, though half a day lies between them."""
    east, west = timezone(timedelta(hours=8)), timezone(timedelta(hours=-5))
    points = [
        Point("new-york", datetime(2026, 1, 1, 0, 40, tzinfo=west)),
        Point("utc", datetime(2025, 12, 31, 23, 50, tzinfo=UTC)),
        Point("shanghai", datetime(2026, 1, 1, 0, 30, tzinfo=east)),
    ]
    assert list(keep(points, Retention(daily=5), NOW).rules) == ["new-york", "utc", "shanghai"]
    assert list(keep(points[::2], Retention(daily=1), NOW).rules) == ["new-york"]


def test_weeks_are_those_of_iso_8601() -> None:
    points = [Point(day, datetime.fromisoformat(f"{day}T12:00:00Z")) for day in ("2026-01-04", "2025-12-29")]
    assert list(keep(points, Retention(weekly=1), NOW).rules) == ["2026-01-04"]


def test_without_a_rule_everything_is_kept() -> None:
    assert is_empty(Retention())
    assert is_empty(None)
    assert kept(at(1, 2, 3)) == ["1", "2", "3"]


@pytest.mark.parametrize("rule", ["last", "hourly", "daily", "weekly", "monthly", "yearly", "minimum"])
@pytest.mark.parametrize("count", [-1, 0])
def test_counts_below_one_are_refused(rule: str, count: int) -> None:
    """``restic forget --keep-last -1`` removes everything: no such number ever gets as far as that."""
    with pytest.raises(ValidationError):
        Retention.model_validate({rule: count})


@pytest.mark.parametrize("share", [0, -0.5, 1.5])
def test_a_share_is_between_nothing_and_everything(share: float) -> None:
    with pytest.raises(ValidationError):
        Retention(max_removal=share)


moments = st.integers(0, 800 * 24 * 60).map(lambda minutes: NOW - timedelta(minutes=minutes))
offsets = st.sampled_from([UTC, timezone(timedelta(hours=8)), timezone(timedelta(hours=-9, minutes=-30))])
lists = st.lists(st.tuples(moments, offsets), max_size=60, unique_by=lambda pair: pair[0]).map(
    lambda pairs: [Point(str(number), moment.astimezone(zone)) for number, (moment, zone) in enumerate(pairs)]
)
numbers = st.none() | st.integers(1, 12)
policies = st.fixed_dictionaries(
    dict.fromkeys(("last", "hourly", "daily", "weekly", "monthly", "yearly"), numbers)
    | {"within": st.none() | st.integers(1, 2000).map(lambda hours: timedelta(hours=hours))}
).map(Retention.model_validate)


@given(lists, policies)
def test_every_point_is_kept_or_removed_and_the_newest_is_kept(points: list[Point], policy: Retention) -> None:
    found = keep(points, policy, NOW + timedelta(seconds=1))
    assert {*found.rules, *found.removed} == {point.id for point in points}
    assert not set(found.rules) & set(found.removed)
    if points:
        assert max(points, key=lambda point: point.time).id in found.rules
    assert len(found.rules) <= sum(counts(policy).values()) or policy.within or is_empty(policy)


@given(lists, policies)
def test_what_was_kept_is_kept_when_asked_again(points: list[Point], policy: Retention) -> None:
    """A run that was cut off, or made twice, removes nothing more."""
    first = keep(points, policy, NOW)
    again = keep([point for point in points if point.id in first.rules], policy, NOW)
    assert set(again.rules) == set(first.rules)
