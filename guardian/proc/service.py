"""A program that runs beside us until we stop it: a server, not a job. It dies with its owner."""

import os
import select
import socket
import subprocess  # noqa: TID251  only guardian.proc starts programs
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from guardian.clock import Clock, SystemClock
from guardian.errors import ToolFailed, ToolMissing
from guardian.i18n import _
from guardian.model.redaction import redact
from guardian.proc.command import Command
from guardian.proc.which import search_path, which

_GUARD = str(Path(__file__).with_name("guard.py"))
_START_SECONDS = 30.0  # for the guard's report, on a busy machine: nothing of the program's own start is in it
_LOG_TAIL = 16384  # bytes


@dataclass(slots=True)
class Service:
    """A running server. Stop it, or use it as a context manager; when our process dies, its guard stops it."""

    pid: int
    log_path: Path
    _guard: "subprocess.Popen[bytes]"
    _control: socket.socket
    _grace: float
    _clock: Clock
    _returncode: int | None = None
    _reports: bytes = b""

    @classmethod
    def start(cls, command: Command, log_path: Path, *, grace: float = 10.0, clock: Clock | None = None) -> Self:
        """Start ``command`` with both outputs appended to ``log_path`` (mode 0600) and nothing to read.

        ``grace`` is the wait in seconds between SIGINT and SIGKILL. ``command.secrets`` and ``command.files`` are for
        programs that end: a server reads its own files, and ValueError is raised for them. Raises ToolMissing when the
        program cannot be started, ToolFailed when its guard cannot.
        """
        if command.secrets or command.files:
            raise ValueError("a service takes neither secrets nor files")
        program = str(which(command.argv[0]))
        control, theirs = socket.socketpair()
        try:
            guard = _spawn([program, *command.argv[1:]], command, theirs, (log_path, grace))
        except BaseException:
            control.close()
            raise
        finally:
            theirs.close()
        service = cls(0, log_path, guard, control, grace, clock or SystemClock())
        service._await_start(program)
        return service

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.stop()

    @property
    def returncode(self) -> int | None:
        """How it ended, negative for death by a signal; None while it runs."""
        if self._returncode is None and self._control.fileno() >= 0:
            self._listen(0.0)
        return self._returncode

    def stop(self) -> int:
        """SIGINT, the grace, SIGKILL to the whole group; its return code. May be called again."""
        if self._control.fileno() >= 0:
            if self.returncode is None:
                self._order(b"I")
                self._wait(self._grace)
            self._order(b"K")  # children that stayed in its group, if not itself
            self._wait(self._grace)
            # The end of the control socket lets the guard go.
            self._control.close()
        self._guard.wait()
        return -9 if self._returncode is None else self._returncode

    def last_lines(self, count: int = 10) -> tuple[str, ...]:
        """The end of its log, redacted and printable."""
        try:
            with self.log_path.open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - _LOG_TAIL))
                text = redact(log.read(_LOG_TAIL).decode("utf-8", "backslashreplace"))
        except OSError:
            return ()
        lines = ("".join(c if c.isprintable() else " " for c in line)[:500] for line in text.split("\n"))
        return tuple(line for line in lines if line.strip())[-count:]

    def _await_start(self, program: str) -> None:
        deadline = self._clock.monotonic() + _START_SECONDS
        report = b""
        while not report and (left := deadline - self._clock.monotonic()) > 0:
            report = self._listen(left)
        if self.pid:
            return
        self._control.close()
        self._guard.wait()
        if report.startswith(b"E "):
            why = os.strerror(int(report[2:]))
            raise ToolMissing(_("cannot start {program}: {why}").format(program=program, why=why))
        last = "; ".join(self.last_lines(1)) or str(self._guard.returncode)
        raise ToolFailed(_("the guard of {program} did not start: {why}").format(program=program, why=last))

    def _wait(self, seconds: float) -> None:
        deadline = self._clock.monotonic() + seconds
        while self._returncode is None and (left := deadline - self._clock.monotonic()) > 0:
            self._listen(left)

    def _listen(self, seconds: float) -> bytes:
        """The guard's next report within ``seconds``; empty for none yet, ``?`` when the guard is gone."""
        if b"\n" not in self._reports and select.select([self._control], [], [], seconds)[0]:
            with suppress(ConnectionError):
                if data := self._control.recv(4096):
                    self._reports += data
                else:
                    self._lost()
                    return b"?"
        report, newline, rest = self._reports.partition(b"\n")
        if not newline:
            return b""
        self._reports = rest
        kind, _space, number = report.partition(b" ")
        if kind == b"P":
            self.pid = int(number)
        elif kind == b"X":
            self._returncode = int(number)
        return report

    def _lost(self) -> None:
        """Somebody killed the guard: the program must not outlive it."""
        if self.pid:
            with suppress(OSError):
                os.killpg(self.pid, 9)
        if self._returncode is None:
            self._returncode = -9

    def _order(self, order: bytes) -> None:
        with suppress(OSError):  # the guard is gone, and its program with it
            self._control.send(order)


def _spawn(
    argv: list[str], command: Command, control: socket.socket, how: tuple[Path, float]
) -> "subprocess.Popen[bytes]":
    log_path, grace = how
    environment = {"PATH": search_path(), "TZ": "UTC", "LC_ALL": "C.UTF-8", **command.environment}
    guard = [sys.executable, "-I", "-S", "-X", "utf8", _GUARD, str(control.fileno()), "-1", "-1", "-1", str(grace)]
    log = -1
    try:
        log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        return subprocess.Popen(
            [*guard, *argv],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            cwd=command.cwd,
            pass_fds=(control.fileno(), *command.lease_fds),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise ToolFailed(_("cannot start {program}: {why}").format(program=argv[0], why=error)) from error
    finally:
        if log >= 0:
            os.close(log)
