"""A door of our own to a repository: restic's REST protocol on loopback, over a reader with credentials of its own.

It is open for one restic, for as long as that runs: nobody gets in without a token made for it, nothing can be written
through it, and what passes is encrypted anyway. restic insists on a lock: that is kept in memory and never reaches the
storage, while locks that others put there are shown, so that restic keeps out of the way of a prune. Whoever opens a
door holds the repository's lease on this host.
"""

import base64
import hmac
import json
import re
import secrets
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from guardian.errors import GuardianError, StorageRefused
from guardian.model.reader import ObjectMissing, Reader
from guardian.model.redaction import hide
from guardian.model.secret import Secret

_USER = "guardian"
_FOLDERS = ("data", "index", "keys", "locks", "snapshots")
_OBJECT = re.compile(rf"/(?:(config)|({'|'.join(_FOLDERS)})/([0-9a-f]{{64}}))", re.ASCII)
_FOLDER = re.compile(rf"/({'|'.join(_FOLDERS)})/", re.ASCII)
_RANGE = re.compile(r"bytes=(\d{1,19})-(\d{0,19})", re.ASCII)
_V2 = "application/vnd.x.restic.rest.v2"
_PIECE = 4 << 20
_LOCK_BYTES, _LOCKS = 1 << 16, 64
_SIZES = 100_000
_IDLE_SECONDS = 300.0


