"""What the log says of a source's suspicious backups: which are open, which point is the last clean one, and by which
churns the next backup is judged.

The log alone decides. A file beside it keeps what was read, so that a backup does not read the whole log; it can be
lost, and is then made anew.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from guardian import durable
from guardian.durable import private_dir
from guardian.errors import Unavailable
from guardian.ledger.store import Log
from guardian.model.backup import Target
from guardian.model.border import Sha256, Stated
from guardian.model.churn import Churn, Judgement
from guardian.model.evidence import BackupReceipt, Entry, Suspicion, SuspicionCleared

MARK = "suspicious"
"""The code of the reason by which a receipt says that its backup is suspicious."""

HISTORY = 730
"""Churns that are kept: two years of daily backups, a month of hourly ones."""
_LIMIT = 16 << 20
_VERSION = 1


class Marked(Stated):
    """A suspicious backup that nobody has cleared: its snapshot, and the index of its receipt or its suspicion."""

    snapshot_id: Sha256
    index: int
    at: str


class Trail(Stated):
    """What is known of one source in one repository. ``clean`` is the index of the last clean point's receipt.

    Backups of the time in which something is suspicious teach nothing: they are in ``waiting`` until a person has said
    that all was harmless, and are forgotten when it was not.
    """

    clean: int | None = None
    newest: int | None = None
    marked: tuple[Marked, ...] = ()
    history: tuple[Churn, ...] = ()
    waiting: tuple[Churn, ...] = ()

    def after(self, entry: Entry) -> "Trail":
        """The trail once ``entry``, a statement about this source, is in the log."""
        said = entry.predicate
        if isinstance(said, BackupReceipt):
            return self._backed_up(entry.index, said)
        if isinstance(said, Suspicion):
            return self.with_mark(Marked(snapshot_id=said.snapshot_id, index=entry.index, at=said.at))
        return self._cleared(said) if isinstance(said, SuspicionCleared) else self

    def _backed_up(self, index: int, receipt: BackupReceipt) -> "Trail":
        here = self.model_copy(update={"newest": index})
        churn = (receipt.churn,) if receipt.churn else ()
        if is_marked(receipt):
            mark = Marked(snapshot_id=receipt.snapshot_id, index=index, at=receipt.started)
            return here.model_copy(update={"waiting": self.waiting or churn}).with_mark(mark)
        if self.marked:
            return here
        return here.model_copy(update={"clean": index, "history": (*self.history, *churn)[-HISTORY:]})

    def with_mark(self, mark: Marked) -> "Trail":
        """The trail with one more suspicious snapshot, unless it is known."""
        if any(one.snapshot_id == mark.snapshot_id for one in self.marked):
            return self
        return self.model_copy(update={"marked": (*self.marked, mark)[-HISTORY:]})

    def _cleared(self, said: SuspicionCleared) -> "Trail":
        left = tuple(one for one in self.marked if one.snapshot_id not in said.snapshots)
        if left or not self.marked:
            return self.model_copy(update={"marked": left})
        done = self.model_copy(update={"marked": (), "waiting": ()})
        if not said.harmless:
            return done  # the last clean point stays what it was until a backup is found to be clean against it
        history = (*self.history, *self.waiting)[-HISTORY:]
        return done.model_copy(update={"clean": self.newest, "history": history})


def is_marked(receipt: BackupReceipt) -> bool:
    """Whether the backup was called suspicious when it was made."""
    return any(told.code == MARK for told in receipt.reasons)


def concerns(entry: Entry, key: tuple[str, str, str]) -> bool:
    """Whether ``entry`` says something of the backups of ``key``: system, source, repository (its key)."""
    said = entry.predicate
    if not isinstance(said, BackupReceipt | Suspicion | SuspicionCleared):
        return False
    return (said.system, said.source, said.repository) == key


def trail_of(entries: Iterable[Entry], key: tuple[str, str, str]) -> Trail:
    """The trail of one source by the whole log. Pure."""
    trail = Trail()
    for entry in entries:
        if concerns(entry, key):
            trail = trail.after(entry)
    return trail


@dataclass(frozen=True, slots=True)
class Found:
    """A judgement, and when the clean backup was begun that it was made against."""

    judgement: Judgement
    clean_at: str | None


class _File(Stated):
    version: int
    key_id: str
    size: int
    root: Sha256
    trail: Trail


@dataclass(frozen=True, slots=True)
class Past:
    """One source's trail, and the receipt of its last clean point."""

    trail: Trail
    clean: BackupReceipt | None

    @property
    def history(self) -> Sequence[Churn]:
        """The churns that the next backup is judged by, oldest first."""
        return self.trail.history


def past(log: Log, state: Path, target: Target) -> Past:
    """What ``log`` says of a source so far, with what was read before from ``state``. Raises EvidenceInvalid."""
    trail = read_trail(log, state, target)
    clean = log.entry(trail.clean).predicate if trail.clean is not None else None
    return Past(trail, clean if isinstance(clean, BackupReceipt) else None)


def read_trail(log: Log, state: Path, target: Target) -> Trail:
    """The trail of one source; only entries that are new since the last time are read. Raises EvidenceInvalid."""
    path = state / "churn" / f"{target.system}.{target.source}.{target.key}.json"
    key = (target.system, target.source, target.key)
    start, trail = _load(log, path)
    size = log.size
    for entry in log.entries(start):
        if entry.index >= size:
            break
        if concerns(entry, key):
            trail = trail.after(entry)
    if size > start:
        _save(log, path, size, trail)
    return trail


def _load(log: Log, path: Path) -> tuple[int, Trail]:
    try:
        file = _File.model_validate(json.loads(durable.read_capped(path, _LIMIT)))
    except (FileNotFoundError, Unavailable, ValueError, RecursionError, ValidationError):
        return 0, Trail()
    fits = file.version == _VERSION and file.key_id == log.key_id and 0 <= file.size <= log.size
    if not fits or log.root_at(file.size).hex() != file.root or not _inside(file.trail, file.size):
        return 0, Trail()
    return file.size, file.trail


def _inside(trail: Trail, size: int) -> bool:
    named = [trail.clean, trail.newest, *(one.index for one in trail.marked)]
    return all(index is None or 0 <= index < size for index in named)


def _save(log: Log, path: Path, size: int, trail: Trail) -> None:
    file = _File(version=_VERSION, key_id=log.key_id, size=size, root=log.root_at(size).hex(), trail=trail)
    try:
        private_dir(path.parent)
        durable.write_atomic(path, file.model_dump_json(exclude_defaults=True).encode())
    except Unavailable:
        pass  # a projection: what could not be kept is read again next time
