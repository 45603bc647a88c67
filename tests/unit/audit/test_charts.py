"""Charts: what is drawn is what was given, in both languages, capped and free of injection."""

import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from guardian.audit import charts, svg
from guardian.audit.charts import Bar, Detection, Point, Row
from guardian.audit.marks import MERGED, ROWS, Mark, Span, symbol
from guardian.i18n import speaking

START = datetime(2026, 11, 1, tzinfo=UTC)
SPAN = Span(START, START + timedelta(days=30))
DAY = timedelta(days=1)
HOSTILE = '</text></svg><script>alert(1)</script>\u202e"&\x00'


def drawn(text: str) -> ET.Element:
    return ET.fromstring(text)


def of_class(root: ET.Element, name: str) -> list[ET.Element]:
    return [e for e in root.iter() if name in e.get("class", "").split()]


def words(root: ET.Element) -> str:
    return " ".join(root.itertext())


def every_chart(name: str = "core") -> list[str]:
    marks = tuple(Mark(START + DAY * n, o) for n, o in enumerate(("PASS", "FAIL", "COULD_NOT_VERIFY", "NOT_RUN")))
    runs = tuple(Mark(START + DAY * n, o) for n, o in enumerate(("complete", "failed", "partial", "skipped")))
    points = [Point(START + DAY * n, 0.01 * n, name) for n in range(1, 5)]
    return [
        charts.backups([Row(name, runs)], SPAN, DAY),
        charts.history([Row(name, marks)], SPAN),
        charts.coverage(points, SPAN, 30),
        charts.bounds(points, SPAN, 0.01),
        charts.objective([Bar(name, 5000), Bar(name, 20000, extrapolated=True)], 14400, name),
        charts.detection([Detection(name, 8, 7)]),
    ]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_chart_is_a_picture_with_a_title_and_a_description(language: str) -> None:
    with speaking(language):
        for chart in every_chart():
            root = drawn(chart)
            title, description = list(root)[:2]
            assert root.get("role") == "img"
            assert title.text
            assert description.text
            assert root.get("aria-label") == f"{title.text}. {description.text}"


def test_no_figures_no_chart() -> None:
    assert charts.backups([Row("core", ())], SPAN, DAY) == ""
    assert charts.history([Row("D0", ())], SPAN) == ""
    assert charts.coverage([], SPAN, 30) == charts.bounds([], SPAN, None) == ""
    assert charts.objective([], 60, "RTO") == charts.detection([Detection("flip", 0, 0)]) == ""


def test_hostile_names_stay_text() -> None:
    for chart in every_chart(HOSTILE):
        root = drawn(chart)
        assert [e for e in root.iter() if e.tag.endswith("script")] == []
        assert "\u202e" not in chart
        assert "\x00" not in chart
        assert "alert" in words(root), "the name is shown"


def test_a_gap_is_when_the_newest_backup_was_older_than_the_objective() -> None:
    at = [START + DAY * n for n in (0, 1, 4, 5)]
    end = START + DAY * 7
    assert charts.gaps(at, Span(START, end), DAY) == (
        (START + DAY * 2, START + DAY * 4),
        (START + DAY * 6, end),
    )


def test_nothing_is_said_of_the_time_before_the_first_backup_but_an_old_one_leaves_a_gap_from_the_start() -> None:
    assert charts.gaps([], SPAN, DAY) == ()
    assert charts.gaps([START - DAY * 5], SPAN, DAY) == ((SPAN.start, SPAN.end),)
    assert charts.gaps([SPAN.end - DAY / 2], SPAN, DAY) == ()


def test_gaps_are_hatched_and_counted_and_only_complete_backups_close_them() -> None:
    good = [Mark(START + DAY * n / 2, "complete") for n in range(61) if not 20 < n < 30]
    chart = charts.backups([Row("core", (*good, Mark(START + DAY * 12, "partial")))], SPAN, DAY)
    holes = [e for e in of_class(drawn(chart), "gap") if "key" not in e.get("class", "")]
    assert len(holes) == 1
    with speaking("en"):
        assert "gaps longer than the RPO: 1" in charts.backups([Row("core", tuple(good))], SPAN, DAY)


