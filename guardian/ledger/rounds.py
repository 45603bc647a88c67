"""A log that was read once, looked at again in small parts: what is altered where it lies shows in no checkpoint.

Every look compares how the files of entries and of their hashes stand with how they stood when they were last proven,
and proves again those that changed; besides, a few in turn, for disks flip bits without telling anybody.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

from guardian.errors import EvidenceInvalid, Unavailable
from guardian.ledger import layout
from guardian.ledger.layout import WIDTH
from guardian.ledger.store import Log

COMPARED: Final = 1000
"""Bundles whose files are compared at one look: two thousand questions to the file system, a few milliseconds."""
PROVEN: Final = 4
"""Bundles that are proven anew at one look, besides the one being filled: 2 ms each."""

_Stand = tuple[tuple[int, int, int], ...]


@dataclass(slots=True)
class Rounds:
    """Goes round one log. Not for several threads at once. Holds a few numbers for each bundle of 256 entries."""

    _good: dict[int, _Stand] = field(default_factory=dict)
    _bad: set[int] = field(default_factory=set)
    _compare: int = 0
    _prove: int = 0

    def look(self, log: Log) -> None:
        """Look at the next parts. Raises LogInvalid for one that is not what was signed, Unavailable when it cannot be
        read; that part is looked at first from then on, until it is as it should be."""
        self.again(log)
        count = (log.size + WIDTH - 1) // WIDTH
        if not count:
            return
        self._good = {index: stand for index, stand in self._good.items() if index < count}
        near = {count - 1, *((self._compare + at) % count for at in range(min(count, COMPARED)))}
        self._compare = (self._compare + COMPARED) % count
        changed = (index for index in sorted(near) if _stand(log.folder, index) != self._good.get(index, ()))
        known = [index for index in changed if index in self._good]
        turn = [(self._prove + at) % count for at in range(min(count, PROVEN))]
        self._prove = (self._prove + PROVEN) % count
        self._all(log, dict.fromkeys((*islice(reversed(known), PROVEN + 1), *turn)))

    def again(self, log: Log) -> None:
        """Look only at what was bad. Raises as :meth:`look`."""
        self._all(log, sorted(index for index in self._bad if index * WIDTH < log.size))
        self._bad.clear()

    def _all(self, log: Log, indexes: Iterable[int]) -> None:
        for index in indexes:
            stand = _stand(log.folder, index)  # before it is read: what changes meanwhile is looked at again
            try:
                log.prove(index)
            except (EvidenceInvalid, Unavailable):
                self._bad.add(index)
                raise
            self._good[index] = stand


def _stand(folder: Path, index: int) -> _Stand:
    """How the files of one bundle stand: which they are, when they were written, how large they are."""
    found = []
    for name in (layout.bundle_path(index), layout.tile_path(0, index)):
        try:
            seen = (folder / name).stat()
        except OSError:
            found.append((0, 0, 0))
        else:
            found.append((seen.st_ino, seen.st_mtime_ns, seen.st_size))
    return tuple(found)
