"""What is due: every rule for one task at one moment, and a simulated life in which nothing may be lost or doubled."""

import importlib.util
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.backup.closing import MOST
from guardian.backup.due import Decision, decide, retryable
from guardian.backup.slots import ANCHOR, Rhythm, following, newest, offset_of, slots
from guardian.config.schedule import parse_cadence
from guardian.config.windows import parse_window
from guardian.model.job import JobResult, TaskRecord
from guardian.model.reason import reason

BERLIN, SHANGHAI = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Shanghai")
TASK = "backup:app/docs"
COMPLETE = JobResult(outcome="complete", exit_code=0)
AWAY = JobResult(outcome="failed", exit_code=4, reasons=(reason("storage-unreachable"),))
BROKEN = JobResult(outcome="failed", exit_code=3, reasons=(reason("source-missing"),))
INTERRUPTED = JobResult(outcome="interrupted", exit_code=130)


def at(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def rhythm(cadence: str, *blackout: str, offset: int = 0, zone: ZoneInfo = SHANGHAI) -> Rhythm:
    return Rhythm(parse_cadence(cadence), zone, timedelta(minutes=offset), tuple(map(parse_window, blackout)))


def record(accounted: str = "2026-11-22T02:30", zone: ZoneInfo = SHANGHAI, **more: object) -> TaskRecord:
    known = TaskRecord(TASK, since=at("2026-11-01T00:00"), accounted=at(accounted, zone))
    return replace(known, **more)  # type: ignore[arg-type]


def ended(decision: Decision) -> list[tuple[str, str, str]]:
    return [(f"{e.slot.astimezone(SHANGHAI):%d %H:%M}", e.state, e.reasons[0].code) for e in decision.ends]


NIGHTLY = rhythm("daily at 02:30")

# slots


@pytest.mark.parametrize(
    ("cadence", "zone", "after", "expected"),
    [
        # The clock goes from 02:00 to 03:00: what does not exist is run once, after the gap.
        ("daily at 02:30", BERLIN, "2026-03-28T12:00", ["29 01:00", "30 00:30"]),
        ("daily at 02:15, 02:45, 03:00", BERLIN, "2026-03-28T12:00", ["29 01:00", "30 00:15"]),
        ("cron */10 2 * * *", BERLIN, "2026-03-28T12:00", ["29 01:00", "30 00:00"]),
        # It goes from 03:00 to 02:00: what comes twice is run once, at its first coming.
        ("daily at 02:30", BERLIN, "2026-10-24T12:00", ["25 00:30", "26 01:30"]),
        # Hours pass evenly, whatever clocks show: 01:15, 03:15 in spring, 02:15 twice in autumn.
        ("hourly at :15", BERLIN, "2026-03-29T00:30", ["29 00:15", "29 01:15", "29 02:15"]),
        ("hourly at :15", BERLIN, "2026-10-25T01:30", ["25 00:15", "25 01:15", "25 02:15"]),
        ("cron 0 * * * *", BERLIN, "2026-10-25T01:30", ["25 00:00", "25 01:00", "25 02:00"]),
        # By half an hour, and beside the full hour.
        ("hourly at :15", ZoneInfo("Asia/Kathmandu"), "2026-11-23T00:00", ["22 18:30", "22 19:30"]),
        ("hourly", ZoneInfo("Australia/Lord_Howe"), "2026-04-05T00:30", ["04 14:00", "04 15:30", "04 16:30"]),
        # Leap days.
        ("monthly on last at 02:00", SHANGHAI, "2028-02-01T00:00", ["28 18:00", "30 18:00"]),
        ("cron 0 12 29 2 *", SHANGHAI, "2026-01-01T00:00", ["29 04:00", "29 04:00"]),
        ("every 6h", SHANGHAI, "2026-11-23T00:00", ["22 18:00", "23 00:00"]),
    ],
)
def test_slots(cadence: str, zone: ZoneInfo, after: str, expected: list[str]) -> None:
    start = at(after, zone)
    found = slots(rhythm(cadence, zone=zone), start, start + timedelta(days=4000))
    assert [f"{next(found).astimezone(UTC):%d %H:%M}" for _one in expected] == expected


def test_intervals_are_counted_from_a_monday_and_never_drift() -> None:
    assert ANCHOR.weekday() == 0
    weekly = list(slots(rhythm("every 1w"), at("2026-11-01T00:00"), at("2026-12-01T00:00")))
    assert all(slot.weekday() == 0 and slot.hour == 0 for slot in weekly)
    assert len(weekly) == 5


CADENCES = st.sampled_from(
    [
        *("every 7m", "every 6h", "hourly at :15, :45", "daily at 02:30", "daily at 00:00, 02:30, 23:59"),
        *("weekly on sun at 02:30", "monthly on last at 02:00", "cron */20 */3 * * mon-fri", "cron 30 2 13 * 5"),
    ]
)
ZONES = st.sampled_from(
    [BERLIN, SHANGHAI, *map(ZoneInfo, ("America/Havana", "America/St_Johns", "Australia/Lord_Howe", "Africa/Cairo"))]
)
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC))


