"""The rotation of D2: what is read when, what is remembered of it, and what is claimed of that."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardian.drill.coverage import (
    DAY,
    LEAST,
    RANDOM_BYTES,
    RANDOM_PACKS,
    Rhythm,
    Stored,
    covered,
    random_packs,
    slice_of,
)
from guardian.drill.lastread import LastRead

MIB = 1 << 20
NOW = 1_700_000_000
MONTH = 30 * DAY


def pack(number: int, size: int = 16 * MIB, seen: int = NOW, read: int = 0) -> Stored:
    return Stored(hashlib.sha256(b"%d" % number).digest(), size, seen, read)


def test_the_stalest_come_first_and_never_read_ones_before_all_others() -> None:
    fresh, old, new, newer = pack(1, read=NOW - 5), pack(2, read=NOW - 9), pack(3, seen=NOW - 9), pack(4)
    assert slice_of([fresh, old, new, newer], Rhythm(NOW, MONTH)) == [new, newer, old, fresh]


def test_ties_go_by_id() -> None:
    packs = [pack(n) for n in range(20)]
    chosen = slice_of(packs, Rhythm(NOW, MONTH), least=0)
    assert chosen == sorted(packs)[: len(chosen)]
    assert slice_of(packs[::-1], Rhythm(NOW, MONTH), least=0) == chosen


def test_a_small_repository_is_read_whole_each_time() -> None:
    packs = [pack(n, read=NOW - 60) for n in range(LEAST // (16 * MIB))]
    assert len(slice_of(packs, Rhythm(NOW, MONTH, NOW - 60))) == len(packs)
    assert len(slice_of([*packs, pack(99, read=NOW - 1)], Rhythm(NOW, MONTH, NOW - 60))) == len(packs)


@pytest.mark.parametrize(("cadence", "share"), [(DAY, 10), (7 * DAY, 70), (40 * DAY, 300)])
def test_the_share_follows_the_cadence(cadence: int, share: int) -> None:
    packs = [pack(n, read=NOW - cadence) for n in range(300)]
    assert len(slice_of(packs, Rhythm(NOW, MONTH, NOW - cadence), least=0)) == share


def test_what_would_outlive_the_window_before_the_next_run_is_read_now() -> None:
    packs = [pack(n, read=NOW - MONTH + DAY // 2) for n in range(300)]
    assert len(slice_of(packs, Rhythm(NOW, MONTH, NOW - DAY), least=0)) == 300
    packs = [pack(n, read=NOW - MONTH + 3 * DAY // 2) for n in range(300)]
    assert len(slice_of(packs, Rhythm(NOW, MONTH, NOW - DAY), least=0)) == 10


def test_a_pack_that_was_not_whole_is_looked_at_by_every_run() -> None:
    packs = [pack(n, read=NOW - 1) for n in range(300)] + [pack(999, seen=0)]
    assert slice_of(packs, Rhythm(NOW, MONTH, NOW - DAY), least=0)[0] == packs[-1]


def test_a_run_that_was_cut_off_is_gone_on_with() -> None:
    packs = [pack(n, read=NOW - 2 * DAY) for n in range(300)]
    done = [p._replace(read=NOW - 60) for p in packs[:4]] + packs[4:]
    chosen = slice_of(done, Rhythm(NOW, MONTH, NOW - DAY), least=0)
    assert len(chosen) == 6
    assert not set(chosen) & set(done[:4])


@settings(deadline=None)
@given(
    sizes=st.lists(st.integers(1, 40 * MIB), min_size=1, max_size=60),
    hours=st.integers(1, 24 * 10),
    arrivals=st.lists(st.integers(0, 5), min_size=0, max_size=40),
)
def test_at_any_steady_cadence_everything_is_read_within_the_window(
    sizes: list[int], hours: int, arrivals: list[int]
) -> None:
    cadence, last, now = hours * 3600, 0, NOW
    packs = {n: pack(n, size) for n, size in enumerate(sizes)}
    for run in range(2 * MONTH // cadence + 3):
        for _new in range(arrivals[run] if run < len(arrivals) else 0):
            packs[len(packs)] = pack(len(packs), 3 * MIB, seen=now)
        numbers = {p.id: n for n, p in packs.items()}
        for chosen in slice_of(packs.values(), Rhythm(now, MONTH, last), least=0):
            packs[numbers[chosen.id]] = chosen._replace(read=now)
        if run * cadence > MONTH:
            known = [p for p in packs.values() if p.read or p.seen + MONTH <= now]
            assert covered(known, now, MONTH).packs_read == len(known)
            # And it holds until the run after this one begins.
            assert covered([p for p in known if p.read], now + cadence - 1, MONTH).packs_read == len(known)
        last, now = now, now + cadence


@settings(deadline=None)
@given(st.lists(st.integers(1, 40 * MIB), min_size=1, max_size=200), st.integers(1, 14))
def test_a_run_reads_no_more_than_its_share_and_one_pack(sizes: list[int], days: int) -> None:
    packs = [pack(n, size, read=NOW - days * DAY) for n, size in enumerate(sizes)]
    read = sum(p.size for p in slice_of(packs, Rhythm(NOW, MONTH, NOW - days * DAY), least=0))
    assert read < sum(sizes) * days / 30 + 1 + max(sizes)


def test_coverage_is_exact() -> None:
    packs = [pack(1, 10, read=NOW - MONTH), pack(2, 20, read=NOW - MONTH - 1), pack(3, 40), pack(4, 80, read=NOW)]
    said = covered(packs, NOW, MONTH)
    assert (said.days, said.packs, said.packs_read, said.bytes, said.bytes_read) == (30, 4, 2, 150, 90)
    assert said.oldest is None
    assert covered(packs[:2], NOW, MONTH).oldest == "2023-10-15T22:13:19.000000Z"


def test_days_are_rounded_up_so_that_no_more_is_claimed_than_is_true() -> None:
    assert covered([pack(1, read=NOW)], NOW, DAY + 1).days == 2
    assert covered([pack(1, read=NOW)], NOW, 60).days == 1


def test_what_was_read_in_the_future_was_never_read() -> None:
    ahead = pack(1, read=NOW + DAY)
    assert covered([ahead], NOW, MONTH).packs_read == 0
    assert slice_of([pack(2, read=NOW - 1), ahead], Rhythm(NOW, MONTH, NOW - 60), least=1)[0].id == ahead.id
    assert Rhythm(NOW, MONTH, NOW + DAY).elapsed == DAY


def test_packs_drawn_by_chance_are_bounded_and_redrawn_alike() -> None:
    drawn = random_packs([MIB] * 1000, b"seed", 299)
    assert len(drawn) == len(set(drawn)) == RANDOM_PACKS
    assert drawn == random_packs([MIB] * 1000, b"seed", 299) != random_packs([MIB] * 1000, b"other", 299)
    assert len(random_packs([100 * MIB] * 1000, b"seed", 299)) == RANDOM_BYTES // (100 * MIB)
    assert len(random_packs([1 << 40] * 3, b"seed", 299)) == 1
    assert sorted(random_packs([1] * 3, b"seed", 299)) == [0, 1, 2]
    assert random_packs([], b"seed", 299) == []


# what is remembered


def ids(count: int) -> list[bytes]:
    return [hashlib.sha256(b"%d" % n).digest() for n in range(count)]


def record(path: Path, repository: str = "r") -> LastRead:
    return LastRead(path / "rotation" / "main", repository)


def test_the_record_comes_back_as_it_was(tmp_path: Path) -> None:
    one, two, three = ids(3)
    first = record(tmp_path)
    first.stored([(one, 1), (two, 2), (three, 3)], NOW - 9)
    first.good(one, NOW)
    first.bad(two)
    first.last_run = NOW
    first.save()
    again = record(tmp_path)
    assert again.remark is None
    assert again.last_run == NOW
    assert again.stored([(one, 1), (two, 2), (three, 3)], NOW) == [
        Stored(one, 1, NOW - 9, NOW),
        Stored(two, 2, 0, 0),
        Stored(three, 3, NOW - 9, 0),
    ]


@pytest.mark.parametrize("harm", ["empty", "cut", "flip", "junk", "deep", "folder"])
def test_a_damaged_record_means_that_nothing_was_ever_read(tmp_path: Path, harm: str) -> None:
    (one,) = ids(1)
    first = record(tmp_path)
    first.good(one, NOW)
    first.save()
    path = tmp_path / "rotation" / "main"
    whole = path.read_bytes()
    path.unlink()
    if harm == "folder":
        path.mkdir()
    else:
        flipped = whole[:-3] + bytes([whole[-3] ^ 1]) + whole[-2:]
        forms = {"empty": b"", "cut": whole[:-1], "flip": flipped, "junk": b"\xff\n", "deep": b"[" * 9999}
        path.write_bytes(forms[harm])
    again = record(tmp_path)
    assert again.remark is not None
    assert again.remark.code == "rotation-anew"
    assert again.stored([(one, 1)], NOW) == [Stored(one, 1, NOW, 0)]


def test_another_repository_begins_anew(tmp_path: Path) -> None:
    (one,) = ids(1)
    first = record(tmp_path)
    first.good(one, NOW)
    first.save()
    other = record(tmp_path, "other")
    assert other.remark is not None
    assert other.stored([(one, 1)], NOW) == [Stored(one, 1, NOW, 0)]


def test_a_lost_record_is_no_remark_and_no_claim(tmp_path: Path) -> None:
    fresh = record(tmp_path)
    assert (fresh.remark, fresh.last_run) == (None, 0)


def test_packs_that_are_gone_leave_the_record(tmp_path: Path) -> None:
    one, two = ids(2)
    first = record(tmp_path)
    first.good(one, NOW)
    first.good(two, NOW)
    first.keep_only([two])
    first.save()
    with_both = (tmp_path / "rotation" / "main").stat().st_size
    first.keep_only([])
    first.save()
    assert with_both - (tmp_path / "rotation" / "main").stat().st_size == 40


def test_two_drills_at_once_keep_what_each_of_them_learned(tmp_path: Path) -> None:
    one, two, three = ids(3)
    listing = [(one, 1), (two, 1), (three, 1)]
    first = record(tmp_path)
    first.stored(listing, NOW)
    for pack_id in (one, two, three):
        first.good(pack_id, NOW - 5)
    first.save()
    mine, theirs = record(tmp_path), record(tmp_path)
    mine.stored(listing, NOW)
    theirs.stored(listing, NOW)
    theirs.bad(two)
    theirs.save()
    mine.good(one, NOW)
    mine.save()
    assert [p.read for p in record(tmp_path).stored(listing, NOW)] == [NOW, 0, NOW - 5]
