"""Asking the log and the repositories what can be restored."""

from collections.abc import Sequence

from guardian.drill.history import History, read
from guardian.drill.points import RestorePoint, belongs, restore_points
from guardian.errors import EvidenceInvalid
from guardian.i18n import _
from guardian.model.backup import Target
from guardian.model.events import Notice, Remark
from guardian.model.reason import reason
from guardian.node import Node

_NAMED = 5
"""Snapshot files that cannot be read and are named."""


def all_points(node: Node, targets: Sequence[Target]) -> dict[Target, tuple[RestorePoint, ...]]:
    """The restore points of ``targets``, each repository asked once.

    A log that does not hold together is said and left out: what is in the repository can still be restored.
    """
    past = _past(node)
    found: dict[Target, tuple[RestorePoint, ...]] = {}
    for key in dict.fromkeys(target.key for target in targets):
        answer = node.restic(key).snapshots()
        listed = answer.snapshots
        for line in answer.unreadable[:_NAMED]:
            node.report(Remark(reason("snapshot-unreadable", detail=line[:200])))
        for target in (t for t in targets if t.key == key):
            kept = past.of(target)
            known = {k.receipt.snapshot_id for k in kept}
            mine = [s for s in listed if s.id in known or belongs(s, target)]
            gone = past.removed - {s.id for s in mine}
            kept = tuple(k for k in kept if k.receipt.snapshot_id not in gone)
            found[target] = restore_points(kept, mine, past.failed_runs)
    return found


def _past(node: Node) -> History:
    try:
        return read(node.read_log(), heed=node.heed)
    except EvidenceInvalid as error:
        node.report(
            Notice(_("the log is not used, since it does not hold together: {error}").format(error=error.message))
        )
        return History({}, frozenset())
