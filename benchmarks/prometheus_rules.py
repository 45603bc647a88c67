"""Guardian's rules and dashboards on a real Prometheus over a whole province: what they cost.

    python benchmarks/prometheus_rules.py [--hosts 10000] [--warm 11] [--minutes 4] [--turns 3] [--top 15]

A made-up province with every fault (three plans a host) is served by the real exporter in four shards and scraped every
minute by the real Prometheus, with the configuration that ships. After ``--warm`` minutes, when every window of ten
minutes is full, rules are taken in; after a pause their groups are asked for ``--minutes`` how long they took:

- **rules**: seconds a minute, the mean evaluation of each group × 60 / its interval. Groups with a longer interval than
  a minute are evaluated by hand, as queries that count what comes out. And processor time: what Prometheus used a
  minute with rules, less what it used without; garbage collection is in it, which the clock of a rule does not show.
- **dashboards**: every query of every panel as Grafana asks it (as many points as the panel is wide, over the
  dashboard's own time range), with everything chosen that can be chosen at once and otherwise the tenant, region and
  system with most plans; then with that tenant alone. Time until the answer is read, medians of ``--turns``, and the
  processor time that Prometheus used for it, its share in scrapes and rules meanwhile included. Choices at the top too.

Rules of whole days and dashboards of weeks need a past. What ``guardian-host-recording-days`` and
``guardian-host-trends`` record is written out as blocks (prometheus_past.py) for the fleet of today: what rules look
back on at their own interval, what dashboards draw at each point that they ask for.

**Not covered:** a Prometheus that ran for a month holds up to 15 samples between two of these points, which are decoded
and passed over; raw series go back to the start of the run alone, which matters to dashboards of one host; agents that
are scraped themselves, beside the hub's page, are not in it.

Needs 6 GB of memory, 3 of disk and about half an hour. Ends with 1 when a figure is over its bound.
"""

import argparse
import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import yaml
from fleet_endpoint import Served
from prometheus_fleet import ROOT, SHIPPED, Prometheus, blocks, faulty, written
from prometheus_past import past

RULES, QUERY = 8.0, 2.0
"""Budgets: seconds a minute of all rules together, and seconds of any query of a dashboard."""
PIXELS = 1600 / 24
"""Of a column of a dashboard on a wide screen; Grafana asks for as many points as a panel has pixels."""
ROUND = (15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
"""Steps in seconds that Grafana rounds to."""
SCRAPE = 60
Choice = dict[str, str]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=10_000)
    parser.add_argument("--warm", type=float, default=11.0, help="minutes of scraping before rules")
    parser.add_argument("--minutes", type=float, default=4.0, help="minutes of rules")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--top", type=int, default=15, help="so many rules and queries are listed")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="guardian-prometheus-") as folder:
        return measure(Path(folder), asked)


def measure(folder: Path, asked: argparse.Namespace) -> int:
    # The state is written once. It is of the end of warming up, so that no host falls silent while it is measured.
    end = datetime.now(UTC) + timedelta(minutes=asked.warm + 1)
    province = faulty(asked.hosts, end)
    samples = blocks(past(province, time.time()), folder, folder / "data")
    print(f"{asked.hosts} hosts; {samples:,} samples of the past", flush=True)
    with Served(written(province, folder / "fleet.jsonl")) as fleet, Prometheus(folder, fleet) as prometheus:
        time.sleep(asked.warm * 60 / 2)
        idle, begun = prometheus.cpu(), time.monotonic()
        time.sleep(asked.warm * 60 / 2)
        idle = (prometheus.cpu() - idle) * 60 / (time.monotonic() - begun)
        prometheus.rules()
        time.sleep(90)  # the first evaluations have nothing yet of what others record
        told = rules(prometheus, asked.minutes)
        series = prometheus.value("prometheus_tsdb_head_series") or 0
        print(f"{series:,.0f} series in memory, {prometheus.resident() / 2**30:.1f} GiB resident; "
              f"{idle:.1f} s a minute of processor time for scraping alone")  # fmt: skip
        wall, cpu = report(told, idle, asked.top)
        slowest = dashboards(prometheus, asked)
        print(f"\n{prometheus.resident('VmHWM') / 2**30:.1f} GiB resident at most")
    return judge((("rules, seconds a minute", wall, RULES), ("rules, processor seconds a minute", cpu, RULES),
                  ("slowest query of a dashboard, seconds", slowest, QUERY)))  # fmt: skip


