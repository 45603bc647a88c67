"""Cases of alerts (exporters/prometheus/tests/*.yml) written out for ``promtool test rules``."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from guardian_exporters.catalogue import BY_NAME

ROOT: Final = Path(__file__).resolve().parents[1] / "exporters" / "prometheus"
RULES: Final = ROOT / "rules"
CASES: Final = ROOT / "tests"
RECORDING: Final = ("host-recording.yml", "fleet-recording.yml")

FOREIGN: Final = frozenset(
    {
        "up",
        "prometheus_rule_evaluation_failures_total",
        "prometheus_notifications_dropped_total",
        "prometheus_notifications_errors_total",
    }
)
"""Metrics that Prometheus has of itself and of what it scrapes."""
_IDENTITY: Final = {"tenant": "gz-hrss", "region": "520100"}
_DEFAULT: Final = {
    "system": "social", "source": "mail", "repository": "main", "level": "D3", "baseline": "mlps-l3-host",
    "target": "host:app-1", "network": "gov-extranet", "name": "db", "version": "0.1.0", "restic": "0.14.0",
}  # fmt: skip
_HOST: Final = ("tenant", "region", "host")
OF: Final = {
    "tenant": ("tenant",),
    "network": ("network",),
    "site": ("region", "network"),
    "host": _HOST,
    "machine": (*_HOST, "network"),
    "plan": (*_HOST, "system", "source"),
    "drill": (*_HOST, "system", "source", "level"),
    "copy": (*_HOST, "system", "source", "repository"),
    "repository": (*_HOST, "repository"),
    "scan": (*_HOST, "baseline", "target"),
}
"""Labels that an alert has, besides its name, its severity and what a case expects more."""


def rules(path: Path) -> list[dict[str, Any]]:
    """All rules of a file."""
    return [rule for group in yaml.safe_load(path.read_text("utf-8"))["groups"] for rule in group["rules"]]


def alerts() -> dict[str, tuple[dict[str, Any], Path]]:
    """Every alert rule by its name, and its file."""
    return {
        rule["alert"]: (rule, path) for path in sorted(RULES.glob("*.yml")) for rule in rules(path) if "alert" in rule
    }


def cases() -> dict[str, list[dict[str, Any]]]:
    """Every case by the name of its alert."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(CASES.glob("*.yml")):
        for name, said in yaml.safe_load(path.read_text("utf-8")).items():
            assert name not in found
            found[name] = said
    return found


def minutes(text: str) -> int:
    """``5m``, ``6h``, ``1d`` as minutes."""
    number, unit = re.fullmatch(r"(\d+)([mhd])", text).groups()  # type: ignore[union-attr]
    return int(number) * {"m": 1, "h": 60, "d": 1440}[unit]


