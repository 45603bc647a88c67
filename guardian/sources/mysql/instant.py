"""One instant of a server, seen by two sessions: the one that asks for facts and the one that dumps.

A session of our own holds ``FLUSH TABLES WITH READ LOCK`` while the other two begin their snapshots: with nothing
written in between, both see the same rows. Writers wait for that long, usually a fraction of a second, and never longer
than :data:`HOLD_SECONDS`. Where a long query keeps us from the lock for :data:`LOCK_SECONDS`, or the account may not
take it, there is none, and the facts say that they are not exact.
"""

import threading
from contextlib import suppress

from guardian.clock import Clock
from guardian.proc import Stop
from guardian.sources.mysql.session import Login, Refused, Session, first_field

LOCK_SECONDS = 5
"""How long we wait for the lock. Everybody who writes waits behind us meanwhile."""

HOLD_SECONDS = 10.0
"""How long we keep it at most."""

_ANSWER_SECONDS = 5.0
SNAPSHOT_BEGAN = b"\n-- Current Database: "
"""Written by the dump program once its own transaction has begun; its header, written before, does not hold it."""


class Hold:
    """A read lock on a whole server, until :meth:`release` or for HOLD_SECONDS."""

    def __init__(self, login: Login, stop: Stop, clock: Clock) -> None:
        """Take it if it can be had; ``held`` tells. Raises Interrupted."""
        self._login, self._stop, self._clock = login, stop, clock
        self._session = Session(login, stop, clock)
        self._lock = threading.Lock()
        self.held = False
        self.why = ""
        try:
            self.held = self._take()
        except BaseException:
            self._session.abandon()
            raise
        self._timer = threading.Timer(HOLD_SECONDS, self._give_up)
        self._timer.daemon = True
        if self.held:
            self._timer.start()

    def _take(self) -> bool:
        seconds = LOCK_SECONDS + _ANSWER_SECONDS
        number = ""
        try:
            self._session.ask(f"set session lock_wait_timeout = {LOCK_SECONDS}", seconds)
            number = self._session.ask("select connection_id()", seconds)[0][0]
            self._session.ask("flush tables with read lock", seconds)
        except Refused as refused:
            self.why = str(refused)
            self._kill(number)  # a server that does not heed the limit must not keep everybody waiting
            return False
        return True

    def _kill(self, number: str) -> None:
        self._session.abandon()
        if number.isdecimal():
            with suppress(Refused):  # usually it is gone by now
                first_field(self._login, [f"kill {number}"], self._stop, self._clock, _ANSWER_SECONDS)

    def release(self) -> bool:
        """Let the writers go on. Whether the lock was held until now: False when it was given up or lost before."""
        with self._lock:
            self._timer.cancel()
            until_now, self.held = self.held, False
            if until_now:
                try:
                    self._session.ask("unlock tables", _ANSWER_SECONDS)
                except Refused as refused:
                    self.why = str(refused)
                    until_now = False
            self._session.close()
            return until_now

    def _give_up(self) -> None:
        with self._lock:
            if self.held:
                self.held = False
                self.why = f"held for {HOLD_SECONDS:g} seconds"
                self._session.abandon()


class Marker:
    """Watches a dump's output for the sign that its snapshot began."""

    def __init__(self) -> None:
        self._tail = b"\n"
        self.seen = False

    def __call__(self, chunk: bytes) -> bool:
        """Take the next bytes; True once, when the sign is complete."""
        if self.seen:
            return False
        window = self._tail + chunk
        self.seen = SNAPSHOT_BEGAN in window
        self._tail = window[-len(SNAPSHOT_BEGAN) :]
        return self.seen
