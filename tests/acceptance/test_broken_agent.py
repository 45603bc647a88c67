"""Break agents, and what watches them, and see who is told: five agents, Prometheus, two Alertmanagers, a webhook.

The rules are the shipped ones. Of them only times are shortened: ``for``, for how long a value outlives a restart, and
what is in ``SHORTER``. Everything is broken before anybody waits; then everything is mended, and the alerts must end.
"""

import contextlib
import functools
import http.server
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from tests.acceptance.neglected import module

pytestmark = pytest.mark.slow

HOSTS = ("busy", "frozen", "ticking", "gone", "small")
WHERE = {"tenant": "agency", "region": "520000"}
SHORTER = {"> 3 * 86400": "> 20", "* 0 + 900": "* 0 + 25", "[15m]": "[15s]"}
"""Three days without an entry, a quarter of an hour without news or in which something was refused."""
LOOKS = {"WATCHDOG_USEC": "15000000"}
"""A service manager that watches an agent has it look every five seconds, and not every minute."""
SET = """\
# The clock of Guardian is moved by as many seconds as stand in a file: nobody may move that of the machine.
from datetime import timedelta
from pathlib import Path
from guardian.clock import SystemClock
real = SystemClock.now
SystemClock.now = lambda self: real(self) + timedelta(seconds=int(Path({file!r}).read_text()))
"""
MANY = """
groups:
  - name: guardian-local
    rules: [{record: "local:twice", expr: up * on () up}]
"""
"""A rule that promtool finds nothing wrong with, and that fails as soon as there are two targets."""
DISK = 'cp -a "$1" "$1.kept" && mount -t tmpfs -o size=100m t "$1" && cp -a "$1.kept/." "$1" && shift && exec "$@"'


def _by_namespace() -> tuple[str, ...]:
    """What starts a program with mounts of its own; nothing where that is not allowed."""
    by = ("unshare", *(() if os.geteuid() == 0 else ("-r",)), "-m")
    tried = subprocess.run([*by, "mount", "-t", "tmpfs", "t", "/mnt"], capture_output=True, check=False)
    return by if tried.returncode == 0 else ()


