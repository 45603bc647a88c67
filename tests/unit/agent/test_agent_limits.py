"""What a job may take of the line, and of the host."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from guardian.agent.health import state_disk
from guardian.agent.limits import Line, line_now
from guardian.config.host import Bandwidth

ZONE = ZoneInfo("Asia/Shanghai")
WINDOWS = (
    Bandwidth(window="mon-fri 08:00-18:00", upload=500, download=800),
    Bandwidth(window="00:00-24:00", upload=5000),
)


@pytest.mark.parametrize(
    ("hour", "line"),
    [(0, Line(500, 800)), (9, Line(500, 800)), (10, Line(5000, None)), (23, Line(5000, None))],
)
def test_the_first_window_that_holds_the_moment_counts(hour: int, line: Line) -> None:
    assert line_now(WINDOWS, ZONE, datetime(2026, 11, 2, hour, tzinfo=UTC)) == line


def test_outside_of_every_window_nothing_is_limited() -> None:
    assert line_now(WINDOWS[:1], ZONE, datetime(2026, 11, 1, 3, tzinfo=UTC)) == Line()
    assert line_now((), ZONE, datetime(2026, 11, 2, 3, tzinfo=UTC)) == Line()


def test_a_state_directory_that_is_gone_is_told(tmp_path: Path) -> None:
    free, problems = state_disk(tmp_path / "nowhere")
    assert free is None
    assert [one.code for one in problems] == ["state-gone"]
    free, problems = state_disk(tmp_path)
    assert free
