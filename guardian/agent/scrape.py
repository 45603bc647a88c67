"""One client of ``/metrics``: its request read within bounds, answered once, and let go."""

import asyncio
import base64
import binascii
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, cast

from guardian.agent.exposition import Exposition
from guardian.agent.webconfig import Access
from guardian_exporters.text import OPENMETRICS, PLAIN, wants_openmetrics

MAX_HEAD: Final = 8192
"""Bytes of a request that are read."""
DEADLINE_SECONDS: Final = 10.0
"""From the connection to the last byte of the answer taken; then the client is cut off."""
TEXT_SECONDS: Final = 5.0
MAX_WAITING_USERS: Final = 8
"""So many passwords wait to be checked; one takes a tenth of a second, and is remembered when it was right."""

_END: Final = b"\r\n\r\n"
_TEXT: Final = "text/plain; charset=utf-8"
_INDEX: Final = b"Guardian agent: /metrics /-/healthy\n"


@dataclass(slots=True)
class Limits:
    """What all clients share: those who are connected or shake hands, and the threads that work for them."""

    open: "set[Scrape]" = field(default_factory=set)
    text: Executor | None = None
    users: Executor | None = None
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """A request's head, as far as it matters; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]


def parse_head(head: bytes) -> Request | None:
    """The request in ``head`` (everything before the empty line), or None for what is no HTTP/1 request."""
    lines = head.decode("latin-1").split("\r\n")
    method, _space, rest = lines[0].partition(" ")
    path, _space, version = rest.partition(" ")
    if not method.isalpha() or not path.startswith("/") or version not in {"HTTP/1.0", "HTTP/1.1"}:
        return None
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            return None
        name = name.lower()
        headers[name] = f"{headers[name]}, {value.strip()}" if name in headers else value.strip()
    return Request(method, path.partition("?")[0], headers)


def credentials(authorization: str) -> tuple[str, bytes] | None:
    """User and password of an Authorization header of the basic kind."""
    scheme, _space, coded = authorization.partition(" ")
    try:
        user, colon, password = base64.b64decode(coded.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    if scheme.lower() != "basic" or not colon:
        return None
    return user.decode("utf-8", "surrogateescape"), password


class Scrape(asyncio.Protocol):
    """The protocol of one connection: one request, one answer."""

    def __init__(self, exposition: Exposition, access: Access, limits: Limits) -> None:
        self._exposition = exposition
        self._access = access
        self._limits = limits
        self._head = bytearray()
        self._answering: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there, and its handshake is done."""
        self._transport = cast("asyncio.Transport", transport)
        self._late = asyncio.get_running_loop().call_later(DEADLINE_SECONDS, self._cut_off)
        if not self._access.welcomes(transport.get_extra_info("peercert")):
            self._cut_off()

    def data_received(self, data: bytes) -> None:
        """Some of the request; what comes after it is not looked at."""
        if self._answering is not None or self._transport is None or self._transport.is_closing():
            return
        self._head += data
        end = self._head.find(_END)
        if end >= 0 and end <= MAX_HEAD:
            self._answering = asyncio.ensure_future(self._answer(bytes(self._head[:end])))
        elif len(self._head) > MAX_HEAD:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        """The client has gone, or was let go."""
        self._limits.open.discard(self)
        if self._late is not None:
            self._late.cancel()
        if self._answering is not None:
            self._answering.cancel()

    def abort(self) -> None:
        """Let go at once."""
        if self._transport is not None:
            self._transport.abort()

    def _cut_off(self) -> None:
        self._exposition.refused += 1
        self.abort()

    async def _answer(self, head: bytes) -> None:
        request = parse_head(head)
        if request is None:
            self._refuse(HTTPStatus.BAD_REQUEST)
            return
        refused = await self._unwelcome(request)
        if refused is not None:
            self._refuse(refused)
        elif request.method not in {"GET", "HEAD"}:
            self._refuse(HTTPStatus.METHOD_NOT_ALLOWED)
        elif request.path == "/metrics":
            await self._metrics(request)
        elif request.path == "/-/healthy":
            self._send(request, HTTPStatus.OK, b"healthy\n")
        elif request.path == "/":
            self._send(request, HTTPStatus.OK, _INDEX)
        else:
            self._send(request, HTTPStatus.NOT_FOUND, b"not found\n")

    async def _unwelcome(self, request: Request) -> HTTPStatus | None:
        """Why this request is not answered: no user, a wrong password, too many to check at once."""
        if not self._access.users:
            return None
        found = credentials(request.headers.get("authorization", ""))
        if found is None:
            return HTTPStatus.UNAUTHORIZED
        if self._access.remembered(*found):
            return None
        if self._limits.waiting >= MAX_WAITING_USERS:
            return HTTPStatus.SERVICE_UNAVAILABLE
        self._limits.waiting += 1
        try:
            loop = asyncio.get_running_loop()
            good = await loop.run_in_executor(self._limits.users, self._access.good, *found)
        finally:
            self._limits.waiting -= 1
        return None if good else HTTPStatus.UNAUTHORIZED

    async def _metrics(self, request: Request) -> None:
        openmetrics = wants_openmetrics(request.headers.get("accept", ""))
        loop = asyncio.get_running_loop()
        making = loop.run_in_executor(self._limits.text, lambda: self._exposition.text(openmetrics=openmetrics))
        try:
            text = await asyncio.wait_for(making, TEXT_SECONDS)
        except Exception:  # noqa: BLE001  whatever it was, this client gets an answer and the next one is served
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE)
            return
        self._exposition.scrapes += 1
        self._send(request, HTTPStatus.OK, text, OPENMETRICS if openmetrics else PLAIN)

    def _refuse(self, status: HTTPStatus) -> None:
        self._exposition.refused += 1
        extra = {}
        if status is HTTPStatus.UNAUTHORIZED:
            extra = {"WWW-Authenticate": 'Basic realm="guardian"'}
        elif status is HTTPStatus.METHOD_NOT_ALLOWED:
            extra = {"Allow": "GET, HEAD"}
        self._send(None, status, f"{status.phrase.lower()}\n".encode(), _TEXT, extra)

    def _send(
        self, request: Request | None, status: HTTPStatus, body: bytes, kind: str = _TEXT,
        extra: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        if self._transport is None or self._transport.is_closing():
            return
        headers = {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            "Connection": "close",
            "X-Content-Type-Options": "nosniff",
            **self._access.headers,
            **(extra or {}),
        }
        lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in headers.items())]
        head = "\r\n".join(lines).encode("latin-1") + _END
        self._transport.write(head if request is not None and request.method == "HEAD" else head + body)
        self._transport.close()