class Watched:
    """The agents, those who watch them, and what is done to both."""

    def __init__(self, folder: Path, base: Any, tools: tuple[ModuleType, ModuleType, ModuleType]) -> None:
        self.agents, self.sites, self.monitoring = tools
        self.folder, self.by = folder, _by_namespace()
        self.hosts = HOSTS if self.by else HOSTS[:-1]
        self.ports = {host: self.monitoring.free_port() for host in (*self.hosts, "exporter")}
        self.site = {host: self.sites.copy(base, folder / host) for host in self.hosts}
        self.held = contextlib.ExitStack()
        self.running: dict[str, Any] = {}

    def begin(self) -> None:
        """Start everything; returns once everybody is well, and seen."""
        for host in self.hosts:
            self.running[host] = self._agent(host)
        self._exporter()
        self.told = self.monitoring.Receiver()
        managers = [self._manager(name) for name in ("first", "second")]
        self.second = managers[1]
        watch = self.folder / "watch"
        watch.mkdir()
        self.prometheus = self.monitoring.Prometheus.start(
            watch, self._scraped(), managers, rules=("host-*.yml", "watchdog.yml"), instead=SHORTER
        )
        for running in self.running.values():
            running.heard("the agent has started")
        seen = "count by (host) (guardian_agent_status_timestamp_seconds)"
        self.prometheus.wait(f"count({seen}) == {len(self.hosts)}")
        self.prometheus.wait(
            f'guardian_exporter_collector_success{{instance="127.0.0.1:{self.ports["exporter"]}"}} == 1'
        )

    def _agent(self, host: str) -> Any:
        site, prepare = self.site[host], getattr(self, f"_{host}", dict)
        self.agents.planned(site, metrics={"listen": f"127.0.0.1:{self.ports[host]}"})
        more: dict[str, Any] = prepare()
        site.write()
        return self.agents.Running(site, **more)

    def _busy(self) -> dict[str, str]:
        """One whose source never comes to an end while a file is there."""
        site = self.site["busy"]
        script = f"while [ -e {site.root}/hang ]; do sleep 0.1; done; date"
        site.config["systems"]["app"]["sources"] = {"docs": {"kind": "command", "argv": ["sh", "-c", script]}}
        site.config["systems"]["app"]["plan"]["schedule"] = "every 5s"
        return {}

    def _frozen(self) -> dict[str, str]:
        """One that writes its metrics to a file."""
        site = self.site["frozen"]
        site.config["agent"]["metrics"] = {"listen": None, "textfile": str(site.root / "text" / "agent.prom")}
        (site.root / "text").mkdir()
        return LOOKS

    def _ticking(self) -> dict[str, str]:
        """One whose clock can be set."""
        path, moved = self.site["ticking"].root / "python", self.site["ticking"].root / "moved"
        path.mkdir()
        (path / "sitecustomize.py").write_text(SET.format(file=str(moved)), "utf-8")
        self._set(0)
        return {"PYTHONPATH": str(path)}

    def _set(self, seconds: int) -> None:
        root = self.site["ticking"].root
        (root / "moving").write_text(str(seconds))
        (root / "moving").rename(root / "moved")

    def _small(self) -> dict[str, Any]:
        """One with a small disk under its state."""
        return {"by": (*self.by, "sh", "-c", DISK, "sh", str(self.site["small"].state))}

    def _exporter(self) -> None:
        """One that asks the agent of ``frozen`` and serves what it says; and node_exporter's part, for its file."""
        site = self.site["frozen"]
        text = functools.partial(_Quiet, directory=site.root / "text")
        files = http.server.ThreadingHTTPServer(("127.0.0.1", self.ports["frozen"]), text)
        threading.Thread(target=files.serve_forever, args=(0.05,), daemon=True).start()
        self.held.callback(files.server_close)
        self.held.callback(files.shutdown)
        argv = [sys.executable, "-c", "from guardian.cli.exporter import main; main()", "--config", str(site.yaml)]
        listen = ["--listen", f"127.0.0.1:{self.ports['exporter']}"]
        with (site.root / "exporter.log").open("wb") as log:
            exporter = subprocess.Popen([*argv, *listen], stdout=log, stderr=log, env=site.env(), cwd=site.root)
        self.held.callback(exporter.wait, 60)
        self.held.callback(exporter.terminate)

    def _manager(self, name: str) -> Any:
        (self.folder / name).mkdir()
        return self.monitoring.Alertmanager.start(self.folder / name, self.told.configuration())

    def _scraped(self) -> dict[str, Any]:
        agents = [self._target(host) for host in self.hosts if host != "frozen"]
        file = self._target("frozen", __metrics_path__="/agent.prom")
        return {"guardian-agents": [*agents, self._target("exporter", host="frozen")], "node": [file], "prometheus": ""}

    def _target(self, name: str, **labels: str) -> dict[str, Any]:
        return {"targets": [f"127.0.0.1:{self.ports[name]}"], "labels": {**WHERE, "host": name, **labels}}

    # what is done to them; each gives what mends it

    def broken(self) -> Iterator[Callable[[], object]]:
        """Break everything."""
        busy, ticking, gone = self.site["busy"], self.site["ticking"], self.site["gone"]
        # A backup that never ends, on a host that a second job scrapes without labels; and a crowd wants its metrics.
        (busy.root / "hang").touch()
        yield (busy.root / "hang").unlink
        yield self._unlabelled()
        yield self._crowded()
        # An agent that hangs.
        self.running["frozen"].signal(signal.SIGSTOP)
        yield lambda: self.running["frozen"].signal(signal.SIGCONT)
        # A clock that is set back by ten minutes, an entry of the log altered, and somebody holds the journal, in which
        # a new task is to be written.
        self._set(-600)
        yield lambda: self._set(0)
        yield _flipped(ticking.state / "log" / "tile" / "entries" / "000")
        yield self._held_journal()
        # A disk that is not there any more.
        gone.state.rename(gone.root / "away")
        yield lambda: (gone.root / "away").rename(gone.state)
        # One of two Alertmanagers ends, and a rule is added that cannot be evaluated.
        local = self.folder / "watch" / "rules" / "local.yml"
        local.write_text(MANY, "utf-8")
        self.prometheus.reload()
        self.second.stop()
        yield lambda: self.monitoring.Alertmanager.start(
            self.folder / "second", self.told.configuration(), self.second.port
        )

        def without() -> None:
            local.unlink()
            self.prometheus.reload()

        yield without
        if self.by:
            yield self._larger

    def _crowded(self) -> Callable[[], object]:
        """More than it serves at once connect, every three seconds."""
        calm = threading.Event()

        def crowd() -> None:
            with contextlib.suppress(OSError), contextlib.ExitStack() as there:
                where = ("127.0.0.1", self.ports["busy"])
                many = [there.enter_context(socket.create_connection(where, 10)) for _ in range(300)]
                for one in many[-30:]:
                    one.recv(1)  # until it is turned away, while the others are there

        def come() -> None:
            crowd()
            while not calm.wait(3.0):
                crowd()

        coming = threading.Thread(target=come)
        coming.start()
        self.held.callback(calm.set)

        def gone() -> None:
            calm.set()
            coming.join()

        return gone

    def _unlabelled(self) -> Callable[[], object]:
        path = self.folder / "watch" / "prometheus.yml"
        good = path.read_text("utf-8")
        said = yaml.safe_load(good)
        targets = [f"127.0.0.1:{self.ports['busy']}"]
        said["scrape_configs"].append({"job_name": "old", "static_configs": [{"targets": targets}]})
        path.write_text(yaml.safe_dump(said), "utf-8")
        return lambda: path.write_text(good, "utf-8")

    def _held_journal(self) -> Callable[[], object]:
        site, running = self.site["ticking"], self.running["ticking"]
        other = sqlite3.connect(site.state / "agent" / "journal.db", isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        site.config["systems"]["app"]["plan"]["drills"] = {"D2": "weekly on sun at 03:00"}
        site.write()
        running.signal(signal.SIGHUP)

        def let_go() -> None:
            other.close()
            running.signal(signal.SIGHUP)

        return let_go

    def _larger(self) -> None:
        user = () if os.geteuid() == 0 else ("-U", "--preserve-credentials")
        inside = ("nsenter", "-t", str(self.running["small"].process.pid), *user, "-m")
        mount = ("mount", "-o", "remount,size=2g", str(self.site["small"].state))
        subprocess.run([*inside, *mount], check=True, capture_output=True)

    # who is told

    def wait(self, name: str, status: str = "firing", **labels: str) -> dict[str, Any]:
        """Until the webhook was told of one with these labels."""

        def found() -> dict[str, Any] | None:
            told = (one for one in self.told.alerts(status) if one["labels"]["alertname"] == name)
            return next((one for one in told if labels.items() <= one["labels"].items()), None)

        said = self.monitoring.until(found, f"{name} {labels} ({status})", self._heard)
        assert said["annotations"]["summary_zh"]
        assert said["annotations"]["runbook_url"].endswith(name)
        return dict(said)

    def _heard(self) -> str:
        named = sorted({f"{one['labels']['alertname']} {one['labels'].get('host')}" for one in self.told.alerts()})
        return "\n".join([*named, *(f"{host}: {one.log[-3000:]}" for host, one in self.running.items())])

    def stop(self) -> None:
        """End what runs."""
        for running in self.running.values():
            if running.process.poll() is None:
                running.signal(signal.SIGCONT)
                running.signal(signal.SIGTERM)
        for running in self.running.values():
            running.end()
        self.held.close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_said: object) -> None:
        """Nothing."""