def test_without_an_objective_there_is_no_gap() -> None:
    chart = charts.backups([Row("core", (Mark(START, "complete"),))], SPAN, None)
    assert of_class(drawn(chart), "gap") == []


def test_ten_thousand_drills_become_a_bounded_picture_in_which_no_failure_hides() -> None:
    step = (SPAN.end - SPAN.start) / 10_000
    marks = tuple(Mark(SPAN.start + step * n, "FAIL" if n == 5003 else "PASS") for n in range(10_000))
    chart = charts.history([Row("D0", marks)], SPAN)
    shapes = of_class(drawn(chart), "mark")
    assert len(shapes) < svg.WIDTH / MERGED + 10
    assert len([e for e in shapes if "fail" in e.get("class", "")]) == 2, "the failure, and its key"
    assert len(chart) < 100_000


def test_ten_thousand_points_become_few_and_the_worst_stays() -> None:
    points = [Point(START + timedelta(minutes=n), 0.5 if n == 7777 else 0.01) for n in range(10_000)]
    thin = charts.thinned(points)
    assert len(thin) < 1000
    assert max(p.share for p in thin) == 0.5
    assert (thin[0], thin[-1]) == (points[0], points[-1])
    assert [a.at for a, b in pairwise(thin) if a.at > b.at] == []


def test_rows_are_capped_and_what_is_left_out_is_said() -> None:
    rows = [Row(f"s{n}", (Mark(START, "complete"),)) for n in range(1000)]
    with speaking("en"):
        assert f"… and {1000 - ROWS} more" in words(drawn(charts.backups(rows, SPAN, DAY)))
        assert f"… and {1000 - ROWS} more" in words(drawn(charts.objective([Bar("x", 1)] * 1000, 5, "RTO")))


def test_a_bar_over_the_objective_says_so_in_words() -> None:
    with speaking("en"):
        root = drawn(charts.objective([Bar("core", 5000), Bar("files", 20_000)], 14_400, "RTO"))
    assert words(root).count("(over)") == 2, "beside the bar and in its hint"
    bars = [e for e in of_class(root, "measured") if "key" not in e.get("class", "")]
    short, long = (float(e.get("width", 0)) for e in bars)
    assert long / short == pytest.approx(4, rel=0.01)


def test_an_extrapolated_bar_is_hatched_and_marked() -> None:
    with speaking("en"):
        root = drawn(charts.objective([Bar("core", 5000, extrapolated=True)], None, "RTO"))
    assert [e for e in of_class(root, "hatched") if "key" not in e.get("class", "")]
    assert "≈ 83.3 min" in words(root)


def test_outcomes_differ_in_shape() -> None:
    shapes = {
        o: [e.tag for e in drawn(symbol(o, 9, 9)).iter()] for o in ("PASS", "FAIL", "COULD_NOT_VERIFY", "NOT_RUN")
    }
    assert len({tuple(tags) for tags in shapes.values()}) == 4


def test_an_unknown_outcome_is_never_drawn_as_a_pass() -> None:
    assert "unsure" in symbol("SPLENDID", 9, 9)


@pytest.mark.parametrize("hours", [0.01, 1, 5, 30, 24 * 9, 24 * 45, 24 * 400, 24 * 4000])
def test_ticks_are_few_round_and_inside(hours: float) -> None:
    times = svg.Times(START + timedelta(minutes=7), START + timedelta(minutes=7, hours=hours), 0, 600)
    ticks = times.ticks()
    assert len(ticks) <= 10
    assert all(times.start <= moment <= times.end for moment, _label in ticks)
    assert all(moment.second == 0 for moment, _label in ticks)
    assert len({label for _moment, label in ticks}) == len(ticks)
    if hours >= 1:
        assert len(ticks) >= 2


def test_text_is_cut_by_columns() -> None:
    assert svg.fit("abcdef", 6) == "abcdef"
    assert svg.fit("abcdefg", 6) == "abcde…"
    assert svg.columns(svg.fit("社保核心数据库", 6)) <= 6
