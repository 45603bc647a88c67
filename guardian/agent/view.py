"""How the host stands, put together for whoever asks: the agent's socket, its metrics, a person without an agent."""

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from guardian import __version__
from guardian.agent.books import Books
from guardian.agent.health import state_disk
from guardian.agent.jobs import Jobs
from guardian.agent.journal import Journal
from guardian.agent.logfacts import AT_ONCE, LogFacts
from guardian.agent.look import Looker
from guardian.agent.reload import InForce
from guardian.agent.start import folder
from guardian.agent.status import Sight, counts, status
from guardian.agent.tasks import planned
from guardian.backup.due import Decision, decide
from guardian.clock import Clock, rfc3339
from guardian.model.job import TaskRecord
from guardian.model.reason import Reason, reason
from guardian.model.status import AgentNow, HostStatus, JobNow
from guardian.node import Node

_FRESH: Final = 1.0
"""Seconds a status may be old: so many may ask as like, it is made once."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the agent knows of itself."""

    force: InForce
    started: datetime
    jobs: Jobs
    looker: Looker
    problems: tuple[Reason, ...]
    clock_trusted: bool
    restic: str | None = None


class View:
    """The status of a host with an agent. Safe to ask from several threads."""

    def __init__(self, node: Callable[[], Node], books: Books, facts: Callable[[], Facts], clock: Clock) -> None:
        """``node`` gives the host by the configuration in force, ``facts`` what the agent knows of itself."""
        self._node, self._books, self._facts, self._clock = node, books, facts, clock
        self._lock = threading.Lock()
        self._log: LogFacts | None = None
        self._made: tuple[float, HostStatus] | None = None
        self._tallies: dict[str, tuple[int, int]] = {}
        self._paused: dict[str, datetime] = {}

    def status(self) -> HostStatus:
        """Everything an operator sees, at most a second old."""
        with self._lock:
            now = self._clock.monotonic()
            if self._made is None or not 0 <= now - self._made[0] < _FRESH:
                self._made = now, self._look()
            return self._made[1]

    def document(self) -> bytes:
        """The same as JSON."""
        return self.status().model_dump_json(by_alias=True).encode()

    def recheck(self) -> Reason | None:
        """Look again at a part of the log, once somebody has asked for what it tells; what speaks against it."""
        with self._lock:
            if self._log is None:
                return None
            found = self._log.recheck()
            return found.problem if found.intact is False else None

    def _look(self) -> HostStatus:
        node, facts = self._node(), self._facts()
        if self._log is None:
            self._log = LogFacts(node.log_folder, lambda: self._node().read_log())
        force, now = facts.force, self._clock.now()
        said = self._books.ask(lambda journal: (counts(journal, force.planned), journal.paused()))
        if said is not None:  # else as counted last: nobody who asks waits for a journal that is held
            self._tallies, self._paused = said
        sight = Sight(
            loaded=force.loaded,
            planned=force.planned,
            facts=self._log.catch_up(most=AT_ONCE),
            agent=_agent(facts, node),
            records=self._books.known(one.task for one in force.planned),
            counts=self._tallies,
            due=due(facts.looker.seen.decisions, now),
            jobs=(*(running.now() for running in facts.jobs.running()), *_queued(facts.looker)),
            paused=self._paused,
        )
        return status(sight, now)


def unattended(node: Node) -> HostStatus:
    """How the host stands as journal and log tell it, while no agent runs.

    Raises what reading the journal raises; ConfigError for a host that was never set up.
    """
    now, force = node.clock.now(), planned(node.loaded)
    facts = LogFacts(node.existing_log(), node.read_log).catch_up(node.heed)
    records: dict[str, TaskRecord] = {}
    tallies: dict[str, tuple[int, int]] = {}
    paused: dict[str, datetime] = {}
    with suppress(FileNotFoundError), Journal.read(folder(node.state), node.clock) as journal:
        records = journal.records(one.task for one in force)
        tallies = counts(journal, force)
        paused = journal.paused()
    decisions = {
        one.task.key: decide(one.rhythm, records[one.task.key], now) for one in force if one.task.key in records
    }
    agent = AgentNow(
        version=__version__,
        pid=0,
        started=rfc3339(now),
        config_sha256=node.loaded.sha256,
        config_loaded=rfc3339(now),
        state_free_bytes=state_disk(node.state).free,
        max_loss_objective=node.loaded.config.verify.max_loss,
        problems=(reason("agent-not-running"),),
    )
    sight = Sight(node.loaded, force, facts, agent, records, tallies, due(decisions, now), paused=paused)
    return status(sight, now)


def due(decisions: Mapping[str, Decision], now: datetime) -> dict[str, datetime | None]:
    """When each task begins next, as far as that is known: now, what its decision says, or None."""
    found: dict[str, datetime | None] = {}
    for key, decision in decisions.items():
        waits = decision.action == "wait" and decision.why.code != "job-running"
        found[key] = now if decision.action == "run" else decision.wake if waits else None
    return found


def _agent(facts: Facts, node: Node) -> AgentNow:
    disk, looker = state_disk(node.state), facts.looker
    return AgentNow(
        version=__version__,
        restic=facts.restic,
        pid=os.getpid(),
        started=rfc3339(facts.started),
        config_sha256=facts.force.loaded.sha256,
        config_loaded=rfc3339(facts.force.since),
        config_problem=facts.force.problem or None,
        clock_trusted=facts.clock_trusted,
        journal_ok=not any(one.code == "journal-unwritable" for one in facts.problems),
        draining=looker.draining,
        next_wake=rfc3339(looker.seen.wake) if looker.seen.wake else None,
        state_free_bytes=disk.free,
        max_loss_objective=facts.force.loaded.config.verify.max_loss,
        problems=(*disk.problems, *facts.problems),
    )


def _queued(looker: Looker) -> tuple[JobNow, ...]:
    """What is due and has no place yet, or must wait for another reason: the phase says which."""
    since = rfc3339(looker.seen.at)
    waiting = [(one.task, "") for one in looker.seen.waiting]
    held = [(one.task, looker.seen.held[one.task.key]) for one in looker.seen.due if one.task.key in looker.seen.held]
    return tuple(
        JobNow(task=task.key, kind=task.kind, state="queued", since=since, phase=why) for task, why in (*waiting, *held)
    )
