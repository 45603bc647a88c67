"""The agent among faults: kill -9, full and read-only state, a journal that is none, clocks that are wrong."""

import json
import queue
import random
import signal
import sqlite3
import threading
import time
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from guardian.agent import reload
from guardian.agent.control import ask
from guardian.agent.daemon import Agent, Manner
from guardian.agent.notify import Notifier
from guardian.clock import SystemClock
from guardian.model.reason import Reason

TASK = "backup:app/docs"


class Moved(SystemClock):
    """The machine's clock, put forward by hand; ``wall`` moves the wall clock alone."""

    def __init__(self) -> None:
        self.by = timedelta(0)
        self.wall = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.by + self.wall

    def monotonic(self) -> float:
        return super().monotonic() + self.by.total_seconds()

    def pass_(self, **time: float) -> None:
        self.by += timedelta(**time)


def code(why: Reason) -> str:
    return why.code


@contextmanager
def by_hand(site: Any, clock: SystemClock) -> Any:
    """An agent that looks when it is told to."""
    agent = Agent(reload.first(site.yaml, clock), clock, Manner(code, Notifier()))
    with ExitStack() as held:
        agent.prepare(held)
        try:
            yield agent
        finally:
            agent.jobs.stop(Reason(code="test-ends"))
            agent.jobs.wait(60)


def look(agent: Agent) -> int:
    """One look, and the end of every job it began; how many there were."""
    agent.look()
    count = len(agent.jobs.running())
    assert agent.jobs.wait(120)
    return count


@pytest.fixture
def host(site: Any, agents: Any) -> Any:
    """A site with one small source, due once a day."""
    del site.config["systems"]["app"]["sources"]["db"]
    agents.planned(site)
    return site


# kill -9


def test_kills_of_the_agent_while_it_backs_up(host: Any, agents: Any) -> None:
    agents.planned(host, "every 2s")
    chance = random.Random(4)
    for _kill in range(3):
        agent = agents.Running(host)
        agent.until(agent.work, "a job")
        time.sleep(chance.uniform(0, 0.8))
        agent.kill()
    agent = agents.Running(host)
    agent.heard(f"{TASK}: complete", 2)
    assert agent.end() == 0
    receipts = agents.entries(host, "backup-receipt")
    slots = [one.slot for one in receipts if one.slot]
    assert len(slots) == len(set(slots))
    tried = agents.attempts(host, TASK)
    assert all(one.result is not None for one in tried)
    told = [one.result.entry for one in tried if one.result.outcome == "complete"]
    assert len(told) == len(set(told)) == len(receipts)
    assert host.guardian("ledger", "verify").code == 0
    assert host.guardian("backup").code == 0
    # Half a file of a restic that was killed while it wrote it has a longer name, and is no lock.
    assert [lock for lock in (host.repository / "locks").iterdir() if len(lock.name) == 64] == []


def test_a_new_agent_waits_for_the_jobs_of_the_one_that_was_killed(host: Any, agents: Any) -> None:
    script = f"trap '' INT; echo x; while [ ! -e {host.root}/go ]; do sleep 0.05; done"
    host.config["systems"]["app"]["plan"] = {"hooks": {"before": [{"argv": ["sh", "-c", script]}]}}
    agents.planned(host)
    agent = agents.Running(host)
    agent.until(lambda: agent.work() and len(agents.descendants(agent.work()[0])) > 1, "its hook")
    left = agent.work()
    agent.kill()
    again = agents.Running(host)
    again.heard("waiting for jobs of the agent before")
    assert "has started" not in again.log
    assert not agents.gone(left)
    (host.root / "go").touch()
    again.heard("the agent has started")
    assert agents.gone(left)
    assert again.end() == 0
    newest, *_older = agents.attempts(host, TASK)
    assert newest.result is not None


# state


def test_a_journal_that_is_none_is_made_anew_from_the_log(host: Any, agents: Any) -> None:
    first = agents.Running(host)
    first.heard(f"{TASK}: complete")
    assert first.end() == 0
    (host.state / "agent" / "journal.db").write_bytes(b"no journal at all" * 1000)
    again = agents.Running(host)
    again.heard("the agent has started")
    again.heard("next is")
    assert "could not be used" in again.log
    assert again.end() == 0
    assert f"running: {TASK}" not in again.log  # the log knows that it was backed up
    assert len(agents.attempts(host, TASK)) == 1


def test_a_journal_overwritten_beneath_a_running_agent_is_made_anew_within_a_minute(host: Any, agents: Any) -> None:
    script = f"while [ ! -e {host.root}/go ]; do sleep 0.05; done"
    host.config["systems"]["app"]["plan"] = {"hooks": {"before": [{"argv": ["sh", "-c", script]}]}}
    agents.planned(host)
    clock = Moved()
    with by_hand(host, clock) as agent:
        agent.look()
        assert len(agent.jobs.running()) == 1
        (host.state / "agent" / "journal.db").write_bytes(b"\0" * 4096)
        clock.pass_(minutes=1)
        agent.look()
        assert list((host.state / "agent").glob("journal.db.damaged-*"))
        status = agent.view.status()
        assert status.agent.journal_ok
        assert [job.state for job in status.jobs] == ["running"], "nothing is begun twice"
        (host.root / "go").touch()
        assert agent.jobs.wait(60)
        clock.pass_(minutes=1)
        assert look(agent) == 0
        (source,) = agent.view.status().sources
        assert source.backup.last_outcome == "complete"
    assert [one.result.outcome for one in agents.attempts(host, TASK)] == ["complete"]


