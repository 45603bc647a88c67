"""The only caller of now() and monotonic().

Everything that needs time takes a :class:`Clock`, so that a test can move it.
"""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What time it is, twice: for people (``now``) and for durations (``monotonic``)."""

    def now(self) -> datetime:
        """The current time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait for ``seconds``."""
        ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """The current time, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait for ``seconds``."""
        time.sleep(seconds)


def rfc3339(moment: datetime) -> str:
    """``moment`` in UTC with microseconds and a ``Z``: the form of every time in the log."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
