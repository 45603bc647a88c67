"""Attacks that take their time: what each day alone would pass for chance, added up. Pure.

A cumulative sum (Page's CUSUM) over the last 60 churns of what exceeds the usual, where the usual is learned from the
time before them: whoever encrypts a little every day cannot move it within those 60.
"""

from collections.abc import Callable, Iterator
from statistics import median
from typing import Final

from guardian.backup.harm import harm_of
from guardian.backup.kinds import PACKED
from guardian.backup.usual import Usual, quantile, share
from guardian.model.churn import Churn
from guardian.model.reason import Reason, reason

WINDOW: Final = 60
_LEARNED: Final = 20
"""Churns, the oldest ones, that tell what is usual at the least."""
_ALLOWANCE: Final = 0.0005
"""Of the files, a day: less is no drift."""
_MOST: Final = 0.03
"""Of the files, in sum: more is one."""
_DAYS: Final = 3
_DAYS_MOST: Final = 0.01
"""What one day counts at most: one upgrade is no drift, whatever it brought, and is judged by itself."""


def signals(usual: Usual) -> Iterator[tuple[float, Reason]]:
    """What has been drifting for days, if it goes on now."""
    for part in (_scrambled_part, _opaque_part):
        excess, days = _excess(usual, part)
        if excess >= _MOST and days >= _DAYS and part(usual.now) > 0:
            text = f"{100 * excess:.1f}%"
            yield 1.0, reason("slow-encryption", share=text, backups=days)
            break
    yield from _endings(usual)


def _scrambled_part(churn: Churn) -> float:
    return share(harm_of(churn).scrambled, churn.files_before)


def _opaque_part(churn: Churn) -> float:
    harm = harm_of(churn)
    return share(harm.opaque + harm.moved, churn.files_before)


def _excess(usual: Usual, part: Callable[[Churn], float]) -> tuple[float, int]:
    """The cumulative sum of ``part`` beyond the usual, and how many churns in a row it has been growing."""
    history = usual.history
    if len(history) < _LEARNED:
        return 0.0, 0
    learned = max(_LEARNED, len(history) - WINDOW + 1)
    before, recent = [part(churn) for churn in history[:learned]], [*history[learned:], usual.now]
    centre = median(before)
    allowance = centre + max(_ALLOWANCE, 2 * (quantile(before, 0.9) - centre))
    total, days = 0.0, 0
    for churn in recent:
        if total >= _MOST and days >= _DAYS:
            total, days = 0.0, 0  # that was told then, and a person has looked into it
        over = min(part(churn), _DAYS_MOST + allowance) - allowance
        total = max(0.0, total + over)
        days = days + (over > 0) if total > 0 else 0
    return total, days


def _endings(usual: Usual) -> Iterator[tuple[float, Reason]]:
    """One foreign ending that spreads over weeks."""
    recent = [*usual.history[-(WINDOW - 1) :], usual.now]
    seen = {one.suffix for churn in usual.history[: -(WINDOW - 1)] for one in churn.suffixes} | PACKED
    if len(usual.history) < WINDOW:
        return
    for suffix in {one.suffix for one in usual.now.suffixes} - seen:
        counts = [one.files for churn in recent for one in churn.suffixes if one.suffix == suffix]
        part = share(sum(counts), usual.now.files_before)
        if len(counts) >= 3 and sum(counts) >= 10 and part >= _MOST:
            yield 1.0, reason("slow-renaming", suffix=suffix[:32], share=f"{100 * part:.1f}%", backups=len(counts))
            return
