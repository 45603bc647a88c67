"""The metrics endpoint as clients meet it, good ones and bad ones, over real sockets."""

import base64
import http.client
import importlib.util
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import bcrypt
import pytest

from guardian.agent.metrics import Metrics
from guardian.clock import SystemClock
from guardian.config.host import MetricsSettings
from guardian.endpoint import server as web
from guardian.endpoint.exposition import Exposition
from guardian.endpoint.server import Listen, MetricsServer
from guardian.endpoint.textfile import write_textfile
from guardian.model.status import HostStatus

_path = Path(__file__).parents[1] / "unit" / "exporters" / "hosts.py"
_spec = importlib.util.spec_from_file_location("guardian_tests_hosts_served", _path)
assert _spec is not None
assert _spec.loader is not None
hosts = sys.modules[_spec.name] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(hosts)

STATUS = hosts.reference_host()
PASSWORD = "correct horse"  # of nobody
HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4, b"2a")).decode().replace("$2a$", "$2y$")
LINE = b"guardian_ledger_entries 812.0\n"

Start = Callable[..., MetricsServer]


@pytest.fixture
def start() -> Iterator[Start]:
    """``start(web_config=…, status=…)`` serves on a free port of loopback."""
    servers = []

    def begin(
        host: str = "127.0.0.1", status: Callable[[], HostStatus | None] = lambda: STATUS, **more: object
    ) -> MetricsServer:
        listen = Listen(host, 0, **more)  # type: ignore[arg-type]
        servers.append(MetricsServer(listen, Exposition(status, SystemClock())))
        servers[-1].start()
        return servers[-1]

    yield begin
    for server in servers:
        server.stop()
        assert server.port is None