@given(CADENCES, ZONES, MOMENTS, st.integers(0, 86400 * 5), st.integers(0, 86400 * 5))
def test_slots_do_not_depend_on_where_one_begins(
    cadence: str, zone: ZoneInfo, start: datetime, first: int, second: int
) -> None:
    one = rhythm(cadence, zone=zone)
    middle, end = start + timedelta(seconds=first), start + timedelta(seconds=first + second)
    whole = list(slots(one, start, end))
    assert whole == sorted(set(whole))
    assert whole == [*slots(one, start, middle), *slots(one, middle, end)]
    assert newest(one, start, end) == (whole[-1] if whole else None)
    if whole:
        assert following(one, start) == whole[0]


@given(ZONES, st.dates(date(2024, 1, 1), date(2060, 1, 1)), st.integers(0, 1439))
def test_a_time_of_day_comes_once_a_day(zone: ZoneInfo, day: date, minute: int) -> None:
    one = rhythm(f"daily at {minute // 60:02}:{minute % 60:02}", zone=zone)
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=zone)
    found = list(slots(one, noon, noon + timedelta(days=300)))
    assert 299 <= len(found) <= 301
    steps = {later - earlier for earlier, later in pairwise(found)}
    assert all(timedelta(hours=22) <= step <= timedelta(hours=26) for step in steps)


def test_the_offset_is_each_hosts_own_and_stays() -> None:
    jitter = timedelta(minutes=10)
    found = [offset_of(f"host-{number}", TASK, jitter) for number in range(200)]
    assert found == [offset_of(f"host-{number}", TASK, jitter) for number in range(200)]
    assert all(timedelta(0) <= one < jitter for one in found)
    assert len(set(found)) > 100
    assert offset_of("host-1", TASK, jitter) != offset_of("host-1", "backup:app/db", jitter)
    assert offset_of("host-1", TASK, None) == timedelta(0)


# deciding


def test_a_slot_is_run_when_it_is_due_and_not_before() -> None:
    late = rhythm("daily at 02:30", offset=7)
    waits = decide(late, record(), at("2026-11-23T02:36"))
    assert (waits.action, waits.why.code, waits.wake) == ("wait", "waits-for-slot", at("2026-11-23T02:37"))
    runs = decide(late, record(), at("2026-11-23T02:37"))
    assert (runs.action, runs.slot, runs.ends, runs.why.code) == ("run", at("2026-11-23T02:30"), (), "slot-due")
    after = decide(late, record("2026-11-23T02:30"), at("2026-11-23T02:38"))
    assert (after.action, after.wake) == ("wait", at("2026-11-24T02:37"))


def test_what_was_missed_is_caught_up_once() -> None:
    found = decide(NIGHTLY, record("2026-11-20T02:30"), at("2026-11-23T09:00"))
    assert (found.action, found.slot, found.why.code) == ("run", at("2026-11-23T02:30"), "slot-late")
    assert ended(found) == [("21 02:30", "missed", "slot-unattended"), ("22 02:30", "missed", "slot-unattended")]


