"""A real agent of a configured host (tests/site.py): started, listened to, asked, ended, killed."""

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PATIENCE = 60.0


class Running:
    """One agent process. Its log is in ``log``."""

    def __init__(self, site: Any, *arguments: str, by: Sequence[str] = (), **environment: str) -> None:
        """Start it; ``by`` are a program and its options that start it in turn, such as ``setpriv``."""
        self.site = site
        self.path = site.root / f"agent-{time.monotonic_ns()}.log"
        with self.path.open("wb") as out:
            self.process = subprocess.Popen(
                [*by, *site.argv("agent", "run", *arguments)],
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                env=site.env(environment),
                cwd=site.root,
            )

    @property
    def log(self) -> str:
        return self.path.read_text("utf-8", "replace")

    def heard(self, text: str, times: int = 1) -> str:
        """Wait until the log holds ``text`` so many times."""
        return self.until(lambda: self.log if self.log.count(text) >= times else "", text)

    def until(self, found: Any, what: str) -> Any:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if answer := found():
                return answer
            if self.process.poll() is not None and not (answer := found()):
                raise AssertionError(f"the agent ended with {self.process.returncode} before {what}:\n{self.log}")
            time.sleep(0.05)
        raise AssertionError(f"not within {PATIENCE} s: {what}\n{self.log}")

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        """Ask it to end; its exit code."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        """As a crash does it."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def work(self) -> list[int]:
        """Process ids of its jobs' processes."""
        return [pid for pid in descendants(self.process.pid) if b"guardian.agent.work" in argv(pid)[1:4]]


def descendants(pid: int) -> list[int]:
    """Every process below ``pid``."""
    found: list[int] = []
    try:
        children = Path(f"/proc/{pid}/task").iterdir()
        direct = [int(c) for task in children for c in (task / "children").read_text().split()]
    except OSError:
        return []
    for child in direct:
        found += [child, *descendants(child)]
    return found


def argv(pid: int) -> list[bytes]:
    """The arguments of a process; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def gone(pids: list[int]) -> bool:
    """Whether none of them runs any more."""
    return not any(Path(f"/proc/{pid}").exists() and argv(pid) != [b""] for pid in pids)


def entries(site: Any, kind: str) -> list[Any]:
    """The statements of one kind in the site's log."""
    from guardian.clock import SystemClock
    from guardian.config.load import load
    from guardian.model.events import silent
    from guardian.node import Node
    from guardian.proc import Stop

    node = Node(load(site.yaml), SystemClock(), silent, Stop())
    return [e.predicate for e in node.read_log().entries() if e.predicate is not None and e.predicate.name == kind]


def attempts(site: Any, task: str) -> list[Any]:
    """The attempts of a task in the site's journal, newest first."""
    from guardian.agent.journal import Journal
    from guardian.clock import SystemClock

    with Journal.read(site.state / "agent", SystemClock()) as journal:
        return list(journal.attempts(task, 1000))


def slot_ends(site: Any, task: str) -> list[Any]:
    """How the slots of a task ended, newest first."""
    from guardian.agent.journal import Journal
    from guardian.clock import SystemClock

    with Journal.read(site.state / "agent", SystemClock()) as journal:
        return list(journal.slot_ends(task, 1000))


def planned(site: Any, schedule: str = "daily at 03:17", **agent: Any) -> None:
    """Give the site's system a schedule, its agent no metrics, and write the configuration."""
    site.config["systems"]["app"].setdefault("plan", {})["schedule"] = schedule
    site.config["agent"] = {"metrics": {"listen": None}, "nice": 0, **agent}
    site.write()


def environment() -> dict[str, str]:
    """What a program of ours needs to run here."""
    return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
