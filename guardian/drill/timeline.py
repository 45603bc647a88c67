"""The phases of a recovery on a monotonic clock.

``declared`` (the drill begins), ``key_ready``, ``fetch_start``, ``target_ready``, ``bytes_done``, ``app_started``,
``assertions_ok``, ``cleaned``. The measured RTO of a drill of one source is assertions_ok − declared.
"""

from collections.abc import Mapping

from guardian.clock import Clock


class Timeline:
    """Notes when each phase began, once, in seconds since ``declared``."""

    def __init__(self, clock: Clock) -> None:
        """Nothing has happened yet."""
        self._clock = clock
        self._marks: dict[str, float] = {}
        self._begin = 0.0

    def declare(self) -> None:
        """The recovery begins now: ``declared`` is 0, and whatever was marked before is forgotten."""
        self._begin = self._clock.monotonic()
        self._marks = {"declared": 0.0}

    def mark(self, phase: str) -> None:
        """Note that ``phase`` begins; the first time counts."""
        self._marks.setdefault(phase, round(self._clock.monotonic() - self._begin, 3))

    @property
    def marks(self) -> Mapping[str, float]:
        """Phase to seconds, in the order they came."""
        return dict(self._marks)

    def between(self, start: str, end: str) -> float | None:
        """Seconds from one phase to another; None when either was not reached."""
        if start not in self._marks or end not in self._marks:
            return None
        return round(self._marks[end] - self._marks[start], 3)
