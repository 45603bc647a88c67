"""Reading what was drawn through the decoder: many at once, in bounded memory, and what could not be had as data."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TypeVar

from guardian.decoder.damage import Damage, as_reason
from guardian.decoder.repository import Loaded
from guardian.decoder.trees import Node
from guardian.drill.frame import Item
from guardian.drill.job import Job, width
from guardian.errors import StorageRefused, StorageUnreachable
from guardian.model.events import Progress
from guardian.model.reader import ObjectMissing, ObjectUnreadable
from guardian.model.reason import Reason, reason

A = TypeVar("A")
B = TypeVar("B")

_AHEAD = 8
"""Reads under way at once, each of some MiB."""
_PATIENCE = 3
"""Reads in a row that nobody answered, before the rest is given up."""


@dataclass(frozen=True, slots=True)
class Read:
    """What came of reading a chunk or a file: how many bytes, their SHA-256 (files), or why they cannot be had.

    ``at`` is where in the file reading ended.
    """

    bytes: int
    sha256: str = ""
    cause: Reason | None = None
    at: int = 0
    silent: StorageUnreachable | StorageRefused | None = None
    """The storage's own no: it says nothing about what lies there."""

    @property
    def ok(self) -> bool:
        """Whether it came, every byte verified."""
        return self.cause is None


def chunk(loaded: Loaded, blob_id: bytes) -> Read:
    """Read and verify one chunk."""
    try:
        return Read(len(loaded.chunk(blob_id)))
    except (Damage, ObjectMissing, ObjectUnreadable, StorageUnreachable, StorageRefused) as error:
        return _not(error)


def whole(loaded: Loaded, node: Node) -> Read:
    """Read and verify a file from its first byte to its last."""
    digest, done = hashlib.sha256(), 0
    try:
        for data in loaded.file(node).read():
            digest.update(data)
            done += len(data)
    except (Damage, ObjectMissing, ObjectUnreadable, StorageUnreachable, StorageRefused) as error:
        return _not(error, done)
    if done != node.size:
        return Read(done, cause=reason("content-length-differs", expected=node.size, found=done), at=done)
    return Read(done, digest.hexdigest())


def _not(error: Damage | ObjectMissing | ObjectUnreadable | StorageUnreachable | StorageRefused, at: int = 0) -> Read:
    if isinstance(error, Damage | ObjectMissing | ObjectUnreadable):
        return Read(at, cause=as_reason(error), at=at)
    return Read(at, cause=reason(error.code), at=at, silent=error)


@dataclass(slots=True)
class Reading:
    """Everything one drill reads of one repository, counted."""

    job: Job
    loaded: Loaded
    total: int = 0
    """Bytes read so far."""
    reached: bool = False
    silence: StorageUnreachable | StorageRefused | None = None
    _in_a_row: int = field(default=0, init=False)

    def chunks(self, blob_ids: Iterable[bytes]) -> dict[bytes, Read]:
        """Read each of ``blob_ids`` once."""
        wanted = list(dict.fromkeys(blob_ids))
        found = {}
        for number, (blob_id, read) in enumerate(self._many(chunk, wanted, lambda blob_id: blob_id), 1):
            found[blob_id] = read
            self.job.node.report(Progress(number, len(wanted), "entries"))
        return found

    def files(self, items: Iterable[Item], total: int = 0) -> Iterator[tuple[Item, Read]]:
        """Read each of ``items`` whole, in order; ``total`` bytes are expected."""
        done = 0
        for item, read in self._many(whole, items, lambda item: item.node):
            done += item.node.size
            self.job.node.report(Progress(done, total))
            yield item, read

    def _many(
        self, read: Callable[[Loaded, B], Read], items: Iterable[A], what: Callable[[A], B]
    ) -> Iterator[tuple[A, Read]]:
        ahead = width(self.job.opened.executor, _AHEAD)
        executor, under_way = self.job.opened.executor, deque[tuple[A, Future[Read] | Read]]()
        try:
            for item in items:
                self.job.node.heed()
                given_up = self._in_a_row >= _PATIENCE and self.silence is not None
                answer = self._missing() if given_up else executor.submit(read, self.loaded, what(item))
                under_way.append((item, answer))
                if len(under_way) >= ahead:
                    yield self._next(under_way)
            while under_way:
                self.job.node.heed()
                yield self._next(under_way)
        finally:
            for _item, future in under_way:
                if isinstance(future, Future):
                    future.cancel()

    def _next(self, under_way: "deque[tuple[A, Future[Read] | Read]]") -> tuple[A, Read]:
        item, future = under_way.popleft()
        try:
            read = future.result() if isinstance(future, Future) else future
        except (StorageUnreachable, StorageRefused) as error:  # a farm's way to say that nobody could do it
            read = _not(error)
        self.total += read.bytes
        self._in_a_row = self._in_a_row + 1 if read.silent else 0
        self.silence = self.silence or read.silent
        self.reached = self.reached or read.silent is None
        return item, read

    def _missing(self) -> Read:
        assert self.silence is not None  # noqa: S101  nobody gives up before that
        return Read(0, cause=reason(self.silence.code), silent=self.silence)
