"""When the record speaks against the clock."""

from datetime import UTC, datetime, timedelta

import pytest

from guardian.backup.clockproof import Witnesses, doubts

NOW = datetime(2027, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
STEADY = [NOW - DAY * number for number in range(1, 100)]


def codes(now: datetime, seen: Witnesses) -> list[str]:
    return [why.code for why in doubts(now, seen)]


def test_a_steady_log_and_points_of_the_past_are_believed() -> None:
    assert codes(NOW, Witnesses(STEADY, STEADY)) == []
    assert codes(NOW, Witnesses([])) == []


@pytest.mark.parametrize(
    ("now", "seen", "code"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), Witnesses([]), "clock-before-program"),
        (datetime(2026, 10, 1, tzinfo=UTC), Witnesses([]), "clock-before-program"),
        (NOW, Witnesses([*STEADY, NOW + timedelta(minutes=6)]), "clock-behind-log"),
        (NOW, Witnesses(STEADY, [NOW + timedelta(minutes=6)]), "points-in-future"),
        (NOW, Witnesses(STEADY, drift=601.0), "clock-moved"),
        (NOW, Witnesses(STEADY, drift=-86400.0), "clock-moved"),
        (NOW + timedelta(days=365 * 70), Witnesses(STEADY), "clock-leapt"),
        (NOW + DAY * 100, Witnesses([*STEADY, NOW + DAY * 100 - timedelta(hours=1)]), "clock-leapt"),
    ],
)
def test_each_doubt_is_raised(now: datetime, seen: Witnesses, code: str) -> None:
    assert code in codes(now, seen)


def test_small_differences_between_clocks_are_none() -> None:
    near = NOW + timedelta(minutes=4)
    assert codes(NOW, Witnesses([*STEADY, near], [near], drift=60.0)) == []


def test_a_long_pause_is_forgiven_once_things_go_on_evenly() -> None:
    """A host that was off for a quarter of a year comes back: the first week nothing is removed."""
    back = [NOW + DAY * (100 + number) for number in range(9)]
    assert codes(back[3], Witnesses([*STEADY, *back[:3]])) == ["clock-leapt"]
    assert codes(back[8], Witnesses([*STEADY, *back[:8]])) == []
