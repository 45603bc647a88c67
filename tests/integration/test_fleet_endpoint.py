"""The pages of a fleet over real sockets, and ``guardian-exporter`` as a process."""

import base64
import gzip
import http.client
import json
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from guardian.clock import SystemClock
from guardian.endpoint import client
from guardian.endpoint.exposition import Exposition
from guardian.endpoint.fleet import FleetSite
from guardian.endpoint.server import Listen, MetricsServer
from guardian.endpoint.textfile import write_textfile
from guardian.endpoint.watch import Watched, status_file
from guardian.model.fleet_file import lines
from guardian.model.status import HostStatus
from guardian.province import Province, Shape
from guardian_exporters.fleet_feed import FleetFile, fill
from guardian_exporters.fleet_page import FleetPage

PROVINCE = Province(Shape(hosts=60))
GZIP = {"Accept-Encoding": "gzip"}


@contextmanager
def serving(refresh: Callable[[FleetPage], str]) -> Iterator[tuple[FleetSite, MetricsServer]]:
    page = FleetPage(SystemClock())
    site = FleetSite(page, lambda: refresh(page), SystemClock())
    server = MetricsServer(Listen("127.0.0.1", 0), site)
    site.start()
    server.start()
    try:
        yield site, server
    finally:
        server.stop()
        site.stop()


def whole(page: FleetPage) -> str:
    fill(page, PROVINCE.fleet())
    return ""


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[FleetSite, MetricsServer]]:
    with serving(whole) as both:
        assert both[0].wait(60)
        yield both


def ask(
    port: int | None, path: str = "/metrics", headers: dict[str, str] | None = None, tls: ssl.SSLContext | None = None
) -> tuple[int, dict[str, str], bytes]:
    assert port is not None
    connection = (
        http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=tls)
        if tls
        else http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    )
    with closing(connection):
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


def raw(port: int | None, request: bytes) -> bytes:
    said = bytearray()
    with socket.create_connection(("127.0.0.1", port or 0), timeout=30) as way:
        way.sendall(request)
        while chunk := way.recv(1 << 16):
            said += chunk
    return bytes(said)


def test_the_same_text_packed_plain_and_in_shards(served: tuple[FleetSite, MetricsServer]) -> None:
    _site, server = served
    code, headers, packed = ask(server.port, headers=GZIP)
    assert (code, headers["content-encoding"], headers["vary"]) == (200, "gzip", "Accept-Encoding")
    assert int(headers["content-length"]) == len(packed)
    text = gzip.decompress(packed)
    assert text.count(b"\nguardian_host_expected{") == 60
    code, headers, plain = ask(server.port, headers={"Accept-Encoding": "gzip;q=0, br"})
    assert (code, headers.get("content-encoding"), headers["transfer-encoding"]) == (200, None, "chunked")
    assert sorted(plain.split(b"\n")) == sorted(text.split(b"\n")) or plain.count(b"\n") == text.count(b"\n")
    old = raw(server.port, b"GET /metrics HTTP/1.0\r\n\r\n")
    assert old.startswith(b"HTTP/1.1 200")
    assert old.partition(b"\r\n\r\n")[2].count(b"\nguardian_host_expected{") == 60
    parts = [gzip.decompress(ask(server.port, f"/metrics?shard={n}/3", GZIP)[2]) for n in (1, 2, 3)]
    assert sum(part.count(b"\nguardian_host_expected{") for part in parts) == 60
    for wrong in ("0/3", "4/3", "x", "1/3&shard=", "1%2F3%00"):
        assert ask(server.port, f"/metrics?shard={wrong}")[0] == 400
    assert ask(server.port, "/metrics?" + "a=1&" * 50)[0] == 400
    assert ask(server.port, "/metrics/other")[0] == 404


def test_openmetrics_is_read_by_its_own_strict_parser(served: tuple[FleetSite, MetricsServer]) -> None:
    accept = {"Accept": "application/openmetrics-text;version=1.0.0", **GZIP}
    _code, headers, packed = ask(served[1].port, headers=accept)
    assert headers["content-type"].startswith("application/openmetrics-text")
    families = {family.name for family in parse_openmetrics(gzip.decompress(packed).decode())}
    assert {"guardian_host", "guardian_plan_rpo_seconds", "guardian_fleet_complete"} <= families


