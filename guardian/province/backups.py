"""The history of one source's backups: which run was the newest at a moment, how it ended, what it measured.

A run is known by its number: the slots from the beginning of history on. Times are seconds since then.
"""

from dataclasses import dataclass
from functools import cached_property
from math import ceil, floor
from typing import Final

from guardian.model.job import JobOutcome
from guardian.province.draw import between
from guardian.province.estate import DAY, HostPlan, SourcePlan
from guardian.province.told import Trouble

_FAILS: Final = 0.004
"""The share of runs that fail for no lasting reason."""
_FAR: Final = 3000
"""Runs that are looked back at, at most."""

Ending = tuple[JobOutcome, int, str]
"""Outcome, exit code, code of the reason."""
_GOOD: Final[Ending] = ("complete", 0, "")
_BAD: Final[dict[str, Ending]] = {
    "backup-failing": ("failed", 4, "storage-unreachable"),
    "backup-never": ("failed", 3, "source-missing"),
    "backup-incomplete": ("partial", 3, "files-unreadable"),
    "repository-locked": ("failed", 11, "repository-locked"),
    "wrong-password": ("failed", 12, "wrong-password"),
}
STOPPING: Final = ("plan-paused", "schedule-stalled")


@dataclass(frozen=True)
class Backups:
    """Asked of one source at one moment. ``trouble`` is that of its host, if this is the source that it befell."""

    host: HostPlan
    plan: SourcePlan
    trouble: Trouble
    at: float

    def start(self, number: int) -> float:
        """When run ``number`` was begun."""
        return self.plan.offset + number * self.plan.period

    def seconds(self, number: int) -> float:
        """How long it took."""
        return self.plan.duration * between(0.9, 1.2, *self._words(number, "seconds"))

    @cached_property
    def first(self) -> int:
        """The first run: right after the host was enrolled."""
        return ceil((self.host.born - self.plan.offset) / self.plan.period)

    @cached_property
    def newest(self) -> int:
        """The newest run that was begun; one less than :attr:`first` before there is one."""
        until = min((self.trouble[name] for name in STOPPING if name in self.trouble), default=self.at)
        number = floor((min(self.at, until) - self.plan.offset) / self.plan.period)
        if (stuck := self.stuck) is not None:
            number = min(number, stuck)
        return max(number, self.first - 1)

    @cached_property
    def stuck(self) -> int | None:
        """The run that never ends, if there is one."""
        onset = self.trouble.get("backup-stuck")
        return None if onset is None else ceil((onset - self.plan.offset) / self.plan.period)

    @cached_property
    def running(self) -> bool:
        """Whether the newest run goes on."""
        number = self.newest
        if number < self.first:
            return False
        return number == self.stuck or self.at < self.start(number) + self.seconds(number)

    @cached_property
    def ended(self) -> int:
        """The newest run that has ended."""
        return self.newest - self.running

    def ending(self, number: int) -> Ending:
        """How a run ended."""
        for name, ending in _BAD.items():
            if name in self.trouble and self.start(number) >= self.trouble[name]:
                return ending
        if between(0, 1, *self._words(number, "fails")) < _FAILS:
            return "failed", 4, "storage-unreachable"
        return _GOOD

    @cached_property
    def good(self) -> int | None:
        """The newest complete run, None where there was none."""
        return self.good_before(self.ended)

    def good_before(self, number: int) -> int | None:
        """The newest complete run up to ``number``."""
        for one in range(number, max(self.first - 1, number - _FAR), -1):
            if self.ending(one)[0] == "complete":
                return one
        return None

    @cached_property
    def failures(self) -> int:
        """Failed runs since the last that was not."""
        count = 0
        for one in range(self.ended, max(self.first - 1, self.ended - _FAR), -1):
            if self.ending(one)[0] != "failed":
                break
            count += 1
        return count

    def size(self, number: int) -> float:
        """Bytes of the source in a run."""
        start = self.start(number)
        size = self.plan.bytes * (1 + self.plan.growth * max(0.0, start - self.host.born) / DAY)
        if self._since("source-shrunk", start):
            size *= 0.2
        return size * between(0.99, 1.01, *self._words(number, "size"))

    def figures(self, number: int) -> dict[str, float]:
        """What a run measured."""
        size, attacked = self.size(number), self._since("ransomware", self.start(number))
        change = 0.8 if attacked else self.plan.change * between(0.5, 1.5, *self._words(number, "change"))
        return {
            "files": float(self.plan.files),
            "bytes": float(int(size)),
            "files_changed": float(int(self.plan.files * change)),
            "added_bytes": float(int(size * change * (1.0 if attacked else 0.4))),
            "seconds": round(self.seconds(number), 1),
        }

    def medians(self, number: int) -> dict[str, float]:
        """The medians of the fourteen runs up to ``number``, roughly: those of a run amid them without its chance."""
        size = self.plan.bytes * (1 + self.plan.growth * max(0.0, self.start(number - 7) - self.host.born) / DAY)
        return {
            "files": float(self.plan.files),
            "bytes": float(int(size)),
            "files_changed": float(int(self.plan.files * self.plan.change)),
            "added_bytes": float(int(size * self.plan.change * 0.4)),
            "seconds": round(self.plan.duration * 1.05, 1),
        }

    def _since(self, name: str, moment: float) -> bool:
        return name in self.trouble and moment >= self.trouble[name]

    def _words(self, number: int, what: str) -> tuple[str | int, ...]:
        return self.host.shape.seed, self.host.number, self.plan.source, number, what
