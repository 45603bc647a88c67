"""A real Prometheus, a real Alertmanager, and somebody who is told: for rules, dashboards and proofs from end to end.

Everything listens on loopback and is stopped by its handle. The fixture ``monitoring`` (conftest) gives this module and
stops what a test starts::

    page = monitoring.Page(text)                         # something to scrape; page.text may be set anew
    told = monitoring.Receiver()                         # a webhook: told.notifications, told.wait(...)
    am = monitoring.Alertmanager.start(folder, told.configuration())
    prom = monitoring.Prometheus.start(folder, scrape={"guardian-agents": page.address}, alertmanager=am)
    prom.wait("guardian:plan_active")                    # until a query has an answer
    prom.query("guardian:rpo_used_ratio", at=…)

The rules are the real ones. ``hold`` shortens their ``for``, and how long a restart may take; ``hasten`` divides the
hours and days in them, so that a week of history takes less; ``every`` is the time between two looks. What a rule means
stays as it is.
"""

import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest
import yaml

from guardian.proc.command import Command
from guardian.proc.service import Service

ROOT = Path(__file__).resolve().parents[1]
RULES = ROOT / "exporters" / "prometheus" / "rules"
ALERTMANAGER = ROOT / "exporters" / "alertmanager"
PATIENCE = 60.0
"""Seconds until what is awaited must be there; a busy machine is slow."""


def program(name: str, package: str) -> str:
    """Where it is; a test without it is skipped, with the reason shown."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name} here (Debian package {package})")
    return found


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def until(fact: Callable[[], Any], what: str, why: Callable[[], object] = str) -> Any:
    """Ask again and again until ``fact`` is true, and return it; after :data:`PATIENCE` fail with ``why``."""
    deadline = time.monotonic() + PATIENCE
    while not (found := fact()):
        assert time.monotonic() < deadline, f"{what} did not come: {why()}"
        time.sleep(0.1)
    return found


class _Served(http.server.ThreadingHTTPServer):
    daemon_threads = True
    page: "Page"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Served
    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        """The page, whatever is asked for."""
        self.server.page.asked.append(self.path)
        body = self.server.page.text.encode()
        self.send_response(200)
        kind = "application/json" if self.server.page.text.startswith(("[", "{")) else "text/plain; version=0.0.4"
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        """A notification."""
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.page.changed:
            self.server.page.notifications.append(said)
            self.server.page.changed.notify_all()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.page.text.encode())

    def log_message(self, *_said: object) -> None:
        """Nothing."""


class Page:
    """Serves ``text`` to whoever asks, and notes the JSON that is posted to it."""

    started: ClassVar[list[Any]] = []
    """What is to be stopped at a test's end, the newest last."""

    def __init__(self, text: str = "") -> None:
        self.text = text
        self.asked: list[str] = []
        self.notifications: list[dict[str, Any]] = []
        self.changed = threading.Condition()
        self._server = _Served(("127.0.0.1", 0), _Handler)
        self._server.page = self
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        Page.started.append(self)

    @property
    def address(self) -> str:
        """``127.0.0.1:PORT``."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        """Serve no longer."""
        self._server.shutdown()
        self._server.server_close()


class Receiver(Page):
    """A webhook of Alertmanager."""

    def configuration(self) -> dict[str, Any]:
        """The smallest one that tells it of everything at once, grouped by nothing."""
        url = f"http://{self.address}/"
        times = {"group_wait": "1s", "group_interval": "1s", "repeat_interval": "1h"}
        route = {"receiver": "told", "group_by": ["..."], **times}
        return {"route": route, "receivers": [{"name": "told", "webhook_configs": [{"url": url}]}]}

    def alerts(self, status: str = "firing") -> list[dict[str, Any]]:
        """Every alert of every notification, in the order in which they came."""
        with self.changed:
            return [one for said in self.notifications for one in said.get("alerts", ()) if one["status"] == status]

    def wait(self, alertname: str, status: str = "firing") -> dict[str, Any]:
        """The first alert of this name and status, as soon as it comes."""

        def found() -> dict[str, Any] | None:
            return next((one for one in self.alerts(status) if one["labels"]["alertname"] == alertname), None)

        return until(found, f"{alertname} ({status})", lambda: [one["labels"] for one in self.alerts(status)])  # type: ignore[no-any-return]


class Program:
    """A server of the Prometheus family, on a port of loopback."""

    def __init__(self, argv: tuple[str, ...], folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.log = folder / f"{Path(argv[0]).name}.log"
        self.service = Service.start(Command(argv=argv, cwd=folder), self.log)
        Page.started.append(self)
        until(lambda: self._ready("/-/ready"), argv[0], lambda: self.service.last_lines(20))

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``."""
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, **parameters: str | list[str]) -> Any:
        """The JSON that an API says."""
        asked = f"{self.url}{path}?{urllib.parse.urlencode(parameters, doseq=True)}"
        try:
            with urllib.request.urlopen(asked, timeout=PATIENCE) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path} {parameters}: {error.read().decode('utf-8', 'replace')}") from error

    def stop(self) -> None:
        """End it."""
        self.service.stop()

    def _ready(self, path: str) -> bool:
        if self.service.returncode is not None:
            raise AssertionError(self.service.last_lines(20))
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


