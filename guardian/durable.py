"""Files that are there whole, or not at all: the only writer of state, keys and evidence.

Every write goes through a temporary file in the same folder, is fsynced, takes its final name in one step, and
the folder is fsynced too: after a crash at any instant the old content or the new one is there, never half.
The writer holds a lock on its temporary file, so that :func:`sweep` knows the abandoned ones.

Errors of the operating system come out as :class:`~guardian.errors.Unavailable` (:class:`~guardian.errors.StorageFull`
when there is no room), except FileNotFoundError and FileExistsError: those are facts callers decide on.
"""

import errno
import fcntl
import os
import re
import secrets
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from guardian.errors import NotPermitted, RepositoryLocked, StorageFull, Unavailable
from guardian.i18n import _

_TEMPORARY = re.compile(r"\..{0,200}\.[0-9a-f]{16}\.tmp", re.DOTALL)
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS)
_LEASE_BYTES = 256


class TooLarge(Unavailable):
    """A file is larger than what we are ready to read."""

    code = "too-large"


@contextmanager
def explained(path: Path, *, writing: bool = False) -> Iterator[None]:
    """Turn an OSError about ``path`` into a sentence.

    FileNotFoundError while reading and FileExistsError pass as they are. Raises StorageFull when there is no
    room, NotPermitted when that is not allowed, to us or to anybody, otherwise Unavailable.
    """
    try:
        yield
    except FileExistsError:
        raise
    except FileNotFoundError as error:
        if not writing:
            raise
        raise Unavailable(_write_failed(path, error)) from error
    except OSError as error:
        if error.errno in _NO_ROOM:
            hint = _("Free some space and run the same command again.")
            raise StorageFull(_write_failed(path, error), hint) from error
        family = NotPermitted if error.errno in _CLOSED else Unavailable
        denied = family is NotPermitted and error.errno != errno.EROFS
        hint = _("Run this as the user that Guardian's files belong to.") if denied else ""
        if writing:
            raise family(_write_failed(path, error), hint) from error
        raise family(_("cannot read {path}: {why}").format(path=path, why=error.strerror), hint) from error


def _write_failed(path: Path, error: OSError) -> str:
    return _("cannot write {path}: {why}").format(path=path, why=error.strerror)


def write_atomic(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Make ``path`` hold exactly ``data`` with exactly ``mode``, on disk, replacing what was there.

    After a crash at any instant ``path`` holds the old bytes or the new ones. Raises StorageFull, Unavailable.
    """
    with explained(path, writing=True), _temporary(path, data, mode) as temporary:
        temporary.rename(path)


def write_new(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Like :func:`write_atomic` for a file that must not exist yet.

    Raises FileExistsError when it does (a link counts), whoever of two writers comes second.
    """
    with explained(path, writing=True), _temporary(path, data, mode) as temporary:
        # A hard link never replaces, unlike a rename: two writers cannot both succeed.
        os.link(temporary, path)


def write_streamed(path: Path, pieces: Iterable[bytes], *, mode: int = 0o600) -> None:
    """Like :func:`write_atomic` for what is made piece by piece and need not fit into memory.

    What making the pieces raises passes, and ``path`` stays as it was.
    """
    with explained(path, writing=True), _temporary(path, pieces, mode) as temporary:
        temporary.rename(path)


@contextmanager
def _temporary(path: Path, data: bytes | Iterable[bytes], mode: int) -> Iterator[Path]:
    """A synced temporary file beside ``path``; afterwards it is gone and the folder is synced."""
    temporary, fd = _open_temporary(path)
    try:
        try:
            for piece in (data,) if isinstance(data, bytes) else data:
                write_all(fd, piece)
            os.fchmod(fd, mode)
            os.fsync(fd)
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)
    finally:
        os.close(fd)


def _open_temporary(path: Path) -> tuple[Path, int]:
    """A new, locked temporary file for ``path``: its name (at most 255 bytes) and descriptor."""
    while True:
        temporary = path.with_name(f".{path.name[:58]}.{secrets.token_hex(8)}.tmp")
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX)
        if os.fstat(fd).st_nlink:
            return temporary, fd
        os.close(fd)  # a sweep came between creation and lock, and took it for abandoned


