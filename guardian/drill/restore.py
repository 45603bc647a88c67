"""Bringing data back into an empty directory, and counting what came.

restic 0.14 exits 0 when an include matches nothing, overwrites what is there, and follows links planted in the
target. So the target is empty and ours, and what counts is what lies there afterwards.
"""

import errno
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from guardian.drill.proofs import Extent, measure
from guardian.errors import LockRefused, UsageError
from guardian.i18n import _
from guardian.model.backup import RunOutcome
from guardian.model.events import Progress, Reporter
from guardian.model.evidence import BackupReceipt
from guardian.model.reason import Reason, reason
from guardian.restic.client import Restic, RestoreRequest

_NAMED = 20


@dataclass(frozen=True, slots=True)
class Restoration:
    """What came back, and what stands against calling it whole."""

    outcome: RunOutcome
    reasons: tuple[Reason, ...]
    extent: Extent


def prepare_target(target: Path, sources: Sequence[str]) -> None:
    """Make ``target``, or accept it when it is an empty directory of our own that nobody else can write to.

    ``sources`` are live paths of the configuration: nothing is ever restored over them. Raises UsageError.
    """
    try:
        resolved = target.resolve()
    except (OSError, RuntimeError) as error:  # a loop of links
        raise _impossible(target, error) from error
    for source in sources:
        live = Path(source).resolve()
        if resolved == live or live in resolved.parents:
            raise UsageError(
                _("the target {target} lies inside the source {source}").format(target=target, source=source),
                _("Restore into another directory, look at what came back, and then move it."),
            )
    if not os.path.lexists(target):
        try:
            target.mkdir(mode=0o700, parents=True)
        except OSError as error:
            raise _impossible(target, error) from error
        return
    _accept(target)


def _impossible(target: Path, error: Exception) -> UsageError:
    why = (error.strerror if isinstance(error, OSError) else None) or os.strerror(errno.ELOOP)
    return UsageError(
        _("cannot make the target {target}: {why}").format(target=target, why=why),
        _("Name a directory that can be made, or an empty one of your own."),
    )


def _filled(directory: Path) -> bool:
    return directory.is_dir() and any(directory.iterdir())


def _accept(target: Path) -> None:
    info = target.lstat()
    if not stat.S_ISDIR(info.st_mode):
        raise UsageError(
            _("the target {target} is not a directory").format(target=target),
            _("Nothing is ever overwritten: name a directory that does not exist yet."),
        )
    if info.st_uid != os.geteuid() or info.st_mode & 0o022:
        raise UsageError(
            _("others may write to the target {target}").format(target=target),
            _("Somebody could plant links there: name a directory that does not exist yet."),
        )
    if _filled(target):
        raise UsageError(
            _("the target {target} is not empty").format(target=target),
            _("Nothing is ever overwritten: name a directory that does not exist yet."),
        )


def restore(
    restic: Restic, request: RestoreRequest, receipt: BackupReceipt | None, report: Reporter, heed: Callable[[], None]
) -> Restoration:
    """Run the restore and judge it by what lies in the target afterwards.

    Raises the typed error of a storage that could not be reached or a disk that is full.
    """

    def progress(done: int, total: int) -> None:
        report(Progress(done, total))

    unlocked = []
    try:
        said = restic.restore(request, on_progress=progress)
    except LockRefused:
        # The last copy may well lie on a disk that nobody dares to write to. Should somebody who can write take away
        # what is being read, then it does not come back, which is said.
        said = restic.restore(replace(request, lock=False), on_progress=progress)
        unlocked = [reason("restored-without-lock", "warning")]
    extent = measure(request.target, heed)
    reasons = [*unlocked, *(reason("restore-error", detail=line[:300]) for line in said.error_lines[:_NAMED])]
    if receipt is None:
        reasons.append(reason("no-receipt", "warning"))
    elif not request.includes:
        reasons += _against(receipt, extent)
    if receipt is not None and receipt.outcome == "partial":
        reasons.append(reason("backup-partial", "warning", snapshot=receipt.snapshot_id))
    if request.includes and extent.files == 0 and not any(request.target.iterdir()):
        reasons.append(reason("nothing-matched", include=request.includes[0]))
    bad = any(r.severity == "critical" for r in reasons)
    return Restoration("failed" if bad else "complete", tuple(reasons), extent)


def _against(receipt: BackupReceipt, extent: Extent) -> list[Reason]:
    expected = Extent(receipt.counts.files, receipt.counts.bytes)
    found = []
    if extent.files != expected.files:
        found.append(reason("count-differs", unit="files", expected=expected.files, found=extent.files))
    if extent.bytes != expected.bytes:
        found.append(reason("count-differs", unit="bytes", expected=expected.bytes, found=extent.bytes))
    return found
