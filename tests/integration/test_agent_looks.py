"""The agent, look by look: whose turn it is, what waits, what is interrupted and resumed. Jobs are real processes."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from guardian.agent import reload
from guardian.agent.daemon import Agent, Manner
from guardian.agent.notify import Notifier
from guardian.clock import SystemClock
from guardian.model.reason import Reason, reason

DAY = datetime(2026, 12, 1, tzinfo=UTC)


class Set(SystemClock):
    """The machine's clock, set by hand and going on from there."""

    def __init__(self, at: datetime) -> None:
        self.by = at - super().now()

    def now(self) -> datetime:
        return super().now() + self.by

    def monotonic(self) -> float:
        return super().monotonic() + self.by.total_seconds()

    def set(self, at: datetime) -> None:
        self.by += at - self.now()


def code(why: Reason) -> str:
    return why.code


@contextmanager
def by_hand(site: Any, clock: SystemClock) -> Iterator[Agent]:
    """An agent that looks when it is told to."""
    agent = Agent(reload.first(site.yaml, clock), clock, Manner(code, Notifier()))
    with ExitStack() as held:
        agent.prepare(held)
        try:
            yield agent
        finally:
            agent.jobs.stop(reason("test-ends"))
            assert agent.jobs.wait(60)


def running(agent: Agent) -> list[str]:
    return [one.task.key for one in agent.jobs.running()]


@pytest.fixture
def slow(site: Any) -> Any:
    """A site whose one source gives its data when the file ``go`` is there."""
    waits = f"while [ ! -e {site.root}/go ]; do sleep 0.05; done; echo data"
    site.config["systems"]["app"]["sources"] = {"slow": {"kind": "command", "argv": ["sh", "-c", waits]}}
    return site


def test_a_blackout_interrupts_a_job_and_its_slot_is_resumed(slow: Any, agents: Any) -> None:
    agents.planned(slow, "daily at 05:00", time_zone="UTC", blackout=["06:00-08:00"])
    clock = Set(DAY + timedelta(hours=4))
    with by_hand(slow, clock) as agent:
        agent.books.records(one.task for one in agent.force.planned)
        clock.set(DAY + timedelta(hours=5, seconds=1))
        agent.look()
        assert running(agent) == ["backup:app/slow"]
        clock.set(DAY + timedelta(hours=6, seconds=1))
        agent.look()
        assert agent.jobs.wait(60)
        (cut,) = agents.attempts(slow, "backup:app/slow")
        assert (cut.result.outcome, [why.code for why in cut.result.reasons]) == ("interrupted", ["blackout-began"])
        agent.look()
        assert running(agent) == []
        (slow.root / "go").touch()
        clock.set(DAY + timedelta(hours=8, seconds=1))
        agent.look()
        assert running(agent) == ["backup:app/slow"]
        assert agent.jobs.wait(60)
        resumed, _cut = agents.attempts(slow, "backup:app/slow")
        assert resumed.slot == cut.slot == DAY + timedelta(hours=5)
        assert resumed.result.outcome == "complete"
    assert [end.state for end in agents.slot_ends(slow, "backup:app/slow")] == ["run"]


def test_places_priorities_and_what_waits_for_another(slow: Any, agents: Any) -> None:
    slow.config["repositories"]["main"]["url"] = str(slow.root / "places" / "{system}")
    slow.config["repositories"]["far"] = {"url": str(slow.root / "far")}
    source = slow.config["systems"]["app"]["sources"]
    for name, priority in (("low", 10), ("middle", 50), ("high", 90)):
        plan = {"schedule": "daily at 05:00", "priority": priority, "copy_to": ["far"] if name == "high" else []}
        slow.config["systems"][name] = {"repository": "main", "sources": source, "plan": plan}
    del slow.config["systems"]["app"]
    slow.config["agent"] = {"metrics": {"listen": None}, "nice": 0, "time_zone": "UTC", "concurrency": 2}
    slow.yaml.write_text(json.dumps(slow.config), "utf-8")
    clock = Set(DAY + timedelta(hours=4))
    assert slow.guardian("init").code == 0
    with by_hand(slow, clock) as agent:
        agent.books.records(one.task for one in agent.force.planned)
        clock.set(DAY + timedelta(hours=5, seconds=1))
        agent.look()
        assert running(agent) == ["backup:high/slow", "backup:middle/slow"]
        assert [one.task.key for one in agent.looker.seen.waiting] == ["backup:low/slow"]
        assert agent.looker.seen.held == {"copy:high/slow:far": "waits-for-other"}
        shown = {job.task: (job.state, job.phase) for job in agent.view.status().jobs}
        assert shown["backup:low/slow"][0] == shown["copy:high/slow:far"][0] == "queued"
        (slow.root / "go").touch()
        assert agent.jobs.wait(60)
        agent.look()
        assert set(running(agent)) == {"backup:low/slow", "copy:high/slow:far"}
        assert agent.jobs.wait(60)
        (copied,) = agents.attempts(slow, "copy:high/slow:far")
        assert copied.result.outcome == "complete"


def test_a_repository_that_somebody_works_on_is_waited_for(site: Any, agents: Any) -> None:
    del site.config["systems"]["app"]["sources"]["db"]
    agents.planned(site)
    with by_hand(site, SystemClock()) as agent:
        with agent.node().lease("main", "backup"):
            agent.look()
            assert running(agent) == []
            assert agent.looker.seen.held == {"backup:app/docs": "repository-in-use"}
        agent.look()
        assert running(agent) == ["backup:app/docs"]


def test_what_was_missed_while_no_agent_ran_is_run_once_and_the_rest_is_told(site: Any, agents: Any) -> None:
    del site.config["systems"]["app"]["sources"]["db"]
    agents.planned(site, "daily at 05:00", time_zone="UTC")
    clock = Set(DAY + timedelta(hours=4))
    with by_hand(site, clock) as agent:
        agent.look()
        assert agent.jobs.wait(60)
    clock.set(DAY + timedelta(days=6))
    with by_hand(site, clock) as agent:
        agent.look()
        assert agent.jobs.wait(60)
        agent.look()
        assert running(agent) == []
    ends = agents.slot_ends(site, "backup:app/docs")
    assert sorted(end.state for end in ends) == ["missed"] * 5 + ["run"]
    (told,) = agents.entries(site, "no-backup")
    assert (told.slots, told.slot) == (5, "2026-12-01T05:00:00.000000Z")


def test_draining_begins_nothing(site: Any, agents: Any) -> None:
    agents.planned(site)
    with by_hand(site, SystemClock()) as agent:
        agent.looker.draining = True
        agent.look()
        assert running(agent) == []
        assert agent.view.status().agent.draining


def test_schedules_follow_the_zone_of_the_host(site: Any, agents: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    agents.planned(site, "daily at 05:00")
    monkeypatch.setenv("TZ", "UTC")
    with by_hand(site, Set(DAY + timedelta(hours=6))) as agent:
        agent.looker.draining = True
        agent.look()
        assert agent.looker.seen.decisions["backup:app/docs"].wake == DAY + timedelta(days=1, hours=5)
        monkeypatch.setenv("TZ", "Asia/Shanghai")
        agent.look()
        assert agent.looker.seen.decisions["backup:app/docs"].wake == DAY + timedelta(hours=21)