def write_all(fd: int, data: bytes, offset: int | None = None) -> None:
    """Write all of ``data``, at ``offset`` when given, however small the kernel's bites. Raises OSError."""
    view = memoryview(data)
    while view:
        written = os.write(fd, view) if offset is None else os.pwrite(fd, view, offset)
        view = view[written:]
        offset = None if offset is None else offset + written


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable: what was created, renamed or removed there. Raises OSError."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def read_capped(path: Path, limit: int) -> bytes:
    """The bytes of the regular file ``path``, at most ``limit`` of them.

    Raises TooLarge over the limit, FileNotFoundError, Unavailable for the rest (a pipe or a device included).
    """
    with explained(path):
        # Without O_NONBLOCK the open of a forgotten pipe would wait for ever.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise Unavailable(_("{path} is not a regular file").format(path=path))
            data = file.read(limit + 1)
    if len(data) > limit:
        raise TooLarge(_("{path} is larger than {limit} bytes").format(path=path, limit=limit))
    return data


def sweep(folder: Path) -> tuple[str, ...]:
    """Remove temporary files in ``folder`` whose writer is gone; the names of what was removed.

    A file whose writer still lives is locked by it and stays. A missing folder is a clean one.
    """
    with explained(folder, writing=True):
        names = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
        return tuple(name for name in names if _TEMPORARY.fullmatch(name) and _remove_abandoned(folder / name))


def _remove_abandoned(path: Path) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:  # gone meanwhile, or nothing of ours
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    except (BlockingIOError, FileNotFoundError):
        return False
    finally:
        os.close(fd)
    return True


def private_dir(path: Path) -> Path:
    """Make the directory ``path`` and its missing parents, mode 0700, durably; existing ones stay as they are.

    Returns ``path``. Raises Unavailable, also when something else than a directory has that name.
    """
    with explained(path, writing=True):
        missing = [folder for folder in (path, *path.parents) if not folder.exists()]
        for folder in reversed(missing):
            try:
                folder.mkdir(mode=0o700)
            except FileExistsError:  # another process was quicker
                continue
            sync_folder(folder.parent)
    if not path.is_dir():
        raise Unavailable(_("{path} is not a directory").format(path=path))
    return path


class Lease:
    """The exclusive right to do something, for as long as its holder lives: a lock on a file.

    The kernel gives the lock back when the last process that has ``fd`` open ends, however it ends. Hand ``fd``
    to a child (``pass_fds``) and the lease lives as long as that child.
    """

    __slots__ = ("_fd", "path", "purpose")

    def __init__(self, path: Path, purpose: str, fd: int) -> None:
        """Use :meth:`acquire`."""
        self.path = path
        self.purpose = purpose
        self._fd = fd

    @classmethod
    def acquire(cls, path: Path, purpose: str) -> Self:
        """Take the lease on ``path`` or raise RepositoryLocked at once, naming who holds it and what for.

        ``purpose`` is one word, such as ``backup``. The file stays for ever: removing it would let two in.
        """
        with explained(path, writing=True):
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                if not _lock(fd):
                    raise _held_by(path, os.pread(fd, _LEASE_BYTES, 0))
                os.ftruncate(fd, 0)
                write_all(fd, f"{os.getpid()} {purpose}\n".encode()[:_LEASE_BYTES])
            except BaseException:
                os.close(fd)
                raise
        return cls(path, purpose, fd)

    @staticmethod
    def held(path: Path) -> bool:
        """Whether somebody, this process included, holds the lease on ``path`` now."""
        try:
            with explained(path):
                fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(fd)
        return False

    @property
    def fd(self) -> int:
        """The descriptor that carries the lock; closed on exec unless it is passed on purpose."""
        return self._fd

    def release(self) -> None:
        """Let go. A child that was given ``fd`` keeps the lease until it ends."""
        if self._fd >= 0:
            # Closing, not unlocking: an unlock would take the lease away from the child too.
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        """The lease itself."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Let go."""
        self.release()


def _lock(fd: int) -> bool:
    """Take the exclusive lock. What stands in the way for an instant, a look by ``held``, does not count."""
    for _attempt in range(50):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass
        else:
            return True
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False  # not even a shared lock: somebody has the exclusive one
        fcntl.flock(fd, fcntl.LOCK_UN)
        time.sleep(0.001 + secrets.randbelow(2000) / 1e6)
    return False


def _held_by(path: Path, content: bytes) -> RepositoryLocked:
    pid, _space, purpose = content.decode("ascii", "backslashreplace").strip().partition(" ")
    if not pid.isdigit():
        return RepositoryLocked(_("{path} is held by another process").format(path=path), _("Wait for it to end."))
    message = _("{path} is held by process {pid} ({purpose})").format(path=path, pid=pid, purpose=purpose)
    if Path(f"/proc/{pid}").exists():
        return RepositoryLocked(message, _("Wait for it to end."))
    hint = _("That process has ended, but a program it started is still at work: wait for it.")
    return RepositoryLocked(message, hint)
