"""Is a log what its signer vouched for? Bytes and public keys in, a verdict out; no network, no clock.

Works on the folder of a live log and on an export. Memory does not grow with the log.
"""

import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from guardian.errors import EvidenceInvalid
from guardian.keys.signing import VerifyKey
from guardian.ledger import layout, recovery
from guardian.ledger.envelope import signers, unseal
from guardian.ledger.invalid import LogFact, LogInvalid, fact
from guardian.ledger.layout import HASH, WIDTH
from guardian.ledger.statement import dissect
from guardian.ledger.tiles import Tiles
from guardian.ledger.tree import CompactRange, leaf_hash
from guardian.model.evidence import PAYLOAD_TYPE, Checkpoint

Progress = Callable[[int, int], None]

_IN_FLIGHT = 4
"""Bundles a verifying thread may be behind."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was checked, and the first thing that is wrong (None: the log holds together).

    ``entries`` and ``signatures`` count what was found good. ``tail_bytes`` follow the last entry of the checkpoint:
    no evidence yet; the next opening for appending adopts or cuts them.
    """

    origin: str = ""
    size: int = 0
    root: bytes = b""
    """The root of the checkpoint; empty when no checkpoint could be trusted."""
    key_id: str = ""
    """The key that signed the checkpoint."""
    entries: int = 0
    signatures: int = 0
    tail_bytes: int = 0
    problem: LogFact | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return self.problem is None


def verify_log(
    folder: Path, keys: Sequence[VerifyKey], *, signatures: bool = True, progress: Progress | None = None
) -> Verdict:
    """Check checkpoint, entries, hash tiles and every entry's signature against ``keys``.

    Without ``signatures`` those of the entries are left out: the signed root vouches for them then. ``progress`` is
    called with the entries done and their number. Bad evidence is a verdict; raises Unavailable only when something
    could not be read, or there is no log.
    """
    try:
        key, head = _checkpoint(folder, keys)
    except LogInvalid as error:
        return Verdict(problem=error.problem)
    walk = _Walk(folder, head)
    checker = _Signatures(keys) if signatures else None
    try:
        problem = walk.run(checker, progress)
        tail_bytes = walk.tail_bytes()
    except LogInvalid as error:
        problem, tail_bytes = error.problem, 0
    finally:
        if checker:
            checker.pool.shutdown(cancel_futures=True)
    return Verdict(
        origin=head.origin,
        size=head.size,
        root=head.root,
        key_id=key.key_id,
        entries=walk.range.size,
        signatures=checker.good if checker else 0,
        tail_bytes=tail_bytes,
        problem=problem,
    )


def _checkpoint(folder: Path, keys: Sequence[VerifyKey]) -> tuple[VerifyKey, Checkpoint]:
    """The checkpoint and the first of ``keys`` that signed it. Raises LogInvalid, Unavailable."""
    for key in keys:
        try:
            return key, recovery.read_note(folder, key)[1]
        except LogInvalid as error:
            if error.problem.code != "checkpoint-signature":
                raise
    raise LogInvalid("checkpoint-signature")


