"""How a fault changes what is told of a host: small changes of one part of a status each. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from guardian.model.fleet import FleetHost
from guardian.model.reason import Reason, Severity, reason
from guardian.model.status import HostStatus


@dataclass(frozen=True, slots=True)
class Moment:
    """``at`` and ``onset`` in seconds since the beginning of history; ``text`` makes a time of such."""

    at: float
    onset: float
    text: Callable[[float], str]

    @property
    def age(self) -> float:
        """How long the fault stands."""
        return self.at - self.onset


Change = Callable[[FleetHost, Moment], FleetHost]
StatusChange = Callable[[HostStatus, Moment], HostStatus]


def hub(**changes: Any) -> Change:
    """Something the hub knows becomes something else; a function is called with the moment."""
    return lambda host, moment: host.model_copy(update=_now(changes, moment))


def hub_reason(code: str, severity: Severity = "critical", **changes: Any) -> Change:
    """Something speaks against the host."""

    def change(host: FleetHost, moment: Moment) -> FleetHost:
        reasons = (*host.reasons, reason(code, severity))
        return host.model_copy(update={"reasons": reasons, **_now(changes, moment)})

    return change


def said(change: StatusChange) -> Change:
    """The host itself says something else."""

    def changed(host: FleetHost, moment: Moment) -> FleetHost:
        if host.status is None:
            return host
        return host.model_copy(update={"status": change(host.status, moment)})

    return changed


def agent(problem: str = "", severity: Severity = "critical", **changes: Any) -> Change:
    """Its agent stands otherwise, and says why."""

    def change(status: HostStatus, moment: Moment) -> HostStatus:
        now = status.agent.model_copy(update=_now(changes, moment))
        if problem:
            now = now.model_copy(update={"problems": (*now.problems, reason(problem, severity))})
        return status.model_copy(update={"agent": now})

    return said(change)


def log(**changes: Any) -> Change:
    """Its log stands otherwise."""

    def change(status: HostStatus, moment: Moment) -> HostStatus:
        if status.log is None:
            return status
        return status.model_copy(update={"log": status.log.model_copy(update=_now(changes, moment))})

    return said(change)


def first(part: str, code: str = "", severity: Severity = "critical", **changes: Any) -> Change:
    """The first of its ``sources``, ``repositories``, ``copies`` or ``scans``, with a reason more where one is named.

    A source that something more than information speaks against is at risk.
    """

    def change(status: HostStatus, moment: Moment) -> HostStatus:
        parts: tuple[Any, ...] = getattr(status, part)
        if not parts:
            return status
        update = _now(changes, moment)
        if code:
            reasons: tuple[Reason, ...] = (*parts[0].reasons, reason(code, severity))
            update["reasons"] = reasons
            if part == "sources" and parts[0].verdict == "protected":
                update["verdict"] = "at-risk"
        return status.model_copy(update={part: (parts[0].model_copy(update=update), *parts[1:])})

    return said(change)


def drills(level: str, **changes: Any) -> Change:
    """The drills of one level of its first source."""

    def change(status: HostStatus, moment: Moment) -> HostStatus:
        if not status.sources:
            return status
        mine = (status.sources[0].system, status.sources[0].source, level)
        update = _now(changes, moment)
        changed = tuple(
            one.model_copy(update=update) if (one.system, one.source, one.level) == mine else one
            for one in status.drills
        )
        return status.model_copy(update={"drills": changed})

    return said(change)


def both(*changes: Change) -> Change:
    """One after another."""

    def change(host: FleetHost, moment: Moment) -> FleetHost:
        for one in changes:
            host = one(host, moment)
        return host

    return change


def _now(changes: dict[str, Any], moment: Moment) -> dict[str, Any]:
    return {name: value(moment) if callable(value) else value for name, value in changes.items()}
