"""What speaks against a dump: its length, how it compresses, what it is made of, how many rows are left. Pure."""

import math
from collections.abc import Iterator
from statistics import median
from typing import Final

from guardian.backup.usual import Usual, share, tail
from guardian.model.churn import Churn
from guardian.model.reason import Reason, reason

Signal = tuple[float, Reason]

_CHANCE: Final = 1e-4
_RECENT: Final = 30
_ENOUGH: Final = 7


def signals(usual: Usual) -> Iterator[Signal]:
    """Everything that speaks against this dump."""
    yield from _length(usual)
    yield from _texture(usual)
    yield from _compression(usual)
    yield from _rows(usual)


def _length(usual: Usual) -> Iterator[Signal]:
    now = usual.now
    sizes = [churn.bytes for churn in usual.history[-_RECENT:] if churn.bytes]
    usually = min(median(sizes), 2 * max(1, now.bytes_before)) if len(sizes) >= _ENOUGH else now.bytes_before
    left = now.bytes / usually if usually else 1.0
    least = usual.least(lambda churn: churn.bytes / churn.bytes_before if churn.bytes_before else math.inf)
    if usually >= 1 << 16 and left < 0.5 and left < 0.8 * least:
        sure = left < 0.25 or (usual.known and least > 0.8)
        yield (1.0 if sure else 0.6), reason("dump-shrunk", share=_percent(left), bytes=now.bytes)


def _texture(usual: Usual) -> Iterator[Signal]:
    """Chunks of the dump that are random, or a single byte, in a dump that never had such."""
    now, look = usual.now, usual.now.old
    part = share(look.opaque + look.scrambled, look.files)
    chance = usual.chance(lambda one: one.opaque + one.scrambled, lambda churn: churn.old)
    if tail(look.opaque + look.scrambled, look.files, chance) < _CHANCE and usual.known:
        yield (1.0 if part >= 0.25 else 0.6), reason("dump-random", share=_percent(part), sampled=look.files)
    blank = share(look.blank, look.files)
    chance = usual.chance(lambda one: one.blank, lambda churn: churn.old)
    if tail(look.blank, look.files, chance) < _CHANCE or (look.files and blank == 1.0 and now.bytes >= 1 << 16):
        yield (1.0 if blank >= 0.5 else 0.6), reason("dump-blank", share=_percent(blank), sampled=look.files)


def _compression(usual: Usual) -> Iterator[Signal]:
    now = usual.now
    if now.raw_bytes < 1 << 16 or now.raw_bytes < 0.05 * now.bytes:
        return
    ratio = _log_ratio(now)
    usually, spread, count = usual.middle(_log_ratio, lambda churn: churn.raw_bytes >= 1 << 16)
    if count < _ENOUGH:
        return
    off = (ratio - usually) / max(spread, 0.03)
    told = reason("dump-compresses-otherwise", ratio=_percent(math.exp(ratio)), usual=_percent(math.exp(usually)))
    if off > 6 and ratio - usually > 0.2:
        yield (1.0 if off > 8 else 0.6), told
    elif off < -6 and ratio - usually < -1.0:
        yield 0.6, told


def _log_ratio(churn: Churn) -> float:
    return math.log(max(churn.stored_bytes, 1) / max(churn.raw_bytes, 1))


def _rows(usual: Usual) -> Iterator[Signal]:
    now = usual.now
    if now.rows is not None and now.rows_before and now.rows_before >= 100:
        left = now.rows / now.rows_before
        least = usual.least(lambda churn: churn.rows / churn.rows_before if churn.rows and churn.rows_before else 1.0)
        if left < 0.5 and left < 0.8 * least:
            yield 1.0, reason("rows-gone", before=now.rows_before, after=now.rows)
        elif usual.known and left < 0.8 and 1 - left > 3 * (1 - least):
            yield 0.6, reason("rows-gone", before=now.rows_before, after=now.rows)
    if now.emptied >= 2 and now.emptied > 2 * usual.most(lambda churn: churn.emptied):
        yield 0.6, reason("tables-emptied", count=now.emptied)


def _percent(part: float) -> str:
    return f"{100 * part:.1f}%"