class Alertmanager(Program):
    """Alertmanager, alone."""

    @classmethod
    def start(cls, folder: Path, configuration: Mapping[str, Any] | Path, port: int | None = None) -> Self:
        """Start it over ``folder`` with a configuration, or the file of one; ``port``: that of one that was stopped."""
        found = program("prometheus-alertmanager", "prometheus-alertmanager")
        if not isinstance(configuration, Path):
            path = folder / "alertmanager.yml"
            path.write_text(yaml.safe_dump(dict(configuration), allow_unicode=True), "utf-8")
            configuration = path
        port = port or free_port()
        listen = (f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=")
        storage = f"--storage.path={folder / 'alertmanager-data'}"
        return cls((found, f"--config.file={configuration}", storage, *listen), folder, port)

    def post(self, alerts: Iterable[Mapping[str, Any]]) -> None:
        """Hand alerts in as Prometheus does: ``{"labels": {…}, "annotations": {…}}``."""
        body = json.dumps(list(alerts)).encode()
        request = urllib.request.Request(f"{self.url}/api/v2/alerts", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            assert answer.status == 200


class Prometheus(Program):
    """Prometheus with Guardian's rules."""

    @classmethod
    def start(
        cls, folder: Path, scrape: Mapping[str, str | Iterable[Mapping[str, Any]]] | None = None,
        alertmanager: Alertmanager | Iterable[Alertmanager] = (), *, hold: str | None = "1s", every: str = "1s",
        rules: Iterable[str] = ("*.yml",), tsdb: Path | None = None, hasten: int = 1,
        lookback: timedelta = timedelta(minutes=5), instead: Mapping[str, str] | None = None,
    ) -> Self:  # fmt: skip
        """Start it over ``folder``.

        ``scrape``: job → an address, or ``static_configs``. ``tsdb``: a folder of blocks (:func:`filled`) that becomes
        its storage. ``rules``: which files of rules; ``hold``: their ``for``, None for the real ones, which a
        past that has ended needs, since of ten seconds nothing is left soon; ``hasten``: how
        many times faster their hours and days go by; ``instead``: other times that they name, and what is put in
        their place; ``lookback``: for how long a sample holds, Prometheus' own five minutes unless a past has fewer.
        A job ``prometheus`` without an address is this Prometheus itself.
        """
        found, port = program("prometheus", "prometheus"), free_port()
        used = shortened(folder / "rules", hold, rules, hasten)
        for path in used.iterdir():
            for written, shorter in (instead or {}).items():
                path.write_text(path.read_text("utf-8").replace(written, shorter), "utf-8")
        jobs = [
            {"job_name": job, "honor_labels": True, "static_configs": _static(targets or f"127.0.0.1:{port}")}
            for job, targets in (scrape or {}).items()
        ]
        said: dict[str, Any] = {
            "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
            "rule_files": [f"{used}/*.yml"],
            "scrape_configs": jobs,
        }
        managers = (alertmanager,) if isinstance(alertmanager, Alertmanager) else tuple(alertmanager)
        if managers:
            where = [{"targets": [f"127.0.0.1:{one.port}" for one in managers]}]
            said["alerting"] = {"alertmanagers": [{"static_configs": where}]}
        path = folder / "prometheus.yml"
        path.write_text(yaml.safe_dump(said, sort_keys=False), "utf-8")
        options = (
            f"--config.file={path}", f"--storage.tsdb.path={tsdb or folder / 'tsdb'}",
            "--storage.tsdb.retention.time=10y", f"--web.listen-address=127.0.0.1:{port}",
            f"--query.lookback-delta={lookback.total_seconds():.0f}s",
            "--rules.alert.resend-delay=1s", "--log.level=warn",
        )  # fmt: skip
        return cls((found, *options), folder, port)

    def query(self, expression: str, at: float | None = None) -> list[dict[str, Any]]:
        """What an expression comes to: ``[{"metric": {…}, "value": (time, text)}, …]``. A bad one fails."""
        moment = {} if at is None else {"time": f"{at:.3f}"}
        answer = self.get("/api/v1/query", query=expression, **moment)
        assert answer["status"] == "success", answer
        result = answer["data"]["result"]
        if answer["data"]["resultType"] == "scalar":
            return [{"metric": {}, "value": result}]
        return result  # type: ignore[no-any-return]

    def wait(self, expression: str) -> list[dict[str, Any]]:
        """The answer, as soon as there is one."""
        return until(lambda: self.query(expression), expression, lambda: (self.targets(), self.service.last_lines(5)))  # type: ignore[no-any-return]

    def reload(self) -> None:
        """Have it read its files anew: ``prometheus.yml`` and ``rules`` in its folder."""
        os.kill(self.service.pid, signal.SIGHUP)

    def targets(self) -> list[tuple[str, str]]:
        """Health of every target, and why it is not well."""
        found = self.get("/api/v1/targets")["data"]["activeTargets"]
        return [(one["health"], one["lastError"]) for one in found]

    def alerts(self, state: str = "firing") -> list[dict[str, Any]]:
        """Alerts as rendered: labels and annotations."""
        return [one for one in self.get("/api/v1/alerts")["data"]["alerts"] if one["state"] == state]

    def rules(self) -> list[dict[str, Any]]:
        """Every rule with how it went: ``health``, ``lastError``, ``evaluationTime``."""
        groups = self.get("/api/v1/rules")["data"]["groups"]
        return [{**rule, "group": group["name"]} for group in groups for rule in group["rules"]]


def _static(targets: str | Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{"targets": [targets]}] if isinstance(targets, str) else [dict(one) for one in targets]


def shortened(folder: Path, hold: str | None, names: Iterable[str] = ("*.yml",), hasten: int = 1) -> Path:
    """The rule files in ``folder``, with ``hold`` in place of every ``for``, ten seconds for a restart, and no
    group that is looked at more seldom than the others.

    Their hours and days are divided by ``hasten``: of 360, an hour takes ten seconds and a day four minutes.
    """
    folder.mkdir(exist_ok=True)
    for path in sorted({path for name in names for path in RULES.glob(name)}):
        text = path.read_text("utf-8")
        if hold is not None:
            text = re.sub(r"(?m)^(\s+for:).*$", rf"\1 {hold}", text)
            text = re.sub(r"(?m)^\s+interval:.*\n", "", text.replace("[10m]", "[10s]"))
        (folder / path.name).write_text(hastened(text, hasten), "utf-8")
    return folder


def hastened(text: str, times: int) -> str:
    """Rules in which every span and every product of hours and days (``[2h]``, ``7 * 86400``) is ``times`` shorter."""
    if times == 1:
        return text
    spans = {"h": 3600, "d": 86400}
    text = re.sub(r"(\[|offset )(\d+)([hd])", lambda m: f"{m[1]}{max(1, int(m[2]) * spans[m[3]] // times)}s", text)
    return re.sub(r"\b(?:(\d+) \* )?(3600|86400)\b", lambda m: f"{int(m[1] or 1) * int(m[2]) / times:g}", text)


def promtool(*words: str, cwd: Path | None = None, good: bool = True) -> str:
    """What ``promtool`` says; with ``good`` it must end well."""
    done = subprocess.run(
        [program("promtool", "prometheus"), *words], cwd=cwd, capture_output=True, text=True, timeout=600, check=False
    )
    assert not good or done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def filled(folder: Path, openmetrics: Path) -> Path:
    """Blocks made of a text with times (guardian_exporters.history): ready to be a Prometheus' storage."""
    promtool("tsdb", "create-blocks-from", "openmetrics", "-q", str(openmetrics), str(folder))
    return folder


def recorded(prometheus: Prometheus, tsdb: Path, start: float, end: float, every: str = "5m") -> None:
    """Add to ``tsdb`` what the recording rules would have said from ``start`` to ``end`` (seconds since 1970).

    ``prometheus`` runs over the raw samples; start another over ``tsdb`` afterwards. Rules are written out into each
    other first: promtool knows nothing of what another rule of the same pass records.
    """
    rules = prometheus.folder / "recording.yml"
    said = [{"record": name, "expr": expression} for name, expression in expanded().items()]
    group = {"name": "recorded", "interval": every, "rules": said}
    rules.write_text(yaml.safe_dump({"groups": [group]}), "utf-8")
    span = (f"--start={start:.0f}", f"--end={end:.0f}")
    argv = ("--url", prometheus.url, f"--eval-interval={every}", f"--output-dir={tsdb}", str(rules))
    promtool("tsdb", "create-blocks-from", "rules", *span, *argv)


def expanded() -> dict[str, str]:
    """Every recording rule with those that it uses written out."""
    found: dict[str, str] = {}
    for path in sorted(RULES.glob("*-recording.yml"), reverse=True):  # hosts before fleets
        for group in yaml.safe_load(path.read_text("utf-8"))["groups"]:
            for rule in group["rules"]:
                found[rule["record"]] = written_out(rule["expr"], found).strip()
    return found


def written_out(expression: str, rules: Mapping[str, str]) -> str:
    """``expression`` with what rules record written out; of a choice of series within that (``{...}``) nothing is left.

    A window becomes that many looks at the rule, five minutes apart; the one that spans a restart is the rule as it is.
    """
    recorded = r"(guardian:[a-z0-9_:]+)(?:\{[^}]*\})?"
    expression = re.sub(rf"last_over_time\({recorded}\[10m\]\)", lambda m: f"({rules[m[1]]})", expression)
    return re.sub(
        rf"{recorded}(?:\[(\w+)\])?", lambda m: f"({rules[m[1]]})" + (f"[{m[2]}:5m]" if m[2] else ""), expression
    )
