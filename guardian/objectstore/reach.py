"""Does somebody answer HTTP at the storage's address? Asked before restic, which would retry for a quarter of an hour.

One small request without credentials, on a socket of our own, so that one deadline holds for everything: the
name's look-up, the connection, TLS and the first bytes of the answer.
"""

import contextlib
import email.utils
import errno
import http.client
import io
import queue
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message

from guardian.clock import Clock, SystemClock
from guardian.errors import ConfigError, StorageRefused, StorageUnreachable
from guardian.i18n import _
from guardian.model.address import S3Address

_MAX_HEAD = 65536  # bytes of an answer's head: more than any server sends, little enough to hold
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9][0-9])( [^\r\n]*)?\r?\n")
_NETWORK_AUTHENTICATION_REQUIRED = 511


@dataclass(frozen=True, slots=True)
class Reached:
    """Somebody answered: the HTTP status, what time the server says it is (aware, UTC), and how long it took."""

    status: int
    server_time: datetime | None
    seconds: float


def reach(address: S3Address, timeout: float = 10.0, cacert: str | None = None, clock: Clock | None = None) -> Reached:
    """Prove within ``timeout`` seconds in all that an HTTP server answers at ``address``.

    Any status is a sign of life. Raises StorageUnreachable when nobody answers (the message names the cause),
    StorageRefused when a captive portal answers in the storage's place, ConfigError when ``cacert`` cannot be
    read.
    """
    clock = clock or SystemClock()
    attempt = _Attempt(address, timeout, clock, clock.monotonic())
    context = tls_context(address, cacert)
    with attempt.failures_named(), contextlib.closing(attempt.connect()) as plain:
        if context is None:
            head = attempt.ask(plain)
        else:
            with context.wrap_socket(plain, server_hostname=address.host, do_handshake_on_connect=False) as tls:
                tls.settimeout(attempt.left())
                tls.do_handshake()
                head = attempt.ask(tls)
    status, headers = _parse_head(head, address)
    _refuse_wrong_listener(address, status, headers, head)
    return Reached(status, _server_time(headers), clock.monotonic() - attempt.started)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One request under one deadline."""

    address: S3Address
    timeout: float
    clock: Clock
    started: float

    def left(self) -> float:
        """Seconds until the deadline; TimeoutError when there are none."""
        left = self.started + self.timeout - self.clock.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def connect(self) -> socket.socket:
        """A connection to the first of the host's addresses that takes one."""
        found = self._look_up()
        for n, (family, kind, protocol, _canonical, target) in enumerate(found):
            connection = socket.socket(family, kind, protocol)
            try:
                # A dead first address must not eat the time of the living second one.
                connection.settimeout(self.left() / (len(found) - n))
                connection.connect(target)
            except OSError:
                connection.close()
                if n + 1 == len(found):
                    raise
            else:
                return connection
        raise OSError(errno.EADDRNOTAVAIL, "no address")

    def _look_up(self) -> list[tuple[int, int, int, str, tuple[str | int, ...]]]:
        # getaddrinfo takes no time limit; a thread that nobody waits for any longer does no harm.
        answers: queue.SimpleQueue[object] = queue.SimpleQueue()

        def look_up() -> None:
            try:
                answers.put(socket.getaddrinfo(self.address.host, self.address.port, type=socket.SOCK_STREAM))
            except (OSError, UnicodeError) as error:
                answers.put(error)

        threading.Thread(target=look_up, name="name-look-up", daemon=True).start()
        try:
            answer = answers.get(timeout=self.left())
        except queue.Empty:
            raise socket.gaierror(socket.EAI_AGAIN, "no answer in time") from None
        if isinstance(answer, UnicodeError):
            raise socket.gaierror(socket.EAI_NONAME, "not a host name") from answer
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, list)  # noqa: S101  getaddrinfo's own type, lost in the queue
        return answer

    def ask(self, connection: socket.socket) -> bytes:
        """The head of the answer to one small request, and whatever of the body came with it."""
        request = (
            # Without credentials every S3 server has a short answer to this, and a log line that says what it was.
            f"GET /{self.address.bucket}?location HTTP/1.1\r\nHost: {self.address.authority}\r\n"
            "User-Agent: guardian\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        )
        connection.settimeout(self.left())
        connection.sendall(request.encode("ascii"))
        received = bytearray()
        while not _ended(received) and len(received) < _MAX_HEAD:
            connection.settimeout(self.left())
            chunk = connection.recv(8192)
            if not chunk:
                break
            received += chunk
        return bytes(received)

    @contextlib.contextmanager
    def failures_named(self) -> Iterator[None]:
        """Turn what sockets raise into StorageUnreachable with its cause and a hint."""
        try:
            yield
        except OSError as error:
            why, hint = cause(error, self.timeout)
            raise StorageUnreachable(_unreachable(self.address, why), hint) from error


def _unreachable(address: S3Address, why: str) -> str:
    return _("nothing answers at {endpoint}: {why}").format(endpoint=address.endpoint, why=why)


def cause(error: OSError, timeout: float) -> tuple[str, str]:  # noqa: PLR0911  a table, one line a cause
    """Why nobody answered, and what to try."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            _("its certificate is not trusted ({reason})").format(reason=error.verify_message),
            _("Name the authority's PEM file by 'cacert', and check that the certificate is for this host's name."),
        )
    if isinstance(error, ssl.SSLError):
        return (
            _("TLS failed ({reason})").format(reason=error.reason or type(error).__name__),
            _("If the server speaks plain HTTP, write s3:http:// in the location."),
        )
    if isinstance(error, socket.gaierror):
        return _("its name cannot be resolved"), _("Check the host in the location, and the name server.")
    if isinstance(error, TimeoutError):
        return (
            _("no answer within {seconds} s").format(seconds=f"{timeout:g}"),
            _("Check the network, the firewall and whether the storage itself hangs."),
        )
    if isinstance(error, ConnectionRefusedError):
        return _("the connection was refused"), _("Check that the storage runs, and the port in the location.")
    if isinstance(error, ConnectionError):
        return _("the connection was cut"), _("Check the storage's own log, and the scheme: http or https.")
    return error.strerror or type(error).__name__, _("Check the network between this host and the storage.")


def tls_context(address: S3Address, cacert: str | None) -> ssl.SSLContext | None:
    """By what a server is known; None for plain HTTP. Raises ConfigError when ``cacert`` cannot be read."""
    if address.scheme == "http":
        return None
    try:
        return ssl.create_default_context(cafile=cacert)
    except OSError as error:  # ssl.SSLError is one too
        why = error.strerror or type(error).__name__
        raise ConfigError(
            _("cannot read the authority's certificate {path}: {why}").format(path=cacert, why=why),
            _("'cacert' names a PEM file with the certificate of the authority."),
        ) from error


def _ended(head: bytes | bytearray) -> bool:
    return b"\r\n\r\n" in head or b"\n\n" in head


def _parse_head(head: bytes, address: S3Address) -> tuple[int, Message]:
    if not head:
        raise StorageUnreachable(
            _unreachable(address, _("it closed the connection without an answer")),
            _("Check the storage's own log, and the scheme: http or https."),
        )
    line = _STATUS_LINE.match(head)
    try:
        if line is None or not _ended(head):
            raise http.client.HTTPException
        return int(line.group(1)), http.client.parse_headers(io.BytesIO(head[line.end() :]))
    except (http.client.HTTPException, ValueError) as error:
        raise StorageUnreachable(
            _unreachable(address, _("what listens there does not speak HTTP")),
            _("Check the port in the location."),
        ) from error


def _refuse_wrong_listener(address: S3Address, status: int, headers: Message, head: bytes) -> None:
    if status == 400 and address.scheme == "http" and b"HTTPS" in head:
        raise StorageUnreachable(
            _unreachable(address, _("it speaks HTTPS only")), _("Write s3:https:// in the location.")
        )
    page = 200 <= status < 300 and headers.get_content_type() == "text/html"
    # get_content_type() answers text/plain when there is no header, so a page is only what calls itself one.
    if page or status == _NETWORK_AUTHENTICATION_REQUIRED:
        raise StorageRefused(
            _("a web page answers at {endpoint} in the storage's place").format(endpoint=address.endpoint),
            _("A captive portal or a web server stands there: log in to the network, or check the host and port."),
        )


def _server_time(headers: Message) -> datetime | None:
    try:
        return email.utils.parsedate_to_datetime(str(headers["Date"])).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None
