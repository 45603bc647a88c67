"""Who tells: one host of a made-up province at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from guardian.clock import rfc3339
from guardian.province.estate import HostPlan

Trouble = Mapping[str, float]
"""What has befallen a host: names of faults, and since when (seconds since the beginning of history)."""


@dataclass(frozen=True)
class Told:
    """``at`` are seconds since ``origin``, the beginning of history."""

    host: HostPlan
    trouble: Trouble
    at: float
    origin: datetime

    def text(self, seconds: float | None) -> str | None:
        """A moment as statuses have it."""
        return None if seconds is None else _text(self.origin, round(seconds * 1000))


@lru_cache(maxsize=1 << 17)
def _text(origin: datetime, milliseconds: int) -> str:
    # Most moments that a host tells of it told of before.
    return rfc3339(origin + timedelta(milliseconds=milliseconds))
