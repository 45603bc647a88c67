"""Every panel of every dashboard, asked of a real Prometheus filled from a province in which things go wrong."""

import itertools
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from guardian.province import FAULTS, Province, Shape
from guardian_exporters import history

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "exporters" / "grafana" / "en").glob("*.json"))
STEP = timedelta(minutes=5)
SHAPE = Shape(seed=7, hosts=60, sources=3)
QUIET = frozenset({"Scrapes refused", "Memory", "Processor"})
"""Panels of what a made-up agent has not: a process of its own. The agent's own page is held by its own tests."""


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory, watching: Any) -> Iterator[Any]:
    """A Prometheus whose past is two hours of a faulty province that ends now, and its rules at work."""
    folder = tmp_path_factory.mktemp("dashboards")
    end = datetime.now(UTC).replace(microsecond=0)
    province = Province(SHAPE, tuple(FAULTS), origin=end - timedelta(days=SHAPE.days))
    moments = [end - STEP * back for back in range(24, -1, -1)]
    with (folder / "past.om").open("wb") as out:
        out.writelines(history.of_fleet(province.fleet, moments, job="guardian-fleet", instance="hub"))
        out.writelines(history.of_hosts(province.fleet, moments, job="guardian-agent"))
        out.write(history.END)
    started = watching.Prometheus.start(folder, tsdb=watching.filled(folder / "tsdb", folder / "past.om"))
    started.wait("count(guardian:rpo_bad)")
    started.wait('count(ALERTS{alertstate="firing", system!=""}) and count(ALERTS{severity="critical"})')
    return started


def choices(prometheus: Any) -> list[dict[str, str]]:
    """What an operator may have chosen: everything, and systems and hosts one by one."""
    found = prometheus.query("group by (region, tenant, system, host) (guardian:plan_active)")
    one_by_one = [one["metric"] for one in found]
    return [dict.fromkeys(("region", "tenant", "system", "host"), ".*"), *one_by_one]


def asked(expression: str, choice: dict[str, str]) -> str:
    for name, value in choice.items():
        expression = re.sub(rf"\${name}\b", value, expression)
    return expression.replace("$__rate_interval", "15m")


def test_every_panel_answers_on_a_faulty_province(prometheus: Any) -> None:
    silent = []
    every = choices(prometheus)
    for path in FILES:
        for panel in json.loads(path.read_text("utf-8"))["panels"]:
            for target in panel.get("targets", ()):
                # One of several ways to choose is enough to see that the question can be answered at all.
                several = every if "$" in target["expr"] else every[:1]
                answers = (prometheus.query(asked(target["expr"], choice)) for choice in several)
                found = next((answer for answer in itertools.islice(answers, 200) if answer), None)
                if not found and panel["title"] not in QUIET:
                    silent.append((path.stem, panel["title"], target["expr"]))
    assert silent == [], "\n".join(map(str, silent))


def test_choices_at_the_top_have_something_to_choose(prometheus: Any) -> None:
    for path in FILES:
        for variable in json.loads(path.read_text("utf-8"))["templating"]["list"]:
            if variable["type"] != "query":
                continue
            match = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"])
            assert match is not None
            everything = asked(match[1], dict.fromkeys(("region", "tenant", "system", "host"), ".*"))
            assert prometheus.query(f"group by ({match[2]}) ({everything})"), variable["name"]


def test_what_is_broken_turns_its_panel(prometheus: Any) -> None:
    """The numbers of the first row are those of the province, and not nought."""
    by_title = {
        panel["title"]: panel["targets"][0]["expr"]
        for panel in json.loads((ROOT / "exporters/grafana/en/guardian-province.json").read_text("utf-8"))["panels"]
        if panel.get("targets")
    }
    number = {title: float(prometheus.query(by_title[title])[0]["value"][1]) for title in
              ("Sources protected", "Outside RPO", "Hosts silent", "Critical alerts", "Hosts expected")}  # fmt: skip
    assert 0 < number["Sources protected"] < 1
    assert number["Outside RPO"] > 0
    assert number["Hosts silent"] > 0
    assert number["Critical alerts"] > 0
    assert number["Hosts expected"] <= SHAPE.hosts