def test_a_new_task_owes_nothing_from_before() -> None:
    new = TaskRecord(TASK, since=at("2026-11-23T09:00"))
    assert decide(NIGHTLY, new, at("2026-11-23T09:00")).wake == at("2026-11-24T02:30")


def test_who_was_there_and_had_no_turn_is_told_from_who_was_not() -> None:
    hourly, now = rhythm("hourly"), at("2026-11-23T05:10")
    known = record("2026-11-23T01:00")
    found = decide(hourly, known, now, alive_since=at("2026-11-23T02:30"))
    assert ended(found) == [
        ("23 02:00", "missed", "slot-unattended"),
        ("23 03:00", "missed", "slot-no-turn"),
        ("23 04:00", "missed", "slot-no-turn"),
    ]


def test_a_run_that_takes_longer_than_its_interval() -> None:
    hourly = rhythm("hourly")
    busy = record("2026-11-23T00:00", running=True, last_started=at("2026-11-23T01:00"))
    assert decide(hourly, busy, at("2026-11-23T03:30")).why.code == "job-running"
    assert decide(hourly, busy, at("2026-11-23T03:30")).ends == ()
    done = record(
        "2026-11-23T01:00", last_started=at("2026-11-23T01:00"), last_ended=at("2026-11-23T03:40"), last_result=COMPLETE
    )
    found = decide(hourly, done, at("2026-11-23T03:40"), alive_since=at("2026-11-01T00:00"))
    assert (found.action, found.slot) == ("run", at("2026-11-23T03:00"))
    assert ended(found) == [("23 02:00", "missed", "slot-overrun")]


def test_a_disabled_plan_skips_and_says_so() -> None:
    paused = replace(NIGHTLY, enabled=False)
    found = decide(paused, record("2026-11-20T02:30"), at("2026-11-22T09:00"))
    assert (found.action, found.why.code, found.wake) == ("wait", "plan-disabled", at("2026-11-23T02:30"))
    assert ended(found) == [("21 02:30", "skipped", "plan-disabled"), ("22 02:30", "skipped", "plan-disabled")]


# blackouts


def test_a_slot_in_a_blackout_waits_for_its_end() -> None:
    office = rhythm("daily at 12:00", "mon-fri 08:00-18:00", offset=5)
    known = record("2026-11-22T12:00")  # 23 November 2026 is a Monday
    held = decide(office, known, at("2026-11-23T12:30"))
    assert (held.action, held.why.code, held.wake) == ("wait", "blackout-holds", at("2026-11-23T18:05"))
    assert decide(office, known, at("2026-11-23T18:04:59")).action == "wait"
    assert decide(office, known, at("2026-11-23T18:05")).slot == at("2026-11-23T12:00")
    before = decide(office, known, at("2026-11-23T09:00"))
    assert (before.why.code, before.wake) == ("waits-for-slot", at("2026-11-23T18:05"))


def test_slots_that_a_blackout_leaves_no_time_are_skipped() -> None:
    hourly = rhythm("hourly", "08:00-11:30")
    found = decide(hourly, record("2026-11-23T07:00"), at("2026-11-23T11:30"), alive_since=at("2026-11-01T00:00"))
    assert found.slot == at("2026-11-23T11:00")
    assert ended(found) == [(f"23 {hour:02}:00", "skipped", "slot-blackout") for hour in (8, 9, 10)]


def test_a_blackout_stops_a_run_and_the_slot_is_resumed() -> None:
    night = rhythm("daily at 02:30", "08:00-18:00")
    busy = record(running=True, last_started=at("2026-11-23T02:30"))
    assert decide(night, busy, at("2026-11-23T07:00")).wake == at("2026-11-23T08:00")
    stop = decide(night, busy, at("2026-11-23T08:00"))
    assert (stop.action, stop.why.code, stop.wake) == ("stop", "blackout-began", at("2026-11-23T18:00"))
    slot = at("2026-11-23T02:30")
    cut = record(last_started=slot, last_ended=at("2026-11-23T08:01"), last_result=INTERRUPTED, interrupted_slot=slot)
    assert decide(night, cut, at("2026-11-23T09:00")).wake == at("2026-11-23T18:00")
    goes_on = decide(night, cut, at("2026-11-23T18:00"))
    assert (goes_on.action, goes_on.slot, goes_on.why.code) == ("run", slot, "slot-resumed")


