"""A repository in a local folder, read by byte ranges and never left: no symbolic link is followed inside it."""

import contextlib
import errno
import os
import stat
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from guardian.errors import RepositoryMissing, StorageRefused
from guardian.i18n import _
from guardian.model.reader import ObjectMissing, ObjectUnreadable

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK, a fifo that somebody left in the repository would hold us for ever.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_STEP = 4 << 20  # bytes of a stream at once: a disk gives them in a moment, and fewer turns cost less
_DEPTH = 4  # restic's layout has two levels of folders; whoever nests more than this is not restic


class LocalReader:
    """restic's local layout, as a :class:`guardian.model.reader.Reader`. Close it, or use it as a context manager."""

    def __init__(self, folder: Path) -> None:
        """Hold ``folder`` open, so that what is read stays in it even if the path is exchanged meanwhile.

        Raises RepositoryMissing when it is not a folder, StorageRefused when it may not be read.
        """
        try:
            self._root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except PermissionError as error:
            raise StorageRefused(_("cannot open {path}: {why}").format(path=folder, why=error.strerror)) from error
        except OSError as error:
            raise RepositoryMissing(_("cannot open {path}: {why}").format(path=folder, why=error.strerror)) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the folder."""
        if self._root >= 0:
            os.close(self._root)
            self._root = -1

    def size(self, name: str) -> int:
        """The file's length in bytes. Raises ObjectMissing, ObjectUnreadable."""
        with self._open(name) as file:
            return os.fstat(file).st_size

    def read(self, name: str, offset: int, length: int) -> bytes:
        """Exactly ``length`` bytes from ``offset``. Raises ObjectMissing, ObjectUnreadable."""
        with self._open(name) as file:
            return _whole(file, name, offset, length)

    def stream(self, name: str, length: int) -> Generator[bytes, None, None]:
        """The first ``length`` bytes, piece by piece, of the file as it was opened. Raises as :meth:`read`."""
        with self._open(name) as file:
            for at in range(0, length, _STEP):
                yield _whole(file, name, at, min(_STEP, length - at))

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Name and length of every plain file under the folder ``prefix``, which ends in a slash."""
        with contextlib.ExitStack() as stack:
            try:
                folder = self._folder(_parts(prefix.rstrip("/")), prefix, stack)
            except ObjectMissing:
                return
            yield from _under(folder, prefix, _DEPTH)

    @contextlib.contextmanager
    def _open(self, name: str) -> Iterator[int]:
        with contextlib.ExitStack() as stack:
            *folders, last = _parts(name)
            folder = self._folder(folders, name, stack)
            with _named_errors(name):
                file = os.open(last, _FILE, dir_fd=folder)
            stack.callback(os.close, file)
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise ObjectUnreadable(name, _("it is not a plain file"))
            yield file

    def _folder(self, parts: Sequence[str], name: str, stack: contextlib.ExitStack) -> int:
        folder = self._root
        for part in parts:
            with _named_errors(name):
                folder = os.open(part, _FOLDER, dir_fd=folder)
            stack.callback(os.close, folder)
        return folder


def _parts(name: str) -> list[str]:
    parts = name.split("/")
    if any(part in {"", ".", ".."} or "\0" in part for part in parts):
        raise ObjectMissing(name)
    return parts


def _whole(file: int, name: str, offset: int, length: int) -> bytes:
    data = _read_at(file, name, offset, length)
    if len(data) == length:
        return data
    parts = [data]
    # The kernel may give less than was asked for (2 GiB at most, or a signal): go on until it gives nothing.
    while data and (missing := length - sum(map(len, parts))):
        data = _read_at(file, name, offset + length - missing, missing)
        parts.append(data)
    whole = b"".join(parts)
    if len(whole) != length:
        raise ObjectUnreadable(
            name,
            _("{asked} bytes from {offset} were asked for, {got} came").format(
                asked=length, offset=offset, got=len(whole)
            ),
        )
    return whole


def _read_at(file: int, name: str, offset: int, length: int) -> bytes:
    with _named_errors(name):
        return os.pread(file, length, offset)


def _under(folder: int, prefix: str, depth: int) -> Iterator[tuple[str, int]]:
    with _named_errors(prefix), os.scandir(folder) as entries:
        for entry in entries:
            # An entry may go while we look: that is a removal, not a fault.
            with contextlib.suppress(FileNotFoundError):
                if entry.is_file(follow_symlinks=False):
                    yield prefix + entry.name, entry.stat(follow_symlinks=False).st_size
                elif depth and entry.is_dir(follow_symlinks=False):
                    below = os.open(entry.name, _FOLDER, dir_fd=folder)
                    try:
                        yield from _under(below, f"{prefix}{entry.name}/", depth - 1)
                    finally:
                        os.close(below)


@contextlib.contextmanager
def _named_errors(name: str) -> Iterator[None]:
    """What the system says about a file, as one of the reader's errors."""
    try:
        yield
    except FileNotFoundError:
        raise ObjectMissing(name) from None
    except PermissionError as error:
        raise StorageRefused(_("cannot open {path}: {why}").format(path=name, why=error.strerror)) from error
    except OSError as error:
        # Linux says ELOOP or ENOTDIR where O_NOFOLLOW met a symbolic link.
        link = error.errno in {errno.ELOOP, errno.ENOTDIR}
        why = _("a symbolic link or a file stands where a folder was expected") if link else error.strerror or ""
        raise ObjectUnreadable(name, why) from error
