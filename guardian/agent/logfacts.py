"""The facts of the status, read from the log as it grows: each entry once, with proof; nothing when nothing is new."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from guardian.agent.gathering import Gathering
from guardian.agent.known import Facts
from guardian.errors import EvidenceInvalid, GuardianError
from guardian.ledger import layout
from guardian.ledger.store import Log
from guardian.model.reason import reason

_Stamp = tuple[int, int, int] | None


class LogFacts:
    """Reads one log. Not for several threads at once.

    ``folder`` is the log's; ``open_log`` opens it for reading, such as ``node.read_log``.
    """

    def __init__(self, folder: Path, open_log: Callable[[], Log]) -> None:
        """Nothing is read before :meth:`catch_up`."""
        self._checkpoint = folder / layout.CHECKPOINT
        self._open_log = open_log
        self._stamp: _Stamp = None
        self._gathering = Gathering()
        self._root = b""
        self._facts = Facts()

    def catch_up(self, heed: Callable[[], None] = lambda: None) -> Facts:
        """The facts as the log stands now. Where its checkpoint is the one seen last, that is all that is looked at.

        ``heed`` is called for every entry, and may end it by raising: the next call goes on from there. Never raises
        for what is wrong with the log: that is a fact too.
        """
        stamp = self._seen()
        if stamp is not None and stamp == self._stamp:
            return self._facts
        try:
            log = self._open_log()
            self._follow(log, heed)
        except EvidenceInvalid as error:
            self._facts = Facts(intact=False, problem=reason(error.code, why=error.message[:400]))
            self._start_over()
        except GuardianError as error:
            if error.code == "interrupted":
                raise
            self._facts = replace(
                self._facts, intact=None, problem=reason(error.code, "warning", why=error.message[:400])
            )
            return self._facts
        self._stamp = stamp
        return self._facts

    def _follow(self, log: Log, heed: Callable[[], None]) -> None:
        size = self._gathering.size
        if size > log.size or (size and log.root_at(size) != self._root):
            self._start_over()  # another log lies there now: what was read before is of no use
        try:
            for entry in log.entries(self._gathering.size):
                heed()
                self._gathering.take(entry)
        finally:
            self._root = log.root_at(self._gathering.size)
        self._facts = self._gathering.facts(log.checkpoint.root.hex())

    def _start_over(self) -> None:
        self._gathering = Gathering()
        self._root = b""

    def _seen(self) -> _Stamp:
        """What tells one checkpoint from the next: it is always a new file."""
        try:
            found = self._checkpoint.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size


def age(moment: datetime, now: datetime) -> float:
    """Seconds since ``moment``, never less than none: clocks are set."""
    return max(0.0, (now - moment).total_seconds())
