"""The agent's life: it begins alone and in order, looks and answers for years, takes a new configuration, ends cleanly.

It decides, keeps books and answers; every job runs in a process of its own (:mod:`guardian.agent.work`), so that this
one stays small. Signals: SIGHUP reads the configuration anew, SIGTERM and SIGINT end the agent once its jobs have.
"""

import logging
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from types import FrameType
from typing import Final

from guardian import telemetry
from guardian.agent import cycle, owed, rebuild, reload, start
from guardian.agent.books import Books
from guardian.agent.clocktrust import ClockTrust
from guardian.agent.control import Control
from guardian.agent.extras import Extras
from guardian.agent.jobs import Jobs, Running
from guardian.agent.look import Looker
from guardian.agent.notify import Notifier
from guardian.agent.process import grace
from guardian.agent.scheduler import EVERY, Scheduler
from guardian.agent.tasks import zone_of
from guardian.agent.view import Facts, View
from guardian.clock import Clock
from guardian.errors import GuardianError, Interrupted
from guardian.i18n import _
from guardian.model.events import silent
from guardian.model.job import Attempt, JobResult
from guardian.model.reason import Reason, gravest_first, reason
from guardian.node import Node
from guardian.proc import Stop

_BEAT: Final = 10.0
"""Seconds between two heartbeats of the main thread: how long a clock that was set back can keep us from looking."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How an agent speaks: ``say`` makes a sentence of a reason, ``verbose`` is how much its jobs log."""

    say: Callable[[Reason], str]
    notifier: Notifier
    verbose: int = 0


