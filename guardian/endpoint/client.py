"""One client of an endpoint: its request read within bounds, answered once, and let go."""

import asyncio
import base64
import binascii
import zlib
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, cast

from guardian.endpoint.access import Access
from guardian.endpoint.site import TEXT, Answer, BadRequest, Request, Site, query_of

MAX_HEAD: Final = 8192
"""Bytes of a request that are read."""
MAX_WAITING_USERS: Final = 8
"""So many passwords wait to be checked; one takes a tenth of a second, and is remembered when it was right."""

MAX_UNPACKING: Final = 4
"""So many clients that take no gzip are told a large page at once; it is unpacked for each of them."""
_PIECE: Final = 1 << 18
"""Bytes that are given to a connection at once: what a slow client does not take is not piled up."""

_END: Final = b"\r\n\r\n"


@dataclass(slots=True)
class Limits:
    """What all clients share: those who are connected or shake hands, and the threads that work for them."""

    open: "set[Client]" = field(default_factory=set)
    text: Executor | None = None
    users: Executor | None = None
    waiting: int = 0
    unpacking: int = 0


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
    path, _mark, query = path.partition("?")
    try:
        return Request(method, path, headers, query_of(query), version)
    except ValueError:  # more parts than anybody needs
        return None


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


class Client(asyncio.Protocol):
    """The protocol of one connection: one request, one answer."""

    def __init__(self, site: Site, access: Access, limits: Limits) -> None:
        self._site = site
        self._room = asyncio.Event()
        self._room.set()
        self._access = access
        self._limits = limits
        self._head = bytearray()
        self._answering: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there, and its handshake is done."""
        self._transport = cast("asyncio.Transport", transport)
        self._late = asyncio.get_running_loop().call_later(self._site.deadline, self._cut_off)
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

    def pause_writing(self) -> None:
        """The client takes no more for now."""
        self._room.clear()

    def resume_writing(self) -> None:
        """It does again."""
        self._room.set()

    def abort(self) -> None:
        """Let go at once."""
        if self._transport is not None:
            self._transport.abort()

    def _cut_off(self) -> None:
        self._site.refused += 1
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
        elif request.path == "/-/healthy":
            self._send(request, HTTPStatus.OK, b"healthy\n")
        elif request.path == "/":
            self._send(request, HTTPStatus.OK, self._site.index)
        else:
            await self._page(request)

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

    async def _page(self, request: Request) -> None:
        making = asyncio.get_running_loop().run_in_executor(self._limits.text, self._site.answer, request)
        try:
            answer = await asyncio.wait_for(making, self._site.seconds)
        except BadRequest:
            self._refuse(HTTPStatus.BAD_REQUEST)
        except Exception:  # noqa: BLE001  whatever it was, this client gets an answer and the next one is served
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE)
        else:
            if answer is None:
                self._send(request, HTTPStatus.NOT_FOUND, b"not found\n")
            else:
                self._site.scrapes += 1
                await self._tell(request, answer)

    async def _tell(self, request: Request, answer: Answer) -> None:
        """Say it as the client takes it: a whole, or what is unpacked as it goes."""
        packed = answer.packed and _takes_gzip(request.headers.get("accept-encoding", ""))
        if packed or not answer.packed:
            extra = {"Vary": "Accept-Encoding", "Content-Encoding": "gzip"} if packed else {}
            extra["Content-Length"] = str(len(answer.body))
            pieces = (answer.body[at : at + _PIECE] for at in range(0, len(answer.body), _PIECE))
            await self._stream(request, answer.kind, extra, pieces)
        elif self._limits.unpacking >= MAX_UNPACKING:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE)
        else:
            self._limits.unpacking += 1
            try:
                # How long it becomes is not known: HTTP/1.0 knows no better sign of its end than the connection's.
                chunked = request.version != "HTTP/1.0"
                extra = {"Vary": "Accept-Encoding"} | ({"Transfer-Encoding": "chunked"} if chunked else {})
                await self._stream(request, answer.kind, extra, _unpacked(answer.body, chunked=chunked))
            finally:
                self._limits.unpacking -= 1

    async def _stream(self, request: Request, kind: str, extra: Mapping[str, str], pieces: Iterator[bytes]) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.write(self._head_of(HTTPStatus.OK, {"Content-Type": kind, **extra}))
        if request.method != "HEAD":
            for piece in pieces:
                transport.write(piece)
                await self._room.wait()
                await asyncio.sleep(0)  # others have their turn while a large page is unpacked
        transport.close()

    def _refuse(self, status: HTTPStatus) -> None:
        self._site.refused += 1
        extra = {}
        if status is HTTPStatus.UNAUTHORIZED:
            extra = {"WWW-Authenticate": 'Basic realm="guardian"'}
        elif status is HTTPStatus.METHOD_NOT_ALLOWED:
            extra = {"Allow": "GET, HEAD"}
        self._send(None, status, f"{status.phrase.lower()}\n".encode(), extra)

    def _send(
        self, request: Request | None, status: HTTPStatus, body: bytes, extra: Mapping[str, str] | None = None
    ) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        head = self._head_of(status, {"Content-Type": TEXT, "Content-Length": str(len(body)), **(extra or {})})
        self._transport.write(head if request is not None and request.method == "HEAD" else head + body)
        self._transport.close()

    def _head_of(self, status: HTTPStatus, said: Mapping[str, str]) -> bytes:
        headers = {**said, "Connection": "close", "X-Content-Type-Options": "nosniff", **self._access.headers}
        lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join(lines).encode("latin-1") + _END


def _takes_gzip(accept: str) -> bool:
    """Whether an Accept-Encoding header allows gzip."""
    for offer in accept.lower().split(",")[:32]:
        coding, _semicolon, weight = offer.strip().partition(";")
        if coding.strip() in {"gzip", "x-gzip", "*"} and weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00"}:
            return True
    return False


def _unpacked(packed: bytes, *, chunked: bool) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(wbits=31)
    left = packed
    while left or not unpacker.eof:
        piece = unpacker.decompress(left, _PIECE)
        left = unpacker.unconsumed_tail
        if piece:
            yield b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece
        elif not left:
            break
    if chunked:
        yield b"0\r\n\r\n"
