"""``guardian snapshots``."""

from typing import TYPE_CHECKING, Any

import click

from guardian.cli.options import Session, in_repository, verb
from guardian.errors import ExitCode
from guardian.i18n import N_, _

if TYPE_CHECKING:
    from guardian.drill.points import RestorePoint

STANDINGS = {
    "receipt": N_("receipt"),
    "no-receipt": N_("NO RECEIPT"),
    "orphan": N_("left over"),
    "missing": N_("MISSING"),
}


@click.command(help=_("List restore points and whether each has a receipt."))
@click.argument("selectors", nargs=-1, metavar="[SYSTEM[/SOURCE]]...")
@in_repository
@verb
def snapshots(session: Session, selectors: tuple[str, ...], repository: str | None) -> int:
    """List what can be restored."""
    from guardian.cli import frame, render
    from guardian.drill.inventory import all_points

    with frame.node(session) as node:
        found = all_points(node, frame.places(node.loaded, selectors, repository))
    document = [
        {"system": target.system, "source": target.source, "repository": target.key, **_document(point)}
        for target, points in found.items()
        for point in points
    ]
    header = (_("source"), _("snapshot"), _("time (UTC)"), _("files"), _("size"), _("standing"))
    rows = [_row(target.ref, point) for target, points in found.items() for point in points]
    lines = render.table(header, rows) if rows else (_("there are no restore points"),)
    return render.show(
        session, render.Report("guardian.snapshots/v1", "listed", ExitCode.OK, {"snapshots": document}, lines)
    )


def _document(point: "RestorePoint") -> dict[str, Any]:
    from guardian.clock import rfc3339

    document: dict[str, Any] = {
        "snapshot_id": point.snapshot_id,
        "time": rfc3339(point.time),
        "standing": point.standing,
        "tree_id": point.snapshot.tree if point.snapshot else None,
        "paths": list(point.snapshot.paths) if point.snapshot else [],
    }
    if point.kept is not None:
        receipt = point.kept.receipt
        document |= {"outcome": receipt.outcome, "files": receipt.counts.files, "bytes": receipt.counts.bytes}
    return document


def _row(ref: str, point: "RestorePoint") -> tuple[str, ...]:
    from guardian.cli.render import human_bytes

    counts = point.kept.receipt.counts if point.kept else None
    return (
        ref,
        point.snapshot_id[:12],
        f"{point.time:%Y-%m-%d %H:%M:%S}",
        str(counts.files) if counts else "?",
        human_bytes(counts.bytes) if counts else "?",
        _(STANDINGS[point.standing]),
    )
