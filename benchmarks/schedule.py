"""One year of schedules for many sources, on a clock that is moved: ``python benchmarks/schedule.py [SOURCES [DAYS]]``.

What is simulated is the agent's own decider (``guardian.backup.due``) against a journal of the same rules, kept in
memory. The year is 2028, which has a 29 February; half of the hosts live in Europe/Berlin, half in Asia/Shanghai. There
are blackouts, downtime from minutes to five days, processes killed between any two steps, clocks put forward and back
by a day, plans that are disabled for a while, runs that fail and runs that take longer than their interval. At the end
every slot of every source must have ended exactly once: run, skipped or missed, the last two with a reason.
"""

import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from guardian.backup.due import Decision, decide
from guardian.backup.slots import Rhythm, offset_of, slots
from guardian.config.schedule import parse_cadence
from guardian.config.windows import parse_window
from guardian.model.job import JobResult, SlotEnd, TaskRecord
from guardian.model.reason import reason

START = datetime(2028, 1, 1, tzinfo=UTC)
CADENCES = (
    "every 6h",
    "daily at 02:30",
    "daily at 02:30, 14:30",
    "hourly at :15",
    "every 90m",
    "weekly on sun at 02:15",
    "monthly on last at 02:00",
    "cron 30 2 * * mon-fri",
    "cron 0 */4 * * *",
    "daily at 23:59",
)
BLACKOUTS = ((), ("mon-fri 08:00-18:00",), ("22:00-03:00",), ("sat,sun 00:00-24:00", "01:00-02:30"))
_TICK = timedelta(microseconds=1)
_SECOND = timedelta(seconds=1)
_RETRYABLE = JobResult(outcome="failed", exit_code=4, reasons=(reason("storage-unreachable"),))
_FAILED = JobResult(outcome="failed", exit_code=3, reasons=(reason("source-missing"),))
_COMPLETE = JobResult(outcome="complete", exit_code=0)
_INTERRUPTED = JobResult(outcome="interrupted", exit_code=130)


class Wrong(Exception):
    """A promise was broken."""


@dataclass
class Book:
    """A journal of one task, strict: a slot that ends twice, or a run beside another, is an error."""

    rhythm: Rhythm
    record: TaskRecord
    ends: dict[datetime, str] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    slot: datetime | None = None
    off_schedule: int = 0
    resumed: int = 0
    late: timedelta = timedelta(0)

    def close(self, slot: datetime, state: str) -> None:
        if slot in self.ends:
            raise Wrong(f"{self.record.task}: {slot} ended as {self.ends[slot]} and again as {state}")
        self.ends[slot] = state
        self.record = replace(self.record, accounted=max(self.record.accounted or slot, slot))

    def account(self, ends: Iterable[SlotEnd]) -> None:
        for end in ends:
            why = end.reasons[0]
            self.reasons[why.code] += 1
            if "first" in why.args:
                first = datetime.fromisoformat(str(why.args["first"]))
                for slot in slots(self.rhythm, first - _TICK, end.slot):
                    self.close(slot, end.state)
            else:
                self.close(end.slot, end.state)

    def begin(self, slot: datetime | None, wall: datetime) -> None:
        if self.record.running:
            raise Wrong(f"{self.record.task}: two runs at {wall}")
        if slot is not None and slot in self.ends:
            raise Wrong(f"{self.record.task}: {slot} is run though it has ended")
        self.off_schedule += slot is None
        self.resumed += slot is not None and slot == self.record.interrupted_slot
        self.slot = slot
        self.record = replace(self.record, running=True, last_started=wall)

    def end(self, result: JobResult, wall: datetime) -> None:
        interrupted = result.outcome == "interrupted"
        failures = self.record.failures_in_a_row
        if result.outcome in ("complete", "failed"):
            failures = failures + 1 if result.outcome == "failed" else 0
        self.record = replace(
            self.record,
            running=False,
            last_ended=wall,
            last_result=result,
            failures_in_a_row=failures,
            interrupted_slot=self.slot if interrupted else None,
        )
        if self.slot is not None and not interrupted:
            self.close(self.slot, "run")


