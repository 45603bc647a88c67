"""The facts of the status, read from the log as it grows: each entry once, with proof; nothing when nothing is new."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final

from guardian.agent.gathering import Gathering
from guardian.agent.known import Facts
from guardian.errors import EvidenceInvalid, GuardianError
from guardian.ledger import layout
from guardian.ledger.rounds import Rounds
from guardian.ledger.store import Log
from guardian.model.reason import reason

AT_ONCE: Final = 20_000
"""Entries that an agent reads in one go: a few seconds, in which it answers nobody."""

_PATIENCE: Final = 30
"""After so many calls a log that did not hold together is looked at again: somebody may have put it right."""

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
        self._rounds = Rounds()
        self._root = b""
        self._calls_to_go = _PATIENCE
        self._facts = Facts()

    def catch_up(self, heed: Callable[[], None] = lambda: None, most: int | None = None) -> Facts:
        """The facts as the log stands now. Where its checkpoint is the one seen last, that is all that is looked at.

        ``heed`` is called for every entry, and may end it by raising; with ``most``, no more are read than that. The
        next call goes on from there, and until the end was reached nothing is told of what is in the log: a part
        of it would make old things look new. Never raises for what is wrong with the log: that is a fact too.
        """
        stamp = self._seen()
        if stamp is not None and stamp == self._stamp and self._calls_to_go:
            self._calls_to_go -= self._facts.intact is False
            return self._facts
        try:
            whole = self._follow(self._open_log(), heed, most)
        except EvidenceInvalid as error:
            self._broken(error)
            whole = True
        except GuardianError as error:
            if error.code == "interrupted":
                raise
            self._unread(error)
            whole = False
        self._stamp, self._calls_to_go = (stamp if whole else None), _PATIENCE
        return self._facts

    def recheck(self) -> Facts:
        """Look again at a part of what was read, as it lies there now: a few milliseconds, however long the log is.

        To be called from time to time: in place, entries are altered without a new checkpoint. Never raises either.
        """
        if self._facts.intact:
            try:
                self._rounds.look(self._open_log())
            except EvidenceInvalid as error:
                self._broken(error)
                self._calls_to_go = _PATIENCE
            except GuardianError as error:
                self._unread(error)
                self._stamp = None
        return self._facts

    def _broken(self, error: EvidenceInvalid) -> None:
        self._facts = Facts(intact=False, problem=reason(error.code, why=error.message[:400]))
        self._start_over()

    def _unread(self, error: GuardianError) -> None:
        told = reason(error.code, "warning", why=error.message[:400])
        self._facts = replace(self._facts, intact=None, problem=told)

    def _follow(self, log: Log, heed: Callable[[], None], most: int | None) -> bool:
        """Read on; whether the end was reached."""
        self._rounds.again(log)
        size = self._gathering.size
        if size > log.size or (size and log.root_at(size) != self._root):
            self._start_over()  # another log lies there now: what was read before is of no use
        try:
            for entry in islice(log.entries(self._gathering.size), most):
                heed()
                self._gathering.take(entry)
        finally:
            self._root = log.root_at(self._gathering.size)
        done, total = self._gathering.size, log.size
        if done < total:
            told = reason("log-being-read", "info", done=done, total=total)
            self._facts = Facts(size=total, root=log.checkpoint.root.hex(), problem=told)
            return False
        self._facts = self._gathering.facts(log.checkpoint.root.hex())
        return True

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
