"""The jobs that run now: a thread each, a process each, never more than there are places."""

import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from guardian import telemetry
from guardian.agent.order import Order
from guardian.agent.process import Ears, perform
from guardian.clock import Clock, rfc3339
from guardian.model.events import Event, Notice, Phase, Progress, Remark
from guardian.model.job import JobResult, Task
from guardian.model.reason import Reason, reason
from guardian.model.status import JobNow
from guardian.proc import Stop
from guardian.proc.lines import clean

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


@dataclass(slots=True)
class Running:
    """One job that goes on. ``why``: what stopped it, once somebody did."""

    task: Task
    slot: datetime | None
    attempt: int | None
    since: datetime
    began: float
    """On the monotonic clock."""
    stop: Stop = field(default_factory=Stop)
    why: Reason | None = None
    phase: str = ""
    done: int = 0
    total: int = 0
    thread: threading.Thread | None = None

    def now(self) -> JobNow:
        """The job as it is shown."""
        state: Literal["running", "stopping"] = "stopping" if self.stop.requested else "running"
        return JobNow(
            task=self.task.key,
            kind=self.task.kind,
            state=state,
            since=rfc3339(self.since),
            slot=rfc3339(self.slot) if self.slot else None,
            phase=self.phase,
            done=self.done,
            total=self.total,
        )

    def hear(self, event: Event, say: Callable[[Reason], str]) -> None:
        """Take one event of the job."""
        match event:
            case Phase(phase, _subject):
                self.phase, self.done, self.total = phase, 0, 0
            case Progress(done, total):
                self.done, self.total = done, total
            case Notice(text):
                telemetry.log("agent").info("%s: %s", self.task.key, text)
            case Remark(why):
                level = logging.INFO if why.severity == "info" else logging.WARNING
                telemetry.log("agent").log(level, "%s: %s", self.task.key, say(why))


Ended = Callable[[Running, JobResult], None]


class Jobs:
    """Starts jobs, stops them, knows those that run. Safe to use from several threads."""

    def __init__(self, clock: Clock, say: Callable[[Reason], str], ended: Ended) -> None:
        """``ended`` is called in the job's own thread, once for each job, before it stops counting as running."""
        self._clock, self._say, self._ended = clock, say, ended
        self._lock = threading.Lock()
        self._running: dict[str, Running] = {}
        self.freed: Callable[[], None] = lambda: None
        """Called when a job no longer counts as running: its place is free."""
        self.lease_fds: tuple[int, ...] = ()
        """Leases that every job's process holds too, for as long as it lives."""

    def running(self) -> tuple[Running, ...]:
        """The jobs that run now, in the order they began."""
        with self._lock:
            return tuple(self._running.values())

    def start(self, running: Running, order: Order) -> None:
        """Begin a job in a thread and a process of its own."""
        with self._lock:
            if running.task.key in self._running:
                raise RuntimeError(f"{running.task.key} runs already")
            self._running[running.task.key] = running
        running.thread = threading.Thread(target=self._run, args=(running, order), name=running.task.key, daemon=True)
        running.thread.start()

    def stop(self, why: Reason, key: str = "") -> None:
        """Ask the job of task ``key``, or every job, to end cleanly. Asking again changes nothing."""
        for running in self.running():
            if key in ("", running.task.key) and running.why is None:
                running.why = why
                running.stop.set()

    def wait(self, seconds: float) -> bool:
        """Wait until no job runs, ``seconds`` at most; whether that came."""
        deadline = self._clock.monotonic() + seconds
        for running in self.running():
            if running.thread is not None:
                running.thread.join(max(0.0, deadline - self._clock.monotonic()))
        return not self.running()

    def _run(self, running: Running, order: Order) -> None:
        ears = Ears(lambda event: running.hear(event, self._say), relay)
        try:
            result = perform(order, ears, running.stop, clock=self._clock, lease_fds=self.lease_fds)
            if result.outcome == "interrupted" and running.why is not None:
                result = result.model_copy(update={"reasons": (running.why,)})
        except Exception as fault:  # noqa: BLE001  a fault of ours must not leave the task running for ever
            telemetry.unexpected(fault)
            result = JobResult(outcome="failed", exit_code=1, reasons=(reason("unexpected"),))
        try:
            self._ended(running, result)
        except Exception as fault:  # noqa: BLE001  the same
            telemetry.unexpected(fault)
        finally:
            with self._lock:
                self._running.pop(running.task.key, None)
            running.stop.close()
            self.freed()


def relay(line: bytes) -> None:
    """Put a line of a job's log into ours: what it says in its own form as it is, everything else as a warning."""
    try:
        said: Any = json.loads(line)
        level, room, message = _LEVELS[said["level"]], str(said["room"]), str(said["message"])
        trace = str(said.get("traceback", ""))
    except (ValueError, KeyError, TypeError, RecursionError):
        if text := clean(line):
            telemetry.log("job").warning("%s", text)
        return
    telemetry.log(room.removeprefix("guardian.").removeprefix("guardian")[:64]).log(level, "%s", message)
    if trace:
        telemetry.log("job").info("%s", trace)
