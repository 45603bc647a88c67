"""The page of restore points to come."""

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest

from guardian.audit.forecast import Outlook, chart, page
from guardian.i18n import speaking

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SVG = "{http://www.w3.org/2000/svg}"


def outlook(*ages: timedelta, name: str = "app/docs") -> Outlook:
    times = tuple(NOW - age for age in ages)
    return Outlook(name, "daily 7", (("now", NOW, times), ("later", NOW + timedelta(days=7), times)), goes=3, held=2)


def test_every_point_has_a_dot_and_older_ones_lie_further_right() -> None:
    drawn = ET.fromstring(chart(outlook(timedelta(hours=2), timedelta(days=3), timedelta(days=300))))
    dots = [float(dot.get("cx", "")) for dot in drawn.iter(f"{SVG}circle")]
    assert len(dots) == 6
    assert dots[:3] == sorted(dots[:3])
    assert all(150 < x < 760 for x in dots)


@pytest.mark.parametrize("age", [timedelta(0), timedelta(seconds=-90), timedelta(days=40000)])
def test_odd_ages_stay_in_the_picture(age: timedelta) -> None:
    drawn = ET.fromstring(chart(outlook(age)))
    assert all(150 < float(dot.get("cx", "")) < 760 for dot in drawn.iter(f"{SVG}circle"))


def test_without_days_there_is_no_chart() -> None:
    assert chart(Outlook("a", "b", ())) == ""


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_names_are_escaped(lang: str) -> None:
    with speaking(lang):
        text = page("<host>", NOW, [outlook(timedelta(days=1), name="<script>x</script>")])
    assert "<script" not in text
    assert "&lt;host&gt;" in text
