"""Whether this host's clock can be believed. What is removed for its age is removed only while it can."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from guardian.clock import Clock, rfc3339
from guardian.model.reason import Reason, reason

FIRST: Final = datetime(2025, 1, 1, tzinfo=UTC)
LAST: Final = datetime(2080, 1, 1, tzinfo=UTC)
"""Before and after these moments no clock is right: a host without a battery begins in 1970."""
_STEP: Final = timedelta(hours=1)
"""A clock that is put forward or back by more at once is not believed for a while."""
_STEADY: Final = 24 * 3600.0
_BEHIND: Final = timedelta(minutes=5)
_ABSENT: Final = timedelta(days=400)


@dataclass(slots=True)
class ClockTrust:
    """Holds the wall clock against the monotonic one and against the newest moment on record (``newest``).

    The monotonic clock stands still while a machine is suspended, so a long sleep looks like a step; that costs a day
    without retention and nothing else.
    """

    clock: Clock
    newest: datetime | None = None
    _wall: datetime = field(init=False)
    _monotonic: float = field(init=False)
    _stepped: float | None = None
    _by: int = 0

    def __post_init__(self) -> None:
        self._wall, self._monotonic = self.clock.now(), self.clock.monotonic()
        if self.newest is not None and self._wall > self.newest + _ABSENT:
            self._step(self._wall - self.newest)

    def look(self) -> timedelta:
        """Compare the clocks; by how much the wall clock was put forward (or back, negative) since the last look."""
        wall, monotonic = self.clock.now(), self.clock.monotonic()
        by = (wall - self._wall) - timedelta(seconds=monotonic - self._monotonic)
        self._wall, self._monotonic = wall, monotonic
        if abs(by) > _STEP:
            self._step(by)
        elif self._stepped is not None and monotonic - self._stepped >= _STEADY:
            self._stepped = None
        return by

    @property
    def trusted(self) -> bool:
        """Whether nothing speaks against the clock."""
        return not self.problems()

    def problems(self) -> tuple[Reason, ...]:
        """What speaks against the clock."""
        now = self.clock.now()
        found: list[Reason] = []
        if not FIRST <= now < LAST:
            found.append(reason("clock-implausible", now=rfc3339(now)))
        if self.newest is not None and now < self.newest - _BEHIND:
            found.append(reason("clock-behind-record", now=rfc3339(now), newest=rfc3339(self.newest)))
        if self._stepped is not None:
            found.append(reason("clock-stepped", "warning", seconds=self._by))
        return tuple(found)

    def _step(self, by: timedelta) -> None:
        self._stepped, self._by = self._monotonic, int(by.total_seconds())
