"""When which pack was last read whole and found good: kept in the state directory, for the rotation of D2.

One file for each repository: a line of JSON, then 40 bytes for each pack: its id, when it was first seen and when it
was last read, in seconds since 1970, 4 bytes each, big endian. A file that is lost, damaged or another repository's
means that nothing was ever read: the rotation begins anew, and never claims what it does not know.
"""

import hashlib
import json
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from guardian.drill.coverage import Stored
from guardian.durable import private_dir, read_capped, write_atomic
from guardian.errors import Unavailable
from guardian.model.reason import Reason, reason

_FORM = 1
_ROW = struct.Struct(">32sII")
_MOST = 512 << 20

_Marks = dict[bytes, tuple[int, int]]


class LastRead:
    """The record of one repository, in memory; :meth:`save` puts it on disk."""

    def __init__(self, path: Path, repository_id: str) -> None:
        """Read what there is. ``remark`` says when there was something that is of no use."""
        self._path, self._repository_id = path, repository_id
        self._changed: set[bytes] = set()
        self.remark: Reason | None = None
        self.last_run = 0
        self._marks: _Marks = {}
        try:
            self.last_run, self._marks = _parse(read_capped(path, _MOST), repository_id)
        except FileNotFoundError:
            pass
        except (_Useless, Unavailable) as why:
            self.remark = reason("rotation-anew", "warning", why=_short(why))

    def stored(self, packs: Iterable[tuple[bytes, int]], now: int) -> list[Stored]:
        """``packs`` (id and length) with what is known of them; those that are new are first seen ``now``."""
        found = [Stored(pack_id, size, *self._marks.get(pack_id, (now, 0))) for pack_id, size in packs]
        self._marks.update({p.id: (p.seen, p.read) for p in found if p.id not in self._marks})
        return found

    def good(self, pack_id: bytes, now: int) -> None:
        """The pack was read whole, and every byte of it is right."""
        seen, _read = self._marks.get(pack_id, (now, 0))
        self._mark(pack_id, (seen or now, now))

    def bad(self, pack_id: bytes) -> None:
        """The pack was not whole: until it is, every run looks at it."""
        self._mark(pack_id, (0, 0))

    def keep_only(self, packs: Iterable[bytes]) -> None:
        """Forget the packs that are not among ``packs``: a prune removed them."""
        there = set(packs)
        self._marks = {pack_id: mark for pack_id, mark in self._marks.items() if pack_id in there}

    def save(self) -> None:
        """Put it on disk. What another drill learned meanwhile of packs that this one did not touch is kept.

        Raises StorageFull, Unavailable.
        """
        private_dir(self._path.parent)
        try:
            _last_run, theirs = _parse(read_capped(self._path, _MOST), self._repository_id)
        except (FileNotFoundError, _Useless, Unavailable):
            theirs = {}
        for pack_id in theirs.keys() & self._marks.keys() - self._changed:
            self._marks[pack_id] = theirs[pack_id]
        write_atomic(self._path, _text(self._repository_id, self.last_run, self._marks))

    def _mark(self, pack_id: bytes, mark: tuple[int, int]) -> None:
        self._marks[pack_id] = mark
        self._changed.add(pack_id)


class _Useless(Exception):
    """The file says nothing that can be used; the argument says why, in a word."""


def _text(repository_id: str, last_run: int, marks: _Marks) -> bytes:
    body = b"".join(_ROW.pack(pack_id, *mark) for pack_id, mark in sorted(marks.items()))
    head = {
        "form": _FORM,
        "repository": repository_id,
        "last_run": last_run,
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    return json.dumps(head).encode() + b"\n" + body


def _parse(data: bytes, repository_id: str) -> tuple[int, _Marks]:
    line, _newline, body = data.partition(b"\n")
    try:
        head = json.loads(line[:4096])
        form, theirs, last_run, sha256 = (head[name] for name in ("form", "repository", "last_run", "sha256"))
    except (ValueError, TypeError, KeyError, RecursionError):
        raise _Useless("damaged") from None
    whole = hashlib.sha256(body).hexdigest() == sha256 and not len(body) % _ROW.size
    if form != _FORM or type(last_run) is not int or not whole:
        raise _Useless("damaged")
    if theirs != repository_id:
        raise _Useless("other-repository")
    rows: Iterator[tuple[bytes, int, int]] = _ROW.iter_unpack(body)
    return last_run, {pack_id: (seen, read) for pack_id, seen, read in rows}


def _short(why: Exception) -> str:
    return str(why)[:200]
