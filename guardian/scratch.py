"""Room for data that is looked at and thrown away: private directories, gone on every exit, swept after a crash."""

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from shutil import rmtree
from typing import Self
from uuid import uuid4

from guardian.durable import Lease, explained, private_dir
from guardian.errors import StorageFull, UsageError
from guardian.i18n import _

SHARED = Path("/var/tmp")  # noqa: S108  only ever a directory of our own in it, with a name nobody can foresee
"""Where scratch lies that another user must be able to reach."""


@contextmanager
def scratch_folder(
    leases: Path, root: Path | None = None, expected_bytes: int = 0, *, passable: bool = False
) -> Iterator[Path]:
    """A new directory with a generated name, removed on exit; what crashed runs left goes first.

    It lies in ``root``; without one among its ``leases`` (made, 0700), and a ``passable`` one in :data:`SHARED`. It is
    private (0700); a passable one lets others through, not in (0711): what it holds has modes of its own. Raises
    StorageFull when the disk has less than ``expected_bytes`` left, UsageError when others could exchange it there.
    """
    private_dir(leases)
    if root is None:
        root = SHARED if passable else leases
    elif root != leases:
        _look_at(private_dir(root), passable=passable)
    mark = _mark(root, leases)
    with explained(root, writing=True):
        _sweep(root, leases, mark)
    require_space(root, expected_bytes)
    name = f"{mark}{uuid4().hex}"
    with Lease.acquire(leases / f"{name}.lease", "scratch"):
        folder = root / name
        with explained(folder, writing=True):
            folder.mkdir(mode=0o700)
        try:
            if passable:
                folder.chmod(0o711)
            yield folder
        finally:
            remove(folder)
            (leases / f"{name}.lease").unlink(missing_ok=True)


def _mark(root: Path, leases: Path) -> str:
    # In a place that is not ours alone, the name says whose it is.
    return "" if root == leases else f"guardian-{sha256(os.fsencode(leases)).hexdigest()[:12]}-"


class Aside:
    """A private directory for who may not write to the state directory: it takes what goes there for a moment only.

    It is made when it is first asked for, and gone on exit; what crashed runs of ours left goes first.
    """

    def __init__(self, root: Path | None = None) -> None:
        """It will lie in ``root``; without one in :data:`SHARED`."""
        self._root = root or SHARED
        self._held = ExitStack()
        self._lock = threading.Lock()
        self._path: Path | None = None

    @property
    def path(self) -> Path:
        """The directory, mode 0700. Raises Unavailable when it cannot be made, UsageError as :func:`scratch_folder`."""
        with self._lock:
            if self._path is None:
                self._path = self._held.enter_context(_aside(self._root))
            return self._path

    def __enter__(self) -> Self:
        """The same; nothing is made yet."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Remove it, if it was ever asked for."""
        self._held.close()


_ASIDE = "guardian-aside-"


@contextmanager
def _aside(root: Path) -> Iterator[Path]:
    _look_at(private_dir(root), passable=False)
    with explained(root, writing=True):
        for left in root.glob(f"{_ASIDE}*"):
            _remove_aside(left)
    folder = root / f"{_ASIDE}{uuid4().hex}"
    with Lease.acquire(_lease_of(folder), "aside"):
        with explained(folder, writing=True):
            folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            remove(folder)
            _lease_of(folder).unlink(missing_ok=True)


def _lease_of(aside: Path) -> Path:
    return aside.with_name(f"{aside.name}.lease")


def _remove_aside(left: Path) -> None:
    """Remove what a crashed run left in ``left``, and the servers' scratch that it had elsewhere."""
    with suppress(FileNotFoundError):
        status = left.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or Lease.held(_lease_of(left)):
            return
        leases = left / "scratch"
        for root in (left.parent, SHARED):
            _sweep(root, leases, _mark(root, leases))
        remove(left)
        _lease_of(left).unlink(missing_ok=True)


def _look_at(root: Path, *, passable: bool) -> None:
    with explained(root):
        status = root.lstat()
        ours = status.st_uid == os.geteuid()
        # In a sticky directory everybody may make things, and nobody may touch those of others.
        trusted = stat.S_ISDIR(status.st_mode) and (status.st_mode & stat.S_ISVTX or not status.st_mode & 0o022)
        if passable and ours and trusted and not status.st_mode & 0o001:
            root.chmod(status.st_mode & 0o7777 | 0o111)
    if not trusted:
        raise UsageError(
            _("others may write to {path}").format(path=root),
            _("Name a directory that only Guardian may write to as scratch_dir."),
        )


def require_space(folder: Path, expected_bytes: int) -> None:
    """Raise StorageFull unless the disk under ``folder`` has ``expected_bytes`` and a little more free."""
    status = os.statvfs(folder)
    free = status.f_bavail * status.f_frsize
    if expected_bytes and free < expected_bytes * 1.02 + (1 << 20):
        raise StorageFull(
            _("{folder} has {free} bytes free, {needed} are needed").format(
                folder=folder, free=free, needed=expected_bytes
            ),
            _("Free some space, or choose another disk."),
        )


def _sweep(root: Path, leases: Path, mark: str) -> None:
    """Remove what crashed runs left behind: directories of ours whose lease nobody holds."""
    for folder in root.iterdir():
        if not folder.name.startswith(mark) or Lease.held(leases / f"{folder.name}.lease"):
            continue
        with suppress(FileNotFoundError):
            status = folder.lstat()
            if stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid():
                remove(folder)
                (leases / f"{folder.name}.lease").unlink(missing_ok=True)


def remove(folder: Path) -> None:
    """Remove ``folder`` and what is in it; somebody else may be at it too."""
    try:
        rmtree(folder, onerror=_unless_gone)
    except PermissionError:  # restored directories may be closed, even to their owner
        _open_up(folder)
        rmtree(folder, onerror=_unless_gone)


def _unless_gone(_function: object, _path: str, error: tuple[type, BaseException, object]) -> None:
    if not isinstance(error[1], FileNotFoundError):
        raise error[1]


def _open_up(folder: Path) -> None:
    # Directories only, never what a link leads to: that may be live data.
    pending = [str(folder)]
    while pending:
        os.chmod(path := pending.pop(), 0o700)  # noqa: PTH101
        with os.scandir(path) as entries:
            pending += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
