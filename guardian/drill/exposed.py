"""What damaged packs cost, named: the blobs, the files, the snapshots."""

from collections.abc import Iterator, Mapping, Sequence

from guardian.decoder.damage import Damage, shown
from guardian.decoder.exposure import Assessment, DamagedFile
from guardian.decoder.packs import PackReport
from guardian.decoder.repository import Loaded
from guardian.decoder.snapshots import Snapshot
from guardian.errors import Unavailable
from guardian.model.reason import Reason, reason

NAMED = 20
"""Findings of one kind that are named one by one."""
_SNAPSHOTS = 64
"""Newest exposed snapshots in which damaged files are looked for."""
_MOST = 10_000
"""Damaged files that are counted."""


def exposed(loaded: Loaded, bad: Mapping[str, PackReport]) -> tuple[list[Reason], dict[str, int]]:
    """What the reports of ``bad`` packs mean, in reasons and in figures."""
    reasons = _damage(tuple(bad.values()))
    figures = {"damaged_packs": len(bad), "damaged_blobs": sum(len(report.bad) for report in bad.values())}
    try:
        assessment = loaded.assess(bad.values())
        snapshots = assessment.exposure(loaded.snapshots).snapshots
        ids = {snapshot for found in snapshots.values() for snapshot in found}
        newest = sorted((s for s in loaded.snapshots if s.id in ids), key=lambda s: s.time, reverse=True)
        files: dict[bytes, DamagedFile] = {}
        for file in _files(assessment, newest[:_SNAPSHOTS]):
            files.setdefault(file.path, file)
            if len(files) == _MOST:
                break
    except Unavailable as error:
        # The packs stay damaged; only what that costs is not known.
        return [*reasons, error.reason if isinstance(error, Damage) else reason(error.code)], figures
    figures |= {"exposed_snapshots": len(ids), "damaged_files": len(files)}
    reasons += [reason("pack-exposes", pack=pack, snapshots=len(snapshots.get(pack, ()))) for pack in list(bad)[:NAMED]]
    reasons += [lost_file(file) for file in list(files.values())[:NAMED]]
    if len(files) > NAMED:
        reasons.append(reason("damaged-files-more", count=len(files) - NAMED))
    return reasons, figures


def lost_file(damaged: DamagedFile) -> Reason:
    """A file that lost bytes, or a folder that lost all that is in it, as a reason."""
    if damaged.path.endswith(b"/"):
        return reason("folder-lost", path=shown(damaged.path), snapshot=damaged.snapshot)
    lost = sum(end - start for start, end in damaged.ranges)
    return reason("file-damaged", path=shown(damaged.path), lost=lost, bytes=damaged.size, snapshot=damaged.snapshot)


def _files(assessment: Assessment, snapshots: Sequence[Snapshot]) -> Iterator[DamagedFile]:
    """Every damaged file of ``snapshots``, those of the first one first."""
    for snapshot in snapshots:
        yield from assessment.files(snapshot)


def _damage(bad: Sequence[PackReport]) -> list[Reason]:
    reasons = [found for report in bad[:NAMED] for found in report.findings if found.severity == "critical"][:NAMED]
    if len(bad) > NAMED:
        reasons.append(reason("damaged-packs-more", count=len(bad) - NAMED))
    return reasons
