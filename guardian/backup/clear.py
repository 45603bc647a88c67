"""A person looks into suspicious backups and says what they were: the only way in which a suspicion ends."""

import os
import pwd
from dataclasses import dataclass

from guardian.backup.suspicion import Trail, read_trail
from guardian.clock import rfc3339
from guardian.errors import UsageError
from guardian.i18n import _
from guardian.model.backup import Target
from guardian.model.evidence import BackupReceipt, Suspicion, SuspicionCleared
from guardian.node import Node


@dataclass(frozen=True, slots=True)
class Open:
    """A suspicious backup that nobody has cleared yet, as its statement says; None when a crash left only its receipt.

    ``clean`` is the newest backup that can be trusted.
    """

    target: Target
    snapshot_id: str
    at: str
    statement: Suspicion | None
    clean: BackupReceipt | None


def open_suspicions(node: Node, targets: tuple[Target, ...]) -> tuple[Open, ...]:
    """What is suspicious in ``targets``, oldest first. Raises EvidenceInvalid."""
    log = node.read_log()
    found = [(target, read_trail(log, node.state, target)) for target in targets]
    wanted = {one.snapshot_id for _target, trail in found for one in trail.marked}
    said: dict[str, Suspicion] = {}
    if wanted:
        # From the oldest one on: of everything before, nothing is open.
        first = min(one.index for _target, trail in found for one in trail.marked)
        for entry in log.entries(first):
            statement = entry.predicate
            if isinstance(statement, Suspicion) and statement.snapshot_id in wanted:
                said[statement.snapshot_id] = statement
    return tuple(
        Open(target, one.snapshot_id, one.at, said.get(one.snapshot_id), _receipt(log.entry(trail.clean).predicate))
        if trail.clean is not None
        else Open(target, one.snapshot_id, one.at, said.get(one.snapshot_id), None)
        for target, trail in found
        for one in trail.marked
    )


def _receipt(said: object) -> BackupReceipt | None:
    return said if isinstance(said, BackupReceipt) else None


def clear(node: Node, target: Target, why: str, *, harmless: bool) -> tuple[SuspicionCleared, int]:
    """Clear everything that is suspicious in ``target``; the statement and its index in the log.

    Raises UsageError when nothing is, EvidenceInvalid.
    """
    if not why.strip():
        raise UsageError(_("say why it is cleared"), _("The reason goes into the signed log."))
    with node.log() as log:
        trail: Trail = read_trail(log, node.state, target)
        if not trail.marked:
            raise UsageError(_("nothing of {ref} is suspicious").format(ref=target.ref))
        statement = SuspicionCleared(
            tenant=node.tenant,
            host=node.host,
            system=target.system,
            source=target.source,
            repository=target.key,
            snapshots=tuple(one.snapshot_id for one in trail.marked[-400:]),
            harmless=harmless,
            reason=why[:2000],
            by=_user(),
            at=rfc3339(node.clock.now()),
        )
        entry = log.append(statement, [("snapshot", name) for name in statement.snapshots[-100:]])
        return statement, entry.index


def _user() -> str:
    # Not getpass: that believes the environment, which anybody can set.
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
