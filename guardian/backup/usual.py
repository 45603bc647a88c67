"""What is usual for a source, by its earlier churns: robust, of the same kind of day, and slow to learn. Pure.

One bad day must not become the measure of the next: upper bounds are 99 % quantiles, and the last two weeks are left
out of them as soon as there is enough before. Whoever wants to be taken for usual has to be patient, and small.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from statistics import median
from typing import Final

from guardian.model.churn import Churn, Look

WARM: Final = 7
"""Churns from which on history is asked at all."""
_UNSETTLED: Final = timedelta(days=14)
_ENOUGH: Final = 14
_SEASON: Final = 8
"""Churns of days of the same kind from which on they alone count."""
_FLOOR: Final = 0.02
"""Share of odd samples that is put down to chance in any source."""
_DOUBT: Final = 0.05
"""The same of a source that is not known yet."""

Figure = Callable[[Churn], float]


def share(part: float, whole: float) -> float:
    """``part`` of ``whole``, at most all of it."""
    return min(1.0, part / whole) if whole > 0 else 0.0


def moment(churn: Churn) -> datetime:
    """When the later backup was begun."""
    return _parsed(churn.at)


@lru_cache(4096)
def _parsed(text: str) -> datetime:
    return datetime.fromisoformat(text)


def tail(hits: int, draws: int, chance: float) -> float:
    """The probability of ``hits`` or more in ``draws``, each a hit with ``chance``."""
    if hits <= 0:
        return 1.0
    chance = min(max(chance, 0.0), 1.0)
    return min(1.0, sum(math.comb(draws, n) * chance**n * (1 - chance) ** (draws - n) for n in range(hits, draws + 1)))


def quantile(values: Sequence[float], part: float) -> float:
    """The value below which ``part`` of ``values`` lies; 0 of none."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, math.ceil(part * len(ranked)) - 1)] if ranked else 0.0


@dataclass(frozen=True)
class Usual:
    """The history of one source, oldest first, as it is asked for one backup, ``now``."""

    history: Sequence[Churn]
    now: Churn

    @property
    def known(self) -> bool:
        """Whether there is enough history to judge by."""
        return len(self.history) >= WARM

    @cached_property
    def settled(self) -> Sequence[Churn]:
        """The history without its last two weeks, once that leaves enough."""
        until = moment(self.now) - _UNSETTLED
        older = [churn for churn in self.history if moment(churn) < until]
        return older if len(older) >= _ENOUGH else self.history

    @cached_property
    def _season(self) -> Sequence[Churn]:
        alike = [churn for churn in self.settled if _day(churn) == _day(self.now)]
        return alike if len(alike) >= _SEASON else self.settled

    def most(self, figure: Figure) -> float:
        """The most of ``figure`` that is usual on such a day, for as long a time as has passed now. 0 when unknown."""
        return quantile([figure(churn) for churn in self._season], 0.99) * self._stretch

    def least(self, figure: Figure) -> float:
        """The least of ``figure`` that was ever seen; infinite when unknown."""
        return min((figure(churn) for churn in self.settled), default=math.inf)

    def middle(self, figure: Figure, of: Callable[[Churn], bool]) -> tuple[float, float, int]:
        """Median of ``figure`` over the churns that ``of`` takes, their median absolute deviation, their number."""
        values = [figure(churn) for churn in self.settled if of(churn)]
        if not values:
            return 0.0, 0.0, 0
        centre = median(values)
        return centre, 1.4826 * median(abs(value - centre) for value in values), len(values)

    def chance(self, hits: Callable[[Look], int], look: Callable[[Churn], Look]) -> float:
        """The share of sampled files that ``hits`` counts, as far as it is usual or mere chance."""
        looks = [look(churn) for churn in self.settled]
        drawn = sum(one.files for one in looks)
        floor = _FLOOR if self.known and drawn >= 100 else _DOUBT
        if not drawn:
            return floor
        pooled = sum(map(hits, looks)) / drawn
        some = [hits(one) / one.files for one in looks if one.files >= 8]
        return max(floor, pooled, quantile(some, 0.95))

    @cached_property
    def _stretch(self) -> float:
        """How much longer than usual the time is that has passed: after a pause, more has changed."""
        usual = median(max(1, churn.elapsed) for churn in self.history) if self.history else 1
        return max(1.0, self.now.elapsed / usual)


def _day(churn: Churn) -> tuple[bool, bool]:
    """Which kind of day: a weekend or not, about the end of a month or not."""
    at = moment(churn)
    return at.weekday() >= 5, at.day >= 28 or at.day <= 3
