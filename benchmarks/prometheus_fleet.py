"""A real Prometheus with Guardian's rules over a made-up fleet, for benchmarks: its configuration is the shipped one.

``exporters/prometheus/prometheus-fleet.yml`` with the addresses of this machine, no TLS and no agents to be scraped
themselves; the fleet is served by the real exporter in four shards, as it says there. Rules come in with :meth:`rules`.
"""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

import yaml
from fleet_endpoint import Served

from guardian.model.fleet_file import lines
from guardian.province import FAULTS, Province, Shape

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = ROOT / "exporters" / "prometheus"
PATIENCE = 300.0
"""Seconds that an answer or a start may take before it counts as none."""


def faulty(hosts: int, end: datetime) -> Province:
    """A province with every fault, whose history ends at ``end``."""
    shape = Shape(hosts=hosts)
    return Province(shape, tuple(FAULTS), origin=end - timedelta(days=shape.days))


def written(province: Province, path: Path) -> Path:
    """The file of the fleet at the end of its history."""
    with path.open("wb") as file:
        file.writelines(lines(province.fleet()))
    return path


class Prometheus:
    """One over ``folder``, in which ``data`` may hold blocks already. Use it as a context."""

    def __init__(self, folder: Path, fleet: Served) -> None:
        self.folder, self.data = folder, folder / "data"
        with socket.create_server(("127.0.0.1", 0)) as found:
            self.port: int = found.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.fleet = f"127.0.0.1:{fleet.port}"

    def __enter__(self) -> Self:
        program = shutil.which("prometheus")
        if program is None:
            raise SystemExit("no prometheus here (Debian package prometheus)")
        self._configure(rules=False)
        argv = [
            program, f"--config.file={self.folder / 'prometheus.yml'}", f"--storage.tsdb.path={self.data}",
            "--storage.tsdb.retention.time=60d", f"--web.listen-address={self.address}", "--log.level=warn",
        ]  # fmt: skip
        with (self.folder / "prometheus.log").open("wb") as log:
            self.process = subprocess.Popen(argv, cwd=self.folder, stdout=log, stderr=log)
        deadline = time.monotonic() + PATIENCE
        while not self._ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise OSError((self.folder / "prometheus.log").read_text("utf-8", "replace")[-2000:])
            time.sleep(0.2)
        return self

    def __exit__(self, *_error: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=PATIENCE)

    def _ready(self) -> bool:
        try:
            way = http.client.HTTPConnection(self.address, timeout=5)
            way.request("GET", "/-/ready")
            return way.getresponse().status == 200
        except OSError:
            return False

    def _configure(self, *, rules: bool) -> None:
        said = yaml.safe_load((SHIPPED / "prometheus-fleet.yml").read_text("utf-8"))
        said["rule_files"] = [str(SHIPPED / "rules" / "*.yml")] if rules else []
        del said["alerting"]  # nobody listens here; handing over is not what is measured
        jobs = {job["job_name"]: job for job in said["scrape_configs"] if job["job_name"] != "guardian-agents"}
        jobs["prometheus"]["static_configs"] = [{"targets": [self.address]}]
        fleet = jobs["guardian-fleet"]
        del fleet["tls_config"]
        fleet["scheme"] = "http"
        for relabel in fleet["relabel_configs"]:
            if relabel["target_label"] in ("__address__", "instance"):
                relabel["replacement"] = self.fleet
        said["scrape_configs"] = list(jobs.values())
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump(said, sort_keys=False), "utf-8")

    def rules(self) -> None:
        """Take in the shipped rules as they are now."""
        self._configure(rules=True)
        self.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + PATIENCE
        while not self.get("/api/v1/rules")["groups"]:
            if time.monotonic() > deadline:
                raise OSError("rules were not taken in: " + (self.folder / "prometheus.log").read_text("utf-8")[-2000:])
            time.sleep(0.5)

    def get(self, path: str, **parameters: str) -> Any:
        """The data of an answer. Raises OSError with what it says where it is not a good one."""
        body = urllib.parse.urlencode(parameters).encode()
        asked = f"http://{self.address}{path}"
        try:
            with urllib.request.urlopen(f"{asked}?{body.decode()}", timeout=PATIENCE) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise OSError(error.read().decode("utf-8", "replace")) from error

    def value(self, expression: str) -> float | None:
        """The only value that an expression comes to, None for none."""
        found = self.get("/api/v1/query", query=expression)["result"]
        return float(found[0]["value"][1]) if found else None

    def cpu(self) -> float:
        """Seconds of processor time that it has used."""
        words = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def resident(self, what: str = "VmRSS") -> int:
        """Bytes; ``VmHWM`` for the most ever."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(what):
                return int(line.split()[1]) << 10
        raise OSError(what)


def blocks(text: Iterator[bytes], folder: Path, data: Path) -> int:
    """Make blocks in ``data`` of series after series of an OpenMetrics text; how many samples there are."""
    count, path = 0, folder / "past.om"
    with path.open("wb") as file:
        for lines_ in text:
            file.write(lines_)
            count += lines_.count(b"\n")
        file.write(b"# EOF\n")
    argv = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "-q", "--max-block-duration=768h"]
    subprocess.run([*argv, str(path), str(data)], check=True, capture_output=True)
    path.unlink()
    return count
