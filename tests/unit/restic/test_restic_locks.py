"""When a lock is stale, and when nobody may touch it."""

import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from guardian.restic.locks import Held, Lock, Stale, alive_as, judge, restic_would_remove

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def lock(minutes: float, host: str = "here", pid: int = 7) -> Lock:
    return Lock("ab" * 32, NOW - timedelta(minutes=minutes), True, host, "root", pid)


@pytest.mark.parametrize(
    ("minutes", "host", "alive", "lease_held", "verdict"),
    [
        (1, "here", False, True, Stale("owner-dead")),
        (1, "here", True, False, Held("owner-alive")),
        (600, "here", True, False, Held("owner-alive")),  # a paused machine must not lose its lock to us
        (29, "there", False, False, Held("recent")),
        (31, "there", False, False, Stale("too-old")),
        (31, "there", False, True, Held("lease-held")),
        (-60, "there", False, False, Held("from-the-future")),
        (-2, "there", False, False, Held("recent")),
    ],
)
def test_verdicts(minutes: float, host: str, alive: bool, lease_held: bool, verdict: Stale | Held) -> None:
    assert judge(lock(minutes, host), NOW, "here", lambda _pid: alive, lease_held) == verdict


def test_what_restic_itself_would_remove() -> None:
    assert restic_would_remove(lock(600), NOW, "here", lambda _pid: True)
    assert restic_would_remove(lock(1), NOW, "here", lambda _pid: False)
    assert not restic_would_remove(lock(1), NOW, "here", lambda _pid: True)
    assert not restic_would_remove(lock(1, "there"), NOW, "here", lambda _pid: False)


def test_who_is_alive() -> None:
    sleeper = subprocess.Popen(["sleep", "60"])
    try:
        assert alive_as(Path("/bin/sleep"))(sleeper.pid)
        assert not alive_as(Path("/usr/bin/restic"))(sleeper.pid)  # the number went to another program
        sleeper.kill()
        os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
        assert not alive_as(Path("/bin/sleep"))(sleeper.pid)  # dead, not yet buried
    finally:
        sleeper.kill()
        sleeper.wait()
    assert not alive_as(Path("/bin/sleep"))(sleeper.pid)
