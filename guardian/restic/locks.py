"""Whether a lock in the repository is stale. Decided here, purely; removed by restic, and counted before and after."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from guardian.model.border import Heard

STALE_AGE = timedelta(minutes=30)
"""restic renews its lock every 5 minutes and itself calls one stale after 30."""

_SKEW = timedelta(minutes=5)


class LockFile(Heard):
    """A lock as ``restic cat lock`` shows it."""

    time: datetime
    exclusive: bool = False
    hostname: str = ""
    username: str = ""
    pid: int = 0


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock and its id in the repository."""

    id: str
    time: datetime
    exclusive: bool
    hostname: str
    username: str
    pid: int


@dataclass(frozen=True, slots=True)
class Stale:
    """Nobody holds the lock any more. ``reason``: ``owner-dead`` or ``too-old``."""

    reason: str


@dataclass(frozen=True, slots=True)
class Held:
    """Somebody holds the lock, or may. ``reason``: ``owner-alive``, ``recent``, ``lease-held``, ``from-the-future``."""

    reason: str


def judge(lock: Lock, now: datetime, hostname: str, pid_alive: Callable[[int], bool], lease_held: bool) -> Stale | Held:
    """Stale: its process on this very host is dead, or it is older than 30 minutes and no lease covers the repository.

    ``lease_held``: somebody other than the asker may be at work under a Guardian lease.
    """
    if lock.hostname == hostname:
        return Held("owner-alive") if pid_alive(lock.pid) else Stale("owner-dead")
    age = now - lock.time
    if age < -_SKEW:
        return Held("from-the-future")
    if age <= STALE_AGE:
        return Held("recent")
    return Held("lease-held") if lease_held else Stale("too-old")


def restic_would_remove(lock: Lock, now: datetime, hostname: str, pid_alive: Callable[[int], bool]) -> bool:
    """Whether ``restic unlock`` removes it: it looks at the age first, and never asks for a lease."""
    return now - lock.time > STALE_AGE or (lock.hostname == hostname and not pid_alive(lock.pid))


def alive_as(program: Path) -> Callable[[int], bool]:
    """``pid_alive`` for this host: the process lives, and is not known to be anything but a restic.

    A number that another program got since does not keep a lock alive; a process we may not look at does.
    """
    ours = program.resolve().name

    def alive(pid: int) -> bool:
        try:
            state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2][:1]
            if state in (b"Z", b"X", b""):
                return False
            name = os.path.basename(os.readlink(f"/proc/{pid}/exe"))  # noqa: PTH115, PTH119  a deleted program's too
        except (FileNotFoundError, ProcessLookupError):
            return False
        except OSError:
            return True
        return ours in name or "restic" in name

    return alive
