"""The rotation of D2: which packs are read today so that every stored byte is read in time, and how far that is. Pure.

Times are whole seconds since 1970. The share of a run is the part of the time window that passed since the run before:
whoever drills daily with a window of 30 days reads a thirtieth each time, whoever drills weekly a quarter. What would
outlive the window before the next run, expected after as long again, is read as well, whatever that costs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from guardian.clock import rfc3339
from guardian.drill.select import Stream
from guardian.model.drill import Coverage

DAY = 86400
LEAST = 256 << 20
"""Bytes that a run reads at least: a small repository is read whole each time."""

RANDOM_PACKS, RANDOM_BYTES = 16, 256 << 20
"""What a run reads at most of packs drawn by chance, beside the rotation."""


class Stored(NamedTuple):
    """A stored pack: its id, its length in bytes, when it was first seen, when it was last read and found whole.

    ``read`` 0: never, or it was not whole when it was last looked at; then ``seen`` is 0 too, and it is overdue.
    """

    id: bytes
    size: int
    seen: int
    read: int


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When this run is, within how many seconds everything is to be read, and when the last whole run was, if any."""

    now: int
    window: int
    last_run: int = 0

    @property
    def elapsed(self) -> int:
        """Seconds since the last run, which the next may take as well: a day unless known, the window at most."""
        if not 0 < self.last_run <= self.now:
            return min(DAY, self.window)
        return min(self.now - self.last_run, self.window)


def random_packs(sizes: Sequence[int], seed: bytes, count: int) -> list[int]:
    """The numbers of up to ``count`` packs, drawn by ``seed`` from all with equal chance; ``sizes`` by id, in bytes.

    At most RANDOM_PACKS packs and, but for the first, RANDOM_BYTES bytes are read for it.
    """
    drawn = Stream(seed, "packs").distinct(len(sizes), min(count, RANDOM_PACKS, len(sizes)))
    total, chosen = 0, list[int]()
    for number in drawn:
        total += sizes[number]
        if chosen and total > RANDOM_BYTES:
            break
        chosen.append(number)
    return chosen


def slice_of(packs: Iterable[Stored], rhythm: Rhythm, least: int = LEAST) -> list[Stored]:
    """What is read now, in the order it is read: stalest first, never read ones before all others, ties by id.

    What was read since the last whole run belongs to a run that was cut off: it counts to the share of this one.
    """
    order = sorted((_sane(p, rhythm.now) for p in packs), key=lambda p: (p.read > 0, p.read or p.seen, p.id))
    resumed = sum(p.size for p in order if rhythm.last_run and p.read > rhythm.last_run)
    share = -(-sum(p.size for p in order) * rhythm.elapsed // rhythm.window) - resumed
    wanted, taken, chosen = max(share, least), 0, list[Stored]()
    for pack in order:
        overdue = (pack.read or pack.seen) + rhythm.window <= rhythm.now + rhythm.elapsed
        if overdue or taken < wanted:
            chosen.append(pack)
            taken += pack.size
    return chosen


def covered(packs: Iterable[Stored], now: int, window: int) -> Coverage:
    """How much of what is stored was read whole within the window that ends ``now``."""
    packs = [_sane(p, now) for p in packs]
    read = [p for p in packs if p.read and p.read >= now - window]
    stalest = min((p.read for p in packs), default=0)
    return Coverage(
        days=max(1, -(-window // DAY)),
        packs=len(packs),
        packs_read=len(read),
        bytes=sum(p.size for p in packs),
        bytes_read=sum(p.size for p in read),
        oldest=rfc3339(datetime.fromtimestamp(stalest, UTC)) if stalest else None,
    )


def _sane(pack: Stored, now: int) -> Stored:
    # A clock that was once ahead would keep its packs fresh for as long: what was read in the future never was.
    return pack if pack.read <= now and pack.seen <= now else pack._replace(read=0, seen=min(pack.seen, now))