@dataclass(frozen=True)
class World:
    """What happens to all hosts. Times are true ones; the wall clock is the true time plus ``skew``."""

    end: datetime
    down: tuple[tuple[datetime, datetime], ...]
    jumps: tuple[tuple[datetime, timedelta], ...]
    paused: tuple[tuple[datetime, datetime], ...] = ()
    kill_share: float = 0.0
    fail_share: float = 0.0

    def skew(self, true: datetime) -> timedelta:
        return sum((by for at, by in self.jumps if at <= true), timedelta(0))

    def up_again(self, true: datetime) -> datetime | None:
        return next((until for since, until in self.down if since <= true < until), None)

    def breaks(self) -> list[datetime]:
        edges = {edge for span in (*self.down, *self.paused) for edge in span} | {at for at, _by in self.jumps}
        return sorted({*edges, self.end})


@dataclass
class Life:
    """One source's life from the beginning of the world to its end."""

    book: Book
    world: World
    chance: random.Random
    duration: Callable[[random.Random], timedelta]
    true: datetime = START
    skew: timedelta = timedelta(0)
    alive_since: datetime = START
    ends_at: datetime | None = None

    @property
    def wall(self) -> datetime:
        return self.true + self.skew

    def live(self) -> Book:
        breaks = self.world.breaks()
        while self.true < self.world.end:
            if until := self.world.up_again(self.true):
                self.restart(until)
                continue
            if (skew := self.world.skew(self.true)) != self.skew:
                self.skew = skew
                self.alive_since = self.wall
            if self.ends_at is not None and self.true >= self.ends_at:
                self.book.end(_result(self.chance, self.world.fail_share), self.wall)
                self.ends_at = None
            wake = self.look()
            nexts = [moment for moment in (self.ends_at, wake, _after(breaks, self.true)) if moment]
            self.true = max(min(nexts, default=self.world.end), self.true + _SECOND)
        if self.book.record.running:
            self.book.end(_INTERRUPTED, self.wall)
        return self.book

    def look(self) -> datetime | None:
        """Decide and do it; when to look again, in true time."""
        paused = any(since <= self.true < until for since, until in self.world.paused)
        rhythm = replace(self.book.rhythm, enabled=not paused)
        decision = decide(rhythm, self.book.record, self.wall, self.alive_since)
        if decision != decide(rhythm, self.book.record, self.wall, self.alive_since):
            raise Wrong("two answers to one question")
        killer = self.chance if self.chance.random() < self.world.kill_share else None
        killed, began = _act(self.book, decision, self.wall, killer)
        if killed:
            self.restart(self.true + timedelta(seconds=self.chance.randint(1, 120)))
            return self.true
        if began:
            self.ends_at = self.true + self.duration(self.chance)
        if decision.action == "stop":
            self.book.end(_INTERRUPTED, self.wall)
            self.ends_at = None
        return decision.wake - self.skew if decision.wake else None

    def restart(self, true: datetime) -> None:
        """The agent is there again: what it was at was cut off."""
        self.true = true
        self.skew = self.world.skew(true)
        self.alive_since, self.ends_at = self.wall, None
        if self.book.record.running:
            self.book.end(_INTERRUPTED, self.wall)


def _after(breaks: list[datetime], true: datetime) -> datetime | None:
    while breaks and breaks[0] <= true:
        breaks.pop(0)
    return breaks[0] if breaks else None


def _act(book: Book, decision: Decision, wall: datetime, killer: random.Random | None) -> tuple[bool, bool]:
    """Do what was decided, in the agent's order. A killer strikes before the first step or after any of them."""
    steps: list[Callable[[], None]] = [lambda: book.account(decision.ends)]
    if decision.action == "run":
        steps.append(lambda: book.begin(decision.slot, wall))
    stop = killer.randint(0, len(steps)) if killer else len(steps) + 1
    for step in steps[:stop]:
        step()
    return stop <= len(steps), decision.action == "run" and stop > len(steps)


def _result(chance: random.Random, fail_share: float) -> JobResult:
    if chance.random() >= fail_share:
        return _COMPLETE
    return _RETRYABLE if chance.random() < 0.7 else _FAILED


def check(book: Book, world: World) -> Counter[str]:
    """Hold the book against the schedule. Raises Wrong when a slot is missing, is none, or was closed too late."""
    newest = book.record.accounted or book.record.since
    expected = set(slots(book.rhythm, book.record.since, newest))
    open_slot = {book.record.interrupted_slot} - {None}
    if missing := expected - set(book.ends) - open_slot:
        raise Wrong(f"{book.record.task}: nobody tells of {sorted(missing)[:3]} ({len(missing)})")
    if strange := set(book.ends) - expected:
        raise Wrong(f"{book.record.task}: {sorted(strange)[:3]} are no slots")
    _even(book)
    # What is still open at the end is at most what a blackout of a weekend holds.
    left = sum(1 for slot in slots(book.rhythm, newest, world.end - timedelta(days=3)))
    if left:
        raise Wrong(f"{book.record.task}: {left} slots were left open")
    return Counter(book.ends.values())