class _Walk:
    """One pass over a log: the tree is built anew from the entries, and the tiles compared on the way."""

    def __init__(self, folder: Path, head: Checkpoint) -> None:
        self._folder = folder
        self._head = head
        self._tiles = Tiles(folder, head)
        self._suspect: LogInvalid | None = None
        self.range = CompactRange()
        self._rows: dict[int, bytearray] = {}

    def run(self, checker: "_Signatures | None", progress: Progress | None) -> LogFact | None:
        """The first bad signature; raises LogInvalid for anything wrong with the tree."""
        bundles = (self._head.size + WIDTH - 1) // WIDTH
        for index in range(bundles):
            entries = self._tiles.bundle(index)
            self._take([leaf_hash(entry) for entry in entries])
            if checker:
                checker.submit(index * WIDTH, entries)
            if progress:
                progress(self.range.size, self._head.size)
        for level, rows in self._rows.items():
            if rows:
                self._compare(level, (self.range.size >> 8 * level) // WIDTH, rows)
        if self.range.root() != self._head.root:
            # Where an entry and its hash disagree is the better answer than that the whole does not fit.
            if self._suspect and self._suspect.problem.code == "entry-altered":
                raise self._suspect
            raise LogInvalid("root-differs")
        if self._suspect:
            raise _as_tile(self._suspect)
        return checker.first_problem() if checker else None

    def _take(self, leaves: list[bytes]) -> None:
        for leaf in leaves:
            for level, row in enumerate(self.range.push(leaf)[::8]):
                rows = self._rows.setdefault(level, bytearray())
                rows += row
                if len(rows) == WIDTH * HASH:
                    self._compare(level, (self.range.size >> 8 * level) // WIDTH - 1, rows)
                    rows.clear()

    def _compare(self, level: int, tile: int, rows: bytearray) -> None:
        """Hold a tile against the hashes it should have; remember the first that is wrong."""
        if self._suspect:
            return
        try:
            data = self._tiles.tile(level, tile)
        except LogInvalid as error:
            self._suspect = error
            return
        if data == rows:
            return
        if level == 0:
            row = next(at for at in range(0, len(rows), HASH) if data[at : at + HASH] != rows[at : at + HASH]) // HASH
            self._suspect = LogInvalid("entry-altered", index=tile * WIDTH + row)
        else:
            self._suspect = LogInvalid("tile-altered", level=level, tile=tile)

    def tail_bytes(self) -> int:
        """How many bytes of entries follow those of the checkpoint."""
        index, covered = divmod(self._head.size, WIDTH)
        used = layout.packed_size(self._tiles.bundle(index)) if covered else 0
        total = -used
        while size := len(layout.read_part(self._folder, layout.bundle_path(index), covered, layout.MAX_BUNDLE)):
            total += size
            index, covered = index + 1, 0
        return total


def _as_tile(suspect: LogInvalid) -> LogInvalid:
    """The entries lead to the signed root, so it is the tile that is wrong and not the entry."""
    if suspect.problem.code != "entry-altered":
        return suspect
    return LogInvalid("tile-altered", level=0, tile=suspect.problem.figures["index"] // WIDTH)


class _Signatures:
    """Checks bundles in threads: the library lets go of the interpreter while it computes."""

    def __init__(self, keys: Sequence[VerifyKey]) -> None:
        self._keys = tuple(keys)
        workers = min(8, os.cpu_count() or 1)
        self.pool = ThreadPoolExecutor(workers, "ledger-verify")
        self._limit = workers * _IN_FLIGHT
        self._waiting: deque[Future[tuple[int, LogFact | None]]] = deque()
        self._problem: LogFact | None = None
        self.good = 0

    def submit(self, first: int, entries: list[bytes]) -> None:
        """Have ``entries``, which begin at index ``first``, checked; waits when too many are under way."""
        if self._problem is None:
            self._waiting.append(self.pool.submit(_check, first, entries, self._keys))
        while len(self._waiting) >= self._limit:
            self._collect()

    def first_problem(self) -> LogFact | None:
        """Wait for all; the problem with the lowest index."""
        while self._waiting:
            self._collect()
        return self._problem

    def _collect(self) -> None:
        good, problem = self._waiting.popleft().result()
        if self._problem is None:
            self.good += good
            self._problem = problem


def _check(first: int, entries: list[bytes], keys: tuple[VerifyKey, ...]) -> tuple[int, LogFact | None]:
    """How many entries from the first on are statements signed by one of ``keys``, and what is wrong with the next."""
    for index, data in enumerate(entries, first):
        try:
            envelope = unseal(data)
            if not signers(envelope, keys):
                return index - first, fact("entry-signature", index=index)
            if envelope.payload_type != PAYLOAD_TYPE:
                return index - first, fact("entry-unreadable", index=index)
            dissect(envelope.payload)
        except (EvidenceInvalid, ValueError):
            return index - first, fact("entry-unreadable", index=index)
    return len(entries), None
