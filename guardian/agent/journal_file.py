"""The journal's file, looked at past what its connection keeps in memory.

SQLite answers from its cache, and goes on writing to a file that has lost its name: a journal that was overwritten,
exchanged or removed beneath a running agent is found by no query. So the file itself is looked at from time to time.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from guardian import durable
from guardian.agent import database
from guardian.errors import Unavailable
from guardian.i18n import _

_NOTHING: Final = (0, 0)


@dataclass(slots=True)
class JournalFile:
    """The file that a connection has open. For one thread at a time.

    Nothing here opens the file but SQLite: closing another descriptor of it would drop the locks of the whole process.
    """

    path: Path
    inode: tuple[int, int]
    _good: object = field(default=None, repr=False)
    """How the files stood when they were last found whole."""

    @classmethod
    def opened(cls, path: Path) -> Self:
        """Of a file that was just opened. Raises FileNotFoundError, Unavailable."""
        with durable.explained(path):
            found = path.stat()
        return cls(path, (found.st_dev, found.st_ino))

    def examine(self) -> None:
        """Make sure that the file still has its name, and is whole as it lies there; a quick look where nobody wrote.

        Reading takes 4 ms for each MiB. Raises JournalCorrupt, JournalBusy, Unavailable.
        """
        self._has_its_name()
        stand = tuple(_stand(self.path.with_name(self.path.name + side)) for side in ("", *database.SIDE_FILES))
        if stand != self._good:
            database.read_whole(self.path)
            self._good = stand

    def _has_its_name(self) -> None:
        try:
            with durable.explained(self.path):
                found = self.path.stat()
        except FileNotFoundError:
            if self.path.parent.is_dir():
                raise database.corrupt(self.path, _("it was removed")) from None
            # Its disk is away: to make a journal anew would put it where that is to be mounted again.
            raise Unavailable(_("there is no {path} any more").format(path=self.path.parent)) from None
        if (found.st_dev, found.st_ino) != self.inode:
            raise database.corrupt(self.path, _("another file has taken its place"))


def _stand(path: Path) -> tuple[int, int]:
    """What changes when somebody writes: the moment of the newest change, the size."""
    try:
        found = path.stat()
    except OSError:
        return _NOTHING
    return found.st_mtime_ns, found.st_size
