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
QUIET = frozenset({"Scrapes refused", "Memory", "Processor", "Alerts that fire now"})
"""Panels of what a past has not: a process of the agent's own, and alerts. These are held by tests of their own."""
UNPLANNED = re.compile('level="D[01]"')
"""Levels that no host of the province plans by themselves: higher ones begin with them."""


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
    # What rules record is written out below: a past has no rules at work in it.
    tsdb = watching.filled(folder / "tsdb", folder / "past.om")
    started = watching.Prometheus.start(folder, rules=(), tsdb=tsdb)
    recorded = watching.expanded()
    started.writing = lambda expression: watching.written_out(expression, recorded)
    started.wait("count(guardian_plan_enabled)")
    return started


def choices(prometheus: Any) -> list[dict[str, str]]:
    """What an operator may have chosen: everything, and systems and hosts one by one."""
    found = query(prometheus, "group by (region, tenant, system, host) (guardian:plan_active)", {})
    one_by_one = [one["metric"] for one in found]
    return [dict.fromkeys(("region", "tenant", "system", "host"), ".*"), *one_by_one]


def query(prometheus: Any, expression: str, choice: dict[str, str]) -> Any:
    """The answer to a panel's question, with what rules record written out: only the choice within that is lost."""
    return prometheus.query(prometheus.writing(asked(expression, choice)))


def asked(expression: str, choice: dict[str, str]) -> str:
    for name, value in choice.items():
        expression = re.sub(rf"\${name}\b", value, expression)
    # The past here has two hours: weeks become one.
    expression = re.sub(r"\b\d+d(?=\])|(?<=offset )\d+d", "1h", expression)
    # Of one moment that is its end; and a rule that is written out takes no @.
    expression = expression.replace(" @ end()", "")
    return expression.replace("$__rate_interval", "15m").replace("$__range", "1h")


def test_every_panel_answers_on_a_faulty_province(prometheus: Any) -> None:
    silent = []
    every = choices(prometheus)
    for path in FILES:
        for panel in json.loads(path.read_text("utf-8"))["panels"]:
            for target in panel.get("targets", ()):
                # One of several ways to choose is enough to see that the question can be answered at all.
                several = every if "$" in target["expr"] else every[:1]
                answers = (query(prometheus, target["expr"], choice) for choice in several)
                found = next((answer for answer in itertools.islice(answers, 200) if answer), None)
                if not found and panel["title"] not in QUIET and not UNPLANNED.search(target["expr"]):
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
            assert query(prometheus, f"group by ({match[2]}) ({everything})", {}), variable["name"]


def test_what_is_broken_turns_its_panel(prometheus: Any) -> None:
    """The numbers of the first row are those of the province, and not nought."""
    by_title = {
        panel["title"]: panel["targets"][0]["expr"]
        for panel in json.loads((ROOT / "exporters/grafana/en/guardian-province.json").read_text("utf-8"))["panels"]
        if panel.get("targets")
    }
    number = {title: float(query(prometheus, by_title[title], {})[0]["value"][1]) for title in
              ("Sources protected", "Sources outside RPO", "Hosts silent", "Hosts expected")}  # fmt: skip
    assert 0 < number["Sources protected"] < 1
    assert number["Sources outside RPO"] > 0
    assert number["Hosts silent"] > 0
    assert number["Hosts expected"] <= SHAPE.hosts
