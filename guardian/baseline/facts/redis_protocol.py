"""The client's side of Redis' protocol (RESP 2), as much of it as questions need, with a limit on every answer.

https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

import socket
from typing import Any, Final

from guardian.clock import Clock

ANSWER_BYTES: Final = 8 << 20
"""The largest answer that is taken."""
_ITEMS: Final = 200_000
_DEPTH: Final = 8


class ServerError(Exception):
    """The server said no; ``str()`` is what it said, ``code`` its first word: ``NOAUTH``, ``NOPERM``, ``ERR``."""

    @property
    def code(self) -> str:
        """The first word."""
        return str(self).partition(" ")[0]


class BrokenOffError(Exception):
    """The connection is of no use any more: it ended, took too long, or said what is no RESP."""


class Connection:
    """One connection. Questions come from one thread; after BrokenOffError it is closed."""

    def __init__(self, sock: socket.socket, clock: Clock, deadline: float) -> None:
        """Every answer has arrived by ``deadline``, in seconds of the monotonic clock."""
        self._sock, self._clock, self._deadline = sock, clock, deadline
        self._buffer = bytearray()
        self._budget = ANSWER_BYTES

    def ask(self, *words: str | bytes) -> Any:
        """The answer to one command: text, number, None or a list of them. Raises ServerError and BrokenOffError."""
        self._budget = ANSWER_BYTES
        parts = [word.encode("utf-8", "surrogateescape") if isinstance(word, str) else word for word in words]
        message = b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        try:
            self._sock.settimeout(self._left())
            self._sock.sendall(message)
            return self._answer(0)
        except OSError as error:
            why = "timeout" if isinstance(error, TimeoutError) else (error.strerror or "connection lost").lower()
            raise BrokenOffError(why) from error
        except ValueError as error:
            raise BrokenOffError("it does not speak the protocol of Redis") from error

    def close(self) -> None:
        """Hang up."""
        self._sock.close()

    def _left(self) -> float:
        left = self._deadline - self._clock.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def _answer(self, depth: int) -> Any:
        line = self._line()
        mark, rest = line[:1], line[1:]
        if mark == b"+":
            return _text(rest)
        if mark == b"-":
            raise ServerError(_text(rest)[:200])
        if mark == b":":
            return int(rest)
        if mark == b"$":
            size = int(rest)
            return None if size < 0 else _text(self._exactly(size + 2)[:-2])
        if mark == b"*":
            count = int(rest)
            if count > _ITEMS or depth > _DEPTH:
                raise ValueError("too many")
            return None if count < 0 else [self._answer(depth + 1) for _ in range(count)]
        raise ValueError("unknown mark")

    def _line(self) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > 64 << 10:
                raise ValueError("endless line")
            self._more()
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    def _exactly(self, size: int) -> bytes:
        if size > self._budget:
            raise ValueError("too large")
        while len(self._buffer) < size:
            self._more()
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _more(self) -> None:
        self._sock.settimeout(self._left())
        chunk = self._sock.recv(64 << 10)
        if not chunk:
            raise ConnectionResetError(104, "connection closed")
        self._budget -= len(chunk)
        if self._budget < 0:
            raise ValueError("too large")
        self._buffer += chunk


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")
