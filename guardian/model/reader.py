"""Reading the objects of a repository by byte ranges: what a decoder asks of any storage, and how a storage says no."""

from collections.abc import Callable, Generator, Iterator
from typing import Protocol

from guardian.errors import Unavailable
from guardian.i18n import _


class ObjectMissing(Unavailable):
    """The storage answers, and it has no such object."""

    code = "object-missing"

    def __init__(self, name: str) -> None:
        super().__init__(_("the repository has no object '{name}'").format(name=plain_name(name)))
        self.name = name


class ObjectUnreadable(Unavailable):
    """The object is there, and what was asked of it did not come: too short, a disk's error, not a plain file."""

    code = "object-unreadable"

    def __init__(self, name: str, why: str) -> None:
        super().__init__(_("cannot read the object '{name}': {why}").format(name=plain_name(name), why=why))
        self.name = name
        self.why = why


class Reader(Protocol):
    """The objects of one repository, named by their paths in it: ``config``, ``snapshots/…``, ``data/ab/abcd…``.

    A reader never writes, never follows a name out of the repository, and may be used by several threads at once.
    Besides the errors named below, a reader raises StorageUnreachable when nobody answers and StorageRefused when
    the answer is no: both say nothing about the object.
    """

    def size(self, name: str) -> int:
        """The object's length in bytes. Raises ObjectMissing, ObjectUnreadable."""
        ...

    def read(self, name: str, offset: int, length: int) -> bytes:
        """Exactly ``length`` bytes from ``offset``. Raises ObjectMissing; ObjectUnreadable when others come."""
        ...

    def stream(self, name: str, length: int) -> Generator[bytes, None, None]:
        """The object's first ``length`` bytes, in pieces of a few MiB at most, in one answer where that can be.

        Raises as :meth:`read`, also after pieces have come. Close it to break off.
        """
        ...

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Name and length of every object whose name begins with ``prefix`` (a folder, with its slash), in no order.

        Folders and what is no plain file are left out. A folder that does not exist is empty.
        """
        ...


PIECE = 1 << 18
"""Bytes of a stream that come over a network at once."""


def in_pieces(read: Callable[[str, int, int], bytes], name: str, length: int) -> Generator[bytes, None, None]:
    """What ``Reader.stream`` promises, out of a ``Reader.read``."""
    for at in range(0, length, PIECE):
        yield read(name, at, min(PIECE, length - at))


def plain_name(name: str) -> str:
    """``name`` fit for a message: printable and cut, whatever a storage called its object."""
    return "".join(c if c.isprintable() else "?" for c in name[:160])