def ask(
    server: MetricsServer, path: str = "/metrics", headers: dict[str, str] | None = None, method: str = "GET",
    tls: ssl.SSLContext | None = None,
) -> tuple[int, dict[str, str], bytes]:  # fmt: skip
    assert server.port is not None
    where = ("127.0.0.1", server.port)
    connection = (
        http.client.HTTPSConnection(*where, timeout=20, context=tls)
        if tls
        else http.client.HTTPConnection(*where, timeout=20)
    )
    try:
        connection.request(method, path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def wait_until(fact: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not fact():
        assert time.monotonic() < until
        time.sleep(0.01)


# What is served


def test_metrics_are_served_in_both_formats(start: Start) -> None:
    server = start()
    code, headers, body = ask(server)
    assert (code, headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert LINE in body
    accept = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"}
    code, headers, body = ask(server, headers=accept)
    assert headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert body.endswith(b"# EOF\n")


def test_the_other_pages(start: Start) -> None:
    server = start()
    assert ask(server, "/-/healthy")[2] == b"healthy\n"
    assert b"/metrics" in ask(server, "/")[2]
    assert ask(server, "/metrics?x=1")[0] == 200
    assert ask(server, "/etc/passwd")[0] == 404
    assert ask(server, method="POST")[0] == 405
    code, headers, body = ask(server, method="HEAD")
    assert (code, body) == (200, b"")
    assert int(headers["content-length"]) > 1000


def test_a_status_that_cannot_be_made_is_told(start: Start) -> None:
    def fail() -> HostStatus:
        raise RuntimeError

    code, _headers, body = ask(start(status=fail))
    assert code == 200
    assert b'guardian_exporter_collector_success{collector="sources"} 0.0' in body
    assert b"guardian_ledger_entries" not in body


def test_what_is_served_is_fresh_and_a_storm_costs_one_status() -> None:
    class Moved(SystemClock):
        at = 0.0

        def monotonic(self) -> float:
            return self.at

    asked = []
    clock = Moved()
    exposition = Exposition(lambda: asked.append(1) or STATUS.model_copy(update={"log": None}), clock)
    for _again in range(100):
        exposition.text()
    assert len(asked) == 1
    clock.at = 2.0
    exposition.text()
    assert len(asked) == 2


# Good and bad clients


def test_a_hundred_scrapers_at_once(start: Start) -> None:
    server = start()
    with ThreadPoolExecutor(100) as scrapers:
        answers = list(scrapers.map(lambda _n: ask(server), range(100)))
    assert all(code == 200 and LINE in body for code, _headers, body in answers)
    assert server.site.scrapes == 100


def test_clients_that_say_nothing_or_little_hold_nobody_up_and_are_cut_off(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Exposition, "deadline", 1.0)
    server = start()
    assert server.port is not None
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _n in range(100)]
    for dripping in idle[:50]:
        dripping.sendall(b"GET /metr")
    assert ask(server)[0] == 200  # while they are there
    for client in idle:
        client.settimeout(20)
        with client:
            try:
                assert client.recv(1) == b""
            except ConnectionResetError:
                pass
    wait_until(lambda: not server.limits.open)
    assert server.site.refused == 100


def test_a_client_that_does_not_read_is_cut_off(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    class Large(Exposition):
        def text(self, *, openmetrics: bool = False) -> bytes:
            return b"# more than all buffers on the way hold\n" * 1_000_000

    monkeypatch.setattr(Exposition, "deadline", 1.0)
    server = MetricsServer(Listen("127.0.0.1", 0), Large(lambda: STATUS, SystemClock()))
    server.start()
    assert server.port is not None
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", server.port))
        client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        wait_until(lambda: server.site.scrapes == 1)
        wait_until(lambda: not server.limits.open)
    server.stop()
    assert server.site.refused == 1


def test_more_connections_than_there_is_room_for_are_turned_away(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "MAX_CONNECTIONS", 5)
    server = start()
    assert server.port is not None
    clients = [socket.create_connection(("127.0.0.1", server.port)) for _n in range(5)]
    wait_until(lambda: len(server.limits.open) == 5)
    with socket.create_connection(("127.0.0.1", server.port)) as one_more:
        one_more.settimeout(20)
        assert one_more.recv(1) == b""
    assert len(server.limits.open) == 5  # it was not the deadline
    for client in clients:
        client.close()
    wait_until(lambda: not server.limits.open)
    assert ask(server)[0] == 200


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 9000 + b"\r\n\r\n", b"431"),
        (b"x" * 9000, b"431"),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"400"),
        (b"GET metrics HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /metrics HTTP/2\r\n\r\n", b"400"),
        (b"GET /metrics\r\n\r\n", b"400"),
        (b"GET /metrics HTTP/1.1\r\nno colon\r\n\r\n", b"400"),
        (b"GET /metrics HTTP/1.1\r\n smuggled: x\r\n\r\n", b"400"),
        (b"\r\n\r\n", b"400"),
        (b"GET /metrics HTTP/1.1\r\nAccept: \xff\xfe\x00\r\n\r\n", b"200"),
        (b"GET /metrics HTTP/1.1\r\n\r\nGET /again HTTP/1.1\r\n\r\n", b"200"),
    ],
    ids=range(11),
)
def test_hostile_requests_are_answered_once_and_closed(start: Start, sent: bytes, code: bytes) -> None:
    server = start()
    assert server.port is not None
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.settimeout(20)
        client.sendall(sent)
        answer = bytearray()
        try:
            while chunk := client.recv(65536):
                answer += chunk
        except ConnectionResetError:
            pass  # what it had still to say was not read
    assert answer.startswith(b"HTTP/1.1 " + code)
    assert answer.count(b"HTTP/1.1") == 1
    assert ask(server)[0] == 200


# A port that is taken, and how one learns of it


def test_a_port_in_use_is_a_problem_and_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "RETRY_SECONDS", 0.05)
    metrics = Metrics(lambda: STATUS, SystemClock())
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        metrics.apply(MetricsSettings(listen=f"127.0.0.1:{port}"), Path("/"))
        (problem,) = metrics.problems()
        assert problem.code == "metrics-not-served"
        assert problem.args["address"] == f"127.0.0.1:{port}"
        assert metrics.address is None
    try:
        wait_until(lambda: metrics.address == f"127.0.0.1:{port}")
        assert metrics.problems() == ()
    finally:
        metrics.stop()


