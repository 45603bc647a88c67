"""Drawing bytes: the same for everybody, each number as likely, and a bound that holds however drawing stopped."""

import hashlib
import hmac
import random
from collections import Counter
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardian.drill import bounds, select
from guardian.drill.select import Stream

SEED = hashlib.sha256(b"a seed").digest()


def redone(seed: bytes, purpose: str, n: int, how_many: int) -> list[int]:
    """What the module's docstring says, by somebody who reads nothing else."""
    found: list[int] = []
    for block in count():
        data = hmac.new(seed, purpose.encode() + b"\0" + block.to_bytes(8, "big"), "sha256").digest()
        for at in (0, 8, 16, 24):
            word = int.from_bytes(data[at : at + 8], "big")
            if word < 2**64 // n * n:
                found.append(word % n)
            if len(found) == how_many:
                return found
    raise AssertionError


@pytest.mark.parametrize("n", [1, 2, 3, 1000, 2**32 + 1, 2**63 + 1, 2**64 - 1])
def test_anybody_draws_the_same_numbers(n: int) -> None:
    stream = Stream(SEED, "bytes")
    assert [stream.below(n) for _draw in range(50)] == redone(SEED, "bytes", n, 50)


def test_the_numbers_never_change() -> None:
    """Old evidence must stay redoable: these figures are for ever."""
    stream = Stream(bytes(32), "bytes")
    assert [stream.below(1_000_000) for _draw in range(4)] == [218_917, 216_997, 105_191, 493_893]
    assert select.seed(b"note", "id", b"nonce").hex() == hashlib.sha256(b"note\0id\0nonce").hexdigest()


def test_purposes_are_streams_of_their_own() -> None:
    drawn = {purpose: Stream(SEED, purpose).below(2**60) for purpose in ("bytes", "packs", "small")}
    assert len(set(drawn.values())) == 3


@pytest.mark.parametrize("n", [0, -1, 2**64])
def test_what_cannot_be_drawn_is_refused(n: int) -> None:
    with pytest.raises(ValueError, match="cannot draw"):
        Stream(SEED, "x").below(n)


def test_every_number_is_as_likely() -> None:
    """Chi-squared over 6 numbers, 5 degrees of freedom; the seed is fixed, so this never fails by chance."""
    stream = Stream(SEED, "dice")
    seen = Counter(stream.below(6) for _draw in range(12_000))
    assert sum((seen[face] - 2000) ** 2 / 2000 for face in range(6)) < 20.5


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(0, 80))
def test_distinct_numbers_are_distinct_and_all_when_there_are_no_more(n: int, wanted: int) -> None:
    drawn = Stream(SEED, f"{n}").distinct(n, wanted)
    assert len(drawn) == len(set(drawn)) == min(n, wanted)
    assert all(0 <= number < n for number in drawn)


def test_nearly_all_of_many_come_without_endless_trying() -> None:
    drawn = Stream(SEED, "many").distinct(3000, 2999)
    assert len(set(drawn)) == 2999
    assert drawn != sorted(drawn)


def test_drawing_stops_with_the_chunk_that_makes_them_enough() -> None:
    a, b, c = (bytes([n]) * 32 for n in range(3))
    assert select.stop([a, a, b, a, c, b], 3) == 5
    assert select.stop([a, a, a], 2) == 3  # patience ends


# the bound, tried out


def missed(sizes: list[tuple[int, bool]], needed: int, rounds: int, confidence: float) -> float:
    """How often the bound of a drill lies below the truth, over ``rounds`` drills on chunks of (size, bad)."""
    chance = random.Random(7)
    total = sum(size for size, _bad in sizes)
    truth = sum(size for size, bad in sizes if bad) / total
    chunks = range(len(sizes))
    weights = [size for size, _bad in sizes]
    wrong = 0
    for _round in range(rounds):
        hit = chance.choices(chunks, weights, k=select.PATIENCE * needed)
        drawn = hit[: select.stop([chunk.to_bytes(32, "big") for chunk in hit], needed)]
        bad = [sizes[chunk][1] for chunk in drawn]
        wrong += bounds.of_draws(bad[:needed], bad[needed:], confidence) < truth
    return wrong / rounds


ALIKE = [(10, n < 2) for n in range(40)]
ONE_LARGE_BAD = [(100, True), *((10, False) for _n in range(100))]
SMALL_BAD = [(400, False), *((1, True) for _n in range(60))]
MIXED = [(5, n % 9 == 0) for n in range(90)] + [(200, False), (60, True)]


@pytest.mark.parametrize("sizes", [ALIKE, ONE_LARGE_BAD, SMALL_BAD, MIXED], ids=["alike", "large", "small", "mixed"])
@pytest.mark.parametrize("needed", [14, 29])
def test_the_bound_holds_however_drawing_stopped(sizes: list[tuple[int, bool]], needed: int) -> None:
    """At 90 %: wrong in at most one of ten, and the simulation's own noise (three standard errors) on top."""
    assert missed(sizes, needed, 1500, 0.9) <= 0.1 + 3 * (0.09 / 1500) ** 0.5


def test_a_rule_that_looks_at_results_would_be_caught() -> None:
    """The simulation can fail: forget the bad draw when the drill goes on, and the bound is wrong too often."""
    chance = random.Random(7)
    truth, wrong = 0.1, 0
    for _round in range(1500):
        bad = [chance.random() < truth for _draw in range(120)]
        first = bad[:22] if not any(bad[:22]) else bad[22:44] if not any(bad[22:44]) else bad[44:66]
        wrong += bounds.of_draws(first, [], 0.9) < truth
    assert wrong / 1500 > 0.13


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=40), st.lists(st.booleans(), max_size=40))
def test_more_bad_ones_never_make_a_better_bound(first: list[bool], more: list[bool]) -> None:
    upper = bounds.of_draws(first, more, 0.95)
    assert sum((*first, *more)) / len((*first, *more)) <= upper <= 1
    if any(first):
        assert upper >= bounds.upper_bound(len(first), sum(first), 0.95)


def test_enough_good_draws_are_what_was_asked_for() -> None:
    assert bounds.of_draws([False] * 299, [], 0.95) <= 0.01
    assert bounds.of_draws([False] * 299, [False] * 60, 0.95) < bounds.of_draws([False] * 299, [], 0.95)
