"""What facts about a host are read from: its own root, a mounted image, a restored tree, the inside of a snapshot.

Paths are absolute and mean what they would mean to a process that has the root as its ``/``: a link is followed below
the root and never out of it, wherever it points. Names that are not UTF-8 carry surrogates, as :func:`os.fsdecode`
makes
them; :func:`guardian.baseline.facts.reading.shown` makes them fit for a fact.

Every method raises OSError when something could not be read: FileNotFoundError or NotADirectoryError say that it is
*not there* and nothing else does; PermissionError that this user may not see it.
"""

import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

Kind = Literal["file", "folder", "link", "other"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What the file system says of one path. ``mode`` is the permission bits, ``mtime`` whole seconds since 1970."""

    kind: Kind
    mode: int
    uid: int
    gid: int
    size: int
    mtime: int
    target: str | None = None  # of a link that was not followed


Lain = tuple[str, int, int, int]
"""One entry that a walk came by: name, mode with the bits of the kind, uid, gid. A bare tuple: a host has millions."""


class Batch(NamedTuple):
    """Entries of one folder: all of them, or the next :data:`BATCH` of a folder that has more."""

    folder: str
    entries: list[Lain]


BATCH = 4096
"""So many entries are held at once, however many lie in a folder."""


def below(folder: str, name: str) -> str:
    """The path of ``name`` in ``folder``."""
    return f"{folder}/{name}" if folder != "/" else f"/{name}"


@dataclass(slots=True)
class Notes:
    """What a walk did not read: ``missed`` for want of a way, ``left_out`` on purpose (path, why). Bounded."""

    most: int = 20
    missed: list[tuple[str, str]] = field(default_factory=list)
    missed_count: int = 0
    left_out: list[tuple[str, str]] = field(default_factory=list)

    def miss(self, path: str, why: str) -> None:
        """``path`` should have been read, and was not."""
        self.missed_count += 1
        if len(self.missed) < self.most:
            self.missed.append((path, why))

    def leave_out(self, path: str, why: str) -> None:
        """``path`` is not part of what is walked."""
        if len(self.left_out) < 10 * self.most:
            self.left_out.append((path, why))


class Root(Protocol):
    """The root of a host's file system, to be read and nothing else."""

    @property
    def live(self) -> bool:
        """Whether this is the running host's own root, with ``/proc`` and programs to ask."""
        ...

    def stat(self, path: str, *, follow: bool = True) -> Entry:
        """What lies at ``path``; with ``follow`` at the end of its links."""
        ...

    def list(self, path: str) -> list[str]:
        """The names in a folder, sorted."""
        ...

    def read(self, path: str, limit: int) -> bytes:
        """The bytes of a regular file. Raises OSError, with EFBIG for one of more than ``limit`` bytes."""
        ...

    def walk(self, notes: Notes) -> Iterator[Batch]:
        """Everything below the root but links, folders before what is in them, a batch of one folder at a time.

        Left out: pseudo and network file systems, the layers of containers, second views of what is walked anyway.
        What vanishes meanwhile is passed over; what cannot be read goes into ``notes``.
        """
        ...


def kind_of(mode: int) -> Kind:
    """The kind of an entry by the mode the system gives."""
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "folder"
    return "link" if stat.S_ISLNK(mode) else "other"
