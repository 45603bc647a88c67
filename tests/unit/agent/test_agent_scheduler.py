"""The alarm clock: it wakes in time, once more when poked, and after the clock was set back."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from guardian.agent.scheduler import Scheduler
from guardian.clock import SystemClock

PATIENCE = 20.0


class Moved(SystemClock):
    """The machine's clocks, each moved by hand."""

    wall = timedelta(0)
    mono = 0.0

    def now(self) -> datetime:
        return super().now() + self.wall

    def monotonic(self) -> float:
        return super().monotonic() + self.mono


class Looks:
    """Counts looks; each may be held up."""

    def __init__(self, clock: SystemClock, wakes: float | None = None) -> None:
        self.clock, self.wakes = clock, wakes
        self.count = self.at_once = self.most = 0
        self.seen = threading.Condition()
        self.go = threading.Event()
        self.go.set()

    def __call__(self) -> datetime | None:
        with self.seen:
            self.count += 1
            self.at_once += 1
            self.most = max(self.most, self.at_once)
            self.seen.notify_all()
        self.go.wait(PATIENCE)
        with self.seen:
            self.at_once -= 1
        return None if self.wakes is None else self.clock.now() + timedelta(seconds=self.wakes)

    def reached(self, count: int) -> bool:
        with self.seen:
            return self.seen.wait_for(lambda: self.count >= count, PATIENCE)


@contextmanager
def started(looks: Looks, every: float = 60.0) -> Iterator[Scheduler]:
    scheduler = Scheduler(looks, looks.clock, every)
    scheduler.start()
    try:
        yield scheduler
    finally:
        looks.go.set()
        scheduler.stop()


def test_it_looks_at_once_and_then_when_it_was_told_to() -> None:
    looks = Looks(SystemClock(), wakes=0.05)
    with started(looks):
        assert looks.reached(4)


def test_it_looks_at_least_so_often() -> None:
    looks = Looks(SystemClock())
    with started(looks, every=0.1):
        assert looks.reached(4)


def test_a_poke_is_a_look_now() -> None:
    looks = Looks(SystemClock(), wakes=3600)
    with started(looks) as scheduler:
        assert looks.reached(1)
        scheduler.poke()
        assert looks.reached(2)


def test_pokes_during_a_look_are_one_more_look_and_never_two_at_once() -> None:
    looks = Looks(SystemClock(), wakes=3600)
    looks.go.clear()
    with started(looks) as scheduler:
        assert looks.reached(1)
        for _poke in range(20):
            scheduler.poke()
        looks.go.set()
        assert looks.reached(2)
        time.sleep(0.3)
        assert (looks.count, looks.most) == (2, 1)


def test_a_clock_set_back_loses_the_alarm_and_the_heartbeat_finds_it() -> None:
    clock = Moved()
    looks = Looks(clock, wakes=30)
    with started(looks) as scheduler:
        assert looks.reached(1)
        clock.wall -= timedelta(days=1)
        scheduler.heartbeat()  # a minute has not passed yet
        time.sleep(0.2)
        assert looks.count == 1
        clock.mono += 66.0
        clock.wall -= timedelta(days=365 * 100)  # the alarm itself is set by the machine's clock: it is due at once
        scheduler.heartbeat()
        assert looks.reached(2)


def test_a_look_that_fails_is_followed_by_the_next() -> None:
    class Failing(Looks):
        def __call__(self) -> datetime | None:
            super().__call__()
            raise ValueError("broken")

    looks = Failing(SystemClock())
    with started(looks, every=0.1):
        assert looks.reached(3)


def test_nothing_begins_after_the_end() -> None:
    looks = Looks(SystemClock(), wakes=0.05)
    with started(looks) as scheduler:
        assert looks.reached(2)
    count = looks.count
    scheduler.poke()
    time.sleep(0.3)
    assert looks.count == count
