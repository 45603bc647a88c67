"""Guard rails: for each, points that go without it and stay with it; and what they do together."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.backup.guards import GUARDS, HELD, Standing, decide
from guardian.backup.removal_texts import TEXTS
from guardian.backup.retention import Point
from guardian.model.protection import Retention

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ALL = "abcdefghij"
"""Ten points, a day apart; ``a`` is the newest."""


def standing(policy: dict[str, Any], good: str = ALL, **facts: Any) -> Standing:
    points = tuple(Point(name, NOW - timedelta(days=number, hours=1)) for number, name in enumerate(ALL))
    return Standing(
        points, frozenset(good), Retention.model_validate({"minimum": 1, "max_removal": 1.0, **policy}), NOW, **facts
    )


SCENES: dict[str, tuple[Standing, str]] = {
    "legal-hold": (standing({"last": 2}, legal_hold="court"), "cdefghij"),
    "disagreement": (standing({"last": 2}, agreed=False), "cdefghij"),
    "suspicion": (standing({"last": 2}, suspicious=True), "cdefghij"),
    "not-copied": (standing({"last": 2}, uncopied=frozenset("beg")), "eg"),
    "newest-good": (standing({"last": 2}, good="ej"), "e"),
    "last-proven": (standing({"last": 2}, proven=frozenset("fh")), "f"),
    "good-of-its-time": (standing({"last": 3}, good="adef"), "de"),
    "floor": (standing({"last": 2, "minimum": 5}), "cde"),
    "share": (standing({"last": 2, "max_removal": 0.3}), "cdefg"),
}
"""Guard -> what is known, and which points it holds then."""
ALSO = {"newest-good": {"floor", "good-of-its-time"}}
"""Guards that would hold the same points: the newest good one is held three times over."""


@pytest.mark.parametrize("guard", GUARDS)
def test_a_guard_holds_what_goes_without_it(guard: str) -> None:
    scene, held = SCENES[guard]
    decided = decide(scene)
    assert {one for one, by in decided.held.items() if guard in by} == set(held)
    without = decide(scene, {name: one for name, one in GUARDS.items() if name not in {guard, *ALSO.get(guard, ())}})
    assert set(without.remove) & set(held), "nothing depends on this guard"


def test_the_words_for_every_guard() -> None:
    assert set(HELD.values()) <= set(TEXTS)
    assert [why.code for why in decide(SCENES["share"][0]).reasons] == ["held-share"]


def test_nothing_is_removed_without_a_rule() -> None:
    assert decide(standing({})).remove == {}


def test_a_proven_point_goes_when_another_stays() -> None:
    assert "f" in decide(standing({"last": 2}, proven=frozenset("bf"))).remove


def test_where_good_ones_are_too_few_others_fill_up() -> None:
    decided = decide(standing({"last": 1, "minimum": 4}, good="ag"))
    assert set(decided.held) == {"b", "c", "g"}
    assert len(decided.kept) + len(decided.held) == 4


def test_where_nothing_is_good_the_newest_stay() -> None:
    decided = decide(standing({"last": 1, "minimum": 3}, good=""))
    assert set(decided.remove) == set("defghij")


def test_the_oldest_go_first_when_a_run_may_not_remove_all() -> None:
    assert list(decide(standing({"last": 2, "max_removal": 0.5})).remove) == list("fghij")


def test_a_share_too_small_for_one_point_removes_none() -> None:
    assert decide(standing({"last": 9, "max_removal": 0.05})).remove == {}


def test_a_partial_newest_does_not_push_the_good_one_of_the_day_out() -> None:
    times = {"partial": 1, "good": 2, "yesterday": 26}
    points = tuple(Point(name, NOW - timedelta(hours=hours)) for name, hours in times.items())
    scene = Standing(points, frozenset({"good", "yesterday"}), Retention(daily=1, minimum=1, max_removal=1.0), NOW)
    decided = decide(scene)
    assert set(decided.kept) == {"partial"}
    assert set(decided.remove) == {"yesterday"}


subsets = st.frozensets(st.sampled_from(ALL))
numbers = st.none() | st.integers(1, 6)
scenes = st.builds(
    lambda rules, good, uncopied, proven, flags: standing(
        rules, "".join(good), uncopied=uncopied, proven=proven, suspicious=flags[0], agreed=flags[1]
    ),
    st.fixed_dictionaries(
        {
            "last": numbers,
            "daily": numbers,
            "weekly": numbers,
            "minimum": st.integers(1, 8),
            "max_removal": st.floats(0.01, 1.0),
        }
    ),
    subsets,
    subsets,
    subsets,
    st.tuples(st.booleans(), st.booleans()),
)


@given(scenes)
def test_whatever_is_known_the_promises_hold(scene: Standing) -> None:
    decided = decide(scene)
    going, staying = set(decided.remove), {*decided.kept, *decided.held}
    assert going | staying == set(ALL)
    assert not going & staying
    assert len(going) <= scene.policy.max_removal * len(scene.points) + 1e-6
    assert not going & scene.uncopied
    if scene.good:
        assert min(scene.good) in staying
        assert len(scene.good & staying) >= min(scene.policy.minimum, len(scene.good))
    assert len(staying) >= min(scene.policy.minimum, len(ALL))
    if scene.proven:
        assert scene.proven & staying
    if scene.suspicious or not scene.agreed:
        assert not going