def test_who_asks_does_not_wait_for_a_journal_that_is_held(host: Any, agents: Any) -> None:
    clock = Moved()
    with by_hand(host, clock) as agent:
        assert look(agent) == 1
        agent.books.journal._db.execute("PRAGMA busy_timeout = 0")
        other = sqlite3.connect(host.state / "agent" / "journal.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        clock.pass_(minutes=1)
        agent.look()
        agent.books.journal._db.execute(f"PRAGMA busy_timeout = {10 * 60_000}")
        asked: queue.SimpleQueue[Any] = queue.SimpleQueue()
        threading.Thread(target=lambda: asked.put(agent.view.status()), daemon=True).start()
        assert asked.get(timeout=60).agent.journal_ok is False
        other.execute("ROLLBACK")
        other.close()
        agent.look()
        clock.pass_(minutes=1)
        assert agent.view.status().agent.journal_ok


def test_jobs_go_on_while_the_journal_cannot_be_written(host: Any, agents: Any) -> None:
    clock = Moved()
    with by_hand(host, clock) as agent:
        path = host.state / "agent" / "journal.db"
        blocker = sqlite3.connect(path, isolation_level=None)
        assert look(agent) == 1
        blocker.execute("PRAGMA query_only = 1")
        agent.books.journal._db.execute("PRAGMA query_only = 1")  # what a file system that became read-only does
        clock.pass_(days=1)
        assert look(agent) == 1
        clock.pass_(minutes=1)
        assert look(agent) == 0  # memory knows that this slot was run
        status = agent.view.status()
        assert "journal-unwritable" in {why.code for why in status.agent.problems}
        assert status.agent.journal_ok is False
        agent.books.journal._db.execute("PRAGMA query_only = 0")
        blocker.close()
        clock.pass_(minutes=1)
        assert look(agent) == 0
        assert agent.view.status().agent.journal_ok
    assert [one.result.outcome for one in agents.attempts(host, TASK)] == ["complete", "complete"]
    assert len(agents.entries(host, "backup-receipt")) == 2


def test_a_state_directory_that_cannot_be_written_is_told_at_once(host: Any) -> None:
    (host.state / "agent").write_text("in the way")
    said = host.guardian("agent", "run", timeout=30)
    assert said.code == 4


# clocks


@pytest.mark.parametrize("year", [1970, 2099])
def test_an_impossible_clock(host: Any, agents: Any, year: int) -> None:
    clock = Moved()
    with by_hand(host, clock) as agent:
        assert look(agent) == 1
        clock.wall = datetime(year, 6, 1, tzinfo=UTC) - datetime.now(UTC)
        look(agent)
        status = agent.view.status()
        assert status.agent.clock_trusted is False
        assert "clock-implausible" in {why.code for why in status.agent.problems}
        clock.wall = timedelta(0)
        before = len(agents.entries(host, "backup-receipt"))
        clock.pass_(days=1)
        assert look(agent) == 1
        assert len(agents.entries(host, "backup-receipt")) == before + 1


# storage


def test_a_week_without_storage_ends_without_a_stampede(host: Any, agents: Any) -> None:
    sources = {
        f"s{number}": {"kind": "files", "paths": [str(host.docs / "deep")], "allow_empty": True} for number in range(3)
    }
    host.config["systems"]["app"]["sources"] = sources
    agents.planned(host, "daily at 03:17", concurrency=2)
    clock = Moved()
    with by_hand(host, clock) as agent:
        away = host.repository.with_name("away")
        host.repository.rename(away)
        for _day in range(2):
            while look(agent):
                pass
            clock.pass_(days=1)
        away.rename(host.repository)
        most = 0
        for _look in range(20):
            began = look(agent)
            most = max(most, began)
            if not began:
                break
        assert most == 1  # one repository: never two at a time
    assert len(agents.entries(host, "backup-receipt")) == 3
    for number in range(3):
        newest, *older = agents.attempts(host, f"backup:app/s{number}")
        assert newest.result.outcome == "complete"
        assert {one.result.outcome for one in older} == {"failed"}


def test_a_repository_that_was_exchanged_is_told(host: Any, agents: Any) -> None:
    clock = Moved()
    with by_hand(host, clock) as agent:
        assert look(agent) == 1
        password = next((host.state / "keys").glob("main.password"))
        host.repository.rename(host.root / "first")
        host.restic("init", "--repository-version", "2")
        assert password.exists()
        clock.pass_(days=1)
        assert look(agent) == 1
        (source,) = agent.view.status().sources
        assert source.backup.last_outcome == "failed"
        assert {"repository-changed"} & {why.code for why in source.backup.last_reasons}


def test_the_status_is_asked_while_a_job_runs(host: Any, agents: Any) -> None:
    host.config["systems"]["app"]["sources"] = {"slow": {"kind": "command", "argv": ["sleep", "600"]}}
    agents.planned(host)
    agent = agents.Running(host)
    agent.until(lambda: any(b"600" in agents.argv(pid) for pid in agents.descendants(agent.process.pid)), "its source")
    status = json.loads(ask(host.state / "agent") or b"{}")
    (job,) = status["jobs"]
    assert (job["task"], job["state"]) == ("backup:app/slow", "running")
    shown = host.guardian("agent", "status", PLAIN="1")
    assert "backing up" in shown.out or "looking" in shown.out
    agent.signal(signal.SIGINT)
    assert agent.end() == 0


def test_no_agent_no_state_no_answer(host: Any) -> None:
    (host.state / "log").rename(host.root / "log")
    said = host.guardian("agent", "status")
    assert said.code == 20
