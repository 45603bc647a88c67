"""Schedules and windows as they are written: what is read, what is refused, and with which words."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.config.calendars import days_of, gap_minutes
from guardian.config.localtime import host_zone, instant, named
from guardian.config.schedule import Cadence, parse_cadence
from guardian.config.windows import held_until, holds, next_start, parse_window, whole_week

Write = Callable[..., Path]
BERLIN, SHANGHAI = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Shanghai")


def days(cadence: Cadence, year: int, month: int) -> list[int]:
    assert cadence.calendar
    return [day.day for day in days_of(cadence.calendar, year, month)]


def times(cadence: Cadence) -> list[str]:
    assert cadence.calendar
    return [f"{minute // 60:02}:{minute % 60:02}" for minute in cadence.calendar.times]


@pytest.mark.parametrize(
    ("text", "first_days", "first_times", "shortest", "longest"),
    [
        ("daily", [1, 2, 3], ["00:00"], 1440, 1440),
        ("daily at 02:30", [1, 2, 3], ["02:30"], 1440, 1440),
        ("daily at 14:30, 02:30", [1, 2, 3], ["02:30", "14:30"], 720, 720),
        ("weekly", [5, 12, 19, 26], ["00:00"], 10080, 10080),
        ("weekly at 02:30", [5, 12, 19, 26], ["02:30"], 10080, 10080),
        ("weekly on sun at 03:00", [4, 11, 18, 25], ["03:00"], 10080, 10080),
        ("weekly on sat,sun at 03:00", [3, 4, 10], ["03:00"], 1440, 6 * 1440),
        ("weekly on fri-mon", [2, 3, 4, 5, 9], ["00:00"], 1440, 4 * 1440),
        ("monthly", [1], ["00:00"], 28 * 1440, 31 * 1440),
        ("monthly on 1 at 02:00", [1], ["02:00"], 28 * 1440, 31 * 1440),
        ("monthly on 1, 15", [1, 15], ["00:00"], 14 * 1440, 17 * 1440),
        ("monthly on last at 02:00", [31], ["02:00"], 28 * 1440, 31 * 1440),
        ("quarterly", [1], ["00:00"], 90 * 1440, 92 * 1440),
        ("yearly at 05:00", [1], ["05:00"], 365 * 1440, 366 * 1440),
        ("cron 30 2 * * mon-fri", [1, 2, 5, 6], ["02:30"], 1440, 3 * 1440),
        ("cron 0 0 13 * 5", [2, 9, 13, 16], ["00:00"], 1440, 7 * 1440),
        ("cron 0 0 */2 * mon", [5, 19], ["00:00"], 7 * 1440, 21 * 1440),
        ("cron 0 0 * * sat-sun", [3, 4, 10], ["00:00"], 1440, 6 * 1440),
        ("cron 0 0 * * 7", [4, 11, 18, 25], ["00:00"], 10080, 10080),
        ("cron 0 0 * * 0", [4, 11, 18, 25], ["00:00"], 10080, 10080),
        ("cron 5/20 4-8/2 1 jan *", [1], ["04:05", "04:25", "04:45", "06:05"], 20, None),
    ],
)
def test_calendars(text: str, first_days: list[int], first_times: list[str], shortest: int, longest: int) -> None:
    found = parse_cadence(text)
    # January 2026 begins on a Thursday.
    assert days(found, 2026, 1)[: len(first_days)] == first_days
    assert times(found)[: len(first_times)] == first_times
    assert found.shortest == timedelta(minutes=shortest)
    if longest is not None:
        assert found.longest == timedelta(minutes=longest)


def test_the_last_day_of_a_month() -> None:
    last = parse_cadence("monthly on last")
    assert [days(last, year, 2) for year in (2026, 2028, 2100)] == [[28], [29], [28]]


def test_hours_and_intervals() -> None:
    assert times(parse_cadence("hourly"))[:2] == ["00:00", "01:00"]
    quarter = parse_cadence("hourly at :15, :45")
    assert times(quarter)[:3] == ["00:15", "00:45", "01:15"]
    assert quarter.calendar
    assert quarter.calendar.hourly
    assert quarter.longest == timedelta(minutes=30)
    assert parse_cadence("every 90m") == Cadence("every 90m", timedelta(minutes=90))
    assert parse_cadence("every 90m").longest == parse_cadence("every 90m").shortest == timedelta(minutes=90)


def test_every_minute_is_read_quickly() -> None:
    calendar = parse_cadence("cron * * * * *").calendar
    assert calendar
    assert gap_minutes(calendar) == (1, 1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not a schedule: write"),
        ("every", "not a schedule: write"),
        ("every ", "not a schedule: write"),
        ("every -6h", "not a schedule: write"),
        ("every ６h", "not a schedule: write"),
        ("every 400d", "at most 366d"),
        ("Daily", "not a schedule: write"),
        ("daily at 24:00", "times of day are written 02:30"),
        ("daily at 2:30", "times of day are written 02:30"),
        ("daily at 02:30,", "times of day are written 02:30"),
        ("daily on mon", "daily is on every day"),
        ("hourly at 15", "hourly is at minutes"),
        ("hourly on mon at :15", "hourly is on every day"),
        ("weekly on sunday", "days of the week are mon"),
        ("weekly on mon-", "days of the week are mon"),
        ("monthly on 31", "1 to 28, and last"),
        ("monthly on 0", "1 to 28, and last"),
        ("cron 30 2 * *", "it has 4 fields instead of five"),
        ("cron 60 2 * * *", "'60' cannot stand for the minute, which goes from 0 to 59"),
        ("cron 0 2-1 * * *", "'2-1' cannot stand for the hour"),
        ("cron 0 0 * * 8", "'8' cannot stand for the day of the week"),
        ("cron 0 */0 * * *", "'*/0' cannot stand for the hour"),
        ("cron 0 0 * foo *", "'foo' cannot stand for the month"),
        ("cron 0 0 ٣ * *", "cannot stand for the day of the month"),
        ("cron 0 0 30 2 *", "no such day in any year"),
        ("daily at 02:30\n", "not a schedule"),
    ],
)
def test_no_schedules(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=r"schedule|cron|days") as caught:
        parse_cadence(text)
    assert words in str(caught.value)


@given(st.text(max_size=40) | st.from_regex(r"(cron|daily at|weekly on|every) [0-9a-z*/,: -]{0,30}", fullmatch=True))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (parse_cadence, parse_window):
        try:
            read(text)
        except ValueError as error:
            assert str(error)  # noqa: PT017  what must not happen is any other error


def test_a_wrong_schedule_names_file_line_and_key(write: Write) -> None:
    from guardian.config.load import load
    from guardian.config.problem import InvalidConfigError

    path = write(
        ('plan: {schedule: "every 6h"', 'plan: {jitter: 7h, blackout: ["mon 8-9"], schedule: "every 6h"'),
        ("D3: weekly", "D3: fortnightly"),
        ("  offsite: {", "  offsite: {maintain: never, "),
    )
    agent = 'agent: {time_zone: Berlin, blackout: ["00:00-24:00"], bandwidth: [{window: x}]}'
    path.write_text(f"{path.read_text()}{agent}\n")
    with pytest.raises(InvalidConfigError) as caught:
        load(path)
    said = [str(problem) for problem in caught.value.problems]
    assert [line.split(": ")[:2] for line in said] == [
        ["guardian.yaml:5", "repositories.offsite.maintain"],
        ["guardian.yaml:12", "systems.social.plan.jitter"],
        ["guardian.yaml:12", "systems.social.plan.blackout"],
        ["guardian.yaml:12", "systems.social.plan.blackout[0]"],
        ["guardian.yaml:12", "systems.social.plan.drills.D3"],
        ["guardian.yaml:18", "agent.time_zone"],
        ["guardian.yaml:18", "agent.blackout"],
        ["guardian.yaml:18", "agent.bandwidth[0].window"],
    ]
    assert "longer than the time between two slots" in said[1]
    assert "no minute of the week" in said[6]


def test_the_good_words_are_taken(write: Write) -> None:
    from guardian.config.load import load

    path = write(('schedule: "every 6h"', 'blackout: ["mon-fri 08:00-18:00"], jitter: 10m, schedule: "cron 0 2 * * *"'))
    path.write_text(path.read_text() + "agent: {time_zone: Asia/Shanghai, blackout: ['22:00-02:00']}\n")
    assert load(path).config.agent.time_zone == "Asia/Shanghai"


# windows


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("mon-fri 08:00-18:00", ["2026-11-23T08:00", "2026-11-27T17:59"], ["2026-11-23T07:59", "2026-11-27T18:00"]),
        ("22:00-06:00", ["2026-11-23T22:00", "2026-11-24T05:59"], ["2026-11-24T06:00", "2026-11-23T21:59"]),
        ("fri 22:00-06:00", ["2026-11-27T22:00", "2026-11-28T05:59"], ["2026-11-27T05:59", "2026-11-28T22:00"]),
        ("sat,sun 00:00-24:00", ["2026-11-28T00:00", "2026-11-29T23:59"], ["2026-11-27T23:59", "2026-11-30T00:00"]),
        ("sun-mon 12:00-13:00", ["2026-11-29T12:30", "2026-11-30T12:30"], ["2026-11-28T12:30"]),
    ],
)
def test_windows(text: str, inside: list[str], outside: list[str]) -> None:
    window = parse_window(text)
    assert all(holds(window, datetime.fromisoformat(one).replace(tzinfo=SHANGHAI), SHANGHAI) for one in inside)
    assert not any(holds(window, datetime.fromisoformat(one).replace(tzinfo=SHANGHAI), SHANGHAI) for one in outside)


@pytest.mark.parametrize(
    "text", ["", "8:00-9:00", "08:00", "08:00-25:00", "08:00-08:00", "mo 08:00-09:00", "24:00-08:00", "08:00-18:00 "]
)
def test_no_windows(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a window|days of the week"):
        parse_window(text)


def test_windows_that_touch_are_one() -> None:
    windows = [parse_window("mon-fri 18:00-24:00"), parse_window("00:00-08:00")]
    monday = datetime(2026, 11, 23, 19, tzinfo=SHANGHAI)
    assert held_until(windows, monday, SHANGHAI) == datetime(2026, 11, 24, 8, tzinfo=SHANGHAI)
    noon = datetime(2026, 11, 23, 12, tzinfo=SHANGHAI)
    assert held_until(windows, noon, SHANGHAI) is None
    assert next_start(windows, noon, SHANGHAI) == datetime(2026, 11, 23, 18, tzinfo=SHANGHAI)
    assert next_start([], noon, SHANGHAI) is None


def test_windows_on_the_days_when_clocks_change() -> None:
    night = parse_window("01:00-02:30")
    # 29 March: 02:30 does not exist. 25 October: it comes twice, and the window holds until the second.
    assert held_until([night], datetime(2026, 3, 29, 0, 30, tzinfo=UTC), BERLIN) == datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert held_until([night], datetime(2026, 10, 25, 0, 0, tzinfo=UTC), BERLIN) == datetime(
        2026, 10, 25, 1, 30, tzinfo=UTC
    )


def test_windows_that_leave_nothing() -> None:
    assert whole_week([parse_window(f"{days} 00:00-24:00") for days in ("mon-fri", "sat", "sun")])
    assert whole_week([parse_window("08:00-20:00"), parse_window("20:00-08:00")])
    assert not whole_week([parse_window("08:00-20:00"), parse_window("20:01-08:00")])
    always = held_until([parse_window("00:00-24:00")], datetime(2026, 1, 1, tzinfo=UTC), BERLIN)
    assert always
    assert always > datetime(2026, 1, 15, tzinfo=UTC)


# local time


@given(
    st.dates(date(2020, 1, 1), date(2099, 12, 30)),
    st.integers(0, 1440),
    st.sampled_from(["Europe/Berlin", "Asia/Shanghai", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu"]),
)
def test_an_instant_shows_its_time_or_follows_a_gap(day: date, minute: int, name: str) -> None:
    zone = named(name)
    shown = datetime(day.year, day.month, day.day) + timedelta(minutes=minute)
    first, last = instant(day, minute, zone), instant(day, minute, zone, last=True)
    assert first <= last
    if first.astimezone(zone).replace(tzinfo=None, fold=0) == shown:
        assert last.astimezone(zone).replace(tzinfo=None, fold=0) == shown
    else:
        before = (first - timedelta(seconds=1)).astimezone(zone).replace(tzinfo=None)
        assert before < shown < first.astimezone(zone).replace(tzinfo=None)


def test_instants_when_clocks_change() -> None:
    assert instant(date(2026, 3, 29), 150, BERLIN) == datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert instant(date(2026, 10, 25), 150, BERLIN) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert instant(date(2026, 10, 25), 150, BERLIN, last=True) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    # A whole day was left out in Samoa.
    assert instant(date(2011, 12, 30), 600, named("Pacific/Apia")) == datetime(2011, 12, 30, 10, tzinfo=UTC)


def test_the_zone_of_the_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = tmp_path / "share" / "zoneinfo" / "Europe"
    database.mkdir(parents=True)
    (database / "Berlin").write_bytes(b"whatever")
    (tmp_path / "localtime").symlink_to(database / "Berlin")
    monkeypatch.delenv("TZ", raising=False)
    assert host_zone(tmp_path / "localtime").key == "Europe/Berlin"
    assert host_zone(tmp_path / "nothing").key == "UTC"
    (tmp_path / "garbage").write_bytes(b"no zone")
    assert host_zone(tmp_path / "garbage").key == "UTC"
    monkeypatch.setenv("TZ", ":Asia/Shanghai")
    assert host_zone(tmp_path / "localtime").key == "Asia/Shanghai"
    monkeypatch.setenv("TZ", "nonsense")
    assert host_zone(tmp_path / "localtime").key == "UTC"


@pytest.mark.parametrize("name", ["", "Berlin", "../etc/passwd", "/etc/localtime", "Europe", "a\0b", "x" * 5000])
def test_no_zones(name: str) -> None:
    with pytest.raises(ValueError, match="not a time zone"):
        named(name)
