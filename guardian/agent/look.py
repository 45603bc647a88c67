"""One look at everything that comes round: slots are closed, jobs are stopped and begun, the next moment is found."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from guardian.agent.books import Books
from guardian.agent.clocktrust import ClockTrust
from guardian.agent.jobs import Jobs, Running
from guardian.agent.journal import NotNow
from guardian.agent.limits import line_now
from guardian.agent.order import Order
from guardian.agent.reload import InForce
from guardian.agent.tasks import Planned, zone_of
from guardian.agent.turn import Due, choose, places
from guardian.backup.due import Decision, decide
from guardian.clock import Clock
from guardian.config.windows import held_until
from guardian.durable import Lease
from guardian.i18n import language
from guardian.model.job import TaskRecord

_SOON: Final = timedelta(seconds=10)
_SPREAD: Final = timedelta(minutes=10)
_STEP: Final = timedelta(seconds=30)


@dataclass(slots=True)
class Seen:
    """What the newest look saw. ``waiting`` is due and has no place yet; ``held`` is due and must not run now."""

    at: datetime
    wake: datetime | None = None
    due: tuple[Planned, ...] = ()
    waiting: tuple[Due, ...] = ()
    held: Mapping[str, str] = field(default_factory=dict)
    """Task -> reason code."""
    decisions: Mapping[str, Decision] = field(default_factory=dict)


@dataclass(slots=True)
class Looker:
    """Everything a look needs. ``draining`` true: nothing begins any more."""

    clock: Clock
    books: Books
    jobs: Jobs
    trust: ClockTrust
    in_force: Callable[[], InForce]
    verbose: int = 0
    draining: bool = False
    seen: Seen = field(init=False)
    alive_since: datetime = field(init=False)
    _began: float = field(init=False)

    def __post_init__(self) -> None:
        self.alive_since = self.clock.now()
        self._began = self.clock.monotonic()
        self.seen = Seen(self.alive_since)

    def once(self) -> datetime | None:
        """Look once; when to look next at the latest."""
        if abs(self.trust.look()) > _STEP:
            self.alive_since = self.clock.now()
        force = self.in_force()
        records = self.books.records(one.task for one in force.planned)
        now = self.clock.now()  # after the records: of a task that was unknown they say that it is known since now
        decisions = {
            one.task.key: decide(one.rhythm, records[one.task.key], now, self.alive_since) for one in force.planned
        }
        self.books.account(end for decision in decisions.values() for end in decision.ends)
        for key, decision in decisions.items():
            if decision.action == "stop":
                self.jobs.stop(decision.why, key)
        due = [one for one in force.planned if self._runs(one, decisions[one.task.key], records[one.task.key])]
        held = {} if self.draining else self._held(due, decisions, force)
        ready = [self._due(one, decisions[one.task.key], records) for one in due if one.task.key not in held]
        begun = self._begin(ready, force) if not self.draining else set()
        waiting = tuple(one for one in ready if one.task.key not in begun)
        wakes = [decision.wake for decision in decisions.values() if decision.wake is not None]
        wake = min([*wakes, *([now + _SOON] if held else [])], default=None)
        self.seen = Seen(now, wake, tuple(due), waiting, held, decisions)
        return wake

    def _runs(self, one: Planned, decision: Decision, record: TaskRecord) -> bool:
        """Whether a task is to run now. What was never backed up does not wait for its first slot."""
        if decision.action == "run":
            return True
        never = record.last_started is None and record.accounted is None
        if not never or one.task.kind != "backup" or decision.why.code != "waits-for-slot":
            return False
        now = self.clock.now()
        return held_until(one.rhythm.blackout, now, one.rhythm.zone) is None

    def _due(self, one: Planned, decision: Decision, records: Mapping[str, TaskRecord]) -> Due:
        accounted, slot = records[one.task.key].accounted, decision.slot
        # Another try at a slot that has ended: a slot ends once, so this run belongs to none.
        again = slot is not None and accounted is not None and slot <= accounted
        return Due(one.task, None if again else slot, one.priority)

    def _held(self, due: list[Planned], decisions: Mapping[str, Decision], force: InForce) -> dict[str, str]:
        """What is due and must wait all the same: task -> reason code."""
        pending = {one.task.key for one in due} | {running.task.key for running in self.jobs.running()}
        ours = {key for running in self.jobs.running() for key in places(running.task)}
        leases = force.loaded.state_dir / "leases"
        held: dict[str, str] = {}
        for one in due:
            if one.after is not None and one.after in pending:
                held[one.task.key] = "waits-for-other"
            elif any(key not in ours and Lease.held(leases / f"{key}.lease") for key in places(one.task)):
                held[one.task.key] = "repository-in-use"
            elif self._spreads(one, decisions[one.task.key]):
                held[one.task.key] = "start-spread"
        return held

    def _spreads(self, one: Planned, decision: Decision) -> bool:
        """Whether to wait with what was missed while no agent ran: a thousand hosts that start at once are a stampede.

        For each its own share of ten minutes, and only where the plan asks for jitter.
        """
        slot = decision.slot
        if slot is None or not one.rhythm.offset or slot + one.rhythm.offset >= self.alive_since:
            return False
        share = one.rhythm.offset % _SPREAD
        return self.clock.monotonic() - self._began < share.total_seconds()

    def _begin(self, ready: Iterable[Due], force: InForce) -> set[str]:
        settings = force.loaded.config.agent
        running = [one.task for one in self.jobs.running()]
        begun: set[str] = set()
        for one in choose(ready, running, settings.concurrency - len(running)):
            try:
                attempt = self.books.begin(one.task.key, one.slot)
            except NotNow:
                continue
            self.jobs.start(
                Running(one.task, one.slot, attempt, self.clock.now(), self.clock.monotonic()), self._order(one, force)
            )
            begun.add(one.task.key)
        return begun

    def _order(self, due: Due, force: InForce) -> Order:
        settings = force.loaded.config.agent
        line = line_now(settings.bandwidth, zone_of(force.loaded), self.clock.now())
        return Order.of(force.loaded, due.task, due.slot).model_copy(
            update={
                "upload": line.upload,
                "download": line.download,
                "clock_trusted": self.trust.trusted,
                "language": language(),
                "verbose": self.verbose,
            }
        )