def test_after_a_blackout_each_host_goes_on_at_its_own_offset() -> None:
    night, slot = rhythm("daily at 02:30", "08:00-18:00", offset=5), at("2026-11-23T02:30")
    cut = record(last_started=slot, last_ended=at("2026-11-23T08:01"), last_result=INTERRUPTED, interrupted_slot=slot)
    assert decide(night, cut, at("2026-11-23T18:04")).wake == at("2026-11-23T18:05")
    assert decide(night, cut, at("2026-11-23T18:05")).slot == slot
    assert decide(night, failed("2026-11-23T03:00", 1), at("2026-11-23T03:06")).wake == at("2026-11-23T03:10")


def test_a_run_cut_off_by_a_crash_goes_on_at_once() -> None:
    slot = at("2026-11-23T02:30")
    cut = record(last_started=slot, last_ended=at("2026-11-23T02:45"), last_result=INTERRUPTED, interrupted_slot=slot)
    assert decide(NIGHTLY, cut, at("2026-11-23T02:45")).slot == slot


def test_an_interrupted_slot_gives_way_to_a_newer_one() -> None:
    slot = at("2026-11-22T02:30")
    cut = record("2026-11-21T02:30", last_ended=slot, last_result=INTERRUPTED, interrupted_slot=slot)
    found = decide(NIGHTLY, cut, at("2026-11-23T02:30"))
    assert (found.slot, ended(found)) == (at("2026-11-23T02:30"), [("22 02:30", "missed", "slot-superseded")])


def test_nothing_runs_in_a_blackout_without_end() -> None:
    never = rhythm("hourly", "00:00-24:00")
    found = decide(never, record("2026-11-22T00:00"), at("2026-11-23T00:30"))
    assert (found.action, len(found.ends)) == ("wait", 23)


# trying again


def failed(ended_at: str, failures: int, result: JobResult = AWAY) -> TaskRecord:
    return record(
        "2026-11-23T02:30",
        last_started=at("2026-11-23T02:30"),
        last_ended=at(ended_at),
        last_result=result,
        failures_in_a_row=failures,
    )


@pytest.mark.parametrize(("failures", "minutes"), [(1, 5), (2, 15), (3, 45), (4, 135), (5, 360), (60, 360)])
def test_pauses_grow(failures: int, minutes: int) -> None:
    known, when = failed("2026-11-23T03:00", failures), at("2026-11-23T03:00") + timedelta(minutes=minutes)
    waits = decide(NIGHTLY, known, when - timedelta(seconds=1))
    assert (waits.action, waits.why.code, waits.wake) == ("wait", "retry-waits", when)
    assert (waits.why.args["failures"], waits.ends) == (failures, ())
    again = decide(NIGHTLY, known, when)
    assert (again.action, again.slot, again.why.code) == ("run", None, "retry-due")


def test_the_next_slot_comes_before_another_try() -> None:
    known = replace(failed("2026-11-23T02:40", 3), accounted=at("2026-11-23T02:00"))
    found = decide(rhythm("hourly"), known, at("2026-11-23T02:41"))
    assert (found.action, found.why.code, found.wake) == ("wait", "retry-left", at("2026-11-23T03:00"))


def test_what_will_not_pass_is_not_tried_again() -> None:
    assert decide(NIGHTLY, failed("2026-11-23T03:00", 1, BROKEN), at("2026-11-23T09:00")).why.code == "waits-for-slot"
    assert not retryable(None)
    assert not retryable(COMPLETE)
    assert retryable(JobResult(outcome="failed", exit_code=11, reasons=(reason("repository-locked"),)))


