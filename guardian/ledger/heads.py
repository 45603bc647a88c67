"""Where the newest statement about each source stands: a projection of the log, never the truth.

The file can be lost, damaged or come from another log: it is then made anew. What it points at is read from the
log with proof.
"""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from guardian import durable
from guardian.errors import Unavailable
from guardian.ledger.store import Log
from guardian.model.border import Sha256, Stated
from guardian.model.evidence import BackupReceipt, Entry, NoBackup

_LIMIT = 64 << 20
_VERSION = 1


class Attempts(Stated):
    """Runs since the newest receipt that did not end in a backup: how many, and the index of the last."""

    count: int = 0
    last: int | None = None


class _Head(Stated):
    system: str
    source: str
    repository: str
    index: int | None = None
    leaf: Sha256 | None = None
    attempts: Attempts = Attempts()


class _File(Stated):
    version: int
    key_id: str
    size: int
    root: Sha256
    heads: tuple[_Head, ...]


class Heads:
    """The newest receipts in ``log``, kept in the file ``path`` so that not every run reads the whole log.

    Not for several threads at once. A file that cannot be written is no error: the next run reads more.
    """

    def __init__(self, log: Log, path: Path) -> None:
        """Nothing is read before the first question."""
        self._log = log
        self._path = path
        self._size = -1
        self._heads: dict[tuple[str, str, str], _Head] = {}

    def latest(self, system: str, source: str, repository: str) -> Entry | None:
        """The newest backup receipt of a source in a repository (by key); None when there is none.

        Raises EvidenceInvalid when the log does not hold together there.
        """
        self._catch_up()
        head = self._heads.get((system, source, repository))
        if head is None or head.index is None:
            return None
        entry = self._log.entry(head.index)
        said = entry.predicate
        named = isinstance(said, BackupReceipt) and (said.system, said.source, said.repository)
        if entry.leaf_hash.hex() == head.leaf and named == (system, source, repository):
            return entry
        # The file lied. It is only a projection: read the log.
        self._rebuild()
        head = self._heads.get((system, source, repository))
        return None if head is None or head.index is None else self._log.entry(head.index)

    def attempts(self, system: str, source: str, repository: str) -> Attempts:
        """The runs of a source since its newest receipt that did not end in a backup."""
        self._catch_up()
        head = self._heads.get((system, source, repository))
        return Attempts() if head is None else head.attempts

    def _catch_up(self) -> None:
        if self._size < 0:
            self._load()
        if self._size < self._log.size:
            self._follow()

    def _rebuild(self) -> None:
        self._size, self._heads = 0, {}
        self._follow()

    def _load(self) -> None:
        self._size, self._heads = 0, {}
        try:
            file = _File.model_validate(json.loads(durable.read_capped(self._path, _LIMIT)))
        except (FileNotFoundError, Unavailable, ValueError, RecursionError, ValidationError):
            return
        if file.version != _VERSION or file.key_id != self._log.key_id or not 0 <= file.size <= self._log.size:
            return
        if self._log.root_at(file.size).hex() == file.root and all(_fits(head, file) for head in file.heads):
            self._size = file.size
            self._heads = {(head.system, head.source, head.repository): head for head in file.heads}

    def _follow(self) -> None:
        size = self._log.size
        for entry in self._log.entries(self._size):
            if entry.index >= size:
                break
            self._take(entry)
        self._size = size
        self._save()

    def _take(self, entry: Entry) -> None:
        said = entry.predicate
        if not isinstance(said, BackupReceipt | NoBackup):
            return
        key = (said.system, said.source, said.repository)
        changes: dict[str, Any]
        if isinstance(said, BackupReceipt):
            changes = {"index": entry.index, "leaf": entry.leaf_hash.hex(), "attempts": Attempts()}
        else:
            before = self._heads[key].attempts.count if key in self._heads else 0
            changes = {"attempts": Attempts(count=before + 1, last=entry.index)}
        head = self._heads.get(key) or _Head(system=key[0], source=key[1], repository=key[2])
        self._heads[key] = head.model_copy(update=changes)

    def _save(self) -> None:
        heads = tuple(head for _key, head in sorted(self._heads.items()))
        root = self._log.root_at(self._size).hex()
        file = _File(version=_VERSION, key_id=self._log.key_id, size=self._size, root=root, heads=heads)
        try:
            durable.write_atomic(self._path, file.model_dump_json().encode())
        except Unavailable:
            pass  # a projection: what could not be kept is read again next time


def _fits(head: _Head, file: _File) -> bool:
    return head.index is None or 0 <= head.index < file.size
