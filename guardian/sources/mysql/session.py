"""SQL through the engine's own command-line client: a conversation that holds a transaction, or one question.

The client answers in its batch form: rows end with a newline, fields with a tab, and newline, tab, NUL and backslash
within a field are escaped. Names travel as hexadecimal digits. ``--binary-mode`` makes it read nothing but SQL and
``DELIMITER``: no ``\\!``, no ``source``.
"""

import queue
import re
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from guardian.clock import Clock
from guardian.errors import Interrupted
from guardian.i18n import _
from guardian.model.secret import Secret
from guardian.proc import Command, Finished, Limits, Stop, Streams, run
from guardian.sources.mysql.programs import Program

ANSWER_BYTES = 64 << 20
"""The largest answer that is taken."""

_TICK = 0.1
_LONGEST_TICK = 5.0
_GRACE = 2.0
_MOMENT = 0.3
_ERROR = re.compile(r"ERROR (\d+) |[Ee]rror: (\d+)[: ]")
_QUOTED = re.compile(r"'.*'", re.DOTALL)


class Refused(Exception):
    """The server or its client said no. ``number`` is MySQL's error number, 0 when it gave none; ``str()`` is why."""

    def __init__(self, why: str, number: int = 0) -> None:
        super().__init__(why)
        self.number = number


class TimedOut(Refused):
    """There was no answer in time."""


@dataclass(frozen=True, slots=True)
class Login:
    """How a server is reached: the client program, and the text of an option file or ``words`` that hold no secret.

    A socket's path may be relative to ``cwd``: however deep a directory lies, the 107 bytes of a path then suffice.
    ``prefix`` makes a client run as another user.
    """

    client: Program
    options: Secret | None = None
    words: tuple[str, ...] = ()
    cwd: Path | None = None
    prefix: tuple[str, ...] = ()

    def command(self, program: str, *arguments: str) -> Command:
        """``program`` with ``arguments``; where to log in, and as whom, comes by a descriptor."""
        start = ("--no-defaults", *self.words) if self.options is None else ("--defaults-file=/dev/fd/login",)
        files = {} if self.options is None else {"login": self.options}
        return Command((*self.prefix, program, *start, *arguments), files=files, cwd=self.cwd)

    def batch(self, *arguments: str) -> Command:
        """The client, as this module speaks with it."""
        words = ("--batch", "--skip-column-names", "--unbuffered", "--binary-mode", "--skip-auto-rehash")
        connection = ("--skip-reconnect", "--default-character-set=utf8mb4", "--connect-timeout=20")
        # local-infile: no server may ask us for a file of ours. sandbox is loose, since MySQL and older MariaDB have no
        # such option, and only warn.
        kept_off = ("--local-infile=0", "--loose-sandbox")
        return self.command(self.client.path, *words, *connection, *kept_off, *arguments)