def test_another_try_waits_for_the_end_of_a_blackout() -> None:
    night = rhythm("daily at 02:30", "03:00-05:00")
    assert decide(night, failed("2026-11-23T02:58", 1), at("2026-11-23T02:59")).wake == at("2026-11-23T05:00")
    assert decide(night, failed("2026-11-23T02:58", 1), at("2026-11-23T04:00")).action == "wait"


def test_another_try_that_was_interrupted_is_made_again() -> None:
    known = failed("2026-11-23T08:00", 1, INTERRUPTED)
    assert decide(NIGHTLY, known, at("2026-11-23T08:01")).why.code == "retry-due"
    assert decide(NIGHTLY, replace(known, failures_in_a_row=0), at("2026-11-23T08:01")).action == "wait"


# clocks


def test_a_clock_set_back_a_day_runs_no_slot_again() -> None:
    known = record("2026-11-23T02:30")
    for hours in range(24):
        found = decide(NIGHTLY, known, at("2026-11-22T02:31") + timedelta(hours=hours))
        assert (found.action, found.ends, found.wake) == ("wait", (), at("2026-11-24T02:30"))
        assert found.why.code == "clock-set-back"


def test_a_clock_set_forward_a_day_misses_at_most_a_day() -> None:
    found = decide(rhythm("every 6h"), record("2026-11-23T02:00"), at("2026-11-24T03:00"))
    assert found.slot == at("2026-11-24T02:00")
    assert len(found.ends) == 3


def test_a_century_is_closed_as_one_range_with_its_reason() -> None:
    before = newest(rhythm("every 7m"), ANCHOR, at("2026-11-22T02:30"))
    found = decide(rhythm("every 7m"), replace(record(), accounted=before), datetime(2099, 1, 1, tzinfo=UTC))
    assert found.action == "run"
    assert found.slot
    (end,) = found.ends
    why = end.reasons[0]
    assert (end.state, why.code, why.args["count"]) == ("missed", "slots-unattended", "> 20000")
    first, last = (datetime.fromisoformat(str(why.args[name])) for name in ("first", "last"))
    assert first == following(rhythm("every 7m"), at("2026-11-22T02:30"))
    assert last == end.slot == found.slot - timedelta(minutes=7)


def test_after_a_century_forward_and_back_runs_go_on_without_slots() -> None:
    future = record(last_started=datetime(2099, 1, 1, tzinfo=UTC), last_result=COMPLETE)
    future = replace(future, accounted=datetime(2098, 12, 31, 18, 30, tzinfo=UTC))
    now = at("2026-11-23T09:00")
    first = decide(NIGHTLY, future, now)
    assert (first.action, first.slot, first.ends, first.why.code) == ("run", None, (), "clock-off-schedule")
    ran = replace(future, last_started=now, last_ended=now + timedelta(minutes=5))
    waits = decide(NIGHTLY, ran, at("2026-11-23T10:00"))
    assert (waits.action, waits.wake) == ("wait", at("2026-11-24T02:30"))
    assert decide(NIGHTLY, ran, at("2026-11-24T02:30")).slot is None
    assert decide(NIGHTLY, ran, at("2026-11-24T02:30")).action == "run"
    paused = replace(NIGHTLY, enabled=False)
    assert decide(paused, ran, at("2026-11-24T02:30")).action == "wait"


@pytest.mark.parametrize("year", [1, 1970, 2019, 2200, 9999])
def test_nothing_begins_by_an_impossible_clock(year: int) -> None:
    now = datetime(year, 6, 1, tzinfo=UTC)
    found = decide(NIGHTLY, record(), now)
    assert (found.action, found.ends, found.why.code) == ("wait", (), "clock-impossible")


def test_a_host_that_was_set_up_in_1970() -> None:
    new = TaskRecord(TASK, since=datetime(1970, 1, 1, tzinfo=UTC))
    found = decide(NIGHTLY, new, at("2026-11-23T09:00"))
    assert (found.action, found.slot, len(found.ends)) == ("run", at("2026-11-23T02:30"), 1)


