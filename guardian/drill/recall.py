"""``guardian restore``: from a wish to data in a directory, and a statement in the log that it was done."""

import os
import pwd
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from guardian.clock import rfc3339
from guardian.drill.inventory import all_points
from guardian.drill.points import RestorePoint, choose
from guardian.drill.proofs import measure
from guardian.drill.restore import Restoration, prepare_target, restore
from guardian.errors import EvidenceInvalid, GuardianError, NotPermitted
from guardian.i18n import _
from guardian.ledger.store import Log
from guardian.model.backup import Target
from guardian.model.events import Notice, Phase
from guardian.model.evidence import Restored
from guardian.model.protection import FilesSource, SqliteSource
from guardian.model.reason import reason
from guardian.node import Node
from guardian.restic.client import RestoreRequest
from guardian.scratch import require_space


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which restore point (id, ``latest``, or the newest not after a moment), where to, and which parts of it."""

    point: str | datetime
    target: Path
    includes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recalled:
    """What was restored from which point, and its entry in the log (None when the log could not take it)."""

    point: RestorePoint
    restoration: Restoration
    entry: int | None


def recall(node: Node, target: Target, wanted: Wanted) -> Recalled:
    """Restore ``target`` and put a ``restore`` statement into the log.

    A log that does not hold together does not stop a restore: data comes first, and it is said. Raises UsageError
    for a target directory that will not do, and the typed errors of the storage; what they cut short is in the log too.
    """
    started = node.clock.now()
    point = choose(all_points(node, (target,))[target], wanted.point)
    receipt = point.kept.receipt if point.kept else None
    prepare_target(wanted.target, _live_paths(node))
    expected = receipt.counts.bytes if receipt and not wanted.includes else 0
    require_space(wanted.target, expected)
    node.report(Phase("restore", target.ref))
    # What a person names may be meant as a path or as a pattern of restic's: either way it comes back.
    request = RestoreRequest(point.snapshot_id, wanted.target, wanted.includes, expected, patterns=wanted.includes)
    attempt = _Attempt(target, wanted, point, started)
    try:
        restoration = restore(node.restic(target.key), request, receipt, node.report, node.heed)
    except GuardianError as error:
        cut_short = Restoration("failed", (reason(error.code),), measure(wanted.target))
        with suppress(GuardianError):  # the first error is the one to tell
            _record(node, _statement(node, attempt, cut_short))
        raise
    return Recalled(point, restoration, _record(node, _statement(node, attempt, restoration)))


@dataclass(frozen=True, slots=True)
class _Attempt:
    target: Target
    wanted: Wanted
    point: RestorePoint
    started: datetime


def _statement(node: Node, attempt: _Attempt, restoration: Restoration) -> Restored:
    target, wanted, point = attempt.target, attempt.wanted, attempt.point
    return Restored(
        tenant=node.tenant,
        host=node.host,
        system=target.system,
        source=target.source,
        repository=target.key,
        snapshot_id=point.snapshot_id,
        target=str(wanted.target.absolute()),
        includes=_few(wanted.includes),
        outcome=restoration.outcome,
        reasons=restoration.reasons,
        files=restoration.extent.files,
        bytes=restoration.extent.bytes,
        by=_user(),
        started=rfc3339(attempt.started),
        ended=rfc3339(node.clock.now()),
    )


def _few(includes: tuple[str, ...]) -> tuple[str, ...]:
    """What was asked for, as far as it fits an entry of the log."""
    few = tuple(text[:1000] for text in includes[:20])
    return few if len(includes) <= 20 else (*few, f"… {len(includes) - 20}")


def _record(node: Node, statement: Restored) -> int | None:
    try:
        log: Log = node.log()
    except (EvidenceInvalid, NotPermitted) as error:
        node.report(Notice(_("the log could not take this restore: {error}").format(error=error.message)))
        return None
    return log.append(statement, [("snapshot", statement.snapshot_id)]).index


def _live_paths(node: Node) -> list[str]:
    """Where nothing may be restored into: what is protected, the repositories, and Guardian's own state."""
    live = [str(node.state), *(str(r.path) for r in node.loaded.repositories() if r.path is not None)]
    for system in node.loaded.config.systems.values():
        for source in system.sources.values():
            if isinstance(source, FilesSource):
                live += source.paths
            elif isinstance(source, SqliteSource):
                live.append(source.path)
    return live


def _user() -> str:
    # Not getpass: that believes the environment, which whoever restores can set.
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