def _even(book: Book) -> None:
    """Hold the slots against the cadence's words, not against its code: nothing drifts, no day is left out."""
    ends, text = sorted(book.ends), book.rhythm.cadence.text
    step = {"hourly at :15": timedelta(hours=1)}.get(text, book.rhythm.cadence.interval)
    if step and any(later - earlier != step for earlier, later in pairwise(ends)):
        raise Wrong(f"{book.record.task}: {text} drifts")
    if text.startswith("daily at"):
        days = Counter(slot.astimezone(book.rhythm.zone).date() for slot in ends)
        whole = sorted(days)[1:-1]  # the first and the last day may have begun and not be over
        expected = text.count(":")
        if (whole and len(whole) != (whole[-1] - whole[0]).days + 1) or any(days[day] != expected for day in whole):
            raise Wrong(f"{book.record.task}: {text} leaves out a day, or has one twice")


def world_of(days: int, seed: int) -> World:
    """A year (or less) with everything that can happen to a host."""
    chance = random.Random(seed)
    end = START + timedelta(days=days)

    def moment() -> datetime:
        # The last ten days are quiet, so that everything is back in order at the end.
        return START + timedelta(seconds=chance.randrange((days - 10) * 86400))

    down = []
    for length in ("20m", "2h", "7h", "13h", "26h", "3d", "5d"):
        seconds = int(length[:-1]) * {"m": 60, "h": 3600, "d": 86400}[length[-1]]
        since = moment()
        down.append((since, since + timedelta(seconds=seconds)))
    jumps: list[tuple[datetime, timedelta]] = []
    for by in (1, -1, 1, -1):
        at = moment()
        jumps += [(at, timedelta(days=by)), (at + timedelta(hours=chance.randint(1, 72)), timedelta(days=-by))]
    since = moment()
    paused = ((since, since + timedelta(days=min(14, days // 10))),)
    return World(end, tuple(down), tuple(sorted(jumps)), paused, kill_share=0.01, fail_share=0.03)


def source(number: int) -> Book:
    """The source of that number: its cadence, zone, jitter and blackout."""
    zone = ZoneInfo(("Europe/Berlin", "Asia/Shanghai")[number % 2])
    blackout = tuple(parse_window(text) for text in BLACKOUTS[number // 3 % len(BLACKOUTS)])
    task = f"backup:system-{number}/data"
    jitter = timedelta(minutes=(0, 10, 45)[number % 3])
    cadence = parse_cadence(CADENCES[number // 2 % len(CADENCES)])
    rhythm = Rhythm(cadence, zone, offset_of(f"host-{number}", task, jitter), blackout)
    return Book(rhythm, TaskRecord(task, since=START))


def lasting(number: int) -> Callable[[random.Random], timedelta]:
    """How long runs of that source take: minutes mostly; of one in seven hours."""
    most = 600 if number % 7 == 3 else 40
    return lambda chance: timedelta(minutes=chance.randint(1, most))


def main(sources: int = 50, days: int = 366) -> Counter[str]:
    """Simulate, check, print; the totals."""
    began = time.perf_counter()
    totals: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for number in range(sources):
        world = world_of(days, seed=number)
        book = Life(source(number), world, random.Random(number), lasting(number)).live()
        totals += check(book, world) + Counter({"off schedule": book.off_schedule, "resumed": book.resumed})
        reasons += book.reasons
    seconds = time.perf_counter() - began
    ended = totals["run"] + totals["skipped"] + totals["missed"]
    print(f"{sources} sources, {days} days from {START:%Y-%m-%d}: {ended} slots, none missing, none twice")
    for name in ("run", "skipped", "missed"):
        print(f"  {name:<14}{totals[name]:>8}")
    print(f"  tries again without a slot {totals['off schedule']}, runs resumed {totals['resumed']}")
    for code, count in reasons.most_common():
        print(f"    {code:<20}{count:>8}")
    print(f"{seconds:.1f} s")
    return totals


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:3]))
