"""The protection posture of the systems of this host: its configuration and its log, read as facts."""

from collections.abc import Iterator
from typing import Any

from guardian.baseline.facts import protection
from guardian.baseline.facts.protection_log import Story, story
from guardian.baseline.protection_policy import ProtectionPolicy, demands
from guardian.config.loaded import ResolvedRepository
from guardian.config.schedule import parse_cadence
from guardian.errors import GuardianError, Interrupted
from guardian.node import Node


def read_systems(node: Node, policies: tuple[ProtectionPolicy, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The id and the facts of every configured system. Raises Interrupted; a log that cannot be read is a fact."""
    told = read_story(node)
    now = node.clock.now()
    for name, system in node.loaded.config.systems.items():
        asked = demands(policies, system.mlps_level, system.objectives.dr_level)
        yield name, protection.facts(subject(node, name), told, asked, now)


def read_story(node: Node) -> Story | str:
    """What the log says, every entry proven to be in it; or in a few words why it could not be read."""
    try:
        return story(node.read_log().entries(), node.heed)
    except Interrupted:
        raise
    except GuardianError as error:
        return f"the log cannot be read: {error.code}"
    except ValueError:
        return "the log cannot be read: a statement has no time"


def subject(node: Node, name: str) -> protection.Protected:
    """The system ``name`` as it is configured."""
    loaded = node.loaded
    targets = loaded.targets((name,))
    own = {target.key: loaded.repository(target) for target in targets}
    copies = {copy.key: copy for target in targets for copy in loaded.copies(target)}
    every = [*((one, False) for one in own.values()), *((one, True) for key, one in copies.items() if key not in own)]
    return protection.Protected(
        id=name,
        system=loaded.config.systems[name],
        storages=tuple(_storage(one, copy=copy) for one, copy in every),
        configuration=loaded.sha256,
        seconds=lambda text: parse_cadence(text).longest.total_seconds(),
    )


def _storage(one: ResolvedRepository, *, copy: bool) -> protection.Storage:
    apart = one.spec.maintenance_credentials
    return protection.Storage(
        key=one.key,
        kind=one.kind,
        remote=one.remote,
        copy=copy,
        lock=one.spec.lock,
        apart=apart is not None and apart != one.spec.credentials,
    )
