"""SQL through the engine's own command-line client: one question, or a conversation.

The client speaks whatever dialect of the protocol its engine has, so that nothing else is needed for an engine derived
from PostgreSQL. Fields and rows are separated by NUL, which no text of PostgreSQL can hold.
"""

import queue
import re
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from guardian.clock import Clock
from guardian.errors import Interrupted
from guardian.i18n import _
from guardian.model.secret import Secret
from guardian.proc import Command, Finished, Limits, Stop, Streams, run

ANSWER_BYTES = 64 << 20
"""The largest answer that is taken."""

_TICK = 0.1
_GRACE = 5.0

_VALUE = re.compile(r'(:\s+)".*"$')

Row = tuple[str | None, ...]


class Refused(Exception):
    """The server or the client said no, and ``str()`` is why: redacted, a few lines joined."""


class TimedOut(Refused):
    """There was no answer in time."""


@dataclass(frozen=True, slots=True)
class Client:
    """How the client is started: program, connection string, secrets; ``prefix`` makes it run as another user."""

    program: str
    conninfo: str
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    prefix: tuple[str, ...] = ()
    cwd: Path | None = None

    def command(self, *more: str) -> Command:
        """Its command line: no start-up file, bare output, never asks for a password, stops at the first error."""
        words = ("-X", "-q", "-A", "-t", "-w", "-z", "-0", "-v", "ON_ERROR_STOP=1", *more, f"--dbname={self.conninfo}")
        return Command((*self.prefix, self.program, *words), secrets=self.secrets, cwd=self.cwd)


class Session:
    """One client, open until :meth:`close`. Questions come from one thread at a time."""

    def __init__(self, client: Client, stops: tuple[Stop, ...], clock: Clock, seconds: float) -> None:
        """Start it. ``seconds`` bound its whole life; each of ``stops`` ends it in the middle of a question."""
        self._stops, self._clock = stops, clock
        self._null = f"\x01{secrets.token_hex(8)}"
        self._mark = f"\x01{secrets.token_hex(8)}"
        self._questions: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._heard = bytearray()
        self._answered = threading.Event()
        self._cancel = Stop()
        self._finished: Finished | None = None
        self._error: BaseException | None = None
        limits = Limits(stall_seconds=None, total_seconds=seconds, grace_seconds=_GRACE, linger_seconds=1.0)
        command = client.command("-P", f"null={self._null}")
        self._thread = threading.Thread(target=self._run, args=(command, limits), name="sql")
        self._thread.start()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Close it."""
        self.close()

    def ask(self, sql: str, columns: int = 1) -> list[Row]:
        """The rows of one statement, each of ``columns`` texts; NULL is None.

        Raises Refused with the server's words (the session is over then), Interrupted when ``stop`` was set.
        """
        self._answered.clear()
        self._heard.clear()
        self._questions.put(f"{sql};\nselect '{self._mark}';\n".encode("utf-8", "surrogateescape"))
        while not self._answered.wait(_TICK) and self._thread.is_alive():
            if any(stop.requested for stop in self._stops):
                self._cancel.set()
                self._thread.join()
                raise Interrupted(_("interrupted"))
        if not self._heard_all():
            self._thread.join()
            raise self._refusal()
        return self._rows(columns)

    def do(self, sql: str) -> None:
        """A statement whose answer is of no interest. Raises as :meth:`ask`."""
        self.ask(sql)

    def close(self) -> None:
        """Let the client end; a transaction that is open is rolled back. May be called again."""
        self._questions.put(None)
        self._thread.join()
        self._cancel.close()

    def _run(self, command: Command, limits: Limits) -> None:
        try:
            streams = Streams(stdout=self._hear, feed=self._feed)
            self._finished = run(command, streams, limits=limits, stop=self._cancel, clock=self._clock)
        except BaseException as error:  # noqa: BLE001  raised in the thread that asks
            self._error = error

    def _feed(self, write: Callable[[bytes], None]) -> None:
        while True:
            try:
                question = self._questions.get(timeout=_TICK)
            except queue.Empty:
                if self._cancel.requested:
                    return
                question = b"\n"  # says nothing, but shows whether the client is still there
            if question is None:
                return
            try:
                write(question)
            except BrokenPipeError:  # its ending tells why
                return

    def _hear(self, chunk: bytes) -> None:
        if len(self._heard) + len(chunk) > ANSWER_BYTES:
            self._cancel.set()
            raise Refused("the answer is too large")
        self._heard += chunk
        if self._heard_all():
            self._answered.set()

    def _heard_all(self) -> bool:
        return self._heard.endswith(f"{self._mark}\0".encode())

    def _refusal(self) -> BaseException:
        if self._error is not None:
            return self._error
        assert self._finished is not None  # noqa: S101  ask() has looked
        return TimedOut("no answer in time") if self._finished.overran else Refused(words(self._finished.stderr))

    def _rows(self, columns: int) -> list[Row]:
        return _split(bytes(self._heard).removesuffix(f"{self._mark}\0".encode()), columns, self._null)


def once(client: Client, statements: Sequence[str], stop: Stop, clock: Clock, seconds: float) -> str | None:
    """Run ``statements`` in one session, none of them read by the client itself; the first field of the answers.

    For SQL of owners: it is sent as it stands, so a line of it that begins with a backslash is a syntax error and no
    command of the client. None for NULL. Raises LookupError when there was no row, Refused, Interrupted.
    """
    null = f"\x01{secrets.token_hex(8)}"
    if any(sql.lstrip().startswith("\\") for sql in statements):
        raise Refused("commands of the client are not SQL")
    arguments = [word for sql in statements for word in ("-c", sql)]
    kept = bytearray()

    def keep(chunk: bytes) -> None:
        if b"\0" not in kept:
            kept.extend(chunk[: 1 << 20])

    limits = Limits(stall_seconds=None, total_seconds=seconds, grace_seconds=_GRACE, linger_seconds=1.0)
    command = client.command("-P", f"null={null}", *arguments)
    finished = run(command, Streams(stdout=keep), limits=limits, stop=stop, clock=clock)
    if finished.interrupted:
        raise Interrupted(_("interrupted"))
    if finished.overran:
        raise TimedOut("no answer in time")
    if finished.returncode != 0:
        raise Refused(words(finished.stderr))
    first, end, _rest = bytes(kept).partition(b"\0")
    if not end:
        raise LookupError
    answer = _text(first)
    return None if answer == null else answer


def words(stderr: Sequence[str], limit: int = 300) -> str:
    """The first lines that name an error, else the last of all: one line of at most ``limit`` characters.

    A value that stands quoted at a line's end (``invalid input syntax for type integer: "…"``) is somebody's data, and
    left out.
    """
    named = [line for line in stderr if any(word in line.lower() for word in ("error", "fatal", "错误", "failed"))]
    chosen = named[:2] if named else stderr[-2:]
    return " / ".join(_VALUE.sub(r'\1"…"', line.strip()) for line in chosen)[:limit] or "it said nothing"


def _split(answer: bytes, columns: int, null: str) -> list[Row]:
    fields = [_text(part) for part in answer.split(b"\0")[:-1]]
    cells = [None if text == null else text for text in fields]
    return [tuple(cells[at : at + columns]) for at in range(0, len(cells) - columns + 1, columns)]


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
