"""Signed GET and HEAD requests to one bucket, by the standard library alone: all that reading takes.

boto3 does the rest of S3 (:mod:`guardian.objectstore.s3`). To read back the few objects that a backup left, its 26 MiB
and its third of a second are too much, and to ask thousands of buckets for their settings its millisecond for each
request (docs/adr/0015-reading-s3.md).
"""

import http.client
import ssl
import threading
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Self

from guardian.clock import Clock, SystemClock
from guardian.errors import GuardianError, StorageUnreachable
from guardian.i18n import _
from guardian.model.address import S3Address
from guardian.objectstore import answers, listing
from guardian.objectstore.listing import Refusal
from guardian.objectstore.reach import cause, tls_context
from guardian.objectstore.service import BUCKET_IN_HOST
from guardian.objectstore.sigv4 import Keys, Request, sign

_CONNECT_TIMEOUT = 5.0  # seconds
_READ_TIMEOUT = 20.0
_WAITS = (0.3, 1.5)
"""Seconds before it is asked again, when nobody answered or the service had a trouble of its own."""
_PASSING = frozenset({429, 500, 502, 503, 504})
_IDLE = 32  # connections that are kept for the next question


class Refused(Exception):
    """The service said no."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Answer:
    """A yes, its body not read yet. Close it: a connection whose answer was read to its end is used again."""

    _response: http.client.HTTPResponse
    _release: Callable[[bool], None]
    _failed: Callable[[OSError | http.client.HTTPException], GuardianError]

    @property
    def status(self) -> int:
        """200 or 206, mostly."""
        return self._response.status

    def header(self, name: str) -> str:
        """One header; empty when it is not there."""
        return self._response.headers.get(name, "")

    def read(self, most: int) -> bytes:
        """The next bytes, fewer than ``most`` at the end of the answer, wherever that is. Raises StorageUnreachable."""
        try:
            return self._response.read(most)
        except http.client.IncompleteRead as error:
            return error.partial
        except (OSError, http.client.HTTPException) as error:
            raise self._failed(error) from None

    def close(self) -> None:
        """Let go of the connection."""
        self._release(self._response.isclosed() and not self._response.will_close)


@dataclass(slots=True)
class _Idle:
    """Connections to one host that wait for the next question."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _waiting: list[http.client.HTTPConnection] = field(default_factory=list)
    _closed: bool = False

    def take(self) -> http.client.HTTPConnection | None:
        with self._lock:
            return self._waiting.pop() if self._waiting else None

    def give_back(self, connection: http.client.HTTPConnection, reusable: bool) -> None:
        with self._lock:
            if reusable and not self._closed and len(self._waiting) < _IDLE:
                self._waiting.append(connection)
                return
        connection.close()

    def close(self) -> None:
        with self._lock:
            self._closed, waiting = True, self._waiting
            self._waiting = []
        for connection in waiting:
            connection.close()


