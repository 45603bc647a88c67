"""The page of a fleet: our text against prometheus_client's of the same series, and the exporter under scrapes.

    python benchmarks/fleet_endpoint.py [--hosts 10000] [--turns 3] [--chart FILE.svg]

A made-up province with every fault is the data (three plans a host). **A** is the page that ``guardian-exporter
--fleet`` serves, put together from what it keeps ready; **B** is ``prometheus_client.generate_latest`` of a collector
that holds the very same series. By turns in one process, processor time, medians; both once plain and once with gzip.
Then the exporter itself: resident memory above an exporter of an empty fleet, the time of a scrape over loopback with
gzip, for growing fleets. Last, the page of one host as its agent makes it. Ends with 1 when a figure is over its bound.
"""

import argparse
import gc
import gzip
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Self

from prometheus_client import Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import CollectorRegistry

from guardian.clock import SystemClock
from guardian.model.fleet import FleetHost
from guardian.model.fleet_file import FleetLines, lines
from guardian.province import Province, Shape
from guardian_exporters import catalogue, fleet_page
from guardian_exporters.exposition import Exporter
from guardian_exporters.family import IDENTITY
from guardian_exporters.fleet_page import FleetPage, made_of

FASTER, MEMORY, SCRAPE, HOST_PAGE, LINEAR = 8.0, 150 << 20, 1.0, 0.010, 1.5
EXPORTER = [sys.executable, "-c", "from guardian.cli.exporter import main; main()", "--lang", "en"]
Figures = dict[str, float]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=10_000)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--chart", type=Path, default=None, help="draw scrapes and memory by hosts into this file")
    parser.add_argument("--texts", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.texts:
        print(json.dumps(texts(asked.texts, asked.turns)))
        return 0
    with tempfile.TemporaryDirectory(prefix="guardian-fleet-") as folder:
        return measure(Path(folder), asked)


def measure(folder: Path, asked: argparse.Namespace) -> int:
    empty = written(folder / "empty.jsonl", 0)
    with Served(empty) as idle:
        base = idle.resident()
    print(f"an exporter of no hosts: {base >> 20} MiB resident", flush=True)
    served: dict[int, Figures] = {}
    for hosts in sorted({asked.hosts // 10, asked.hosts // 4, asked.hosts // 2, asked.hosts}):
        path = written(folder / f"{hosts}.jsonl", hosts)
        served[hosts] = scraped(path, hosts, base, asked.turns)
        told = served[hosts]
        print(
            f"{hosts:6} hosts, {told['series']:9,.0f} series: scrape {told['wall']:.2f} s wall, {told['cpu']:.2f} s of "
            f"processor time, {told['packed'] / 2**20:.1f} MiB; taken in within {told['fill']:.1f} s; "
            f"{told['memory'] / 2**20:.0f} MiB above idle at most",
            flush=True,
        )
    print(f"\nA against B at {asked.hosts} hosts, processor time of one core, medians of {asked.turns} turns:")
    command = [sys.executable, __file__, "--texts", str(folder / f"{asked.hosts}.jsonl"), "--turns", str(asked.turns)]
    both = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    for kind in ("plain", "gzip"):
        a, b = both[f"a_{kind}"], both[f"b_{kind}"]
        print(f"  {kind:5}  A {a:6.2f} s   B {b:6.2f} s   B / A {b / a:5.1f}")
    print(f"  B makes {both['b_memory'] / 2**20:.0f} MiB of garbage a scrape, A {both['a_memory'] / 2**20:.0f} MiB")
    host = host_page(asked.turns)
    print(f"\nthe page of one host ({host['series']:.0f} series): {host['plain'] * 1000:.1f} ms, as OpenMetrics "
          f"{host['openmetrics'] * 1000:.1f} ms")  # fmt: skip
    if asked.chart:
        asked.chart.write_text(chart(served), "utf-8")
    return judge(served, both, host)


def judge(served: dict[int, Figures], both: Figures, host: Figures) -> int:
    largest, smallest = served[max(served)], served[min(served)]
    growth = (largest["cpu"] / max(served)) / (smallest["cpu"] / min(served))
    checks = (
        ("A is faster than B, times", both["b_plain"] / both["a_plain"], FASTER, "least"),
        ("memory above idle, MiB", largest["memory"] / 2**20, MEMORY / 2**20, "most"),
        ("scrape with gzip, seconds", largest["wall"], SCRAPE, "most"),
        ("processor time a host, largest to smallest fleet", growth, LINEAR, "most"),
        ("page of one host, seconds", max(host["plain"], host["openmetrics"]), HOST_PAGE, "most"),
    )
    bad = 0
    print()
    for name, found, bound, way in checks:
        good = found >= bound if way == "least" else found <= bound
        bad += not good
        print(f"{'ok ' if good else 'BAD'} {name}: {found:.3f} (at {way} {bound:g})")
    return int(bad > 0)


def written(path: Path, hosts: int) -> Path:
    with path.open("wb") as file:
        file.writelines(lines(Province(Shape(hosts=max(hosts, 1))).fleet()) if hosts else _nobody())
    return path


def _nobody() -> Iterator[bytes]:
    province = Province(Shape(hosts=1))
    head = next(lines(province.fleet()))
    yield head
    yield b'{"end":0}\n'


# the exporter


class Served:
    """An exporter process that serves the fleet at ``path``."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Self:
        with socket.create_server(("127.0.0.1", 0)) as found:
            self.port = found.getsockname()[1]
        self.begun = time.monotonic()
        self.process = subprocess.Popen(
            [*EXPORTER, "--fleet", str(self.path), "--listen", f"127.0.0.1:{self.port}"],
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stderr is not None
        next(line for line in self.process.stderr if "serving" in line)
        while b"guardian_fleet_complete 1" not in self.page("/metrics?shard=1/64"):
            time.sleep(0.2)
        self.fill = time.monotonic() - self.begun
        return self

    def __exit__(self, *_error: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=60)

    def packed(self, path: str = "/metrics") -> bytes:
        way = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        way.request("GET", path, headers={"Accept-Encoding": "gzip"})
        body = way.getresponse().read()
        way.close()
        return body

    def page(self, path: str) -> bytes:
        return gzip.decompress(self.packed(path))

    def resident(self, what: str = "VmRSS") -> int:
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(what):
                return int(line.split()[1]) << 10
        raise OSError(what)

    def cpu(self) -> float:
        words = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def scraped(path: Path, hosts: int, base: int, turns: int) -> Figures:
    with Served(path) as served:
        walls, cpus, size = [], [], 0
        for _turn in range(turns):
            time.sleep(5.5)  # a page is said again for five seconds
            before, begun = served.cpu(), time.monotonic()
            size = len(served.packed())
            walls.append(time.monotonic() - begun)
            cpus.append(served.cpu() - before)
        text = served.page("/metrics")
        series = next(line for line in text.split(b"\n") if line.startswith(b"guardian_fleet_series "))
        assert text.count(b"\nguardian_host_expected{") == hosts
        return {
            "wall": statistics.median(walls),
            "cpu": statistics.median(cpus),
            "packed": float(size),
            "series": float(series.split()[1]),
            "memory": float(served.resident("VmHWM") - base),
            "fill": served.fill,
        }


# the texts


class Series:
    """A collector of prometheus_client that holds the series of a fleet, ready to be said."""

    def __init__(self, hosts: Iterator[FleetHost]) -> None:
        self.held: dict[str, list[tuple[dict[str, str], float]]] = {}
        for host in hosts:
            who = dict(zip(IDENTITY, (host.tenant, host.region or "", host.id), strict=True))
            for name, series in made_of(host)[0].items():
                labels = catalogue.BY_NAME[name].labels
                held = self.held.setdefault(name, [])
                held += [({**who, **dict(zip(labels, values, strict=True))}, value) for values, value in series.items()]

    def collect(self) -> Iterator[Metric]:
        for family in fleet_page.SERVED:
            if family.name in self.held:
                metric = Metric(family.stem, family.en, family.kind, family.unit)
                for labels, value in self.held[family.name]:
                    metric.add_sample(family.name, labels, value)
                yield metric


def texts(path: Path, turns: int) -> Figures:
    page = FleetPage(SystemClock())
    with path.open("rb") as file:
        for host in FleetLines(file).hosts():
            page.put(host)
    with path.open("rb") as file:
        collector = Series(FleetLines(file).hosts())
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)  # type: ignore[arg-type]
    gc.collect()
    gc.freeze()
    ways: dict[str, Callable[[], int]] = {
        "a_plain": lambda: sum(map(len, page.parts())),
        "b_plain": lambda: len(generate_latest(registry)),
        "a_gzip": lambda: len(page.gzip()),
        "b_gzip": lambda: len(gzip.compress(generate_latest(registry), 1)),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    more: dict[str, float] = {}
    for _turn in range(turns):
        for name, way in ways.items():
            before, begun = _high(), time.process_time()
            way()
            taken[name].append(time.process_time() - begun)
            if name.endswith("plain"):
                more.setdefault(f"{name[0]}_memory", float(_high() - before))
    ours = b"".join(list(page.parts())[1:])
    assert ours == generate_latest(registry), "A and B do not say the same"
    return {name: statistics.median(times) for name, times in taken.items()} | more


def _high() -> int:
    """The most this process ever held; what a text needs at its peak shows as growth the first time."""
    text = Path("/proc/self/status").read_text()
    return int(text.split("VmHWM:")[1].split()[0]) << 10


def host_page(turns: int) -> Figures:
    province = Province(Shape(hosts=3, sources=3))
    status = next(province.hosts(province.end - timedelta(days=1))).status
    assert status is not None
    exporter, found = Exporter(SystemClock()), {}
    for openmetrics, name in ((False, "plain"), (True, "openmetrics")):
        times = []
        for _turn in range(50 * turns):
            begun = time.perf_counter()
            text = exporter.text(status, openmetrics=openmetrics)
            times.append(time.perf_counter() - begun)
        found[name] = statistics.median(times)
    return found | {"series": float(sum(not line.startswith(b"#") for line in text.splitlines()))}


# the chart


def chart(served: dict[int, Figures]) -> str:
    """Two small charts beside each other, with the bound of each."""
    panels = (("scrape with gzip, s", "wall", 1.0, SCRAPE), ("memory above idle, MiB", "memory", 2**20, MEMORY / 2**20))
    width, height, left, bottom = 360, 260, 46, 40
    body = []
    for at, (title, name, unit, bound) in enumerate(panels):
        x0 = at * (width + 20)
        top = max(bound, *(figures[name] / unit for figures in served.values())) * 1.15

        def place(hosts: float, value: float, x0: int = x0, top: float = top) -> tuple[float, float]:
            x = x0 + left + hosts / max(served) * (width - left - 16)
            return round(x, 1), round(height - bottom - value / top * (height - bottom - 30), 1)

        points = [place(hosts, figures[name] / unit) for hosts, figures in served.items()]
        line = " ".join(f"{x},{y}" for x, y in (place(0, 0), *points))
        edge = place(0, bound)[1]
        body.append(f'<text x="{x0 + left}" y="16" font-weight="bold">{title}</text>')
        body.append(f'<line x1="{x0 + left}" x2="{x0 + width - 16}" y1="{edge}" y2="{edge}" class="bound"/>')
        body.append(f'<text x="{x0 + left + 4}" y="{edge - 4}" class="note">bound {bound:g}</text>')
        body.append(f'<polyline points="{line}"/>')
        for (x, y), (hosts, figures) in zip(points, served.items(), strict=True):
            body.append(f'<circle cx="{x}" cy="{y}" r="3"/>')
            body.append(f'<text x="{x}" y="{y - 8}" text-anchor="middle">{figures[name] / unit:.3g}</text>')
            body.append(f'<text x="{x}" y="{height - bottom + 18}" text-anchor="middle" class="note">{hosts:,}</text>')
        body.append(f'<line x1="{x0 + left}" x2="{x0 + width - 16}" y1="{height - bottom}" y2="{height - bottom}"/>')
        body.append(f'<text x="{x0 + left}" y="{height - 4}" class="note">hosts, 3 plans each</text>')
    style = (
        "text{font:12px sans-serif;fill:#333}.note{fill:#777;font-size:11px}line{stroke:#999}"
        ".bound{stroke:#c33;stroke-dasharray:4 3}polyline{fill:none;stroke:#2464a8;stroke-width:2}circle{fill:#2464a8}"
    )
    size = f'viewBox="0 0 {2 * width + 20} {height}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{style}</style>{"".join(body)}</svg>\n'


if __name__ == "__main__":
    sys.exit(main())
