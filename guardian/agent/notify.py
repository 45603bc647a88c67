"""systemd's notification protocol (sd_notify(3)): ready, reloading, stopping, one status line, and the watchdog.

Without a service manager that listens every call does nothing. A message that cannot be delivered is not worth an
error: the manager notices silence by itself.
"""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from guardian.clock import Clock

OURS = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")
"""Variables that are meant for this process alone: no job's process gets them."""

_LONGEST = 1000


@dataclass(slots=True)
class Notifier:
    """One way to the service manager; ``address`` empty: there is none.

    ``watchdog_seconds``: the manager ends us when it hears nothing for so long; None: it does not watch.
    """

    address: str = ""
    watchdog_seconds: float | None = None
    _said: str = field(default="", repr=False)

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ, pid: int | None = None) -> Self:
        """As the service manager tells it in ``environment`` to the process ``pid`` (this one)."""
        address = environment.get("NOTIFY_SOCKET", "")
        meant_for = environment.get("WATCHDOG_PID", "")
        ours = not meant_for or meant_for == str(os.getpid() if pid is None else pid)
        text = environment.get("WATCHDOG_USEC", "")
        seconds = int(text) / 1e6 if ours and text.isascii() and text.isdigit() and len(text) < 18 else 0
        return cls(address if address[:1] in ("/", "@") else "", seconds or None)

    def ready(self, status: str) -> None:
        """The agent is up, or back from a reload."""
        self._say(status)
        self._send("READY=1", f"STATUS={self._said}")

    def reloading(self, clock: Clock) -> None:
        """The configuration is being read anew; :meth:`ready` ends it."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={int(clock.monotonic() * 1e6)}")

    def stopping(self, status: str, seconds: float) -> None:
        """The agent ends; give it ``seconds`` for it."""
        self._say(status)
        self._send("STOPPING=1", f"STATUS={self._said}", f"EXTEND_TIMEOUT_USEC={int(seconds * 1e6)}")

    def patience(self, seconds: float) -> None:
        """Starting takes longer: give it ``seconds`` more."""
        self._send(f"EXTEND_TIMEOUT_USEC={int(seconds * 1e6)}")

    def status(self, text: str) -> None:
        """One line for people, in ``systemctl status``; what was said last is not said again."""
        before = self._said
        self._say(text)
        if self._said != before:
            self._send(f"STATUS={self._said}")

    def alive(self) -> None:
        """We are alive and at work."""
        if self.watchdog_seconds is not None:
            self._send("WATCHDOG=1")

    def _say(self, text: str) -> None:
        # A line end would begin another assignment.
        self._said = "".join(c if c.isprintable() else " " for c in text)[:_LONGEST]

    def _send(self, *assignments: str) -> None:
        if not self.address:
            return
        # A name in the abstract name space begins with a NUL, which the variable cannot hold.
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
                out.setblocking(False)
                out.sendto("\n".join(assignments).encode("utf-8", "replace"), address)
        except OSError:
            pass