@given(CADENCES, MOMENTS, MOMENTS)
def test_any_two_clocks_are_answered_with_bounded_work(cadence: str, then: datetime, now: datetime) -> None:
    known = TaskRecord(TASK, since=datetime(2024, 1, 1, tzinfo=UTC), accounted=then, last_started=then)
    found = decide(rhythm(cadence, "mon-fri 08:00-18:00", offset=3), known, now)
    assert len(found.ends) <= MOST
    assert found == decide(rhythm(cadence, "mon-fri 08:00-18:00", offset=3), known, now)
    assert found.action == "run" or found.wake is None or found.wake > now
    assert found.slot is None or then < found.slot <= now
    assert all(then < end.slot <= now and end.reasons for end in found.ends)
    assert [end.slot for end in found.ends] == sorted({end.slot for end in found.ends} - {found.slot})


# changes


def test_a_changed_schedule_begins_with_its_newest_slot() -> None:
    found = decide(rhythm("hourly"), record("2026-11-22T02:30"), at("2026-11-23T09:20"))
    assert (found.action, found.slot, found.ends) == ("run", at("2026-11-23T09:00"), ())


def test_a_changed_time_zone_runs_no_slot_twice_and_misses_none() -> None:
    known = record("2026-11-23T02:30")
    there = rhythm("daily at 02:30", zone=BERLIN)
    assert decide(there, known, at("2026-11-23T03:00")).wake == at("2026-11-23T02:30", BERLIN)
    back = record("2026-11-23T02:30", BERLIN)
    assert decide(NIGHTLY, back, at("2026-11-23T10:00")).wake == at("2026-11-24T02:30")


def test_an_interrupted_slot_of_another_schedule_is_closed() -> None:
    slot = at("2026-11-22T04:44")
    cut = record("2026-11-21T04:44", last_ended=slot, last_result=INTERRUPTED, interrupted_slot=slot)
    assert decide(NIGHTLY, cut, at("2026-11-22T05:00")).slot == slot
    found = decide(NIGHTLY, cut, at("2026-11-23T02:30"))
    assert ended(found) == [("22 04:44", "missed", "slot-superseded")]
    paused = decide(replace(NIGHTLY, enabled=False), cut, at("2026-11-22T05:00"))
    assert ended(paused)[-1] == ("22 04:44", "skipped", "plan-disabled")


# a life


@pytest.fixture(scope="module")
def simulation() -> ModuleType:
    """``benchmarks/schedule.py``: the same life, a year long, for fifty sources."""
    path = Path(__file__).parents[3] / "benchmarks" / "schedule.py"
    spec = importlib.util.spec_from_file_location("schedule_simulation", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("number", range(12))
def test_no_slot_is_lost_or_doubled(simulation: ModuleType, number: int) -> None:
    world = simulation.world_of(45, seed=100 + number)
    life = simulation.Life(
        simulation.source(number * 4 + 1), world, simulation.random.Random(number), simulation.lasting(number)
    )
    totals = simulation.check(life.live(), world)
    assert totals["run"] > 0


@given(st.integers(0, 10**9))
def test_whoever_is_killed_at_any_step_goes_on(simulation: ModuleType, seed: int) -> None:
    world = replace(simulation.world_of(16, seed), kill_share=0.3)
    life = simulation.Life(
        simulation.source(seed % 40), world, simulation.random.Random(seed), simulation.lasting(seed % 7)
    )
    simulation.check(life.live(), world)


def test_the_check_finds_what_is_lost_or_doubled(simulation: ModuleType) -> None:
    world = simulation.world_of(20, seed=1)
    book = simulation.Life(simulation.source(6), world, simulation.random.Random(1), simulation.lasting(1)).live()
    first = min(book.ends)
    state = book.ends.pop(first)
    with pytest.raises(simulation.Wrong, match="nobody tells"):
        simulation.check(book, world)
    book.close(first, state)
    with pytest.raises(simulation.Wrong, match="and again"):
        book.close(first, state)
