"""The state directory and its disk: whose it is, who else may look in, whether what is written there stays."""

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from guardian.doctor import judge
from guardian.doctor.examination import About, Examination, Measured
from guardian.durable import write_atomic
from guardian.errors import GuardianError
from guardian.model.reason import reason

_PROBE = "doctor.probe"


def examine_state(state: Path) -> Iterator[Examination]:
    """Look at the state directory; one that is not there yet is looked at by the nearest folder above it."""
    about = About("state", str(state))
    there = nearest(state)
    try:
        status = state.stat()
    except FileNotFoundError:
        ready = os.access(there, os.W_OK | os.X_OK)
        code = reason("state-missing", path=str(state)) if ready else reason("state-impossible", path=str(there))
        yield about.bad(code, {"exists": False})
    except OSError as error:
        yield about.unknown(reason("unreadable", path=str(state), error=error.strerror or ""))
    else:
        yield _protection(about, status)
        yield _writing(state)
    yield from _room(there)


def _protection(about: About, status: os.stat_result) -> Examination:
    mode = stat.S_IMODE(status.st_mode)
    measured: Measured = {
        "exists": True,
        "owner_uid": status.st_uid,
        "mode": f"{mode:04o}",
    }
    if not stat.S_ISDIR(status.st_mode):
        return about.bad(reason("not-a-directory", path=about.subject), measured)
    if status.st_uid != os.geteuid():
        return about.warning(reason("state-of-another", owner=status.st_uid, user=os.geteuid()), measured)
    standing = judge.privacy(mode)
    code = reason("state-private") if standing == "ok" else reason("state-open", mode=f"{mode:04o}")
    return about.stands(standing, code, measured)


def _writing(state: Path) -> Examination:
    """Write, sync and remove a small file: what every entry of the log needs."""
    about, probe = About("writing", str(state)), state / _PROBE
    try:
        write_atomic(probe, b"doctor\n")
        probe.unlink(missing_ok=True)
    except GuardianError as error:
        return about.failed(error)
    except OSError as error:
        return about.bad(reason("unwritable", path=str(state), error=error.strerror or ""))
    return about.ok(reason("writable"))


def _room(folder: Path) -> Iterator[Examination]:
    about = About("space", str(folder))
    try:
        found = os.statvfs(folder)
    except OSError as error:
        yield about.unknown(reason("unreadable", path=str(folder), error=error.strerror or ""))
        return
    room = judge.Room(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize, found.f_favail, found.f_files)
    yield about.stands(
        judge.space(room),
        reason("space", free=room.free_bytes, total=room.total_bytes),
        {"free_bytes": room.free_bytes, "total_bytes": room.total_bytes},
    )
    yield About("inodes", str(folder)).stands(
        judge.inodes(room),
        reason("inodes", free=room.free_inodes) if room.inodes else reason("inodes-unlimited"),
        {"free_inodes": room.free_inodes, "inodes": room.inodes},
    )


def examine_tmpdir(environment: str | None) -> Examination:
    """Look at the directory for temporary files that producers get: ``TMPDIR``, else the system's."""
    folder = Path(environment or "/tmp")  # noqa: S108  the system's own
    about = About("tmpdir", str(folder))
    if not folder.is_dir():
        return about.warning(reason("not-a-directory", path=str(folder)))
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return about.warning(reason("unwritable", path=str(folder), error=error.strerror or ""))
    return about.ok(reason("writable"))


def nearest(path: Path) -> Path:
    """``path``, or the nearest folder above it that is there."""
    # os.path takes what may not be looked at for missing, where pathlib raises.
    return next((folder for folder in (path, *path.parents) if os.path.exists(folder)), Path("/"))  # noqa: PTH110