def test_settings_that_change_are_followed(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    metrics = Metrics(lambda: STATUS, SystemClock())
    metrics.apply(MetricsSettings(listen=f"127.0.0.1:{port}"), tmp_path)
    assert metrics.address is not None
    metrics.apply(MetricsSettings(listen=None, textfile="guardian.prom"), tmp_path)
    assert metrics.address is None
    metrics.write()
    assert LINE in (tmp_path / "guardian.prom").read_bytes()
    metrics.stop()


# TLS and users


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ca.pem, server.{pem,key}, client.{pem,key} for scraper.example, stranger.{pem,key} of another authority."""
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True, timeout=60)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    for name in ("ca", "stranger"):
        openssl(
            "req", "-x509", *key, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}", "-days", "3"
        )
    for name, san in (("server", "IP:127.0.0.1"), ("client", "DNS:scraper.example"), ("renewed", "IP:127.0.0.1")):
        openssl("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        (folder / "san").write_text(f"subjectAltName={san}\n")
        openssl(
            "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "3",
            "-out", f"{name}.pem", "-extfile", "san",
        )  # fmt: skip
    return folder


@pytest.fixture
def site(certificates: Path, tmp_path: Path) -> Callable[[str], Path]:
    """``site(text)`` writes a web configuration beside the certificates."""

    def write(text: str) -> Path:
        if not (tmp_path / "web").exists():
            shutil.copytree(certificates, tmp_path / "web")
        path = tmp_path / "web" / "web.yml"
        path.write_text(text, "utf-8")
        return path

    return write


TLS = "tls_server_config: {cert_file: server.pem, key_file: server.key%s}\n"
MUTUAL = TLS % ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem%s"


def client(certificates: Path, name: str = "") -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(certificates / "ca.pem"))
    if name:
        context.load_cert_chain(certificates / f"{name}.pem", certificates / f"{name}.key")
    return context


def test_tls(start: Start, site: Callable[[str], Path], certificates: Path) -> None:
    server = start(web_config=site(TLS % ""))
    assert LINE in ask(server, tls=client(certificates))[2]
    with pytest.raises(OSError):  # noqa: PT011  what a plain client sees is its own affair
        ask(server)
    assert ask(server, tls=client(certificates))[0] == 200


def test_a_client_needs_a_certificate_where_that_is_asked(
    start: Start, site: Callable[[str], Path], certificates: Path
) -> None:
    server = start(web_config=site(MUTUAL % ""))
    assert ask(server, tls=client(certificates, "client"))[0] == 200
    for other in ("", "stranger"):
        with pytest.raises(OSError):  # noqa: PT011
            ask(server, tls=client(certificates, other))


def test_only_certificates_that_are_named_are_let_in(
    start: Start, site: Callable[[str], Path], certificates: Path
) -> None:
    server = start(web_config=site(MUTUAL % ", client_allowed_sans: [scraper.example]"))
    assert ask(server, tls=client(certificates, "client"))[0] == 200
    server = start(web_config=site(MUTUAL % ", client_allowed_sans: [other.example]"))
    with pytest.raises((OSError, http.client.HTTPException)):
        ask(server, tls=client(certificates, "client"))


def test_a_renewed_certificate_is_taken_without_a_restart(
    start: Start, site: Callable[[str], Path], certificates: Path
) -> None:
    path = site(TLS % "")
    server = start(web_config=path)

    def subject() -> str:
        with (
            socket.create_connection(("127.0.0.1", server.port or 0)) as plain,
            client(certificates).wrap_socket(plain, server_hostname="127.0.0.1") as wrapped,
        ):
            return str(wrapped.getpeercert())

    assert "'server'" in subject()
    for kind in ("pem", "key"):
        shutil.copy(path.with_name(f"renewed.{kind}"), path.with_name(f"server.{kind}"))
    assert "'renewed'" in subject()


def test_users(start: Start, site: Callable[[str], Path]) -> None:
    server = start(web_config=site(f"basic_auth_users: {{prometheus: '{HASH}'}}\n"))
    code, headers, body = ask(server)
    assert (code, headers["www-authenticate"]) == (401, 'Basic realm="guardian"')
    assert b"guardian_" not in body
    assert ask(server, "/-/healthy")[0] == 401
    for wrong in (basic("prometheus", "guess"), basic("nobody", PASSWORD), basic("prometheus", PASSWORD + "\0x")):
        assert ask(server, headers=wrong)[0] == 401
    for odd in ("Basic !", "Basic " + "=" * 100, "Bearer abc", basic("x", "y")["Authorization"].lower()):
        assert ask(server, headers={"Authorization": odd})[0] == 401
    for _again in range(3):
        assert LINE in ask(server, headers=basic("prometheus", PASSWORD))[2]
    assert ask(server, headers=basic("prometheus", "guess"))[0] == 401


def test_a_password_that_was_good_is_good_no_more_when_the_file_says_so(
    start: Start, site: Callable[[str], Path]
) -> None:
    path = site(f"basic_auth_users: {{prometheus: '{HASH}'}}\n")
    server = start(web_config=path)
    assert ask(server, headers=basic("prometheus", PASSWORD))[0] == 200
    other = bcrypt.hashpw(b"another", bcrypt.gensalt(4)).decode()
    path.write_text(f"# changed\nbasic_auth_users: {{prometheus: '{other}'}}\n", "utf-8")
    assert ask(server, headers=basic("prometheus", PASSWORD))[0] == 401
    assert ask(server, headers=basic("prometheus", "another"))[0] == 200


def test_a_file_that_becomes_wrong_lets_nobody_in_and_is_a_problem(start: Start, site: Callable[[str], Path]) -> None:
    path = site(f"basic_auth_users: {{prometheus: '{HASH}'}}\n")
    server = start(web_config=path)
    path.write_text("basic_auth_users: {prometheus: secret-in-the-clear}\n", "utf-8")
    with pytest.raises((OSError, http.client.HTTPException)):
        ask(server, headers=basic("prometheus", PASSWORD))
    assert server.problem is not None
    assert "secret-in-the-clear" not in str(server.problem)
    path.write_text("http_server_config: {headers: {X-Frame-Options: deny}}\n# nobody has to log in\n", "utf-8")
    assert ask(server)[1]["x-frame-options"] == "deny"
    assert server.problem is None


def test_nothing_is_open_to_the_network_without_tls(
    start: Start, site: Callable[[str], Path], certificates: Path
) -> None:
    refused = start("0.0.0.0")
    assert refused.port is None
    assert refused.problem is not None
    users_only = start("0.0.0.0", web_config=site(f"basic_auth_users: {{prometheus: '{HASH}'}}\n"))
    assert users_only.port is None
    assert ask(start("0.0.0.0", insecure=True))[0] == 200
    assert ask(start("0.0.0.0", web_config=site(TLS % "")), tls=client(certificates))[0] == 200


# The file for node_exporter


def test_the_textfile_is_whole_readable_and_the_same_text(tmp_path: Path) -> None:
    exposition = Exposition(lambda: STATUS, SystemClock())
    path = tmp_path / "guardian.prom"
    seen: set[bytes] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            if path.exists():
                seen.add(path.read_bytes()[-40:])

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _again in range(20):
            assert write_textfile(path, exposition) is None
    finally:
        done.set()
        reader.join()
    assert path.stat().st_mode & 0o777 == 0o644
    assert path.read_bytes() == exposition.text()
    assert [entry.name for entry in tmp_path.iterdir()] == ["guardian.prom"]
    assert len(seen) <= 1


@pytest.mark.parametrize("name", ["missing/guardian.prom", "guardian.txt"])
def test_a_textfile_that_cannot_be_written_is_a_problem(tmp_path: Path, name: str) -> None:
    problem = write_textfile(tmp_path / name, Exposition(lambda: STATUS, SystemClock()))
    assert problem is not None
    assert problem.code == "metrics-textfile-failed"
    assert list(tmp_path.iterdir()) == []
