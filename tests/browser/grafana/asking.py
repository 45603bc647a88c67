"""What Grafana would ask Prometheus for a dashboard, and with which choices: the other half is drawn in the browser."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

EVERYTHING: Final = ".*"
WIDTH: Final = 1600
"""Of the page, in pixels; a screen of 1920 has about as much beside Grafana's menu."""
ZONE: Final = "Asia/Shanghai"
_UNITS: Final = {"m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class View:
    """How a dashboard is looked at. ``scrape``: time between samples; ``chosen``: choices that are not the first."""

    now: datetime
    scrape: timedelta
    language: str = "en"
    theme: str = "dark"
    chosen: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Choice:
    """One choice at the top: what queries get, and what people read."""

    name: str
    label: str
    value: str
    text: str


def payload(prometheus: Any, dashboard: Mapping[str, Any], view: View) -> dict[str, Any]:
    """Everything that the page needs, as JSON has it. ``prometheus`` is one of tests/monitoring.py."""
    now = view.now.timestamp()
    since = now - seconds(dashboard["time"]["from"].removeprefix("now-"))
    choices = chosen(prometheus, dashboard, view)
    answers: dict[str, dict[str, Any]] = {}
    steps: dict[str, float] = {}
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            question = filled(target, panel, choices, (since, now), view)
            answers.setdefault(str(panel["id"]), {})[target["refId"]] = _answer(prometheus, question, (since, now))
            steps[str(panel["id"])] = question.step * 1000
    return {
        "dashboard": dashboard, "language": view.language, "theme": view.theme, "zone": ZONE, "width": WIDTH,
        "now": now * 1000, "since": since * 1000, "answers": answers, "steps": steps,
        "variables": [{"name": c.name, "label": c.label, "value": c.value, "text": c.text} for c in choices],
    }  # fmt: skip


def seconds(span: str) -> float:
    """``24h`` → 86400."""
    return float(span[:-1]) * _UNITS[span[-1]]


def chosen(prometheus: Any, dashboard: Mapping[str, Any], view: View) -> list[Choice]:
    """The choices: everything where that can be chosen, otherwise what ``view`` says, or the first there is."""
    found: list[Choice] = []
    for variable in dashboard["templating"]["list"]:
        label = variable.get("label") or variable["name"]
        if variable["type"] != "query":
            continue
        if variable.get("includeAll"):
            found.append(Choice(variable["name"], label, EVERYTHING, "全部" if view.language == "zh" else "All"))
            continue
        match = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"])
        assert match is not None, variable["query"]
        answer = prometheus.query(f"group by ({match[2]}) ({_replaced(match[1], found)})", at=view.now.timestamp())
        values = sorted(one["metric"].get(match[2], "") for one in answer)
        assert values, f"nothing to choose for {variable['name']}"
        wanted = view.chosen.get(variable["name"])
        value = wanted if wanted in values else values[0]
        found.append(Choice(variable["name"], label, value, value))
    return found


def _replaced(expression: str, choices: list[Choice]) -> str:
    for choice in choices:
        expression = re.sub(rf"\$(?:{choice.name}\b|\{{{choice.name}\}})", choice.value, expression)
    return expression


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of Prometheus; ``step`` in seconds, 0 for the present alone."""

    expr: str
    step: float


def filled(
    target: Mapping[str, Any], panel: Mapping[str, Any], choices: list[Choice], span: tuple[float, float], view: View
) -> Question:
    """A target with its variables filled in, and the step that Grafana would take for the width of the panel."""
    scrape = view.scrape.total_seconds()
    least = seconds(panel["interval"]) if panel.get("interval") else 0
    step = max(scrape, least, (span[1] - span[0]) / (WIDTH * panel["gridPos"]["w"] / 24))
    step = -(-step // scrape) * scrape
    rate = max(step + scrape, 4 * scrape)
    expression = _replaced(target["expr"], choices)
    for name, value in (("__rate_interval", rate), ("__interval", step), ("__range", span[1] - span[0])):
        expression = expression.replace(f"${name}", f"{value:.0f}s")
    return Question(expression, step if target.get("range") else 0)


def _answer(prometheus: Any, question: Question, span: tuple[float, float]) -> Any:
    if not question.step:
        return prometheus.query(question.expr, at=span[1])
    start, end = (moment // question.step * question.step for moment in span)
    answer = prometheus.get(
        "/api/v1/query_range", query=question.expr, start=f"{start:.0f}", end=f"{end:.0f}", step=f"{question.step:.0f}"
    )
    return answer["data"]["result"]


def page(asked: Mapping[str, Any], script: str, style: str) -> str:
    """One file of HTML that needs nothing else; its clock begins at the moment that is shown."""
    said = json.dumps(asked, ensure_ascii=False).replace("</", "<\\/")
    clock = f"{{const real=Date.now.bind(Date),shift={asked['now']:.0f}-real();Date.now=()=>real()+shift}}"
    safe = script.replace("</script", "<\\/script")
    return (
        f'<!doctype html><html lang="{asked["language"]}"><meta charset="utf-8">'
        f"<title>{asked['dashboard']['title']}</title>"
        f'<style>{style}</style><body><div id="root"></div><script>{clock}globalThis.ASKED={said}</script>'
        f"<script>{safe}</script></body></html>"
    )


def height(dashboard: Mapping[str, Any]) -> int:
    """Pixels that the page is tall."""
    bottom = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"])
    return 56 + int(bottom) * 38 + 8
