"""Restore points: snapshots joined with their receipts. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from guardian.drill.history import Kept
from guardian.errors import UsageError
from guardian.i18n import _
from guardian.model.backup import Snapshot, Target

Standing = Literal["receipt", "no-receipt", "orphan", "missing"]


@dataclass(frozen=True, slots=True)
class RestorePoint:
    """A snapshot, what the log says of it, or both. ``missing``: a receipt whose snapshot is gone."""

    snapshot_id: str
    time: datetime
    standing: Standing
    snapshot: Snapshot | None
    kept: Kept | None


def belongs(snapshot: Snapshot, target: Target) -> bool:
    """Whether the tags of ``snapshot`` name ``target``."""
    return snapshot.tag("system") == target.system and snapshot.tag("source") == target.source


def restore_points(
    kept: Sequence[Kept], snapshots: Iterable[Snapshot], failed_runs: frozenset[str]
) -> tuple[RestorePoint, ...]:
    """Everything that is, or should be, a restore point of one source; newest last."""
    receipts = {k.receipt.snapshot_id: k for k in kept}
    points = [_point(s, receipts.pop(s.id, None), failed_runs) for s in snapshots]
    points += [
        RestorePoint(k.receipt.snapshot_id, datetime.fromisoformat(k.receipt.started), "missing", None, k)
        for k in receipts.values()
    ]
    return tuple(sorted(points, key=lambda point: point.time))


def _point(snapshot: Snapshot, kept: Kept | None, failed_runs: frozenset[str]) -> RestorePoint:
    standing: Standing = "receipt" if kept else "no-receipt"
    if kept is None and snapshot.tag("run") in failed_runs:
        standing = "orphan"
    return RestorePoint(snapshot.id, snapshot.time, standing, snapshot, kept)


def choose(points: Sequence[RestorePoint], wanted: str | datetime) -> RestorePoint:
    """The restore point asked for: ``latest``, an id or its beginning, or the newest not after a moment.

    Only points with a receipt are taken unasked; others when they are named by id, or when the log knows none
    at all (a host that lost its state). Raises UsageError when there is none, or several.
    """
    there = [p for p in points if p.snapshot is not None]
    if isinstance(wanted, str) and wanted != "latest":
        return _by_id(there, points, wanted)
    good = [p for p in there if p.standing == "receipt"] or [p for p in there if p.standing == "no-receipt"]
    if isinstance(wanted, datetime):
        good = [p for p in good if p.time <= wanted]
    if not good:
        raise UsageError(_("there is no such restore point"), _("'guardian snapshots' lists those there are."))
    return good[-1]


def _by_id(there: Sequence[RestorePoint], points: Sequence[RestorePoint], wanted: str) -> RestorePoint:
    matching = [p for p in there if p.snapshot_id.startswith(wanted.lower())] if len(wanted) >= 4 else []
    if len(matching) == 1:
        return matching[0]
    if any(p.snapshot_id.startswith(wanted.lower()) for p in points if p.snapshot is None) and not matching:
        raise UsageError(
            _("snapshot {snapshot} has a receipt but is gone from the repository").format(snapshot=wanted),
            _("Run 'guardian verify --level D0' for the whole picture."),
        )
    raise UsageError(
        _("no single restore point is named {snapshot}").format(snapshot=wanted),
        _("Give more digits; 'guardian snapshots' lists those there are."),
    )
