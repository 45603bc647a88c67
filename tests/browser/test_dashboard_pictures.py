"""Dashboards as Grafana's own panel components draw them, where these were fetched (python3 dev.py pictures)."""

import html
import importlib
import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FILES = [ROOT / "exporters" / "grafana" / language / f"{name}.json"
         for language in ("zh", "en") for name in ("guardian-province", "guardian-system")]  # fmt: skip


@pytest.fixture(scope="module")
def tools() -> Iterator[Any]:
    """``tools("asking")`` and so on: the modules in grafana/, which lie beside the tests."""
    sys.path.insert(0, str(HERE / "grafana"))
    yield importlib.import_module
    sys.path.remove(str(HERE / "grafana"))


@pytest.fixture(scope="module")
def bundle(tools: Any) -> Any:
    try:
        return tools("bundle").at_hand()
    except tools("bundle").Missing as error:
        pytest.skip(f"what dashboards look like was not tested: {error}")


@pytest.fixture(scope="module")
def shown(bundle: Any, tools: Any, watching: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Half a day of a small province in which things go wrong, and the Prometheus that knows of it."""
    past = tools("past").Past(datetime(2026, 11, 30, 8, tzinfo=UTC), days=0.5, hosts=16)
    return past, tools("past").started(watching, tmp_path_factory.mktemp("shown"), past)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_dashboard_is_drawn(path: Path, bundle: Any, shown: Any, tools: Any, browser: Any) -> None:
    asking = tools("asking")
    past, prometheus = shown
    dashboard = json.loads(path.read_text("utf-8"))
    asked = asking.payload(prometheus, dashboard, asking.View(past.end, past.step, path.parent.name))
    size = f"--window-size={asking.WIDTH},{asking.height(dashboard)}"
    page = asking.page(asked, bundle.script, bundle.style)
    printed, said = browser(page, "--dump-dom", "--enable-logging=stderr", "--virtual-time-budget=8000", size)

    assert 'data-drawn="yes"' in printed, said[-2000:]
    assert not [line for line in said.splitlines() if "CONSOLE" in line]
    drawn = html.unescape(printed[printed.index('<div id="root">') : printed.index("<script>{const real")])
    text = re.sub(r"<style.*?</style>|<[^>]+>", " ", drawn, flags=re.DOTALL)
    for panel in dashboard["panels"]:
        assert panel["title"] in text
    # What a click leads to is filled in, with the tenant and the host of that very row.
    links = re.findall(r'href="(/d/[^"]+)"', drawn)
    assert [one for one in links if re.search(rf"guardian-host-{path.parent.name}\?var-tenant=[a-z-]+&var-host=", one)]
    assert not [one for one in links if "$" in one]
    # No column with the name that its label has in Prometheus, and nothing where there should be something.
    assert not re.search(r"\b(alertname|severity|name_zh|name_en|Value #[A-Z])\b", text)
    assert ("无数据" if path.parent.name == "zh" else "No data") not in text
