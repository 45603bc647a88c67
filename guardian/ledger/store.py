"""The log on disk: read with proof, appended to durably.

An entry is on disk before its hashes, its hashes before the checkpoint, and the checkpoint before anybody is told.
What a crash leaves in between is settled when the log is next opened for appending (:mod:`guardian.ledger.recovery`).
"""

import fcntl
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Self

from guardian import durable
from guardian.errors import UsageError
from guardian.i18n import _
from guardian.keys.signing import SigningKey, VerifyKey
from guardian.ledger import checkpoint as notes
from guardian.ledger import layout, recovery
from guardian.ledger.envelope import seal
from guardian.ledger.invalid import LogFact, LogInvalid, fact
from guardian.ledger.layout import HASH, WIDTH
from guardian.ledger.statement import Subjects, decode_entry, encode
from guardian.ledger.tiles import Tiles
from guardian.ledger.tree import EMPTY_ROOT, CompactRange, consistency_proof, inclusion_proof, leaf_hash
from guardian.model.evidence import PAYLOAD_TYPE, Checkpoint, Entry, Predicate


class Log:
    """One node's log. Several processes and threads may append to it at once; each waits for its turn.

    What is read is proven to be under the signed root. Memory does not grow with the log.
    """

    def __init__(self, folder: Path, key: VerifyKey, note: bytes, head: Checkpoint) -> None:
        """Use :meth:`create`, :meth:`open` or :meth:`open_for_append`."""
        self.folder = folder
        self.key = key
        self.repairs: tuple[LogFact, ...] = ()
        """What opening had to put right: codes ``entries-adopted``, ``torn-tail-cut``, ``hash-tiles-rebuilt``."""
        self._writer: _Writer | None = None
        self._see(note, head)

    @classmethod
    def exists(cls, folder: Path) -> bool:
        """Whether there is a log, whole or damaged, in ``folder``; a creation cut off before its end is none yet.

        Raises Unavailable when that cannot be looked at: to whoever may not look, nothing is missing.
        """
        with durable.explained(folder):
            return (folder / layout.CHECKPOINT).exists() or recovery.has_entries(folder)

    @classmethod
    def create(cls, folder: Path, origin: str, key: SigningKey) -> Self:
        """Make an empty log and open it for appending. ``origin`` names it, such as ``example.org/host``.

        Its first file is the signed checkpoint of nothing, so a crash leaves a log or none, and creating can be
        repeated. Raises UsageError when there is one already, LogInvalid when there are entries without checkpoint.
        """
        durable.private_dir(folder)
        durable.sweep(folder)
        if recovery.has_entries(folder) and not (folder / layout.CHECKPOINT).exists():
            raise LogInvalid("checkpoint-missing")
        try:
            durable.write_new(folder / layout.CHECKPOINT, notes.sign(Checkpoint(origin, 0, EMPTY_ROOT), key))
        except FileExistsError as error:
            raise UsageError(_("there is a log in {path} already").format(path=folder)) from error
        return cls.open_for_append(folder, key)

    @classmethod
    def open(cls, folder: Path, key: VerifyKey) -> Self:
        """Open for reading: the log as its checkpoint stands now. Takes no lock, writes nothing.

        Raises LogInvalid unless the checkpoint is signed by ``key`` and the hash tiles lead to its root, Unavailable
        when there is no log.
        """
        note, head = recovery.read_note(folder, key)
        log = cls(folder, key, note, head)
        if log.root_at(head.size) != head.root:
            raise LogInvalid("root-differs")
        return log

    @classmethod
    def open_for_append(cls, folder: Path, key: SigningKey) -> Self:
        """Open for reading and appending, after settling what a crash may have left; ``repairs`` says what that was.

        Raises LogInvalid, with nothing written, when the log does not hold together; Unavailable when there is none.
        """
        note, head = recovery.read_note(folder, key.verify_key)
        log = cls(folder, key.verify_key, note, head)
        log._writer = _Writer(folder, key)
        try:
            with log._writer.turn():
                log._settle()
        except BaseException:
            log.close()
            raise
        return log

    def _see(self, note: bytes, head: Checkpoint) -> None:
        self.note = note
        self.checkpoint = head
        self._tiles = Tiles(self.folder, head)

    @property
    def size(self) -> int:
        """How many entries the log has, as far as this object has seen."""
        return self.checkpoint.size

    @property
    def origin(self) -> str:
        """The name of the log."""
        return self.checkpoint.origin

    @property
    def key_id(self) -> str:
        """The id of the key the log is signed with."""
        return self.key.key_id

    def entry(self, index: int) -> Entry:
        """Entry ``index``, proven to be in the log. Raises IndexError beyond its end, EvidenceInvalid."""
        if not 0 <= index < self.size:
            raise IndexError(f"no entry {index} in a log of {self.size}")
        bundle, row = divmod(index, WIDTH)
        return decode_entry(index, self._tiles.proven_bundle(bundle)[row])

    def entries(self, start: int = 0) -> Iterator[Entry]:
        """The entries from ``start`` on, as the log is now, each proven to be in it. Raises EvidenceInvalid."""
        tiles = self._tiles
        for bundle in range(start // WIDTH, (tiles.size + WIDTH - 1) // WIDTH):
            for index, data in enumerate(tiles.proven_bundle(bundle), bundle * WIDTH):
                if index >= start:
                    yield decode_entry(index, data)

    def prove(self, bundle: int) -> None:
        """Hold the 256 entries of a bundle, and the hashes kept of them, against the signed root. Raises LogInvalid."""
        hashes = b"".join(map(leaf_hash, self._tiles.proven_bundle(bundle)))
        if self._tiles.tile(0, bundle) != hashes:
            raise LogInvalid("tile-altered", level=0, tile=bundle)

    def root_at(self, size: int) -> bytes:
        """The root the log had when it had ``size`` entries. Raises IndexError beyond its end, LogInvalid."""
        if not 0 <= size <= self.size:
            raise IndexError(f"no size {size} in a log of {self.size}")
        return self._tiles.root(size)

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """The audit path of entry ``index`` in the log of ``size`` (now). Raises IndexError, LogInvalid."""
        return inclusion_proof(self._tiles.fetch, index, self._size(size))

    def consistency_proof(self, first: int, second: int | None = None) -> list[bytes]:
        """The proof that the log of ``first`` is the beginning of that of ``second`` (now). Raises as above."""
        return consistency_proof(self._tiles.fetch, first, self._size(second))

    def _size(self, size: int | None) -> int:
        if size is None:
            return self.size
        if size > self.size:
            raise IndexError(f"no size {size} in a log of {self.size}")
        return size

    def append(self, predicate: Predicate, subjects: Subjects = ()) -> Entry:
        """Sign and append one statement; it is on disk, under a signed checkpoint, when this returns.

        When it raises, the entry may still be in the log after the next opening. Raises EntryTooLarge before anything
        is written, LogInvalid, StorageFull, Unavailable.
        """
        return self.append_many([(predicate, subjects)])[0]

    def append_many(self, statements: Iterable[tuple[Predicate, Subjects]]) -> list[Entry]:
        """Append several, syncing once for up to 256. After a crash the first so many are there, none out of order."""
        if self._writer is None:
            raise RuntimeError("this log was opened for reading")
        waiting = iter(statements)
        entries: list[Entry] = []
        with self._writer.turn():
            while True:
                self._catch_up()
                # Never past the end of a bundle: a crash then leaves loose ends in one file of each kind only.
                batch = list(islice(waiting, WIDTH - self.size % WIDTH))
                if not batch:
                    return entries
                sealed = [seal(PAYLOAD_TYPE, encode(what, of), [self._writer.key]) for what, of in batch]
                first = self.size
                self._see(*self._writer.commit(self.checkpoint, sealed))
                entries += [decode_entry(first + at, data) for at, data in enumerate(sealed)]

    def _catch_up(self) -> None:
        """See what others appended since, and settle what a write of ours that failed left."""
        if self._writer is None or not self._writer.is_current(self.note):
            self._settle()

    def _settle(self) -> None:
        if self._writer is not None:
            note, head, repairs = self._writer.settle()
            self.repairs += repairs
            self._see(note, head)

    def close(self) -> None:
        """Give back what is open. Reading goes on to work."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def __enter__(self) -> Self:
        """The log itself."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Close it."""
        self.close()


class _Writer:
    """The hand that writes: keeps the frontier of the tree and the length of the bundle being filled."""

    def __init__(self, folder: Path, key: SigningKey) -> None:
        self.folder = folder
        self.key = key
        self._threads = threading.Lock()
        self._range = CompactRange()
        self._used: int | None = None  # None: what is on disk is not known, settle first
        with durable.explained(folder, writing=True):
            self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Alone among the threads of this process and among processes, waiting as long as it takes."""
        with self._threads:
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._lock, fcntl.LOCK_UN)

    def is_current(self, note: bytes) -> bool:
        """Whether the files are as we left them with ``note``."""
        if self._used is None:
            return False
        try:
            if durable.read_capped(self.folder / layout.CHECKPOINT, notes.MAX_NOTE) != note:
                return False
        except (FileNotFoundError, durable.TooLarge):
            return False
        try:
            return (self.folder / layout.bundle_path(self._range.size // WIDTH)).stat().st_size == self._used
        except FileNotFoundError:  # a bundle is made by its first entry
            return self._used == 0

    def settle(self) -> tuple[bytes, Checkpoint, tuple[LogFact, ...]]:
        """Bring the files into order; the checkpoint after that, and what had to be done."""
        self._used = None
        repairs: list[LogFact] = []
        while True:
            found = recovery.inspect(self.folder, self.key.verify_key)
            durable.sweep(self.folder)
            head = found.checkpoint
            if found.stale_tiles and (count := recovery.rebuild_tiles(self.folder, head)):
                repairs.append(fact("hash-tiles-rebuilt", tiles=count, size=head.size))
            if found.torn:
                repairs.append(fact("torn-tail-cut", bytes=found.torn, size=head.size + len(found.adoptable)))
            if found.torn or found.adoptable:
                recovery.cut(self.folder, found)
            self._range, self._used = found.range, found.used
            if not found.adoptable:
                return found.note, head, tuple(repairs)
            repairs.append(fact("entries-adopted", count=len(found.adoptable), index=head.size))
            self._used += layout.packed_size(found.adoptable)
            self._publish(head.origin, found.adoptable)

    def commit(self, head: Checkpoint, entries: Sequence[bytes]) -> tuple[bytes, Checkpoint]:
        """Put ``entries``, of one bundle, on disk and under a new checkpoint."""
        used = self._used
        self._used = None
        if used is None:
            raise RuntimeError("not settled")
        data = layout.pack(entries)
        self._write(layout.bundle_path(self._range.size // WIDTH), data, used)
        note, head = self._publish(head.origin, entries)
        self._used = 0 if head.size % WIDTH == 0 else used + len(data)
        return note, head

    def _publish(self, origin: str, entries: Sequence[bytes]) -> tuple[bytes, Checkpoint]:
        """Hashes, then the checkpoint, of entries that are on disk."""
        first = self._range.size
        rows: dict[int, bytes] = {}
        for entry in entries:
            for level, node in enumerate(self._range.push(leaf_hash(entry))[::8]):
                rows[level] = rows.get(level, b"") + node
        for level, data in rows.items():
            tile, row = divmod(first >> 8 * level, WIDTH)
            self._write(layout.tile_path(level, tile), data, row * HASH)
        head = Checkpoint(origin, self._range.size, self._range.root())
        note = notes.sign(head, self.key)
        durable.write_atomic(self.folder / layout.CHECKPOINT, note)
        return note, head

    def _write(self, name: str, data: bytes, offset: int) -> None:
        """Make the file end with ``data`` at ``offset``, on disk."""
        path = self.folder / name
        if offset == 0:
            durable.private_dir(path.parent)
        with durable.explained(path, writing=True):
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                durable.write_all(fd, data, offset)
                os.ftruncate(fd, offset + len(data))
                os.fsync(fd)
            finally:
                os.close(fd)
            if offset == 0:
                durable.sync_folder(path.parent)

    def close(self) -> None:
        """Give the lock file back."""
        os.close(self._lock)
