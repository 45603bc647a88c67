"""Runs programs. Nothing else in Guardian does."""

import os
import subprocess  # noqa: TID251  the one place
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from guardian.clock import Clock, SystemClock
from guardian.errors import Interrupted, Stalled, ToolFailed, ToolMissing
from guardian.i18n import _
from guardian.model.secret import Secret
from guardian.proc.command import FD, Captured, Command, Finished, Limits
from guardian.proc.stop import Stop
from guardian.proc.supervise import Feed, OnBytes, Pipes, Supervision
from guardian.proc.which import search_path, which

_GUARD = str(Path(__file__).with_name("guard.py"))
_CLOCK = SystemClock()
_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Streams:
    """Who takes a program's outputs, and who writes its input.

    ``stdout`` and ``stderr`` get chunks in the thread that called :func:`run`; one that raises gets nothing more, the
    program is drained to its end all the same, and then the exception is raised. ``feed`` runs in a thread of its own,
    is given ``write(bytes)``, and its return ends the program's input. When it raises, the input is *not* ended: the
    program gets SIGINT, and once it is gone the exception is raised. ``write`` raises BrokenPipeError once the program
    takes no more; the program's own ending then tells why.
    """

    stdout: OnBytes | None = None
    stderr: OnBytes | None = None
    feed: Feed | None = None


_QUIET = Streams()


def run(
    command: Command,
    streams: Streams = _QUIET,
    *,
    limits: Limits = _LIMITS,
    stop: Stop | tuple[Stop, ...] | None = None,
    clock: Clock = _CLOCK,
) -> Finished:
    """Run a program to its end, under guard; both outputs are always read to their end.

    A stall, the total limit or ``stop`` starts the ladder: SIGINT to the program, the grace, SIGKILL to its group;
    that is told in :class:`Finished`, not raised. Raises ToolMissing when it cannot be started, ToolFailed when the
    guard cannot, and what a callback or ``feed`` raised.
    """
    stops = stop if isinstance(stop, tuple) else (stop,) if stop else ()
    return _supervised(command, streams, limits, stops, clock)


def produce(
    command: Command,
    write: Callable[[bytes], None],
    *,
    limits: Limits = _LIMITS,
    stop: Stop | None = None,
    clock: Clock = _CLOCK,
) -> Finished:
    """Run a producer and hand its standard output to ``write``, chunk by chunk.

    Bytes produced count as progress. When ``write`` raises, the producer is stopped and the exception raised.
    """
    full = Stop()

    def deliver(chunk: bytes) -> None:
        try:
            write(chunk)
        except BaseException:
            full.set()
            raise

    stops = (full, stop) if stop else (full,)
    try:
        return _supervised(command, Streams(stdout=deliver), replace(limits, output_is_progress=True), stops, clock)
    finally:
        full.close()


def capture(
    command: Command,
    *,
    limit_bytes: int = 1 << 20,
    seconds: float = 30.0,
    stop: Stop | None = None,
    clock: Clock = _CLOCK,
) -> Captured:
    """What a short program says, at most ``limit_bytes`` of it.

    Raises Stalled when it takes longer than ``seconds``, Interrupted when ``stop`` is set, and what :func:`run` raises.
    """
    kept = bytearray()
    truncated = False

    def keep(chunk: bytes) -> None:
        nonlocal truncated
        room = limit_bytes - len(kept)
        truncated = truncated or len(chunk) > room
        kept.extend(chunk[:room])

    limits = Limits(stall_seconds=None, total_seconds=seconds, grace_seconds=2.0, linger_seconds=1.0)
    finished = run(command, Streams(stdout=keep), limits=limits, stop=stop, clock=clock)
    name = Path(command.argv[0]).name
    if finished.interrupted:
        raise Interrupted(_("{program} was interrupted").format(program=name))
    if finished.overran:
        raise Stalled(_("{program} did not end within {seconds:g} seconds").format(program=name, seconds=seconds))
    return Captured(finished.returncode, bytes(kept), finished.stderr, truncated)


def _supervised(command: Command, streams: Streams, limits: Limits, stops: tuple[Stop, ...], clock: Clock) -> Finished:
    program = str(which(command.argv[0]))
    with Pipes(streams.feed is not None) as pipes:
        guard = _start(program, command, limits, pipes)
        pipes.started()
        supervision = Supervision(pipes, streams.feed, limits, clock)
        finished: Finished | None = None
        try:
            finished = supervision.watch(streams.stdout, streams.stderr, stops)
        finally:
            # Without Guardian's end of the control socket the guard stops what still runs, and ends.
            pipes.release()
            code = guard.wait()
            supervision.join()
    if supervision.start_errno:
        why = os.strerror(supervision.start_errno)
        raise ToolMissing(_("cannot start {program}: {why}").format(program=program, why=why))
    if not supervision.pid:
        last = finished.stderr[-1] if finished.stderr else str(code)
        raise ToolFailed(_("the guard of {program} did not start: {why}").format(program=program, why=last))
    if error := supervision.error():
        raise error
    return finished


def _start(program: str, command: Command, limits: Limits, pipes: Pipes) -> "subprocess.Popen[bytes]":
    environment = {"PATH": search_path(), "TZ": "UTC", "LC_ALL": "C.UTF-8"}
    if temporary := os.environ.get("TMPDIR"):
        environment["TMPDIR"] = temporary
    environment.update(command.environment)
    argv = [program, *command.argv[1:]]
    memory: list[int] = []
    try:
        for name, secret in command.secrets.items():
            memory.append(_in_memory(secret.reveal()))
            environment[name] = f"{FD}{memory[-1]}"
        for name, content in command.files.items():
            memory.append(_in_memory(content.reveal() if isinstance(content, Secret) else content))
            argv = [_with_descriptor(argument, f"{FD}{name}", memory[-1]) for argument in argv]
        guard = [sys.executable, "-I", "-S", "-X", "utf8", _GUARD, *pipes.guard_arguments(), str(limits.grace_seconds)]
        return subprocess.Popen(
            [*guard, *argv],
            stdin=pipes.theirs.fileno() if pipes.theirs is not None else subprocess.DEVNULL,
            stdout=pipes.stdout_write,
            stderr=pipes.stderr_write,
            env=environment,
            cwd=command.cwd,
            pass_fds=(*pipes.guard_fds(), *memory, *command.lease_fds),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise ToolFailed(_("cannot start {program}: {why}").format(program=program, why=error)) from error
    finally:
        for fd in memory:
            os.close(fd)


def _with_descriptor(argument: str, placeholder: str, fd: int) -> str:
    if argument == placeholder or argument.endswith(f"={placeholder}"):
        return argument.removesuffix(placeholder) + f"{FD}{fd}"
    return argument


def _in_memory(content: bytes) -> int:
    """A descriptor of a file in memory that holds ``content``; each opening of ``/dev/fd/N`` starts at its start."""
    fd = os.memfd_create("guardian", os.MFD_CLOEXEC)
    try:
        # Nobody else reaches it, but its mode says 0777, and database clients ignore option files like that.
        os.fchmod(fd, 0o600)
        view = memoryview(content)
        while view:
            view = view[os.write(fd, view) :]
        os.lseek(fd, 0, os.SEEK_SET)
    except BaseException:
        with suppress(OSError):
            os.close(fd)
        raise
    return fd
