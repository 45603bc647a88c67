"""Files drawn by their size, since a sample by bytes nearly never meets a small one. Pure: sizes and a seed in.

``small`` up to 512 KiB (one chunk), ``medium`` up to 64 MiB, ``large`` beyond. How many are drawn of each follows from
the sizes in it alone, before anything is drawn: then each file of a stratum is as likely, and the bound holds. Of large
files only some chunks are read; the largest file of all is always read, up to 64 MiB of it. What is read so stays
about the same however much there is.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from guardian.drill.select import Stream

SMALL, MEDIUM = 512 << 10, 64 << 20
SMALL_FILES, MEDIUM_FILES, LARGE_FILES = 32, 8, 2
LARGE_CHUNKS = 8
"""Chunks read of each drawn large file."""
WHOLE_BYTES = 64 << 20
"""Bytes of the largest file that are read, and bytes of all drawn medium files together, on average."""

Stratum = Literal["small", "medium", "large"]


@dataclass(frozen=True, slots=True)
class Drawn:
    """The files drawn of one stratum, in the order they were drawn, by their numbers; ``frame`` are in it in all."""

    stratum: Stratum
    frame: int
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Strata:
    """What is drawn besides bytes. ``largest`` is the first of the largest files; None when there is no byte at all."""

    drawn: tuple[Drawn, ...]
    largest: int | None
    largest_size: int

    def of(self, stratum: Stratum) -> tuple[int, ...]:
        """The numbers drawn of ``stratum``."""
        return next((drawn.numbers for drawn in self.drawn if drawn.stratum == stratum), ())


def stratum_of(size: int) -> Stratum:
    """The stratum of a file of ``size`` bytes."""
    return "small" if size <= SMALL else "medium" if size <= MEDIUM else "large"


def draw(sizes: Callable[[], Iterator[int]], seed: bytes) -> Strata:
    """Draw by ``seed`` from the files whose sizes, in the frame's order, ``sizes`` gives; it is asked twice."""
    counts: dict[Stratum, int] = {"small": 0, "medium": 0, "large": 0}
    medium_bytes, largest, most = 0, None, 0
    for number, size in enumerate(sizes()):
        stratum = stratum_of(size)
        counts[stratum] += 1
        medium_bytes += size if stratum == "medium" else 0
        if size > most:
            largest, most = number, size
    wanted = {
        stratum: Stream(seed, stratum).distinct(count, how_many(stratum, count, medium_bytes))
        for stratum, count in counts.items()
        if count
    }
    numbers = _numbers(sizes(), wanted)
    drawn = tuple(Drawn(s, counts[s], tuple(numbers[s][at] for at in places)) for s, places in wanted.items())
    return Strata(drawn, largest, most)


def how_many(stratum: Stratum, count: int, total: int) -> int:
    """How many files are drawn of a stratum of ``count`` files and ``total`` bytes (looked at for ``medium`` only)."""
    if stratum == "small":
        return min(SMALL_FILES, count)
    if stratum == "large":
        return min(LARGE_FILES, count)
    return min(count, MEDIUM_FILES, max(1, WHOLE_BYTES * count // max(1, total)))


def _numbers(sizes: Iterable[int], wanted: dict[Stratum, list[int]]) -> dict[Stratum, dict[int, int]]:
    """For each stratum, which file of the frame its so-many-th file is, for those that are wanted."""
    places = {stratum: frozenset(some) for stratum, some in wanted.items()}
    found: dict[Stratum, dict[int, int]] = {stratum: {} for stratum in wanted}
    seen: dict[Stratum, int] = dict.fromkeys(wanted, 0)
    for number, size in enumerate(sizes):
        stratum = stratum_of(size)
        if seen[stratum] in places[stratum]:
            found[stratum][seen[stratum]] = number
        seen[stratum] += 1
    return found
