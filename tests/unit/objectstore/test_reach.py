import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from guardian.errors import ConfigError, StorageRefused, StorageUnreachable, ToolMissing
from guardian.model.address import S3Address
from guardian.objectstore.reach import reach
from guardian.proc.command import Command
from guardian.proc.run import capture
from guardian.proc.which import which

Talk = Callable[[socket.socket], None]


@contextlib.contextmanager
def listener(talk: Talk) -> Iterator[int]:
    """A server on loopback that does ``talk`` with its first client; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            try:
                client, _address = server.accept()
            except OSError:
                return
            with client, contextlib.suppress(OSError):
                talk(client)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def at(port: int, scheme: str = "http", host: str = "127.0.0.1") -> S3Address:
    return S3Address(scheme, host, port, "bucket", "p")  # type: ignore[arg-type]


def answer(raw: bytes) -> Talk:
    def talk(client: socket.socket) -> None:
        client.recv(65536)
        client.sendall(raw)

    return talk


FORBIDDEN = (
    b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/xml\r\nDate: Mon, 23 Nov 2026 16:21:55 GMT\r\n\r\n<Error/>"
)


def test_any_status_is_a_sign_of_life_and_tells_the_servers_time() -> None:
    with listener(answer(FORBIDDEN)) as port:
        reached = reach(at(port))
    assert reached.status == 403
    assert reached.server_time == datetime(2026, 11, 23, 16, 21, 55, tzinfo=UTC)
    assert reached.seconds < 10


@pytest.mark.parametrize(
    "date", [b"", b"Date: yesterday\r\n", b"Date: \xff\xfe\r\n", b"Date: Mon, 99 Nov 99999 16:21:55 GMT\r\n"]
)
def test_odd_dates_are_no_date(date: bytes) -> None:
    with listener(answer(b"HTTP/1.0 500 oops\r\n" + date + b"\r\n")) as port:
        reached = reach(at(port))
    assert (reached.status, reached.server_time) == (500, None)


def test_request_carries_no_credentials_and_asks_for_little() -> None:
    asked = []

    def talk(client: socket.socket) -> None:
        asked.append(client.recv(65536))
        client.sendall(FORBIDDEN)

    with listener(talk) as port:
        reach(at(port))
    head = asked[0].decode()
    assert head.startswith("GET /bucket?location HTTP/1.1\r\n")
    assert f"Host: 127.0.0.1:{port}\r\n" in head
    assert "authorization" not in head.lower()


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html>Please log in</html>",
        b"HTTP/1.1 511 Network Authentication Required\r\n\r\n",
    ],
)
def test_captive_portal_is_refused(raw: bytes) -> None:
    with listener(answer(raw)) as port, pytest.raises(StorageRefused) as caught:
        reach(at(port))
    assert "portal" in caught.value.hint


def test_web_page_with_an_error_status_is_still_life() -> None:
    with listener(answer(b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n\r\n")) as port:
        assert reach(at(port)).status == 404


def test_refused_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(StorageUnreachable, match="refused") as caught:
        reach(at(port))
    assert caught.value.retryable


def test_unknown_host() -> None:
    with pytest.raises(StorageUnreachable, match="resolved"):
        reach(at(80, host="no-such-host.invalid"))


def test_name_server_that_never_answers_does_not_hold_us(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def hang(*_arguments: object, **_named: object) -> None:
        release.wait()
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        with pytest.raises(StorageUnreachable, match="resolved"):
            reach(at(80, host="slow.example"), timeout=0.2)
    finally:
        release.set()


def test_server_that_accepts_and_never_answers() -> None:
    release = threading.Event()
    with listener(lambda _client: release.wait() and None) as port:
        try:
            with pytest.raises(StorageUnreachable, match=r"no answer within 0\.3 s"):
                reach(at(port), timeout=0.3)
        finally:
            release.set()


def test_server_that_drips_is_bounded_by_the_one_deadline() -> None:
    release = threading.Event()

    def drip(client: socket.socket) -> None:
        client.recv(65536)
        client.sendall(b"HTTP/1.1 200 OK\r\n")
        while not release.wait(0.05):
            client.sendall(b"X: y\r\n")

    with listener(drip) as port:
        try:
            with pytest.raises(StorageUnreachable, match=r"no answer within 0\.4 s"):
                reach(at(port), timeout=0.4)
        finally:
            release.set()


def test_reading_stops_at_a_bound() -> None:
    sent = 0

    def flood(client: socket.socket) -> None:
        nonlocal sent
        client.recv(65536)
        client.sendall(b"HTTP/1.1 200 OK\r\n")
        with contextlib.suppress(OSError):
            for _n in range(4000):
                sent += client.send(b"X: " + b"y" * 65533)

    with listener(flood) as port, pytest.raises(StorageUnreachable, match="HTTP"):
        reach(at(port))
    assert sent < 100 << 20


@pytest.mark.parametrize(
    "raw", [b"SSH-2.0-OpenSSH_9.2\r\n", b"\x00\xff" * 100, b"HTTP/9 hello\r\n\r\n", b"HTTP/1.1 2000 OK\r\n\r\n"]
)
def test_other_protocols_are_not_storage(raw: bytes) -> None:
    with listener(answer(raw)) as port, pytest.raises(StorageUnreachable, match="does not speak HTTP"):
        reach(at(port))


def test_connection_closed_without_an_answer() -> None:
    with listener(answer(b"")) as port, pytest.raises(StorageUnreachable, match="without an answer"):
        reach(at(port))


def test_reset() -> None:
    def reset(client: socket.socket) -> None:
        client.recv(65536)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with listener(reset) as port, pytest.raises(StorageUnreachable, match="cut"):
        reach(at(port))


def test_plain_http_asked_of_a_tls_server_is_told_apart() -> None:
    raw = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
    with listener(answer(raw)) as port, pytest.raises(StorageUnreachable, match="HTTPS") as caught:
        reach(at(port))
    assert "s3:https://" in caught.value.hint


def test_tls_asked_of_a_plain_server() -> None:
    with listener(answer(FORBIDDEN)) as port, pytest.raises(StorageUnreachable, match="TLS") as caught:
        reach(at(port, "https"))
    assert "s3:http://" in caught.value.hint


def test_tls_handshake_that_never_comes() -> None:
    release = threading.Event()
    with listener(lambda _client: release.wait() and None) as port:
        try:
            with pytest.raises(StorageUnreachable, match="no answer within"):
                reach(at(port, "https"), timeout=0.3)
        finally:
            release.set()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        which("openssl")
    except ToolMissing:
        pytest.skip("no openssl")
    folder = tmp_path_factory.mktemp("tls")
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    request = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "1",
    ]
    files = ["-keyout", str(folder / "key"), "-out", str(folder / "pem")]
    assert capture(Command(argv=(*request, *subject, *files))).returncode == 0
    return folder


def tls_answer(certificate: Path, raw: bytes) -> Talk:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "pem", certificate / "key")

    def talk(client: socket.socket) -> None:
        with context.wrap_socket(client, server_side=True) as tls:
            tls.recv(65536)
            tls.sendall(raw)

    return talk


def test_own_authority(certificate: Path) -> None:
    with listener(tls_answer(certificate, FORBIDDEN)) as port:
        assert reach(at(port, "https"), cacert=str(certificate / "pem")).status == 403


def test_unknown_authority(certificate: Path) -> None:
    with (
        listener(tls_answer(certificate, FORBIDDEN)) as port,
        pytest.raises(StorageUnreachable, match="not trusted") as caught,
    ):
        reach(at(port, "https"))
    assert "cacert" in caught.value.hint


def test_certificate_for_another_name(certificate: Path) -> None:
    with (
        listener(tls_answer(certificate, FORBIDDEN)) as port,
        pytest.raises(StorageUnreachable, match="not trusted"),
    ):
        reach(at(port, "https", host="localhost"), cacert=str(certificate / "pem"))


@pytest.mark.parametrize("content", [None, "this is no certificate"])
def test_unreadable_authority(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "authority.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=r"authority\.pem"):
        reach(at(1, "https"), cacert=str(path))
