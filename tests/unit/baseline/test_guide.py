"""What the guide shows can be used as it stands, in both languages."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from guardian.baseline.policy import library
from guardian.baseline.waivers import read_waivers
from guardian.clock import SystemClock

DOCS = Path(__file__).resolve().parents[3] / "docs"
GUIDES = [DOCS / "guide" / "scans.md", DOCS / "guide" / "scans.zh-CN.md"]


def shown(guide: Path, start: str) -> str:
    """The example in the guide that begins with ``start``."""
    return next(
        text for text in re.findall(r"```yaml\n(.*?)```", guide.read_text("utf-8"), re.DOTALL) if text.startswith(start)
    )


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_the_rule_and_the_waiver_of_the_guide_are_taken(guide: Path, tmp_path: Path) -> None:
    own = tmp_path / "house.yaml"
    own.write_text(shown(guide, "family:"), "utf-8")
    known = library([own])
    (chosen,) = known.chosen(["house"]).rules
    now = SystemClock().now()
    for status, tree in chosen.rule.tests.trees() if chosen.rule.tests else ():
        assert chosen.judge(tree, now).status == status
    until = (now + timedelta(days=90)).date().isoformat()
    text = re.sub(r'until: "[0-9-]+"', f'until: "{until}"', shown(guide, "waivers:"))
    path = tmp_path / "waivers.yaml"
    path.write_text(text, "utf-8")
    (waiver,) = read_waivers([path], tuple(known.rules), now).known
    assert waiver.rule in known.rules


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_its_links_and_figures_hold(guide: Path) -> None:
    from guardian.baseline.clauses import areas, entries

    text = guide.read_text("utf-8")
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (guide.parent / link).is_file(), link
    found = entries(areas(), "3")
    counted = [sum(one.coverage == kind for one in found) for kind in ("partial", "evidence", "manual")]
    assert all(re.search(rf"\b{count}\b", text) or f"{count} 条" in text for count in (len(found), *counted))
