"""Files by size: which are drawn follows from sizes and seed alone."""

import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st

from guardian.drill import strata

SEED = hashlib.sha256(b"strata").digest()
MIB = 1 << 20


def drawn(sizes: list[int]) -> strata.Strata:
    return strata.draw(lambda: iter(sizes), SEED)


@settings(deadline=None)
@given(st.lists(st.sampled_from([0, 1, 512 << 10, (512 << 10) + 1, 64 * MIB, 64 * MIB + 1, 5 << 30]), max_size=200))
def test_each_file_drawn_is_of_its_stratum_and_the_cost_is_bounded(sizes: list[int]) -> None:
    found = drawn(sizes)
    for one in found.drawn:
        assert len(set(one.numbers)) == len(one.numbers)
        assert {strata.stratum_of(sizes[number]) for number in one.numbers} == {one.stratum}
        assert one.frame == sum(strata.stratum_of(size) == one.stratum for size in sizes)
    assert len(found.of("small")) <= 32
    assert len(found.of("medium")) <= 8
    assert len(found.of("large")) <= 2
    if any(sizes):
        assert found.largest == sizes.index(max(sizes))
    else:
        assert found.largest is None


def test_few_files_are_all_drawn() -> None:
    assert set(drawn([10, 20, 30]).of("small")) == {0, 1, 2}


def test_medium_files_are_as_many_as_their_bytes_allow() -> None:
    assert len(drawn([60 * MIB] * 100).of("medium")) == 1
    assert len(drawn([MIB] * 100).of("medium")) == 8


def test_another_seed_draws_others() -> None:
    sizes = [100] * 5000
    other = strata.draw(lambda: iter(sizes), hashlib.sha256(b"other").digest())
    assert drawn(sizes).of("small") != other.of("small")
    assert drawn(sizes).of("small") == drawn(sizes).of("small")
