"""A Prometheus whose past is that of a faulty province, with all that rules and alerts would have said of it.

The samples are the province's own (guardian.province); what rules record, and ``ALERTS``, is computed by Prometheus
from the real rules. Only what a process says of itself (memory, processor, refused requests) has no past, and is drawn
here.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from guardian.province import FAULTS, Province, Shape
from guardian_exporters import history
from guardian_exporters.text import label, quoted


@dataclass(frozen=True, slots=True)
class Past:
    """How much of a past: until ``end``, one sample every ``step``; of hosts' own pages the last ``own`` alone."""

    end: datetime
    days: float = 7.0
    step: timedelta = timedelta(minutes=30)
    hosts: int = 36
    own: timedelta = timedelta(days=1)

    def moments(self, back: timedelta | None = None) -> list[datetime]:
        """The oldest first."""
        count = int((back or timedelta(days=self.days)) / self.step)
        return [self.end - self.step * number for number in range(count, -1, -1)]


def whole(moment: datetime, step: timedelta) -> datetime:
    """The last moment at which Prometheus evaluates rules that it looks at every ``step``."""
    seconds = step.total_seconds()
    return datetime.fromtimestamp(moment.timestamp() // seconds * seconds, UTC)


def started(monitoring: ModuleType, folder: Path, past: Past) -> Any:
    """The Prometheus, running. ``monitoring`` is tests/monitoring.py, and stops it."""
    province = Province(
        Shape(seed=7, hosts=past.hosts, sources=3), tuple(FAULTS), origin=past.end - timedelta(days=365)
    )
    told = folder / "told.om"
    with told.open("wb") as out:
        out.writelines(history.of_fleet(province.fleet, past.moments(), job="guardian-fleet", instance="hub"))
        out.writelines(history.of_hosts(province.fleet, past.moments(past.own), job="guardian-agent"))
        out.writelines(_of_processes(province, past))
        out.write(history.END)
    tsdb = folder / "tsdb"
    for name, rules in (
        ("recorded", lambda: [(series, expression, {}) for series, expression in monitoring.expanded().items()]),
        ("alerts", lambda: list(_alerts(monitoring.RULES))),
    ):
        _filled(monitoring, told, tsdb)
        prometheus = _over(monitoring, folder / name, tsdb, past)
        told = folder / f"{name}.om"
        # Alerts are asked of the present alone: no panel shows older ones.
        moments = past.moments() if name == "recorded" else past.moments()[-3:]
        with told.open("wb") as out:
            for rule in rules():
                out.writelines(_ruled(prometheus, rule, moments, past.step))
            out.write(history.END)
        prometheus.stop()
    _filled(monitoring, told, tsdb)
    return _over(monitoring, folder / "shown", tsdb, past)


def _filled(monitoring: ModuleType, text: Path, tsdb: Path) -> None:
    """Few large blocks: promtool reads the whole text once for each."""
    longest = "--max-block-duration=720h"
    monitoring.promtool("tsdb", "create-blocks-from", "openmetrics", "-q", longest, str(text), str(tsdb))


def _over(monitoring: ModuleType, folder: Path, tsdb: Path, past: Past) -> Any:
    folder.mkdir()
    return monitoring.Prometheus.start(folder, rules=(), tsdb=tsdb, lookback=past.step + timedelta(minutes=5))


def _ruled(
    prometheus: Any, rule: tuple[str, str, dict[str, str]], moments: list[datetime], step: timedelta
) -> Iterator[bytes]:
    """What a rule says at each moment. promtool would do it, but at moments of its own, between the samples."""
    name, expression, labels = rule
    span = {"start": f"{moments[0].timestamp():.0f}", "end": f"{moments[-1].timestamp():.0f}"}
    answer = prometheus.get("/api/v1/query_range", query=expression, step=f"{step.total_seconds():.0f}", **span)
    for series in answer["data"]["result"]:
        said = {key: value for key, value in series["metric"].items() if key != "__name__"} | labels
        who = ",".join(f'{key}="{quoted(label(value))}"' for key, value in said.items())
        for at, value in series["values"]:
            yield f"{name}{{{who}}} {value} {at:.3f}\n".encode()


def _alerts(rules: Path) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Every alert without its ``for``, as the series ``ALERTS``."""
    for path in sorted(rules.glob("*.yml")):
        for group in yaml.safe_load(path.read_text("utf-8"))["groups"]:
            for rule in group["rules"]:
                if "alert" in rule and rule["alert"] not in _OF_ITSELF:
                    labels = {"alertname": rule["alert"], "alertstate": "firing", **rule["labels"]}
                    yield "ALERTS", f"group without (__name__) ({rule['expr']})", labels


_OF_ITSELF = frozenset({"GuardianWatchdog", "GuardianHubDown", "GuardianScrapeMissing"})
"""These look at scrapes, and a past has none."""


def _of_processes(province: Province, past: Past) -> Iterator[bytes]:
    """What agents say of their own process: memory and processor that go up and down a little, few refusals."""
    for moment in past.moments(past.own):
        stamp = moment.timestamp()
        for number, host in enumerate(one for one in province.fleet(moment).hosts() if one.expected and one.status):
            who = f'tenant="{host.tenant}",region="{host.region}",host="{host.id}",job="guardian-agent"'
            wave = math.sin(stamp / 9000 + number)
            own = 4.4e7 + number % 7 * 1e6 + 2e6 * wave
            used = stamp % 1e6 * (0.004 + 0.001 * (number % 5)) + 20 * wave
            yield f"guardian_agent_resident_memory_bytes{{{who}}} {own:.0f} {stamp:.3f}\n".encode()
            yield f"guardian_agent_cpu_seconds_total{{{who}}} {used:.3f} {stamp:.3f}\n".encode()
            if number == 3:
                refused = max(0.0, stamp - past.end.timestamp() + 20000) / 600
                labels = f'{who},reason="unauthorized"'
                yield f"guardian_exporter_refused_total{{{labels}}} {refused:.0f} {stamp:.3f}\n".encode()
