"""The root of this machine, or a folder that holds the tree of another one."""

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from guardian.baseline.facts.localmounts import Mounts
from guardian.baseline.facts.root import BATCH, Batch, Entry, Lain, Notes, below, kind_of

_LINKS = 40  # as many as the kernel follows
_DEPTH = 400  # folders in folders; each holds a descriptor while it is walked
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PATH = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: a pipe that lies where a file was expected must not hold us up.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_LAYERS = (
    "/var/lib/docker/overlay2",
    "/var/lib/docker/btrfs",
    "/var/lib/docker/vfs",
    "/var/lib/docker/fuse-overlayfs",
    "/var/lib/docker/volumes",
    "/var/lib/containers/storage",
    "/var/lib/containerd",
    "/var/lib/kubelet/pods",
    "/var/lib/lxc",
    "/var/lib/lxd",
    "/var/lib/machines",
)


@dataclass(frozen=True, slots=True)
class LocalRoot:
    """``folder`` as the root; ``/`` is the running host."""

    folder: Path = Path("/")

    @property
    def live(self) -> bool:
        """Whether it is this machine's own root."""
        return str(self.folder) == "/"

    def stat(self, path: str, *, follow: bool = True) -> Entry:
        """What lies at ``path``."""
        fd = self._open(path, _PATH, follow=follow)
        try:
            at = os.fstat(fd)
            target = os.readlink("", dir_fd=fd) if stat.S_ISLNK(at.st_mode) else None
        finally:
            os.close(fd)
        mode = stat.S_IMODE(at.st_mode)
        return Entry(kind_of(at.st_mode), mode, at.st_uid, at.st_gid, at.st_size, int(at.st_mtime), target)

    def list(self, path: str) -> list[str]:
        """The names in a folder, sorted."""
        fd = self._open(path, _FOLDER, follow=True)
        try:
            return sorted(os.listdir(fd))  # noqa: PTH208  of a descriptor
        finally:
            os.close(fd)

    def read(self, path: str, limit: int) -> bytes:
        """The bytes of a regular file, at most ``limit``; a file of ``/proc`` says nothing of its size before."""
        fd = self._open(path, _FILE, follow=True)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise OSError(errno.EINVAL, "not a regular file", path)
            pieces, held = [], 0
            while piece := os.read(fd, min(1 << 20, limit + 1 - held)):
                pieces.append(piece)
                held += len(piece)
                if held > limit:
                    raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), path)
            return b"".join(pieces)
        finally:
            os.close(fd)

    def walk(self, notes: Notes) -> Iterator[Batch]:
        """Everything below the root but links, one descriptor for each level."""
        out = Mounts.read(self.folder).out | dict.fromkeys(_LAYERS, "container layers")
        stack = [_Level(os.open(self.folder, _FOLDER & ~os.O_NOFOLLOW), "/")]
        try:
            while stack:
                level = stack[-1]
                if level.pending is None:
                    yield from level.look(notes)
                deeper = level.next(notes, out, room=len(stack) < _DEPTH)
                if deeper is None:
                    os.close(stack.pop().fd)
                else:
                    stack.append(deeper)
        finally:
            for level in stack:
                os.close(level.fd)

    def _open(self, path: str, flags: int, *, follow: bool) -> int:
        """A descriptor of ``path``: each part is opened on its own, so that no link leads out of the root."""
        todo = [part for part in reversed(path.split("/")) if part not in ("", ".")]
        stack = [os.open(self.folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)]
        links = 0
        try:
            while todo:
                part = todo.pop()
                if part == "..":
                    if len(stack) > 1:
                        os.close(stack.pop())
                    continue
                target = None if not todo and not follow else _target(part, stack[-1])
                if target is not None:
                    links += 1
                    if links > _LINKS:
                        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
                    if target.startswith("/"):
                        while len(stack) > 1:
                            os.close(stack.pop())
                    todo += [step for step in reversed(target.split("/")) if step not in ("", ".")]
                elif todo:
                    stack.append(os.open(part, _PATH | os.O_DIRECTORY, dir_fd=stack[-1]))
                else:
                    return os.open(part, flags, dir_fd=stack[-1])
            return os.open(".", flags & ~os.O_NOFOLLOW, dir_fd=stack[-1])
        finally:
            for fd in stack:
                os.close(fd)


@dataclass(slots=True)
class _Level:
    """A folder that is being walked: its descriptor, its path, and the folders in it still to be visited."""

    fd: int
    path: str
    pending: list[str] | None = None

    def look(self, notes: Notes) -> Iterator[Batch]:
        """The entries of this folder, each asked once. It is here that a scan of a host spends its time."""
        self.pending, path = [], self.path
        folders, lain = self.pending, list[Lain]()
        try:
            with os.scandir(self.fd) as entries:
                for entry in entries:
                    try:
                        if entry.is_symlink():
                            continue
                        at = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue
                    except OSError as error:
                        notes.miss(below(path, entry.name), error.strerror or "unreadable")
                        continue
                    name, mode = entry.name, at.st_mode
                    if mode & 0o170000 == 0o040000:
                        folders.append(name)
                    lain.append((name, mode, at.st_uid, at.st_gid))
                    if len(lain) == BATCH:
                        yield Batch(path, lain)
                        lain = []
        except OSError as error:
            notes.miss(path, error.strerror or "unreadable")
        if lain:
            yield Batch(path, lain)

    def next(self, notes: Notes, out: dict[str, str], *, room: bool) -> "_Level | None":
        """The next folder in this one that is walked, opened; None when there is none left.

        ``out`` says which folders are left out, and why.
        """
        while self.pending:
            name = self.pending.pop()
            path = below(self.path, name)
            if path in out:
                notes.leave_out(path, out[path])
                continue
            if not room:
                notes.miss(path, "too deep")
                continue
            try:
                return _Level(os.open(name, _FOLDER, dir_fd=self.fd), path)
            except (FileNotFoundError, NotADirectoryError):
                continue  # it vanished, or became something else
            except OSError as error:
                if error.errno != errno.ELOOP:  # a link took its place: links are not walked
                    notes.miss(path, error.strerror or "unreadable")
        return None


def _target(name: str, folder: int) -> str | None:
    """Where a link points; None for what is no link. Raises OSError for what is not there."""
    try:
        return os.readlink(name, dir_fd=folder)
    except OSError as error:
        if error.errno == errno.EINVAL:
            return None
        raise