class Agent:
    """One agent, from its start to its end."""

    def __init__(self, force: reload.InForce, clock: Clock, manner: Manner) -> None:
        """Nothing happens before :meth:`run`."""
        self.force = force
        self.clock = clock
        self.manner = manner
        self.jobs = Jobs(clock, manner.say, self._ended)
        self._started = clock.now()
        self._signals: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._ending = False
        self._changing = threading.Lock()
        self._told = ""
        self._log_trouble: Reason | None = None
        self._log_broken: Reason | None = None

    def node(self) -> Node:
        """This host, by the configuration in force."""
        return Node(self.force.loaded, self.clock, silent, Stop())

    def run(self) -> None:
        """Live until a signal asks to end. Raises UsageError when another agent runs here, and what starting raises."""
        with self._listening(), ExitStack() as held:
            try:
                self._begin(held)
            except Interrupted:
                return
            self._live()
            self._drain()

    # its beginning

    def _begin(self, held: ExitStack) -> None:
        self.prepare(held)
        watchdog = self.manner.notifier.watchdog_seconds
        self.scheduler = Scheduler(self.look, self.clock, min(EVERY, watchdog / 3) if watchdog else EVERY)
        self.jobs.freed = self.scheduler.poke
        held.enter_context(Control(start.folder(self.force.loaded.state_dir), self.view.document))
        held.callback(self.extras.stop)
        self.extras.apply(self.force.loaded)
        self.manner.notifier.ready(_("started"))
        telemetry.log("agent").info(
            "%s", _("the agent has started: {tasks} tasks").format(tasks=len(self.force.planned))
        )
        self.scheduler.start()

    def prepare(self, held: ExitStack) -> None:
        """All that comes before the first look: leases, the books, what was left behind. ``held`` gives it back."""
        node, loaded = self.node(), self.force.loaded
        start.require_log(node)
        start.alone(node.state, held)
        self._restic = start.restic_version(node)
        start.tidy(node)
        patience = start.Patience(grace(loaded.config.restic.stop_grace) + _BEAT, self.clock, self._while_starting)
        lease = start.after_former_jobs(node.state, held, patience)
        self.jobs.lease_fds = () if lease is None else (lease,)
        self.books = Books(lambda: start.journal(self.node(), self.manner.say), self.clock)
        held.callback(self.books.close)
        start.settle(node, self.books.journal, self.manner.say)
        self.trust = ClockTrust(self.clock, start.newest(node))
        self.looker = Looker(self.clock, self.books, self.jobs, self.trust, lambda: self.force, self.manner.verbose)
        self.view = View(self.node, self.books, self._facts, self.clock)
        self.extras = Extras(self.view, self.clock)

    def _while_starting(self) -> None:
        self.manner.notifier.patience(2 * _BEAT)
        with suppress(queue.Empty):
            if self._signals.get_nowait() == "end":
                raise Interrupted(_("interrupted"))

    # a look, in the scheduler's thread

    def look(self) -> datetime | None:
        """Look at everything once, pay what is owed to the log, say what goes on; when to look next at the latest."""
        self._follow_zone()
        self.books.examine()
        self.books.pause({one.task.key: one.enabled for one in self.force.planned})
        wake = self.looker.once()
        self._pay()
        self.extras.beat()
        self._say_cycle()
        self._recheck()
        self.manner.notifier.alive()
        return wake

    def _follow_zone(self) -> None:
        with self._changing:
            before, self.force = self.force, reload.in_this_zone(self.force)
        if self.force is not before:
            zone = str(zone_of(self.force.loaded))
            telemetry.log("agent").warning("%s", _("schedules go by {zone} from now on").format(zone=zone))

    def _pay(self) -> None:
        """Put slots that nobody ran into the log. What the log cannot take now stays owed."""
        try:
            if self.books.trouble is None:
                owed.tell(self.node(), self.books.journal)
            self._log_trouble = None
        except GuardianError as error:
            if self._log_trouble is None:
                telemetry.log("agent").error("%s", telemetry.told(error))
            self._log_trouble = reason("log-unwritable", why=error.message)

    def _recheck(self) -> None:
        """Look again at a part of the log as it lies there; say once that it does not hold together any more."""
        before, self._log_broken = self._log_broken, self.view.recheck()
        if self._log_broken is not None and before is None:
            telemetry.log("agent").error("%s", self.manner.say(self._log_broken))

    def _say_cycle(self) -> None:
        sentence = self._sentence()
        self.manner.notifier.status(sentence)
        if sentence != self._told:
            self._told = sentence
            telemetry.log("agent").info("%s", sentence)

    def _sentence(self) -> str:
        jobs = [running.now() for running in self.jobs.running()]
        return cycle.cycle(self.looker.seen, jobs, zone_of(self.force.loaded), draining=self.looker.draining)

    def _ended(self, running: Running, result: JobResult) -> None:
        """A job has ended: in its own thread."""
        if result.reasons and result.reasons[0].code.startswith("job-died"):
            result = self._in_log(running) or result
        self.books.end(running.task.key, running.slot, running.attempt, result)
        level = logging.INFO if result.outcome in ("complete", "skipped", "interrupted") else logging.ERROR
        zone = zone_of(self.force.loaded)
        why = [self.manner.say(cycle.in_zone(one, zone)) for one in gravest_first(result.reasons)]
        seconds = self.clock.monotonic() - running.began
        telemetry.log("agent").log(level, "%s", cycle.ended(running.task.key, result, seconds, why))

    def _in_log(self, running: Running) -> JobResult | None:
        """What the log tells of a job that died: it may have done its work, and signed it, before it could say so."""
        attempt = Attempt(running.attempt or 0, running.task.key, running.slot, running.since)
        with suppress(GuardianError):
            return rebuild.found(self.node().read_log(), attempt)
        return None

    # what others see

    def _facts(self) -> Facts:
        problems = (
            *self.trust.problems(),
            *self.books.problems(),
            *filter(None, (self._log_trouble,)),
            *self.extras.problems(),
        )
        return Facts(self.force, self._started, self.jobs, self.looker, problems, self.trust.trusted, self._restic)

    # the main thread

    def _live(self) -> None:
        while True:
            try:
                asked = self._signals.get(timeout=_BEAT)
            except queue.Empty:
                self.scheduler.heartbeat()
                continue
            if asked == "end":
                return
            self.reload()

    def reload(self) -> None:
        """Read the configuration anew: it is in force from now on, or refused whole."""
        log, notifier = telemetry.log("agent"), self.manner.notifier
        notifier.reloading(self.clock)
        with self._changing:
            before, self.force = self.force, reload.renewed(self.force, self.clock)
        if self.force.problem:
            log.error("%s", _("the new configuration is refused: {why}").format(why=self.force.problem))
        else:
            old, new = ({one.task.key for one in force.planned} for force in (before, self.force))
            text = _("the configuration was read anew: {tasks} tasks, {new} of them new, {gone} are gone")
            self.extras.apply(self.force.loaded)
            log.info("%s", text.format(tasks=len(new), new=len(new - old), gone=len(old - new)))
        notifier.ready(self._sentence())
        self.scheduler.poke()

    def _drain(self) -> None:
        """Begin nothing more, end what runs, give it its grace."""
        self.looker.draining = True
        seconds = grace(self.force.loaded.config.restic.stop_grace) + _BEAT
        self.manner.notifier.stopping(self._sentence(), seconds)
        telemetry.log("agent").info("%s", self._sentence())
        self.scheduler.stop()
        self.jobs.stop(reason("agent-ending", "info"))
        deadline = self.clock.monotonic() + seconds
        while not self.jobs.wait(1.0) and self.clock.monotonic() < deadline:
            self.manner.notifier.alive()
        telemetry.log("agent").info("%s", _("the agent has ended"))

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """SIGTERM and SIGINT ask to end, SIGHUP to read the configuration anew. A second one asks for nothing more."""

        def heard(number: int, _frame: FrameType | None) -> None:
            if number == signal.SIGHUP:
                self._signals.put("reload")
            elif not self._ending:
                self._ending = True
                self._signals.put("end")

        before = {number: signal.signal(number, heard) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
