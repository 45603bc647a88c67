"""An HTTP proxy that misbehaves on demand, between a client and a real S3 server.

It forwards method, path and every header as they came, Host included, so that signatures stay valid. Rules say
which requests meet a fault. It lives in the test's own process; :meth:`FaultProxy.close` leaves no thread and no
socket behind.

    proxy = FaultProxy("http://127.0.0.1:8333")
    proxy.add("status", method="PUT", path="/data/", times=3, status=503)
    ... a client talks to proxy.endpoint ...
    proxy.close()
"""

import email.utils
import hashlib
import http.client
import http.server
import re
import socket
import struct
import threading
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

_PIECE = 65536
_HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "expect", "transfer-encoding"}
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 seconds: close() sends RST where it would send FIN
_PORTAL = b"<!DOCTYPE html><html><head><title>Log in</title></head><body>Please log in to this network.</body></html>"
_MESSAGES = {
    "AccessDenied": "Access Denied.",
    "RequestTimeTooSkewed": "The difference between the request time and the current time is too large.",
}
"""As S3 words them: clients show the message and not the code."""

Action = Literal[
    "status",  # answer with `status` and an S3 error document naming `code`; nothing is forwarded
    "hang",  # take the request and never answer, until release() or close()
    "reset",  # cut the connection with a TCP reset; nothing is forwarded
    "drop-reply",  # forward, then cut the connection in place of the answer
    "ok-without-store",  # take the body, say 200, forward nothing
    "flip",  # forward; one bit of the answer's body is wrong (byte `at`; -1 is the middle)
    "truncate",  # forward; the answer promises its whole length and ends half-way
    "slow",  # forward; bodies pass at `rate` bytes a second, both ways
    "portal",  # answer with the web page of a captive portal
    "whole",  # forward without its Range: the whole object comes, with 200
    "cut-list",  # forward; of the objects in the answer's list every second one is left out
    "stale",  # forward once, and give that answer to all that come later
    "skew",  # forward; the answer's Date is `seconds` away from the truth
]


@dataclass(frozen=True, slots=True)
class Rule:
    """Which requests meet which fault: those of ``method`` whose path with query holds ``path``, but for the first
    ``after`` of them, and at most ``times`` of them."""

    action: Action
    method: str = "*"
    path: str = ""
    after: int = 0
    times: int | None = None
    status: int = 503
    code: str = "SlowDown"
    at: int = -1
    rate: int = 1 << 20
    seconds: float = 0.0

    def matches(self, method: str, path: str) -> bool:
        return self.method in {"*", method} and self.path in path


@dataclass(frozen=True, slots=True)
class Seen:
    """One request: what it was and what it met (``forward`` or the action)."""

    method: str
    path: str
    met: str


