"""Whether the record speaks against the clock of this host. Pure.

What is removed for its age is removed only by a clock that nothing speaks against: not the signed log, not the
restore points, not the age of this program. A clock that leapt forward is believed again once it has gone on evenly.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

from guardian.clock import rfc3339
from guardian.model.reason import Reason, reason

EARLIEST: Final = datetime(2026, 11, 1, tzinfo=UTC)
"""No run of this program was before: it had not been written."""
SLACK: Final = timedelta(minutes=5)
LEAP: Final = timedelta(days=60)
"""A pause in the log that no running host has: it was off, or its clock was put forward."""
SETTLED: Final = timedelta(days=7)
"""For so long after such a pause nothing is removed."""
DRIFT: Final = 600.0
"""Seconds by which the wall clock may move against the monotonic one during a run."""


@dataclass(frozen=True, slots=True)
class Witnesses:
    """What can tell of the time: when the entries of the log say they were made, and when restore points were made.

    ``drift``: seconds that the wall clock moved against the monotonic one since this run began.
    """

    entries: Sequence[datetime]
    points: Sequence[datetime] = ()
    drift: float = 0.0


def doubts(now: datetime, seen: Witnesses) -> tuple[Reason, ...]:
    """What speaks against ``now``; nothing, when the clock can be believed."""
    found: list[Reason] = []
    newest = max(seen.entries, default=None)
    if now < EARLIEST:
        found.append(reason("clock-before-program", now=rfc3339(now), earliest=rfc3339(EARLIEST)))
    if newest is not None and now < newest - SLACK:
        found.append(reason("clock-behind-log", now=rfc3339(now), newest=rfc3339(newest)))
    if ahead := [moment for moment in seen.points if moment > now + SLACK]:
        found.append(reason("points-in-future", count=len(ahead), newest=rfc3339(max(ahead))))
    if abs(seen.drift) > DRIFT:
        found.append(reason("clock-moved", seconds=round(seen.drift)))
    if leap := _leap(seen.entries, now):
        before, after = leap
        days = (after - before).days
        found.append(reason("clock-leapt", "warning", days=days, at=rfc3339(after), until=rfc3339(after + SETTLED)))
    return tuple(found)


def _leap(entries: Iterable[datetime], now: datetime) -> tuple[datetime, datetime] | None:
    """The newest long pause that the log has not gone on for long enough since."""
    ordered = sorted({*entries, now})
    leaps = [(before, after) for before, after in pairwise(ordered) if after - before > LEAP]
    return leaps[-1] if leaps and now - leaps[-1][1] < SETTLED else None