class Door:
    """An open door; use it in a ``with``. ``url`` is what restic is given, and holds the token."""

    def __init__(self, reader: Reader) -> None:
        """Nothing listens yet."""
        self._reader = reader
        self._token = secrets.token_urlsafe(32)
        self._locks: dict[str, bytes] = {}
        self._sizes: dict[str, int] = {}
        self._server: _Server | None = None
        hide(Secret(self._token.encode()))

    def __enter__(self) -> Self:
        self._server = _Server(self)
        threading.Thread(target=self._server.serve_forever, args=(0.1,), name="door", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @property
    def url(self) -> str:
        """The location as restic takes it."""
        assert self._server is not None  # noqa: S101  asked for inside the with
        return f"rest:http://{_USER}:{self._token}@127.0.0.1:{self._server.server_address[1]}/"

    def knows(self, authorization: str) -> bool:
        """Whether the header of a request holds the token."""
        expected = base64.b64encode(f"{_USER}:{self._token}".encode())
        return hmac.compare_digest(authorization.encode("utf-8", "replace"), b"Basic " + expected)

    def list(self, folder: str) -> list[tuple[str, int]]:
        """Id and length of everything in ``folder``, our own locks too."""
        found = [(name.rpartition("/")[2], size) for name, size in self._reader.list(f"{folder}/")]
        if folder == "data" and len(found) <= _SIZES:
            self._sizes = {_name("data", one): size for one, size in found}
        return [*found, *((one, len(data)) for one, data in self._locks.items() if folder == "locks")]

    def size(self, folder: str, name: str) -> int:
        """The length of an object; ``folder`` is empty for the configuration. Raises as readers do."""
        if folder == "locks" and name in self._locks:
            return len(self._locks[name])
        whole = _name(folder, name)
        if whole not in self._sizes:
            if len(self._sizes) >= _SIZES:
                self._sizes.clear()
            self._sizes[whole] = self._reader.size(whole)
        return self._sizes[whole]

    def read(self, folder: str, name: str, part: tuple[int, int]) -> bytes:
        """``part`` (offset, length) of an object. Raises as readers do."""
        if folder == "locks" and name in self._locks:
            return self._locks[name][part[0] : part[0] + part[1]]
        return self._reader.read(_name(folder, name), *part)

    def lock(self, name: str, data: bytes) -> bool:
        """Keep a lock; False when there are too many."""
        if len(self._locks) >= _LOCKS:
            return False
        self._locks[name] = data
        return True

    def unlock(self, name: str) -> None:
        """Forget a lock of ours; those in the storage stay."""
        self._locks.pop(name, None)


def _name(folder: str, name: str) -> str:
    if not folder:
        return name
    return f"data/{name[:2]}/{name}" if folder == "data" else f"{folder}/{name}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, door: Door) -> None:
        self.door = door
        super().__init__(("127.0.0.1", 0), _Visit)

    def handle_error(self, request: object, client_address: object) -> None:
        """A visitor that went away is no news: restic itself says what it could not get."""


class _Visit(BaseHTTPRequestHandler):
    """One connection. Every answer is whole or breaks off: restic then asks again."""

    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS
    server: _Server

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_POST(self) -> None:
        data = self._body()
        found = _OBJECT.fullmatch(self.path)
        if not self._let_in() or data is None or found is None or found[2] != "locks":
            self._say(HTTPStatus.FORBIDDEN)
        else:
            self._say(HTTPStatus.OK if self.server.door.lock(found[3], data) else HTTPStatus.FORBIDDEN)

    def do_DELETE(self) -> None:
        found = _OBJECT.fullmatch(self.path)
        if not self._let_in() or found is None or found[2] != "locks":
            self._say(HTTPStatus.FORBIDDEN)
            return
        self.server.door.unlock(found[3])
        self._say(HTTPStatus.OK)

    def _let_in(self) -> bool:
        return self.server.door.knows(self.headers.get("Authorization", ""))

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _LOCK_BYTES:
            self.close_connection = True
            return None
        return self.rfile.read(int(length))

    def _answer(self, *, body: bool) -> None:
        if not self._let_in():
            self._say(HTTPStatus.FORBIDDEN)
            return
        try:
            if folder := _FOLDER.fullmatch(self.path):
                listed = [{"name": name, "size": size} for name, size in self.server.door.list(folder[1])]
                self._whole(json.dumps(listed).encode(), _V2, body=body)
            elif found := _OBJECT.fullmatch(self.path):
                self._object(found[2] or "", found[3] or found[1], body=body)
            else:
                self._say(HTTPStatus.NOT_FOUND)
        except ObjectMissing:
            self._fail(HTTPStatus.NOT_FOUND)
        except StorageRefused:
            self._fail(HTTPStatus.FORBIDDEN)
        except GuardianError:
            self._fail(HTTPStatus.SERVICE_UNAVAILABLE)

    def _object(self, folder: str, name: str, *, body: bool) -> None:
        door = self.server.door
        size = door.size(folder, name)
        start, end = 0, size
        asked = _RANGE.fullmatch(self.headers.get("Range", "")) if body else None
        if asked is not None:
            start = int(asked[1])
            end = min(size, int(asked[2]) + 1) if asked[2] else size
            if start >= end:
                self._say(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
                return
        # The first piece before the head: what cannot be read at all is an error, and no answer that breaks off.
        first = door.read(folder, name, (start, min(_PIECE, end - start))) if body and end > start else b""
        self.send_response(HTTPStatus.PARTIAL_CONTENT if asked else HTTPStatus.OK)
        self.send_header("Content-Length", str(end - start))
        self.send_header("Content-Type", "application/octet-stream")
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
        self.end_headers()
        self.wfile.write(first)
        at = start + len(first)
        while body and at < end:
            piece = door.read(folder, name, (at, min(_PIECE, end - at)))
            self.wfile.write(piece)
            at += len(piece)

    def _whole(self, data: bytes, kind: str, *, body: bool) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body:
            self.wfile.write(data)

    def _say(self, status: HTTPStatus) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _fail(self, status: HTTPStatus) -> None:
        if self._headers_sent:
            self.close_connection = True
            return
        self._say(status)

    def end_headers(self) -> None:
        """As the library does it; from here on an error can only break the answer off."""
        super().end_headers()
        self._headers_sent = True

    _headers_sent = False

    def handle_one_request(self) -> None:
        """As the library does it, once more."""
        self._headers_sent = False
        super().handle_one_request()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its signature
        """Nothing: what is asked for here is nobody's business."""
