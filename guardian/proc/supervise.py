"""The loop that reads a guarded program, watches it, and stops it when it must."""

import fcntl
import os
import selectors
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from guardian.clock import Clock
from guardian.proc.command import Finished, Limits
from guardian.proc.lines import LineSplitter, Tail
from guardian.proc.stop import Stop
from guardian.proc.watch import StallWatch, bytes_moved

OnBytes = Callable[[bytes], None]
Feed = Callable[[OnBytes], None]

_CHUNK = 1 << 18
_PIECE = 1 << 16  # written to the program at a time, so that slow progress is seen as progress
_TICK = 1.0
_LOOK = 0.25  # seconds between two looks at how much the program has moved
_SMALL = 1 << 15
_GATHER = 0.005
"""Seconds to let output gather that comes in small pieces: a line each for a hundred thousand files would wake us as
often, and take the processor from the program. The pipe is wide enough not to stop it meanwhile."""
_PIPE_BYTES = 1 << 20
_BREAK = 2.0  # seconds a program has after SIGINT before its input is broken


class Pipes:
    """Every descriptor between Guardian, the guard and the program; leaving the context closes what is left."""

    def __init__(self, fed: bool) -> None:
        """Open them; the program gets an input only when it is to be ``fed``."""
        self.stdout_read, self.stdout_write = os.pipe()
        with suppress(OSError):  # the system allows less: it works, with more turns
            fcntl.fcntl(self.stdout_read, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self.stderr_read, self.stderr_write = os.pipe()
        self.ours: socket.socket | None = None
        self.theirs: socket.socket | None = None
        if fed:
            self.ours, self.theirs = socket.socketpair()
            # One byte nobody reads: as long as it lies there, closing our end is an error to the reader, not the end.
            self.theirs.send(b"!")
        self.wake_read, self.wake_write = os.pipe()
        self.control, self.guard_control = socket.socketpair()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every descriptor that is still open."""
        self.started()
        self.release()
        self.break_input()
        for name in ("stdout_read", "stderr_read", "wake_read", "wake_write"):
            self._close(name)

    def guard_arguments(self) -> list[str]:
        """The descriptors, in the order the guard expects them."""
        stdin = self.ours.fileno() if self.ours else -1
        return [str(n) for n in (self.guard_control.fileno(), stdin, self.stdout_read, self.stderr_read)]

    def guard_fds(self) -> list[int]:
        """The descriptors that the guard inherits."""
        return [int(number) for number in self.guard_arguments() if int(number) >= 0]

    def started(self) -> None:
        """Close our copies of the ends that belong to the program and the guard."""
        for name in ("stdout_write", "stderr_write"):
            self._close(name)
        for end in (self.guard_control, self.theirs):
            if end is not None:
                end.close()

    def release(self) -> None:
        """Let the guard go: it stops what still runs and ends."""
        self.control.close()

    def end_input(self) -> None:
        """Let the program see a clean end of its input."""
        if self.ours is not None:
            self.ours.recv(1)
            self.ours.shutdown(socket.SHUT_WR)

    def break_input(self) -> None:
        """Close our end of the program's input; unless it was ended, that is an error to the program."""
        if self.ours is not None:
            self.ours.close()

    def _close(self, name: str) -> None:
        fd = getattr(self, name)
        setattr(self, name, -1)
        if fd >= 0:
            os.close(fd)


class Supervision:
    """One run of one program, as Guardian sees it."""

    def __init__(self, pipes: Pipes, feed: Feed | None, limits: Limits, clock: Clock) -> None:
        """Nothing has happened yet: ``pid`` and ``start_errno`` are 0 until the guard reports."""
        self.pid = 0
        self.start_errno = 0
        self._pipes, self._limits, self._clock = pipes, limits, clock
        self._started = clock.monotonic()
        self._selector = selectors.DefaultSelector()
        self._returncode: int | None = None
        self._stall = StallWatch(limits.stall_seconds, self._started) if limits.stall_seconds else None
        self._counts = {"output": 0, "fed": 0}
        self._look = self._started  # when to look next how much the program has moved
        self._trickle = False
        self._why = ""  # what started the ladder: stalled, interrupted, overran, feed
        self._deadline: float | None = None  # of the next rung
        self._breaking: float | None = None  # when the program's input is to be broken
        self._writing = threading.Lock()
        self._killed = self._input_ended = self._input_refused = self._guard_gone = self._lingered = False
        self._callback_error: BaseException | None = None
        self._feed_error: BaseException | None = None
        self._reports = b""
        self._thread = threading.Thread(target=self._run_feed, args=(feed,), name="feed") if feed else None

    def error(self) -> BaseException | None:
        """What the caller's own functions raised; a feed that only met a closed pipe raised nothing of its own."""
        return (None if self._input_refused else self._feed_error) or self._callback_error

    def join(self) -> None:
        """Wait for the feeding thread: the program is gone, so its next write fails."""
        if self._thread and self._thread.ident:
            self._thread.join()
        self._selector.close()

    def watch(self, stdout: OnBytes | None, stderr: OnBytes | None, stops: tuple[Stop, ...]) -> Finished:
        """Read the program to its end. Never raises what callbacks raise: see :meth:`error`."""
        tail = Tail()
        lines = LineSplitter(tail, limit=8192)
        readers: dict[int, list[OnBytes]] = {
            self._pipes.stdout_read: [stdout] if stdout else [],
            self._pipes.stderr_read: [lines, stderr] if stderr else [lines],
        }
        for fd in (*readers, self._pipes.wake_read, self._pipes.control.fileno(), *(stop.fileno() for stop in stops)):
            self._selector.register(fd, selectors.EVENT_READ)
        if self._thread:
            self._thread.start()
        while readers or not self._ended():
            if not self._turn(readers, stops):
                break
        lines.close()
        return Finished(
            returncode=-9 if self._returncode is None else self._returncode,
            stderr=tail.text(),
            seconds=self._clock.monotonic() - self._started,
            stalled=self._why == "stalled",
            interrupted=self._why == "interrupted",
            overran=self._why == "overran",
            killed=self._killed,
            fed=self._input_ended,
        )

    def _ended(self) -> bool:
        return self._returncode is not None or self._guard_gone

    def _turn(self, readers: dict[int, list[OnBytes]], stops: tuple[Stop, ...]) -> bool:
        """Wait for something, deal with it; False when the rest is not worth waiting for."""
        for key, _events in self._selector.select(self._patience()):
            if key.fd in readers:
                self._read(key.fd, readers)
            elif key.fd == self._pipes.control.fileno():
                self._listen()
            else:
                self._selector.unregister(key.fd)
                if key.fd == self._pipes.wake_read:
                    self._after_feed()
        now = self._clock.monotonic()
        if self._ended():
            return self._linger(now)
        self._judge(now, stops)
        if self._trickle:
            self._trickle = False
            self._clock.sleep(_GATHER)
        return True

    def _judge(self, now: float, stops: tuple[Stop, ...]) -> None:
        """Whether it is time for a rung of the ladder."""
        if any(stop.requested for stop in stops):
            self._interrupt("interrupted", self._limits.grace_seconds, now)
        if self._limits.total_seconds is not None and now - self._started >= self._limits.total_seconds:
            self._interrupt("overran", self._limits.grace_seconds, now)
        if self._stall and not self._why and now >= self._look:
            self._look = now + min(_LOOK, self._stall.stall / 4)
            if self._awaits_feed():
                self._stall.since = now
            elif self._stall.observe(self._moved(), now):
                self._interrupt("stalled", self._limits.stall_grace_seconds, now)
        if self._breaking is not None and now >= self._breaking:
            self._break_input()
        if self._deadline is not None and now >= self._deadline:
            self._kill()

    def _patience(self) -> float:
        """Seconds to wait for the next event: short enough for the nearest limit."""
        limits = [_TICK]
        if self._stall:
            limits.append(self._stall.stall / 4)
        now = self._clock.monotonic()
        if self._limits.total_seconds is not None and not self._why:
            limits.append(self._started + self._limits.total_seconds - now)
        if self._deadline is not None:
            limits.append(self._deadline - now)
        return max(0.0, min(limits))

    def _awaits_feed(self) -> bool:
        """Whether it is the feed that has nothing to give: a database is being copied, say. No stall of the program."""
        return self._thread is not None and self._thread.is_alive() and not self._writing.locked()

    def _moved(self) -> int:
        own = self._counts["fed"] + (self._counts["output"] if self._limits.output_is_progress else 0)
        moved = bytes_moved(self.pid) if self.pid else None
        if moved is None:
            return own
        # What it told us is not work: a hanging program may go on reporting that it hangs.
        return moved - self._counts["output"] + own

    def _read(self, fd: int, readers: dict[int, list[OnBytes]]) -> None:
        chunk = os.read(fd, _CHUNK)
        if not chunk:
            self._selector.unregister(fd)
            del readers[fd]
            return
        self._counts["output"] += len(chunk)
        self._trickle = self._trickle or len(chunk) < _SMALL
        if self._ended():
            self._deadline = None  # still being read: left-over children get their time anew
        for take in list(readers[fd]):
            try:
                take(chunk)
            except BaseException as error:  # noqa: BLE001  kept, and raised when the program is gone
                self._callback_error = self._callback_error or error
                readers[fd].remove(take)

    def _listen(self) -> None:
        try:
            data = self._pipes.control.recv(4096)
        except ConnectionError:
            data = b""
        *reports, self._reports = (self._reports + data).split(b"\n")
        for kind, _space, number in (report.partition(b" ") for report in reports):
            if kind == b"P":
                self.pid = int(number)
            elif kind == b"E":
                self.start_errno = int(number)
            elif kind == b"X":
                self._returncode = int(number)
                self._deadline = None
        if not data:
            self._selector.unregister(self._pipes.control)
            self._guard_gone = True
            self._deadline = None
            if self.pid and self._returncode is None:
                self._kill()

    def _linger(self, now: float) -> bool:
        """The program is gone; its left-over children may hold its pipes for a while, then they are killed."""
        if self._deadline is None:
            self._deadline = now + self._limits.linger_seconds
        elif now >= self._deadline:
            if self._lingered:
                return False
            self._lingered = True
            self._kill()
            self._deadline = now + self._limits.linger_seconds
        return True

    def _after_feed(self) -> None:
        if self._feed_error is not None:
            self._interrupt("feed", self._limits.grace_seconds, self._clock.monotonic())
        elif not self._why and not self._ended():
            try:
                self._pipes.end_input()
            except OSError:
                self._input_refused = True  # it took no more; its own ending tells why
            else:
                self._input_ended = True

    def _interrupt(self, why: str, grace: float, now: float) -> None:
        if not self._why and not self._ended():
            self._why = why
            self._deadline = now + grace
            self._breaking = now + _BREAK
            self._order(b"I")

    def _break_input(self) -> None:
        """Wake a program that waits for input after its SIGINT. A writer at work means that it does not wait."""
        if self._writing.acquire(blocking=False):
            self._breaking = None
            self._input_refused = self._input_refused or self._feed_error is None
            self._pipes.break_input()
            self._writing.release()
            self._order(b"B")

    def _kill(self) -> None:
        self._deadline = None
        self._killed = self._killed or self._returncode is None
        if not self._guard_gone:
            self._order(b"K")
            return
        try:  # somebody killed the guard: the program must not outlive the run
            os.killpg(self.pid, 9)
        except OSError:
            pass

    def _order(self, order: bytes) -> None:
        try:
            self._pipes.control.send(order)
        except OSError:
            pass  # the guard is gone; the control socket's end says so next

    def _run_feed(self, feed: Feed) -> None:
        try:
            feed(self._write)
        except BaseException as error:  # noqa: BLE001  raised in the caller's thread when the program is gone
            self._feed_error = error
        os.write(self._pipes.wake_write, b"!")

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = self._send(view[:_PIECE])
            self._counts["fed"] += written
            view = view[written:]

    def _send(self, piece: memoryview) -> int:
        with self._writing:
            try:
                assert self._pipes.ours is not None  # noqa: S101  only a fed program has a feed
                return self._pipes.ours.send(piece)
            except OSError as error:  # gone, or broken by us: EPIPE, ECONNRESET, EBADF
                self._input_refused = True
                raise BrokenPipeError(error.errno, "the program takes no more input") from error