def _flipped(path: Path) -> Callable[[], object]:
    good = path.read_bytes()
    path.write_bytes(good[:700] + bytes([good[700] ^ 1]) + good[701:])
    return lambda: path.write_bytes(good)


BROKEN: tuple[tuple[str, dict[str, str]], ...] = (
    ("GuardianHostLabelMissing", {"job": "old"}),
    ("GuardianMetricsRefused", {"host": "busy"}),
    ("GuardianAgentProblem", {"host": "gone", "reason": "state-gone"}),
    ("GuardianClockUntrusted", {"host": "ticking"}),
    ("GuardianRulesFailing", {}),
    ("GuardianNotificationsDropped", {}),
    ("GuardianCollectorFailed", {"host": "frozen", "collector": "sources"}),
    ("GuardianJournalBroken", {"host": "ticking"}),
    ("GuardianLedgerBroken", {"host": "ticking"}),
    ("GuardianLedgerStale", {"host": "busy"}),
    ("GuardianAgentStatusStale", {"host": "frozen"}),
)


LATE = ("GuardianCollectorFailed", "GuardianLedgerBroken")
"""These end as well, and only after most of a minute: who waited long, or found a log broken, looks again seldom."""


@pytest.fixture(scope="module")
def watched(initialised: Any, watching: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Everybody well: a host that was backed up once, five times over."""
    if shutil.which("prometheus") is None:
        pytest.skip("no prometheus here (Debian package prometheus)")
    folder, sites, agents = tmp_path_factory.mktemp("watched"), module("site"), module("agents")
    base = sites.copy(initialised, folder / "base")
    del base.config["systems"]["app"]["sources"]["db"]
    base.write()
    assert base.guardian("backup").code == 0
    made = Watched(folder, base, (agents, sites, watching))
    try:
        made.begin()
        yield made
    finally:
        made.stop()


def test_who_is_told_of_broken_agents_and_of_who_watches_them(watched: Watched) -> None:
    mend = list(watched.broken())
    for name, labels in BROKEN:
        watched.wait(name, **labels)
    for one in mend:
        one()
    for name, labels in BROKEN:
        if name not in LATE:
            watched.wait(name, "resolved", **labels)


def test_a_small_disk_is_told_until_it_is_larger(watched: Watched) -> None:
    if not watched.by:
        pytest.skip("NOT TESTED: nothing can be mounted here")
    watched.wait("GuardianStateDiskLow", host="small")
    watched.wait("GuardianStateDiskLow", "resolved", host="small")