def test_service_discovery_names_hosts_that_are_expected(served: tuple[FleetSite, MetricsServer]) -> None:
    code, headers, body = ask(served[1].port, "/sd")
    assert (code, headers["content-type"]) == (200, "application/json")
    found = json.loads(body)
    expected = [host for host in PROVINCE.hosts(PROVINCE.end) if host.expected]
    assert len(found) == len(expected) == 59
    assert all(set(group["labels"]) == {"tenant", "region", "host", "network"} for group in found)
    assert {group["targets"][0] for group in found} == {host.metrics_address for host in expected}
    guiyang = json.loads(ask(served[1].port, "/sd?region=520100&network=office")[2])
    assert {group["labels"]["region"][:4] for group in guiyang} == {"5201"}
    assert {group["labels"]["network"] for group in guiyang} == {"office"}
    assert len(json.loads(ask(served[1].port, "/sd?region=520000")[2])) == 59
    assert json.loads(ask(served[1].port, "/sd?tenant=nobody")[2]) == []


def test_a_hundred_scrapers_at_once_cost_one_page(
    served: tuple[FleetSite, MetricsServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    site, server = served
    made = []
    really = FleetPage.gzip

    def counted(page: FleetPage, *arguments: Any, **options: Any) -> bytes:
        made.append(1)
        return really(page, *arguments, **options)

    monkeypatch.setattr(FleetPage, "gzip", counted)
    monkeypatch.setattr("guardian.endpoint.fleet.FRESH_SECONDS", 600.0)
    site._made.clear()
    with ThreadPoolExecutor(100) as scrapers:
        answers = list(scrapers.map(lambda _n: ask(server.port, headers=GZIP), range(100)))
    assert {code for code, _headers, _body in answers} == {200}
    assert len({body for _code, _headers, body in answers}) == 1
    assert len(made) == 1
    site._made.clear()


def test_who_takes_no_gzip_is_one_of_few(
    served: tuple[FleetSite, MetricsServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    _site, server = served
    monkeypatch.setattr(client, "MAX_UNPACKING", 0)
    assert ask(server.port)[0] == 503
    assert ask(server.port, headers=GZIP)[0] == 200


def test_a_client_that_does_not_read_is_given_no_more_than_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []

    class Large(FleetSite):
        deadline = 1.0

        def _text(self, _key: Any) -> bytes:
            return bytes(64 << 20)

    really = client.Client.connection_made

    def watched(self: client.Client, transport: Any) -> None:
        really(self, transport)
        write = transport.write
        self._transport = type("Way", (), {  # type: ignore[assignment]
            "write": lambda _self, data: (written.append(len(data)), write(data))[1],
            "is_closing": lambda _self: transport.is_closing(),
            "close": lambda _self: transport.close(),
            "abort": lambda _self: transport.abort(),
        })()  # fmt: skip

    monkeypatch.setattr(client.Client, "connection_made", watched)
    site = Large(FleetPage(SystemClock()), str, SystemClock())
    server = MetricsServer(Listen("127.0.0.1", 0), site)
    server.start()
    try:
        with socket.socket() as way:
            way.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            way.connect(("127.0.0.1", server.port or 0))
            way.sendall(b"GET /metrics HTTP/1.1\r\nAccept-Encoding: gzip\r\n\r\n")
            end = time.monotonic() + 30
            while (not written or server.limits.open) and time.monotonic() < end:
                time.sleep(0.01)
        assert not server.limits.open
        assert sum(written) < 16 << 20, "the rest was not piled up for it"
    finally:
        server.stop()


def test_before_anything_was_read_and_when_reading_fails_the_page_says_so() -> None:
    release, fail = threading.Event(), threading.Event()

    def slow(page: FleetPage) -> str:
        release.wait(30)
        if fail.is_set():
            raise RuntimeError
        return whole(page)

    with serving(slow) as (site, server):
        text = gzip.decompress(ask(server.port, headers=GZIP)[2])
        assert b"guardian_fleet_complete 0.0" in text
        assert b"guardian_host_expected" not in text
        fail.set()
        release.set()
        assert site.wait(30)
        assert site.problem is not None
        assert (site.problem.code, site.problem.args["error"]) == ("fleet-not-read", "RuntimeError")
        assert ask(server.port, "/-/healthy")[0] == 200


def test_a_status_is_told_no_longer_when_it_cannot_be_had() -> None:
    found: list[HostStatus | Exception] = []

    def look() -> HostStatus:
        now = found.pop()
        if isinstance(now, Exception):
            raise now
        return now

    watched = Watched(look, SystemClock())
    status = next(PROVINCE.hosts(PROVINCE.end)).status
    assert status is not None
    found += [status, RuntimeError(), status]
    assert watched.once()
    assert watched.status() == status
    assert not watched.once()
    assert (watched.status(), watched.problem) == (None, "RuntimeError")
    assert watched.once()


def test_a_look_that_hangs_is_not_answered_by_what_was_seen_before() -> None:
    class Moved(SystemClock):
        at = 0.0

        def monotonic(self) -> float:
            return self.at

    clock, release, begun = Moved(), threading.Event(), threading.Event()
    status = next(PROVINCE.hosts(PROVINCE.end)).status
    assert status is not None

    def look() -> HostStatus:
        if clock.at:
            begun.set()
            release.wait(30)
        return status

    watched = Watched(look, clock)
    assert watched.once()
    clock.at = 1.0
    hanging = threading.Thread(target=watched.once)
    hanging.start()
    assert begun.wait(30)
    assert watched.status() == status
    clock.at = 62.0
    assert watched.status() is None
    release.set()
    hanging.join(30)
    assert watched.status() == status


# the program


class Exporter:
    """One ``guardian-exporter`` process."""

    def __init__(self, *arguments: str | Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as found:
            self.port = found.getsockname()[1]
        self.process = subprocess.Popen(
            [*PROGRAM, *map(str, arguments), "--listen", f"127.0.0.1:{self.port}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stderr is not None
        self.said = next(line for line in self.process.stderr if "serving" in line)

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=30)
        return self.process.returncode


PROGRAM = [sys.executable, "-c", "from guardian.cli.exporter import main; main()", "--lang", "en"]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def fleet_file(tmp_path: Path) -> Path:
    path = tmp_path / "fleet.jsonl"
    path.write_bytes(b"".join(lines(PROVINCE.fleet())))
    return path


def until(fact: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not fact():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_the_program_serves_a_fleet_behind_tls_and_a_password(fleet_file: Path, tmp_path: Path) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key",
         "-out", "cert", "-subj", "/CN=here", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "3"],
        cwd=tmp_path, check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    hashed = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
    web = tmp_path / "web.yml"
    web.write_text(
        "tls_server_config: {cert_file: cert, key_file: key, client_auth_type: RequireAndVerifyClientCert, "
        f"client_ca_file: cert}}\nbasic_auth_users: {{prometheus: '{hashed}'}}\n"
    )
    context = ssl.create_default_context(cafile=str(tmp_path / "cert"))
    bare = ssl.create_default_context(cafile=str(tmp_path / "cert"))
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    login = {"Authorization": "Basic " + base64.b64encode(b"prometheus:secret").decode(), **GZIP}
    exporter = Exporter("--fleet", fleet_file, "--web-config", web)
    try:
        assert str(exporter.port) in exporter.said
        until(lambda: b"fleet_complete 1" in gzip.decompress(ask(exporter.port, "/metrics", login, context)[2]))
        assert ask(exporter.port, tls=context)[0] == 401
        with pytest.raises(OSError):  # noqa: PT011  what a client without a certificate sees is its own affair
            ask(exporter.port, headers=login, tls=bare)
    finally:
        assert exporter.end() == 0


def test_the_program_follows_the_file_of_a_host(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    exporter = Exporter("--status", path)
    try:
        text = ask(exporter.port)[2]
        assert b'guardian_exporter_collector_success{collector="agent"} 0.0' in text
        status = next(PROVINCE.hosts(PROVINCE.end)).status
        assert status is not None
        path.write_text(status.model_dump_json(by_alias=True))
        until(lambda: b'guardian_exporter_collector_success{collector="agent"} 1.0' in ask(exporter.port)[2])
        assert b"guardian_plan_rpo_seconds" in ask(exporter.port)[2]
    finally:
        assert exporter.end() == 0


def test_what_is_asked_wrongly_is_told_in_one_line(fleet_file: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yml"
    bad.write_text("basic_auth_users: {a: plain}\n")
    for arguments in (
        ("--fleet", fleet_file, "--status", fleet_file),
        ("--once",),
        ("--fleet", fleet_file, "--textfile", tmp_path / "x.prom"),
        ("--fleet", fleet_file, "--listen", "example.org:1"),
        ("--fleet", fleet_file, "--web-config", bad),
        ("--config", tmp_path / "none.yaml"),
    ):
        done = run(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert len(done.stderr.splitlines()) <= 2
        assert "Traceback" not in done.stderr
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("--fleet", fleet_file, "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
    assert done.returncode == 4
    assert "in use" in done.stderr
    done = run("--fleet", fleet_file, "--listen", "0.0.0.0:9")
    assert done.returncode == 4
    assert "TLS" in done.stderr


def test_a_status_that_cannot_be_read_makes_a_file_that_says_so(tmp_path: Path) -> None:
    status = next(PROVINCE.hosts(PROVINCE.end)).status
    assert status is not None
    good = status.model_dump_json(by_alias=True)
    newer = good.replace("guardian.status/v1", "guardian.status/v2")
    path, out = tmp_path / "status.json", tmp_path / "guardian.prom"
    watched = Watched(lambda: status_file(path), SystemClock())
    for document in (None, "", "[]", '{"schema":"guardian.status/v9"}', "{" * 100_000, newer, good[:-40], good):
        if document is not None:
            path.write_text(document)
        assert watched.once() is (document == good)
        assert write_textfile(out, Exposition(watched.status, SystemClock())) is None
        text = out.read_text()
        assert f'guardian_exporter_collector_success{{collector="sources"}} {float(document == good)}' in text
        assert ("guardian_plan_enabled" in text) is (document == good)
    assert run("--status", path, "--textfile", out, "--once").returncode == 0
    assert run("--status", tmp_path / "none", "--textfile", out, "--once").returncode == 4
    assert "guardian_plan_enabled" not in out.read_text()


def test_the_state_of_a_host_without_an_agent(site: Any, agents: Any) -> None:
    """The store is locked, missing, from a newer version, damaged: what can be told is told, what cannot is not."""
    del site.config["systems"]["app"]["sources"]["db"]
    agents.planned(site)
    agent = agents.Running(site)
    agent.heard("backup:app/docs: complete")
    out = site.root / "guardian.prom"

    def told() -> tuple[int, str]:
        done = run("--config", site.yaml, "--textfile", out, "--once")
        assert "Traceback" not in done.stderr
        return done.returncode, out.read_text()

    code, text = told()
    assert code == 0
    assert f'guardian_agent_build_info{{restic="{_restic(text)}"' in text, "the agent said it"
    assert agent.end() == 0
    journal = site.state / "agent" / "journal.db"
    good = journal.read_bytes()
    with closing(sqlite3.connect(journal, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        code, text = told()
        assert code == 0, "who only reads need not wait for who writes"
    assert 'guardian_backup_last_success_timestamp_seconds{source="docs",system="app"} 1.' in text
    with closing(sqlite3.connect(journal)) as db:
        db.execute("PRAGMA user_version = 99")
    assert told()[0] == 4, "of a newer version"
    assert b"guardian_plan_enabled" not in out.read_bytes()
    for damaged in (good[: len(good) // 2], b"\0" * 4096, b"no database"):
        journal.write_bytes(damaged)
        for beside in journal.parent.glob("journal.db-*"):
            beside.unlink()
        assert told()[0] == 4
        assert 'guardian_exporter_collector_success{collector="sources"} 0.0' in out.read_text()
    journal.unlink()
    code, text = told()
    assert code == 0, "without a journal the log is asked"
    assert 'guardian_plan_verdict{source="docs",system="app",verdict="at-risk"} 1.0' in text
    checkpoint = site.state / "log" / "checkpoint"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-20])
    code, text = told()
    assert "guardian_backup_last_success_timestamp_seconds" not in text
    assert 'guardian_plan_verdict{source="docs",system="app",verdict="unknown"} 1.0' in text


def _restic(text: str) -> str:
    line = next(line for line in text.splitlines() if line.startswith("guardian_agent_build_info"))
    return line.split('restic="')[1].split('"')[0] or "none"


def test_a_fleet_file_is_replaced_under_the_reader(fleet_file: Path) -> None:
    page = FleetPage(SystemClock())
    file = FleetFile(fleet_file, page)
    assert file.refresh()
    beside = fleet_file.with_suffix(".new")
    beside.write_bytes(b"".join(lines(Province(Shape(hosts=20)).fleet())))
    beside.replace(fleet_file)
    assert file.refresh()
    assert len(page) == 20
