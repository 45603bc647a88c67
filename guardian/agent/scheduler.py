"""What wakes the agent up: APScheduler, used as an alarm clock and for nothing else.

What is due is decided anew at every look, from journal, configuration and clock; no plan is kept here. The library's
defaults drop a job that is a second late; ours are never dropped, and run once however often they were due.
"""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.date import DateTrigger

from guardian import telemetry
from guardian.clock import Clock

EVERY: Final = 60.0
"""Seconds between two looks at most: clocks are set, disks fill up, and nobody says so."""
_LOOK: Final = "look"

Look = Callable[[], datetime | None]
"""Looks at everything once; when to look next at the latest, None for no such moment."""


class Scheduler:
    """Looks when it is time to, when it is poked, and at least every ``every`` seconds. One look at a time."""

    def __init__(self, look: Look, clock: Clock, every: float = EVERY) -> None:
        """Nothing happens before :meth:`start`."""
        self._look, self._clock, self._every = look, clock, every
        self._lock = threading.Lock()
        self._asked = self._looking = self._over = False
        self.looked = clock.monotonic()
        """When the newest look ended, on the monotonic clock."""
        # Its own remarks ("job missed") are about a job that is always the same one; errors of a look we log ourselves.
        logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
        self._alarm = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(1)},
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )

    def start(self) -> None:
        """Begin, with a look at once."""
        self._alarm.start()
        self._set(self._clock.now())

    def poke(self) -> None:
        """Something has happened: look now, or once more when a look is under way."""
        with self._lock:
            self._asked = True
            if self._looking:
                return
        self._set(self._clock.now())

    def heartbeat(self) -> None:
        """Look now if that is overdue on the monotonic clock: an alarm is lost when the wall clock is set back."""
        if not self._looking and self._clock.monotonic() - self.looked > self._every + 5.0:
            self.poke()

    def stop(self) -> None:
        """No look begins any more; one that is under way is waited for."""
        with self._lock:
            self._over = True
        self._alarm.shutdown(wait=True)

    def _run(self) -> None:
        with self._lock:
            if self._looking or self._over:
                return
            self._looking = True
        again = True
        try:
            while again:
                with self._lock:
                    self._asked = False
                wake = self._once()
                with self._lock:
                    again = self._asked and not self._over
                    self._looking = again
        finally:
            self._looking = False
            self.looked = self._clock.monotonic()
        self._set(wake)

    def _once(self) -> datetime:
        latest = timedelta(seconds=self._every)
        try:
            wake = self._look()
        except Exception as fault:  # noqa: BLE001  the next look must come, whatever this one met
            telemetry.unexpected(fault)
            wake = None
        now = self._clock.now()
        return min(max(wake, now), now + latest) if wake else now + latest

    def _set(self, moment: datetime) -> None:
        # A moment, not an interval: after a jump of the clock the library would go through every beat of years.
        with self._lock:
            if not self._over:
                self._alarm.add_job(self._run, DateTrigger(moment, UTC), id=_LOOK, replace_existing=True)
