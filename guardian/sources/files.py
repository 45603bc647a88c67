"""Files and directories, read by restic itself.

restic 0.14 takes a missing path or an unmounted disk for nothing to do and exits 0, so what must be there is
looked at before restic starts.
"""

import os
import stat

from guardian.model.protection import FilesSource
from guardian.model.reason import Reason, reason
from guardian.sources.job import FilesJob, SourceFailed


def prepare(spec: FilesSource) -> FilesJob:
    """The paths of ``spec``, each there, readable, mounted where asked, and not all empty.

    Raises :class:`SourceFailed` with the first reason that stands against a backup.
    """
    for path in spec.paths:
        if problem := _problem(path, require_mount=spec.require_mount):
            raise SourceFailed(problem)
    if not spec.allow_empty and not any(_holds_anything(path) for path in spec.paths):
        raise SourceFailed(reason("source-empty", path=spec.paths[0]))
    floor = 0 if spec.allow_empty else 1
    return FilesJob(
        roots=spec.paths,
        one_file_system=spec.one_file_system,
        min_files=spec.min_files or floor,
        min_bytes=spec.min_bytes or 0,
    )


def _problem(path: str, *, require_mount: bool) -> Reason | None:
    if os.path.islink(path):  # noqa: PTH114  restic would save the link and nothing behind it
        return reason("source-is-a-link", path=path, target=os.path.realpath(path))
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116  a plain call: the errno is the answer
        if stat.S_ISDIR(mode):
            with os.scandir(path):
                pass
    except FileNotFoundError:
        return reason("source-missing", path=path)
    except OSError as error:
        return reason("source-unreadable", path=path, error=os.strerror(error.errno or 0))
    if require_mount and not os.path.ismount(path):  # ismount follows what stat followed
        return reason("source-not-mounted", path=path)
    return None


def _holds_anything(path: str) -> bool:
    """Whether there is at least one thing below ``path`` that is not a directory. Stops at the first."""
    if not os.path.isdir(path):  # noqa: PTH112
        return True
    pending = [path]
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    if not entry.is_dir(follow_symlinks=False):
                        return True
                    pending.append(entry.path)
        except OSError:
            continue  # restic will name what cannot be read
    return False
