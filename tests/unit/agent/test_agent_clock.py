"""When the agent believes the clock."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from guardian.agent.clocktrust import ClockTrust

NOW = datetime(2026, 11, 2, tzinfo=UTC)


@dataclass
class Clocks:
    """The wall clock and the monotonic one, each set by hand."""

    wall: datetime = NOW
    mono: float = 0.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.mono

    def sleep(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.mono += seconds


def codes(trust: ClockTrust) -> list[str]:
    return [one.code for one in trust.problems()]


def test_a_clock_that_goes_on_is_trusted() -> None:
    clocks = Clocks()
    trust = ClockTrust(clocks, NOW - timedelta(hours=3))
    for _beat in range(100):
        clocks.sleep(60)
        assert trust.look() == timedelta(0)
    assert trust.trusted


@pytest.mark.parametrize("year", [1970, 2024, 2099])
def test_years_that_cannot_be(year: int) -> None:
    trust = ClockTrust(Clocks(datetime(year, 5, 5, tzinfo=UTC)))
    assert codes(trust) == ["clock-implausible"]
    assert not trust.trusted


@pytest.mark.parametrize("days", [1, -1])
def test_a_step_costs_a_day_of_trust(days: int) -> None:
    clocks = Clocks()
    trust = ClockTrust(clocks)
    clocks.wall += timedelta(days=days)
    assert trust.look() == timedelta(days=days)
    assert codes(trust) == ["clock-stepped"]
    clocks.sleep(23 * 3600)
    trust.look()
    assert not trust.trusted
    clocks.sleep(3601)
    trust.look()
    assert trust.trusted


def test_a_correction_by_seconds_is_none() -> None:
    clocks = Clocks()
    trust = ClockTrust(clocks)
    clocks.wall += timedelta(seconds=40)
    assert trust.look() == timedelta(seconds=40)
    assert trust.trusted


def test_a_clock_behind_the_record() -> None:
    clocks = Clocks()
    trust = ClockTrust(clocks, NOW + timedelta(hours=1))
    assert codes(trust) == ["clock-behind-record"]
    clocks.sleep(3600)
    assert trust.trusted


def test_a_clock_years_after_the_record() -> None:
    assert codes(ClockTrust(Clocks(), NOW - timedelta(days=900))) == ["clock-stepped"]