def judge(figures: tuple[tuple[str, float, float], ...]) -> int:
    print()
    for name, found, bound in figures:
        print(f"{'ok ' if found <= bound else 'BAD'} {name}: {found:.2f} (at most {bound:g})")
    return int(any(not found <= bound for _name, found, bound in figures))


# rules


@dataclass
class Told:
    """Seconds a minute by group and by rule, and of processor time in all (with scraping)."""

    groups: dict[str, float]
    rules: dict[tuple[str, str], float]
    cpu: float
    by_hand: set[str]


def rules(prometheus: Prometheus, minutes: float) -> Told:
    """Listen to the evaluations of so many minutes."""
    groups: dict[str, dict[str, float]] = {}
    one: dict[tuple[str, str], dict[str, float]] = {}
    intervals: dict[str, float] = {}
    before, begun = prometheus.cpu(), time.monotonic()
    while time.monotonic() < begun + minutes * 60:
        time.sleep(10)
        for group in prometheus.get("/api/v1/rules")["groups"]:
            intervals[group["name"]] = group["interval"]
            # Of an evaluation the end counts: the same time is the same one.
            groups.setdefault(group["name"], {})[group["lastEvaluation"]] = group["evaluationTime"]
            for rule in group["rules"]:
                if rule["health"] == "err":
                    raise OSError(f"{rule['name']}: {rule['lastError']}")
                one.setdefault((group["name"], rule["name"]), {})[group["lastEvaluation"]] = rule["evaluationTime"]
    cpu = (prometheus.cpu() - before) * 60 / (time.monotonic() - begun)
    seldom = {name for name, interval in intervals.items() if interval > SCRAPE}
    times = {key: statistics.mean(found.values()) for key, found in one.items()}
    times |= by_hand(prometheus, seldom)
    a_minute = {key: spent * 60 / intervals[key[0]] for key, spent in times.items()}
    whole = {name: statistics.mean(found.values()) for name, found in groups.items() if name not in seldom}
    whole |= {name: sum(spent for (group, _), spent in a_minute.items() if group == name) for name in seldom}
    return Told(whole, a_minute, cpu, seldom)


def by_hand(prometheus: Prometheus, names: set[str]) -> dict[tuple[str, str], float]:
    """Seconds of each rule of groups that are evaluated seldom: asked as a query that counts what comes out."""
    found = {}
    for path in sorted((SHIPPED / "rules").glob("*.yml")):
        for group in yaml.safe_load(path.read_text("utf-8"))["groups"]:
            for rule in group["rules"] if group["name"] in names else ():
                begun = time.monotonic()
                prometheus.get("/api/v1/query", query=f"count({rule['expr']})")
                found[group["name"], rule.get("record") or rule["alert"]] = time.monotonic() - begun
    return found


def report(told: Told, idle: float, top: int) -> tuple[float, float]:
    print("\nrules, seconds a minute by the clock:")
    for name, spent in sorted(told.groups.items(), key=lambda one: -one[1]):
        print(f"  {spent:7.3f}  {name}{' (by hand)' if name in told.by_hand else ''}")
    print("the heaviest:")
    for (group, name), spent in sorted(told.rules.items(), key=lambda one: -one[1])[:top]:
        print(f"  {spent:7.3f}  {name} ({group})")
    wall, cpu = sum(told.groups.values()), told.cpu - idle
    print(f"all {len(told.rules)} rules: {wall:.2f} s a minute by the clock, {cpu:.2f} s of processor time")
    return wall, cpu


# dashboards


@dataclass(frozen=True)
class Asked:
    """One question of a dashboard. ``step`` 0 for one moment."""

    where: str
    expr: str
    seconds: float
    step: int


