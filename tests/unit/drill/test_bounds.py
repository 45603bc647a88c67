"""The figures of the published tables, and what must always hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.drill import bounds


@pytest.mark.parametrize(
    ("confidence", "loss", "expected"),
    [(0.95, 0.05, 59), (0.95, 0.01, 299), (0.95, 0.005, 598), (0.95, 0.001, 2995), (0.99, 0.01, 459), (0.99, 0.05, 90)],
)
def test_draws_needed(confidence: float, loss: float, expected: int) -> None:
    assert bounds.needed(loss, confidence) == expected


@pytest.mark.parametrize(("bad", "upper"), [(0, 0.0100), (1, 0.0158), (2, 0.0209)])
def test_clopper_pearson_after_299(bad: int, upper: float) -> None:
    assert bounds.upper_bound(299, bad, 0.95) == pytest.approx(upper, abs=5e-5)


@pytest.mark.parametrize(("frame", "drawn"), [(100, 96), (500, 225), (1000, 258), (5000, 290), (20_000, 296)])
def test_small_frames_need_fewer(frame: int, drawn: int) -> None:
    assert bounds.upper_bound_finite(frame, drawn, 0, 0.95) <= 0.01
    assert bounds.upper_bound_finite(frame, drawn - 1, 0, 0.95) > 0.01


def test_nothing_drawn_proves_nothing() -> None:
    assert bounds.upper_bound(0, 0, 0.95) == 1.0
    assert bounds.upper_bound_finite(0, 0, 0, 0.95) == 1.0


def test_a_whole_frame_leaves_no_doubt() -> None:
    assert bounds.upper_bound_finite(64, 64, 0, 0.95) == 0
    assert bounds.upper_bound_finite(64, 64, 3, 0.95) == 3 / 64


@given(st.integers(1, 3000), st.data())
def test_more_damage_is_never_a_better_bound(frame: int, data: st.DataObject) -> None:
    drawn = data.draw(st.integers(1, min(frame, 64)))
    bad = data.draw(st.integers(0, drawn - 1)) if drawn > 1 else 0
    upper = bounds.upper_bound_finite(frame, drawn, bad, 0.95)
    assert bad / frame <= upper <= 1
    if bad + 1 < drawn:
        assert bounds.upper_bound_finite(frame, drawn, bad + 1, 0.95) >= upper
