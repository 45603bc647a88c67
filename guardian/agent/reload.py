"""The configuration in force, and how another one takes its place: whole, or not at all."""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from guardian import telemetry
from guardian.agent.tasks import Planned, planned, zone_of
from guardian.clock import Clock
from guardian.config.load import Loaded, load
from guardian.errors import ConfigError, GuardianError
from guardian.i18n import _


@dataclass(frozen=True, slots=True)
class InForce:
    """A configuration, what comes round by it, and since when it is in force.

    ``problem``: why a newer one was refused, empty when none was.
    """

    loaded: Loaded
    planned: tuple[Planned, ...]
    since: datetime
    problem: str = ""


def first(path: Path, clock: Clock) -> InForce:
    """The configuration an agent begins with. Raises ConfigError with everything wrong in it."""
    loaded = load(path)
    return InForce(loaded, planned(loaded), clock.now())


def renewed(now: InForce, clock: Clock) -> InForce:
    """What is in force after the file was read anew: the new configuration, or the old one and why.

    Never raises for what stands in the file, or for a file that is gone.
    """
    try:
        loaded = load(now.loaded.path)
        _same_agent(now.loaded, loaded)
        return InForce(loaded, planned(loaded), clock.now())
    except GuardianError as error:
        return InForce(now.loaded, now.planned, now.since, _told(error))
    except Exception as fault:  # noqa: BLE001  whatever stands there must not end an agent that has a good one
        return InForce(now.loaded, now.planned, now.since, telemetry.unexpected(fault).message)


def in_this_zone(now: InForce) -> InForce:
    """The same in the zone this host lives in now: an administrator may have changed it. Itself when nobody has."""
    zone = zone_of(now.loaded)
    if all(str(one.rhythm.zone) == str(zone) for one in now.planned):
        return now
    return replace(now, planned=planned(now.loaded, zone))


def _same_agent(old: Loaded, new: Loaded) -> None:
    """What makes an agent this agent cannot change under it: its state and its name in the log."""
    for name, before, after in (
        ("state_dir", str(old.state_dir), str(new.state_dir)),
        ("tenant", old.config.tenant.id, new.config.tenant.id),
        ("host", old.host, new.host),
    ):
        if before != after:
            raise ConfigError(
                _("{key} cannot change while the agent runs: {before} is in force, {after} is written").format(
                    key=name, before=before, after=after
                ),
                _("Stop the agent, and start it again."),
            )


def _told(error: GuardianError) -> str:
    problems = [str(problem) for problem in getattr(error, "problems", ())]
    if not problems:
        return error.message
    if len(problems) == 1:
        return problems[0]
    return _("{first} (and {count} more)").format(first=problems[0], count=len(problems) - 1)