@dataclass(frozen=True)
class Times:
    """When a case turns bad, must fire, turns good, and must have cleared; minutes, multiples of ``step``."""

    step: int
    hold: int
    bad: int
    fires: int
    good: int
    cleared: int

    @classmethod
    def of(cls, case: Mapping[str, Any], rule: Mapping[str, Any]) -> "Times":
        hold = minutes(rule.get("for", "0m"))
        first, after = minutes(case.get("first", "20m")), minutes(case["after"]) if "after" in case else hold + 12
        lag = minutes(case.get("lag", "12m"))
        step = 1 if first + after + lag < 300 else 4
        bad = -(-first // step) * step
        fires = bad + -(-after // step) * step
        good = fires + step
        return cls(step, hold, bad, fires, good, good + -(-lag // step) * step + 3 * step)

    def gap(self) -> range:
        """Minutes at which nothing comes, as if an agent were started again."""
        return range(self.fires - 5, self.fires - 1)


def written(name: str, case: Mapping[str, Any], rule: Mapping[str, Any]) -> dict[str, Any]:
    """One case as a test group of promtool."""
    times = Times.of(case, rule)
    steady = case.get("steady", True) and times.step == 1 and not case.get("always")
    series: dict[str, str] = {}
    for host, phase in _hosts(case):
        for key, spec in _all(case, host).items():
            metric, labels = _parsed(key)
            who = {} if host is None else {**_IDENTITY, "host": host}
            pairs = ",".join(f"{label}={_quoted(value)}" for label, value in _labels(metric, labels, who).items())
            gap = times.gap() if steady and phase == "turns" else range(0)
            series[f"{metric}{{{pairs}}}"] = " ".join(_values(spec, phase, times, gap))
    fires = [] if "silent" in case else list(_expected(name, case, rule))
    looks = [(times.fires, fires)]
    if steady:
        looks.append((times.fires - 3, fires))
    if case.get("always"):
        looks += [(times.bad, fires), (times.cleared, fires)]
    else:
        looks += [(times.bad - times.step, []), (times.cleared, [])]
        if "after" not in case and times.hold >= 2 * times.step:
            looks.append((times.bad + times.hold - 2 * times.step, []))
    query = f'ALERTS{{alertname="{name}",alertstate="firing"}}'
    return {
        "name": f"{name}: {case.get('silent', 'fires, stays silent where it must, clears')}",
        "interval": f"{times.step}m",
        "input_series": [{"series": key, "values": values} for key, values in series.items()],
        "promql_expr_test": [
            {"expr": query, "eval_time": f"{at}m", "exp_samples": said}
            for at, said in sorted(looks, key=lambda look: look[0])
        ],
    }


def _hosts(case: Mapping[str, Any]) -> Iterator[tuple[str | None, str]]:
    if "of" not in case:
        yield None, "turns"
        return
    for number in range(1, case.get("hosts", 1) + 1):
        yield f"app-{number}", "turns"
    yield "well", "good"
    yield "retired", "bad"
    if case["gate"] == "plan":
        yield "paused", "bad"


def _all(case: Mapping[str, Any], host: str | None) -> dict[str, Any]:
    said = dict(case["series"])
    if host is None:
        return said
    enabled = said.pop("plan_enabled", 1) if host != "paused" else 0
    said.pop("plan_enabled", None)
    if case["gate"] == "plan" or "plan_enabled" in case["series"]:
        said["plan_enabled"] = enabled
    return {**said, "host_expected": 0 if host == "retired" else 1}


def _parsed(key: str) -> tuple[str, dict[str, str]]:
    name, _brace, rest = key.partition("{")
    return name if name in FOREIGN else f"guardian_{name}", dict(re.findall(r'(\w+)="([^"]*)"', rest))


def _labels(metric: str, said: Mapping[str, str], who: Mapping[str, str]) -> dict[str, str]:
    """Those that the catalogue declares, with the identity of a host; a wrong one is a KeyError."""
    declared = () if metric in FOREIGN else BY_NAME[metric].labels
    return {**{label: _DEFAULT[label] for label in declared if label not in said}, **who, **said}


def _expected(name: str, case: Mapping[str, Any], rule: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    of = case.get("of")
    hosts = range(1, 2 if of in (None, "site", "network", "tenant") else case.get("hosts", 1) + 1)
    for number in hosts:
        known = {**_DEFAULT, **_IDENTITY, "host": f"app-{number}"}
        labels = {label: known[label] for label in OF.get(of or "", ())} | case.get("expect", {})
        labels |= {"alertname": name, "alertstate": "firing", **rule["labels"]}
        pairs = ",".join(f"{label}={_quoted(value)}" for label, value in sorted(labels.items()))
        yield {"labels": f"ALERTS{{{pairs}}}", "value": 1}


def _quoted(value: str) -> str:
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _values(spec: Any, phase: str, times: Times, gap: Iterable[int]) -> Iterator[str]:
    bad, good, again = [*spec, *spec[1:]][:3] if isinstance(spec, list) else (spec, spec, spec)
    there, total, missing = False, 0.0, set(gap)
    for minute in range(0, times.cleared + 1, times.step):
        ill = phase == "bad" or (phase == "turns" and times.bad <= minute < times.good)
        now = bad if ill else again if minute >= times.good else good
        if minute in missing:
            now = None
        if isinstance(now, str) and now.startswith("+"):
            total += float(now) * times.step
        if now is None:
            yield "stale" if there else "_"
        else:
            yield _number(now, minute, total)
        there = now is not None


def _number(spec: Any, minute: int, total: float) -> str:
    if isinstance(spec, str) and spec.startswith("now"):
        return f"{minute * 60 + int(spec.removeprefix('now'))}"
    return f"{total:g}" if isinstance(spec, str) else f"{float(spec):.12g}"


def test_file(path: Path, folder: Path) -> Path:
    """All cases of a file of rules, as a file for promtool in ``folder``."""
    known = cases()
    files = [RULES / name for name in RECORDING] + [path]
    order = [group["name"] for file in files for group in yaml.safe_load(file.read_text("utf-8"))["groups"]]
    every: dict[str, list[dict[str, Any]]] = {}
    for rule in rules(path):
        for case in known.get(rule.get("alert", ""), ()):
            group = written(rule["alert"], case, rule)
            every.setdefault(group["interval"], []).append(group)
    for step, tests in every.items():
        said = {
            "rule_files": [str(file) for file in files], "evaluation_interval": step, "group_eval_order": order,
            "tests": tests,
        }  # fmt: skip
        (folder / f"{path.stem}-{step}.yml").write_text(yaml.safe_dump(said, allow_unicode=True, width=10**9), "utf-8")
    return folder
