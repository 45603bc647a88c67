"""How an agent begins: alone on its state, once what the agent before left behind has ended, its books in order."""

from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from guardian import durable, telemetry
from guardian.agent import rebuild
from guardian.agent.journal import Journal
from guardian.clock import Clock
from guardian.durable import Lease, private_dir
from guardian.errors import EvidenceInvalid, GuardianError, RepositoryLocked, UsageError
from guardian.i18n import _
from guardian.ledger.store import Log
from guardian.model.reason import Reason
from guardian.node import Node
from guardian.scratch import scratch_folder

_LEASE: Final = "agent.lease"
_JOBS: Final = "jobs.lease"
_PAUSE: Final = 0.2


def folder(state: Path) -> Path:
    """Where an agent keeps what is its own."""
    return state / "agent"


def require_log(node: Node) -> None:
    """Make sure that the host was set up. Raises ConfigError for one that never was.

    A log that is gone, or does not hold together, stops no backup: it is told with every one of them.
    """
    with suppress(EvidenceInvalid):
        node.existing_log()


def alone(state: Path, held: ExitStack) -> None:
    """Make sure that no other agent works on ``state`` while ``held`` lasts.

    Raises UsageError at once when one does, NotPermitted or StorageFull when the lease cannot be written.
    """
    path = private_dir(folder(state)) / _LEASE
    try:
        held.enter_context(Lease.acquire(path, "agent"))
    except RepositoryLocked as error:
        raise UsageError(
            _("an agent of this host runs already: {why}").format(why=error.message),
            _("'guardian agent status' shows what it does; stop it before another is started."),
        ) from error


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for the jobs of the agent before, and what to do meanwhile (``beat``; it may raise)."""

    seconds: float
    clock: Clock
    beat: Callable[[], None]


def after_former_jobs(state: Path, held: ExitStack, patience: Patience) -> int | None:
    """Wait until the jobs of an agent that died are gone; a descriptor for the jobs to come, held while ``held`` lasts.

    They are being interrupted by their guards, and hold their repositories until then. None when they do not end in
    time: jobs then begin all the same, and find what is still held by the repositories' own leases.
    """
    path = folder(state) / _JOBS
    deadline = patience.clock.monotonic() + patience.seconds
    told = False
    while True:
        try:
            return held.enter_context(Lease.acquire(path, "jobs")).fd
        except RepositoryLocked:
            if patience.clock.monotonic() >= deadline:
                return None
        if not told:
            told = True
            telemetry.log("agent").info("%s", _("waiting for jobs of the agent before, which are being stopped"))
        patience.beat()
        patience.clock.sleep(_PAUSE)


def tidy(node: Node) -> None:
    """Remove what a crash left: the agent's own temporary files, and scratch. What cannot be removed stays."""
    try:
        durable.sweep(folder(node.state))
        with scratch_folder(node.state / "scratch", node.loaded.scratch_dir):
            pass
    except GuardianError as error:
        telemetry.log("agent").warning("%s", error.message)


def journal(node: Node, say: Callable[[Reason], str]) -> Journal:
    """The journal, ready for use; what had to be done for that goes to the log.

    Raises StorageFull, NotPermitted, Unavailable when it cannot be written.
    """
    found = rebuild.opened(folder(node.state), node.clock, lambda: node.read_log().entries())
    _tell(found.remarks, say)
    return found.journal


def settle(node: Node, books: Journal, say: Callable[[Reason], str]) -> None:
    """End the attempts that a crash cut off. Only once no job of the agent before is at work any more."""
    if books.cut_off():
        _tell(rebuild.settle(books, _log(node)), say)


def newest(node: Node) -> datetime | None:
    """The moment of the newest statement in the log, if there is one that can be read."""
    from guardian.agent.trace import trace  # noqa: PLC0415

    log = _log(node)
    if log is None:
        return None
    for index in range(log.size - 1, max(-1, log.size - 64), -1):
        if (found := trace(log.entry(index))) is not None:
            return found.ended
    return None


def _log(node: Node) -> Log | None:
    try:
        return node.read_log()
    except EvidenceInvalid as error:
        telemetry.log("agent").warning("%s", telemetry.told(error))
        return None


def _tell(remarks: tuple[Reason, ...], say: Callable[[Reason], str]) -> None:
    for remark in remarks:
        telemetry.log("agent").warning("%s", say(remark))


def restic_version(node: Node) -> str | None:
    """The version of the restic program; None when there is none that works. Its jobs will say why."""
    with suppress(GuardianError):
        return node.capability().version_text
    return None