class Getter:
    """Asks one S3 service about one bucket. For several threads; close it when they are done."""

    def __init__(
        self, address: S3Address, keys: Keys, region: str, cacert: str | None = None, clock: Clock | None = None
    ) -> None:
        """Nothing is sent yet. Raises ConfigError when ``cacert`` cannot be read."""
        self._address, self._keys, self._region = address, keys, region
        self._clock = clock or SystemClock()
        self._context = tls_context(address, cacert)
        self._in_host = address.host.endswith(BUCKET_IN_HOST)
        self._idle = _Idle()

    def of(self, bucket: str) -> Self:
        """One for another bucket of the same service; "" asks the service itself. To be closed as well."""
        other = copy(self)
        other._address = replace(self._address, bucket=bucket)  # noqa: SLF001  it is one of ours
        if self._in_host:
            other._idle = _Idle()  # noqa: SLF001  it is one of ours
        return other

    def shares(self, other: "Getter") -> bool:
        """Whether both use the same connections: then one of them is closed for both."""
        return self._idle is other._idle  # noqa: SLF001  it is one of ours

    def close(self) -> None:
        """Let go of the connections that nobody uses; the others go when their answers are closed."""
        self._idle.close()

    def ask(self, method: str, key: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """Ask about the object ``key`` ("": the bucket). Asked again when that may help: nothing is changed by it.

        Raises Refused, StorageUnreachable when nobody answers, StorageRefused when what answers is no S3 service.
        """
        waits, moved = iter(_WAITS), False
        while True:
            try:
                answer = self._send(self._request(method, key, query), headers)
            except (OSError, http.client.HTTPException) as error:
                failure: Exception = self._failed(error)
                passing = isinstance(error, OSError) and not isinstance(error, ssl.SSLCertVerificationError)
            else:
                if answer.status < http.client.MULTIPLE_CHOICES:
                    self._refuse_page(answer)
                    return answer
                refusal = self._refusal(answer)
                if refusal.region and refusal.region != self._region and not moved:
                    self._region, moved = refusal.region, True
                    continue
                failure, passing = Refused(refusal), refusal.status in _PASSING
            wait = next(waits, None) if passing else None
            if wait is None:
                raise failure from None  # no frame that holds the signed headers
            self._clock.sleep(wait)

    def _request(self, method: str, key: str, query: Mapping[str, str]) -> Request:
        address = self._address
        if self._in_host:
            return Request(method, self._before() + address.authority, f"/{key}", query)
        return Request(method, address.authority, f"/{address.bucket}" + (f"/{key}" if key else ""), query)

    def _before(self) -> str:
        """What stands before the service's name where the bucket is part of it."""
        return f"{self._address.bucket}." if self._in_host and self._address.bucket else ""

    def _send(self, request: Request, headers: Mapping[str, str]) -> Answer:
        while (connection := self._idle.take()) is not None:
            try:
                return self._once(connection, request, headers)
            except ConnectionError:
                pass  # the service let go of it meanwhile
        return self._once(self._connect(), request, headers)

    def _once(self, connection: http.client.HTTPConnection, request: Request, headers: Mapping[str, str]) -> Answer:
        signed = sign(request, self._keys, self._region, self._clock.now())
        try:
            connection.request(request.method, request.target, headers={"user-agent": "guardian", **headers, **signed})
            response = connection.getresponse()
        except BaseException:
            connection.close()
            raise

        def release(reusable: bool) -> None:
            response.close()
            self._idle.give_back(connection, reusable)

        return Answer(response, release, self._failed)

    def _connect(self) -> http.client.HTTPConnection:
        address = self._address
        host = self._before() + address.host
        connection: http.client.HTTPConnection
        if self._context is None:
            connection = http.client.HTTPConnection(host, address.port, timeout=_CONNECT_TIMEOUT)
        else:
            connection = http.client.HTTPSConnection(
                host, address.port, timeout=_CONNECT_TIMEOUT, context=self._context
            )
        try:
            connection.connect()
            connection.sock.settimeout(_READ_TIMEOUT)
        except BaseException:
            connection.close()
            raise
        return connection

    def _failed(self, error: OSError | http.client.HTTPException) -> GuardianError:
        """What ended a request, or the reading of its answer, in Guardian's words."""
        if not isinstance(error, OSError):
            return answers.not_understood(self._address)
        why, hint = cause(error, _READ_TIMEOUT)
        return StorageUnreachable(
            _("no S3 answer from {endpoint}: {why}").format(endpoint=self._address.endpoint, why=why), hint
        )

    def _refuse_page(self, answer: Answer) -> None:
        """Any page that comes with a 200 would look like an object, or like an empty list."""
        if "html" in answer.header("Content-Type").lower():
            answer.close()
            raise answers.not_understood(self._address)

    def _refusal(self, answer: Answer) -> Refusal:
        try:
            body = answer.read(listing.ERROR_LIMIT)
        except GuardianError:
            body = b""
        finally:
            answer.close()
        return listing.refusal(answer.status, body, answer.header("x-amz-bucket-region") or None)
