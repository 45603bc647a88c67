"""Every alert by the real promtool: it fires, stays silent where it must, and clears; and says what people need."""

import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from guardian_exporters.catalogue import BY_NAME
from guardian_exporters.family import IDENTITY

_HERE = Path(__file__).resolve().parents[1]


def _module(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"guardian_tests_{name}_of_rules", _HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


rulecases, monitoring = _module("rulecases"), _module("monitoring")
ALERTS = rulecases.alerts()
CASES = rulecases.cases()
FILES = sorted(path.name for path in rulecases.RULES.glob("*.yml"))
TEXTS = ("summary", "summary_zh", "description", "description_zh")
SEVERITIES = {"critical", "warning", "info", "none"}
ADDED = {*IDENTITY, "job", "instance"}
"""Labels that service discovery and scraping add."""


@pytest.mark.parametrize("name", FILES)
def test_promtool_accepts_the_rules(name: str) -> None:
    monitoring.promtool("check", "rules", str(rulecases.RULES / name))


@pytest.mark.parametrize("name", [name for name in FILES if "recording" not in name])
def test_every_alert_fires_stays_silent_and_clears(name: str, tmp_path: Path) -> None:
    rulecases.test_file(rulecases.RULES / name, tmp_path)
    files = sorted(str(path) for path in tmp_path.glob("*.yml"))
    assert files
    monitoring.promtool("test", "rules", *files)


def test_a_rule_that_is_wrong_fails_its_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What all of this rests on: a case can fail, in each of its three ways."""
    right = (rulecases.RULES / "host-custody.yml").read_text("utf-8")
    wrong = {
        "silent": right.replace(")) > 0", ")) > 2"),
        "not gated": right.replace("unless on (tenant, region, host) guardian:host_retired", ""),
        "for ever": right.replace(")) > 0", ")) >= 0"),
    }
    for name, text in wrong.items():
        assert text != right
        folder = tmp_path / name
        folder.mkdir()
        (folder / "host-custody.yml").write_text(text, "utf-8")
        (folder / "tests").mkdir()
        rulecases.test_file(folder / "host-custody.yml", folder / "tests")
        said = [
            monitoring.promtool("test", "rules", str(path), good=False) for path in (folder / "tests").glob("*.yml")
        ]
        assert any("FAILED" in one for one in said), name


def test_every_alert_has_all_three_cases() -> None:
    assert set(CASES) == set(ALERTS)
    for name, said in CASES.items():
        full = [case for case in said if "silent" not in case]
        assert full, f"{name} never fires in a test"
        assert all("gate" in case for case in said), f"{name} is not gated, and nothing says why"
        assert all(case["gate"] in ("plan", "host") for case in said if "of" in case), name


@pytest.mark.parametrize("name", sorted(ALERTS))
def test_an_alert_says_what_people_need(name: str) -> None:
    rule, _path = ALERTS[name]
    assert re.fullmatch(r"Guardian([A-Z][a-z]+)+", name)
    assert set(rule["labels"]) == {"severity"}
    assert rule["labels"]["severity"] in SEVERITIES
    said = rule["annotations"]
    assert set(said) == {"runbook_url", *TEXTS}
    assert said["runbook_url"] == f"https://guardian.example/runbooks/{name}"
    for text in TEXTS:
        assert bool(re.search(r"[\u4e00-\u9fff]", said[text])) == text.endswith("_zh"), text
    # Both languages name the same things.
    for kind in ("summary", "description"):
        english, chinese = (set(re.findall(r"\$labels\.(\w+)|(\$value)", said[k])) for k in (kind, f"{kind}_zh"))
        assert english == chinese, kind
    assert not said["summary"].endswith(".")
    assert not said["summary_zh"].endswith("。")
    assert said["description"].endswith(".")
    assert said["description_zh"].endswith("。")


def _selectors(expression: str) -> list[tuple[str, list[str]]]:
    found = re.findall(r"\b(guardian_\w+|prometheus_\w+|up)\b(?:\{([^}]*)\})?", expression)
    return [(name, re.findall(r"(\w+)\s*[=!]", matchers)) for name, matchers in found]


@pytest.mark.parametrize("name", FILES)
def test_rules_use_what_the_catalogue_declares(name: str) -> None:
    recorded = {
        rule["record"] for path in rulecases.RULES.glob("*.yml") for rule in rulecases.rules(path) if "record" in rule
    }
    for rule in rulecases.rules(rulecases.RULES / name):
        expression = rule["expr"]
        for metric, labels in _selectors(expression):
            if metric not in rulecases.FOREIGN:
                assert metric in BY_NAME, metric
                assert set(labels) <= {*BY_NAME[metric].labels, *ADDED}, (metric, labels)
        assert set(re.findall(r"guardian:[\w:]+", expression)) <= recorded
        # A restart between two scrapes must neither resolve an alert nor begin it anew.
        if not expression.startswith("absent("):
            assert re.findall(r"\b(guardian_\w+)(?:\{[^}]*\})?(?!\w|\[|\{)", expression) == [], rule


def test_rules_bear_ten_thousand_hosts() -> None:
    """What costs most is looked for here; the whole is measured by benchmarks/prometheus_rules.py."""
    seldom = {"guardian:repo_size_bytes", "guardian:backup_slots_missed"}
    for path in rulecases.RULES.glob("*.yml"):
        for group in yaml.safe_load(path.read_text("utf-8"))["groups"]:
            recorded = {rule.get("record") for rule in group["rules"]}
            # A series that is not renewed for five minutes is gone for whoever asks for its newest value.
            assert rulecases.minutes(group.get("interval", "1m")) <= 4 or recorded <= seldom, group["name"]
        for rule in rulecases.rules(path):
            # A day of minutes is 1,440 samples of each series, read at every evaluation.
            assert re.findall(r"\bguardian_\w+(?:\{[^}]*\})?\[\d+d", rule["expr"]) == [], rule
            for name in seldom & set(re.findall(r"guardian:[\w:]+", rule["expr"])):
                assert re.search(rf"{name}\[\d+d\]", rule["expr"]), rule


def test_hosts_need_nothing_that_only_a_fleet_has() -> None:
    """A site without a hub installs the files of hosts alone: what gates them by the hub must not be needed."""
    fleet = {rule["record"] for rule in rulecases.rules(rulecases.RULES / "fleet-recording.yml")}
    for path in rulecases.RULES.glob("host-*.yml"):
        for rule in rulecases.rules(path):
            assert not set(re.findall(r"guardian:[\w:]+", rule["expr"])) & fleet, rule