class FaultProxy:
    """The proxy, listening on loopback from the moment it is made."""

    def __init__(self, upstream: str) -> None:
        parts = urllib.parse.urlsplit(upstream)
        assert parts.hostname, upstream
        assert parts.port, upstream
        self.upstream = (parts.hostname, parts.port)
        self.released = threading.Event()
        self._lock = threading.Lock()
        self._rules: list[Rule] = []
        self._counts: dict[int, int] = {}
        self._seen: list[Seen] = []
        self.kept: dict[str, tuple[str, bytes]] = {}
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="fault-proxy")
        self._thread.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def add(self, action: Action, **fields: object) -> Rule:
        """One more rule; of several that match a request the first one whose turn it is counts."""
        rule = Rule(action, **fields)  # type: ignore[arg-type]
        with self._lock:
            self._rules = [*self._rules, rule]
        return rule

    def clear(self) -> None:
        """No faults any more; counters start again."""
        with self._lock:
            self._rules, self._counts = [], {}

    def seen(self, method: str = "*", path: str = "", met: str | None = None) -> list[Seen]:
        """The requests so far that match."""
        probe = Rule("status", method, path)
        with self._lock:
            return [s for s in self._seen if probe.matches(s.method, s.path) and met in {None, s.met}]

    def release(self) -> None:
        """Let the hanging requests go: their connections are cut."""
        self.released.set()

    def close(self) -> None:
        self.release()
        self._server.shutdown()
        self._thread.join()
        self._server.cut_all()
        self._server.server_close()  # joins the handlers' threads

    def decide(self, method: str, path: str) -> Rule | None:
        with self._lock:
            chosen = None
            for n, rule in enumerate(self._rules):
                if not rule.matches(method, path):
                    continue
                count = self._counts[n] = self._counts.get(n, 0) + 1
                if count > rule.after and (rule.times is None or count <= rule.after + rule.times):
                    chosen = rule
                    break
            self._seen.append(Seen(method, path, chosen.action if chosen else "forward"))
            return chosen


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True
    request_queue_size = 128
    proxy: FaultProxy

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()

    def process_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)  # type: ignore[arg-type]

    def shutdown_request(self, request: socket.socket) -> None:  # type: ignore[override]
        with self._open_lock:
            self._open.discard(request)
        if request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(_RESET)) == _RESET:
            request.close()  # at once: shutdown() would say a polite goodbye first
        else:
            super().shutdown_request(request)

    def cut_all(self) -> None:
        """Wake every handler that waits for its client's next request."""
        with self._open_lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # its client has gone already

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that cut its connection is what tests are about: say nothing."""


class _Cut(Exception):
    """The client's connection ends here."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer's head and body leave in two writes: without this the second one waits for the client's delayed ACK.
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def _any(self) -> None:
        rule = self.server.proxy.decide(self.command, self.path)
        try:
            self._meet(rule)
        except (_Cut, OSError, http.client.HTTPException):
            self.close_connection = True

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_OPTIONS = _any  # noqa: N815

    def _meet(self, rule: Rule | None) -> None:
        match rule.action if rule else None:
            case "hang":
                self.server.proxy.released.wait()
                raise _Cut
            case "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                raise _Cut
            case "status":
                self._drain()
                message = _MESSAGES.get(rule.code, "by rule")
                error = f"<Error><Code>{rule.code}</Code><Message>{message}</Message></Error>"
                self._answer(rule.status, "application/xml", b'<?xml version="1.0" encoding="UTF-8"?>' + error.encode())
            case "portal":
                self._drain()
                self._answer(200, "text/html; charset=utf-8", _PORTAL)
            case "ok-without-store":
                digest = self._drain()
                self.send_response(204 if self.command == "DELETE" else 200)
                self.send_header("ETag", f'"{digest}"')
                self.send_header("Content-Length", "0")
                self.end_headers()
            case "cut-list":
                kind, body = self._fetched()
                listed = re.findall(rb"<Contents>.*?</Contents>", body, re.DOTALL)
                for item in listed[1::2]:
                    body = body.replace(item, b"")
                self._answer(200, kind, body)
            case "stale":
                if self.path not in self.server.proxy.kept:
                    self.server.proxy.kept[self.path] = self._fetched()
                self._answer(200, *self.server.proxy.kept[self.path])
            case _:
                self._forward(rule)

    def _drain(self) -> str:
        digest = hashlib.md5(usedforsecurity=False)
        for piece in self._body():
            digest.update(piece)
        return digest.hexdigest()

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _body(self) -> Iterator[bytes]:
        """The request's body in pieces, its chunks undone."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            while size := int(self.rfile.readline(1024).split(b";")[0], 16):
                yield from self._exactly(size)
                self.rfile.readline(1024)
            while self.rfile.readline(1024).strip():
                pass  # trailers
        else:
            yield from self._exactly(int(self.headers.get("Content-Length", 0)))

    def _exactly(self, size: int) -> Iterator[bytes]:
        while size:
            piece = self.rfile.read(min(size, _PIECE))
            if not piece:
                raise _Cut
            size -= len(piece)
            yield piece

    def _forward(self, rule: Rule | None) -> None:
        upstream = http.client.HTTPConnection(*self.server.proxy.upstream, timeout=60)
        try:
            self._send(upstream, rule)
            with upstream.getresponse() as response:
                if rule and rule.action == "drop-reply":
                    response.read()
                    raise _Cut
                self._relay(response, rule)
        finally:
            upstream.close()

    def _fetched(self) -> tuple[str, bytes]:
        """The upstream's answer: content type and body."""
        upstream = http.client.HTTPConnection(*self.server.proxy.upstream, timeout=60)
        try:
            self._send(upstream, None)
            with upstream.getresponse() as response:
                return response.getheader("Content-Type", ""), response.read()
        finally:
            upstream.close()

    def _send(self, upstream: http.client.HTTPConnection, rule: Rule | None) -> None:
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() in _HOP_BY_HOP or (rule and rule.action == "whole" and name.lower() == "range"):
                continue
            upstream.putheader(name, value)
        chunked = "chunked" in self.headers.get("Transfer-Encoding", "").lower()
        if chunked:
            upstream.putheader("Transfer-Encoding", "chunked")
        upstream.endheaders()
        body = self._paced(self._body(), rule)
        try:
            for piece in body:
                upstream.send(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            if chunked:
                upstream.send(b"0\r\n\r\n")
        except ConnectionError:
            for _unwanted in body:
                pass  # the server said no before the end of the body: its answer waits to be read

    def _relay(self, response: http.client.HTTPResponse, rule: Rule | None) -> None:
        self.send_response_only(response.status, response.reason)
        for name, value in response.getheaders():
            if name.lower() == "date" and rule and rule.action == "skew":
                value = email.utils.formatdate(time.time() + rule.seconds, usegmt=True)  # noqa: PLW2901
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        bodiless = self.command == "HEAD" or response.status in {204, 304}
        chunked = not bodiless and response.getheader("Content-Length") is None
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if bodiless:
            return
        for piece in self._paced(self._spoiled(response, rule), rule):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _spoiled(self, response: http.client.HTTPResponse, rule: Rule | None) -> Iterator[bytes]:
        """The answer's body in pieces, with the rule's fault in it."""
        middle = (response.length or 0) // 2
        position = 0
        while piece := response.read(_PIECE):
            end = position + len(piece)
            if rule and rule.action == "flip":
                at = rule.at if rule.at >= 0 else middle
                if position <= at < end:
                    spoiled = bytearray(piece)
                    spoiled[at - position] ^= 1
                    piece = bytes(spoiled)
            if rule and rule.action == "truncate" and end >= middle:
                self.wfile.write(piece[: middle - position])
                raise _Cut
            yield piece
            position = end

    def _paced(self, pieces: Iterator[bytes], rule: Rule | None) -> Iterator[bytes]:
        if rule is None or rule.action != "slow":
            yield from pieces
            return
        step = max(1, rule.rate // 10)
        for piece in pieces:
            for start in range(0, len(piece), step):
                # Waiting on the event, not sleeping: close() must not wait for a slow body.
                self.server.proxy.released.wait(len(piece[start : start + step]) / rule.rate)
                yield piece[start : start + step]
