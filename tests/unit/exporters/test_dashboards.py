"""Dashboards as Grafana takes them: well made, fully described, in both languages, and of declared metrics alone."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from guardian_exporters.catalogue import BY_NAME

ROOT = Path(__file__).resolve().parents[3]
GRAFANA = ROOT / "exporters" / "grafana"
FILES = sorted(GRAFANA.glob("*/guardian-*.json"))
NAMES = {path.stem for path in FILES}

dashboard = pytest.importorskip("grafana_foundation_sdk.models.dashboard")


def panels(path: Path) -> list[dict[str, Any]]:
    return [one for one in json.loads(path.read_text("utf-8"))["panels"] if one["type"] != "row"]


def recorded() -> set[str]:
    groups = [
        group
        for path in (ROOT / "exporters" / "prometheus" / "rules").glob("*-recording.yml")
        for group in yaml.safe_load(path.read_text("utf-8"))["groups"]
    ]
    return {rule["record"] for group in groups for rule in group["rules"]}


def test_every_dashboard_is_there_in_both_languages() -> None:
    assert len(NAMES) == 9
    for name in NAMES:
        assert {path.parent.name for path in FILES if path.stem == name} == {"zh", "en"}
        chinese, english = (panels(GRAFANA / language / f"{name}.json") for language in ("zh", "en"))
        assert [one["targets"] and one["gridPos"] for one in chinese] == [one["gridPos"] for one in english]
        for one in chinese:
            assert re.search(r"[\u4e00-\u9fff]", one["title"] + one["description"]), one["title"]
        for one in english:
            assert not re.search(r"[\u4e00-\u9fff]", json.dumps(one, ensure_ascii=False)), one["title"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_dashboard_is_well_made(path: Path) -> None:
    said = json.loads(path.read_text("utf-8"))
    back = dashboard.Dashboard.from_json(said)
    assert back.uid == f"{path.stem}-{path.parent.name}"
    assert len(back.uid) <= 40
    ids = [one["id"] for one in said["panels"]]
    assert len(set(ids)) == len(ids)
    cells: set[tuple[int, int]] = set()
    for one in said["panels"]:
        place = one["gridPos"]
        assert 0 <= place["x"] < place["x"] + place["w"] <= 24
        mine = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & mine, "panels lie over each other"
        cells |= mine


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_panel_says_what_it_is_and_asks_for_what_there_is(path: Path) -> None:
    known = set(BY_NAME) | recorded() | {"ALERTS"}
    variables = {one["name"] for one in json.loads(path.read_text("utf-8"))["templating"]["list"]}
    for one in panels(path):
        assert one["title"]
        assert len(one["description"]) > 4
        assert one["fieldConfig"]["defaults"]["unit"]
        assert one["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert one["targets"]
        for target in one["targets"]:
            expression = target["expr"]
            named = set(re.findall(r"\bguardian[_:][a-z0-9_:]+|\bALERTS\b", expression))
            assert named, expression
            assert named <= known, named - known
            assert set(re.findall(r"\$(\w+)", expression)) <= variables | {"__rate_interval", "__range"}
            for counter in (name for name in named if name.endswith("_total")):
                assert re.search(rf"(rate|increase)\({counter}\{{[^}}]*\}}\[\$__rate_interval\]\)", expression)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_lines_over_weeks_are_of_sums_or_of_one_system_or_host(path: Path) -> None:
    """Of every plan of a province such a line takes minutes to come."""
    for one in panels(path):
        for target in (one for one in one["targets"] if one.get("range")):
            assert one["interval"]
            for name, chosen in re.findall(r"(guardian[_:][a-z0-9_:]+)\{?([^}]*)", target["expr"]):
                summed = re.match(r"guardian:(region|tenant|system)_", name)
                narrow = 'tenant="$tenant"' in chosen and re.search(r'(host|system)="\$', chosen)
                assert summed or narrow, (one["title"], target["expr"])


def test_links_lead_to_dashboards_that_exist() -> None:
    for path in FILES:
        for uid in re.findall(r"/d/([a-z0-9-]+)", path.read_text("utf-8")):
            assert uid.rpartition("-")[0] in NAMES
            assert uid.endswith(f"-{path.parent.name}")


# The builders' own: they have a newer format, which no Grafana in use reads.
@pytest.mark.filterwarnings("ignore:Prefer using:DeprecationWarning")
def test_the_files_are_what_the_code_makes() -> None:
    sys.path.insert(0, str(GRAFANA))
    try:
        from dashboards.boards import BOARDS
        from dashboards.write import text_of
    finally:
        sys.path.remove(str(GRAFANA))
    for board in BOARDS:
        for language in ("zh", "en"):
            path = GRAFANA / language / f"{board.uid}.json"
            assert path.read_text("utf-8") == text_of(board, language), "run: python exporters/grafana/build.py --write"