class Session:
    """One client, open until :meth:`close`. Questions come from one thread at a time.

    With ``tolerant``, a statement that fails ends nothing: it has no rows.
    """

    def __init__(self, login: Login, stop: Stop, clock: Clock, *, tolerant: bool = False) -> None:
        """Start it. ``stop`` ends it in the middle of a question."""
        self._stop, self._clock = stop, clock
        self._mark = secrets.token_hex(16)
        self._questions: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._heard = bytearray()
        self._answered = threading.Event()
        self._cancel = Stop()
        self._finished: Finished | None = None
        self._error: BaseException | None = None
        command = login.batch(*(("--force",) if tolerant else ()))
        self._thread = threading.Thread(target=self._run, args=(command,), name="sql")
        self._thread.start()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Close it."""
        self.close()

    def ask(self, sql: str, seconds: float) -> list[tuple[str, ...]]:
        """The rows of one statement, as texts; NULL is ``NULL``.

        Raises Refused with the server's words and TimedOut (the session is over then), Interrupted when ``stop`` was
        set.
        """
        deadline = self._clock.monotonic() + seconds
        self._answered.clear()
        self._heard.clear()
        self._questions.put(f"{sql};\nselect '{self._mark}';\n".encode("utf-8", "surrogateescape"))
        while not self._answered.wait(_TICK):
            if self._stop.requested:
                self.abandon()
                raise Interrupted(_("interrupted"))
            if self._clock.monotonic() > deadline:
                self.abandon()
                raise TimedOut(f"no answer within {seconds:g} seconds")
        if self._finished is not None or self._error is not None:
            raise self._refusal()
        answer = bytes(self._heard).removesuffix(f"{self._mark}\n".encode())
        return [tuple(line.split("\t")) for line in answer.decode("utf-8", "surrogateescape").split("\n")[:-1]]

    def close(self) -> None:
        """Let the client end; a transaction that is open is rolled back, a lock is gone. May be called again."""
        self._end(_GRACE)

    def abandon(self) -> None:
        """End it now, in the middle of a statement if need be: the client tells the server to stop it."""
        self._end(_MOMENT)

    def _end(self, seconds: float) -> None:
        self._questions.put(None)
        self._thread.join(seconds)
        # Only a client that is waiting for its server is deaf to the end of its input; an idle one to SIGINT.
        self._cancel.set()
        self._thread.join()

    def _run(self, command: Command) -> None:
        limits = Limits(stall_seconds=None, grace_seconds=_GRACE, linger_seconds=1.0)
        try:
            streams = Streams(stdout=self._hear, feed=self._feed)
            self._finished = run(command, streams, limits=limits, stop=self._cancel, clock=self._clock)
        except BaseException as error:  # noqa: BLE001  raised in the thread that asks
            self._error = error
        self._answered.set()

    def _feed(self, write: Callable[[bytes], None]) -> None:
        patience = _TICK
        while not self._cancel.requested:
            try:
                question = self._questions.get(timeout=patience)
                patience = _TICK
            except queue.Empty:
                question = b"\n"  # says nothing, but shows whether the client is still there
                patience = min(patience * 2, _LONGEST_TICK)
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
        if self._heard.endswith(f"{self._mark}\n".encode()):
            self._answered.set()

    def _refusal(self) -> BaseException:
        if self._error is not None:
            return self._error
        assert self._finished is not None  # noqa: S101  ask() has looked
        return refusal(self._finished)


def first_field(login: Login, statements: Sequence[str], stop: Stop, clock: Clock, seconds: float) -> str | None:
    """Run ``statements`` in a session of their own; the first field of the first row that came, as text.

    For SQL of owners: none of it can reach into another question. None when there was no row. Raises Refused, TimedOut,
    Interrupted.
    """
    kept = bytearray()

    def keep(chunk: bytes) -> None:
        if b"\n" not in kept:
            kept.extend(chunk[: 1 << 20])

    def feed(write: Callable[[bytes], None]) -> None:
        write("".join(f"{sql}\n;\n" for sql in statements).encode("utf-8", "surrogateescape"))

    limits = Limits(stall_seconds=None, total_seconds=seconds, grace_seconds=_GRACE, linger_seconds=1.0)
    finished = run(login.batch(), Streams(stdout=keep, feed=feed), limits=limits, stop=stop, clock=clock)
    if finished.interrupted:
        raise Interrupted(_("interrupted"))
    if finished.overran:
        raise TimedOut(f"no answer within {seconds:g} seconds")
    if finished.returncode != 0:
        raise refusal(finished)
    line, newline, _rest = bytes(kept).partition(b"\n")
    return line.split(b"\t")[0].decode("utf-8", "backslashreplace") if newline else None


def refusal(finished: Finished) -> Refused:
    """What a client that ended says about it."""
    line = next(
        (line for line in finished.stderr if _ERROR.search(line)), finished.stderr[-1] if finished.stderr else ""
    )
    match = _ERROR.search(line)
    number = int(match[1] or match[2]) if match else 0
    return Refused(line[:300] or f"ended with {finished.returncode}", number)


def discreet(line: str) -> str:
    """An error of the server without what stands in quotes: that may be somebody's data, with quotes in it."""
    return _QUOTED.sub("'…'", line)[:300]