def dashboards(prometheus: Prometheus, asked: argparse.Namespace) -> float:
    """Seconds of the slowest query of all dashboards."""
    found: dict[Asked, tuple[float, float]] = {}
    for path in sorted((ROOT / "exporters" / "grafana" / "en").glob("*.json")):
        board = json.loads(path.read_text("utf-8"))
        for choice in choices(prometheus, board):
            for question in questions(board, choice):
                if question not in found:
                    taken = [ask(prometheus, question) for _ in range(asked.turns)]
                    found[question] = (statistics.median(t[0] for t in taken), statistics.median(t[1] for t in taken))
    walls = [wall for wall, _cpu in found.values()]
    print(f"\ndashboards: {len(found)} queries, median {statistics.median(walls):.3f} s; the slowest:")
    for question, (wall, cpu) in sorted(found.items(), key=lambda one: -one[1][0])[: asked.top]:
        points = f"{question.seconds / question.step:.0f} points" if question.step else "one moment"
        print(f"  {wall:6.2f} s, {cpu:6.2f} s of processor time  {question.where} ({points}): {question.expr}")
    return max(walls)


def ask(prometheus: Prometheus, question: Asked) -> tuple[float, float]:
    """Seconds until the answer was there and read, and of processor time; endless where there is none."""
    begun, before, now = time.monotonic(), prometheus.cpu(), time.time()
    try:
        if question.expr.startswith("label_values("):
            match, label = re.fullmatch(r"label_values\((.*), (\w+)\)", question.expr).groups()  # type: ignore[union-attr]
            span = {"start": f"{now - question.seconds:.0f}", "end": f"{now:.0f}"}
            prometheus.get(f"/api/v1/label/{label}/values", **{"match[]": match}, **span)
        elif question.step:
            end = now // question.step * question.step
            span = {"start": f"{end - question.seconds:.0f}", "end": f"{end:.0f}", "step": str(question.step)}
            prometheus.get("/api/v1/query_range", query=question.expr, **span)
        else:
            prometheus.get("/api/v1/query", query=question.expr, time=f"{now:.3f}")
    except OSError as error:
        print(f"  {question.where}: {question.expr}: {error}", file=sys.stderr)
        return float("inf"), float("inf")
    return time.monotonic() - begun, prometheus.cpu() - before


def choices(prometheus: Prometheus, board: dict) -> Iterator[Choice]:  # type: ignore[type-arg]
    """What may be chosen at the top: all where that can be, and what has most plans."""
    largest: Choice = {}
    for label in ("tenant", "region", "system", "host"):
        within = f'{{tenant="{largest["tenant"]}"}}' if label in ("system", "host") else ""
        query = f"topk(1, count by ({label}) (guardian:plan_active{within}))"
        largest[label] = prometheus.get("/api/v1/query", query=query)["result"][0]["metric"][label]
    variables = [one for one in board["templating"]["list"] if one["type"] == "query"]
    yield {one["name"]: ".*" if one.get("includeAll") else largest[one["name"]] for one in variables}
    if any(one.get("includeAll") for one in variables):
        yield {one["name"]: largest["tenant"] if one["name"] == "tenant" else ".*" for one in variables}


def questions(board: dict, choice: Choice) -> Iterator[Asked]:  # type: ignore[type-arg]
    """What Grafana asks to fill a dashboard."""
    hours = int(re.fullmatch(r"now-(\d+)h", board["time"]["from"])[1])  # type: ignore[index]
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            yield Asked(
                f"{board['title']}, choice of {variable['name']}", chosen(variable["query"], choice), hours * 3600, 0
            )
    for panel in board["panels"]:
        seconds = hours * 3600
        wanted = max(seconds / (panel["gridPos"]["w"] * PIXELS), SCRAPE, 60 * int((panel.get("interval") or "0m")[:-1]))
        step = next(one for one in ROUND if one >= wanted * 0.75 and one >= SCRAPE)
        for target in panel.get("targets", ()):
            expr = chosen(target["expr"], choice).replace("$__rate_interval", f"{max(step + SCRAPE, 4 * SCRAPE)}s")
            expr = expr.replace("$__range", f"{seconds}s")
            yield Asked(f"{board['title']} / {panel['title']}", expr, seconds, step if target.get("range") else 0)


def chosen(expr: str, choice: Choice) -> str:
    for name, value in choice.items():
        expr = re.sub(rf"\${name}\b", value, expr)
    return expr


if __name__ == "__main__":
    sys.exit(main())
