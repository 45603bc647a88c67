"""A wish to stop, heard by every run that waits."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stop:
    """A flag that any thread or signal handler may set, once and for good.

    ``fileno()`` becomes readable when it is set, so that a selector wakes up.
    """

    def __init__(self) -> None:
        """An unset flag."""
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        self._set = False

    def set(self) -> None:
        """Ask to stop. Safe in a signal handler, and more than once."""
        if not self._set:
            self._set = True
            os.write(self._write, b"!")

    @property
    def requested(self) -> bool:
        """Whether somebody asked to stop."""
        return self._set

    def fileno(self) -> int:
        """A descriptor that is readable from the moment the flag is set."""
        return self._read

    def close(self) -> None:
        """Give the descriptors back; the flag stays readable."""
        fds, self._read, self._write = (self._read, self._write), -1, -1
        for fd in fds:
            if fd >= 0:
                os.close(fd)

    def __del__(self) -> None:
        """Descriptors are not left behind."""
        self.close()


@contextmanager
def handle_signals(stop: Stop) -> Iterator[None]:
    """While inside, SIGINT and SIGTERM set ``stop`` instead of ending the process.

    Outside the main thread, where handlers cannot be set, it changes nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
