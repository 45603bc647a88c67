"""Freeing what nothing needs any more: when it is worth it, when it is safe, and looked at before and after.

A prune writes new packs and a new index before it takes old ones away, so one that is ended at any instant leaves a
repository that is whole, and the next one goes on. It is never begun in a repository that is damaged, in use, or that
this machine's memory cannot hold.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import uuid4

from guardian import __version__
from guardian.backup import memory
from guardian.backup.intent import Intent, settle, watch
from guardian.backup.rights import Right, may_delete, refused
from guardian.clock import rfc3339
from guardian.errors import GuardianError, Interrupted, RepositoryLocked, StorageRefused
from guardian.ledger.store import Log
from guardian.model.drill import DrillOutcome
from guardian.model.events import Phase, Progress
from guardian.model.reason import Reason, reason
from guardian.model.removal import MaintenanceOutcome, Prune
from guardian.node import Node
from guardian.restic.client import Restic
from guardian.restic.removal import PruneFigures, prune, prune_asked

MAX_UNUSED: Final = "5%"
"""What may stay unused: packs that are nearly full of what is needed are not written anew."""
WORTH: Final = 0.10
"""A prune is begun when so much of the repository is unused."""
THREADS: Final = 4
_UNREAD: Final = frozenset({"object-unreadable", "blob-too-large", "storage-unreachable", "storage-refused"})
_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Look:
    """What our own decoder found of the structure, and how long the index files are. None: it has no way there."""

    outcome: DrillOutcome | None
    reasons: tuple[Reason, ...] = ()
    index_bytes: int | None = None
    stored_bytes: int | None = None


@dataclass(slots=True)
class Pruning:
    """One prune of a repository, with its lease in hand. ``whole``: every snapshot could be read."""

    node: Node
    key: str
    log: Log
    restic: Restic
    whole: bool = True
    _started: datetime = field(init=False)
    _figures: PruneFigures = field(default_factory=PruneFigures, init=False)
    _before: Look = field(default_factory=lambda: Look(None), init=False)
    _after: Look = field(default_factory=lambda: Look(None), init=False)
    _right: Right | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._started = self.node.clock.now()

    @property
    def refused(self) -> bool:
        """Whether the storage said that this identity may not delete."""
        return self._right is not None and self._right.allowed is False

    def go(self) -> tuple[Prune | None, int | None]:
        """Prune if it is worth it; what came of it, and its statement's index. None where there was nothing to do.

        Raises Interrupted, after putting that on record.
        """
        try:
            outcome, reasons = self._go()
        except Interrupted:
            self._state("partial", (reason("prune-interrupted", "info"),))
            raise
        except RepositoryLocked:
            outcome, reasons = "skipped", (reason("prune-in-use", "info"),)
        except StorageRefused:
            outcome, reasons = "skipped", (reason("delete-refused", "warning"),)
        except GuardianError as error:
            outcome, reasons = "failed", (reason(error.code),)
        if outcome == "complete" and not reasons and self._figures.removed is None:
            return None, None
        return self._state(outcome, reasons)

    def _go(self) -> tuple[MaintenanceOutcome, tuple[Reason, ...]]:
        node = self.node
        if why := self._not_now():
            return "skipped", (why,)
        # Before restic is asked: over a pack that is gone it would try for most of a minute.
        self._before = self._look()
        if unsafe := self._unsafe(self._before):
            return unsafe
        node.report(Phase("prune", self.key))
        with self._watched():
            self._figures = prune_asked(self.restic, MAX_UNUSED)
        if not worth(self._figures):
            return "complete", (reason("prune-not-worth", "info", share=percent(self._figures)),)
        with self._watched():
            prune(self.restic, MAX_UNUSED, on_progress=self._progress)
        self._after = self._look()
        if self._after.outcome == "FAIL":
            return "failed", (reason("prune-left-damage"), *self._after.reasons)
        return "complete", ()

    def _not_now(self) -> Reason | None:
        """What stands in the way of touching anything."""
        if not self.whole:
            return reason("prune-unreadable", "warning")
        self._right = may_delete(self.node, self.key)
        if self._right.allowed is False:
            return refused(self._right)
        self.restic.clear_stale_locks(lease_held=False)
        locks = self.restic.lock_ids()
        return reason("prune-in-use", "info", locks=len(locks)) if locks else None

    def _progress(self, done: int, total: int) -> None:
        self.node.report(Progress(done, total, "entries"))

    def _watched(self) -> "_Watched":
        return _Watched(self.node, self.key)

    def _unsafe(self, look: Look) -> tuple[MaintenanceOutcome, tuple[Reason, ...]] | None:
        if look.outcome == "FAIL":
            return "failed", (reason("prune-damaged"), *look.reasons)
        if look.outcome == "COULD_NOT_VERIFY":
            return "failed", (reason("prune-not-looked", "warning"), *look.reasons)
        wanted = memory.wanted(look.index_bytes) if look.index_bytes is not None else 0
        there = memory.available()
        if there is not None and wanted > there:
            return "skipped", (reason("prune-memory", "warning", wanted=wanted, available=there),)
        return None

    def _look(self) -> Look:
        self.node.report(Phase("check", self.key))
        return look(self.node, self.key)

    def _state(self, outcome: MaintenanceOutcome, reasons: tuple[Reason, ...]) -> tuple[Prune, int]:
        asked, node = self._figures, self.node
        record = node.keys(given=False).record(self.key)
        unused = None if asked.removed is None else asked.removed + (asked.unused_left or 0)
        total = self._total(outcome)
        before, after = self._before.stored_bytes, self._after.stored_bytes
        freed = before - after if before is not None and after is not None else None
        said = Prune(
            prune_id=uuid4().hex,
            tenant=node.tenant,
            host=node.host,
            repository=self.key,
            repository_id=record.repository_id if record else "",
            outcome=outcome,
            reasons=reasons,
            unused_bytes=unused,
            total_bytes=total,
            freed_bytes=freed,
            structure_before=self._before.outcome,
            structure_after=self._after.outcome,
            identity=self._right.identity if self._right else "backup",
            started=rfc3339(self._started),
            ended=rfc3339(node.clock.now()),
            tools={"guardian": __version__, "restic": self.restic.capability.version_text},
        )
        return said, self.log.append(said).index

    def _total(self, outcome: MaintenanceOutcome) -> int | None:
        """How large it was before: by restic, by the look, or, where nothing was looked at, by a list of its packs."""
        if self._figures.removed is not None and self._figures.left is not None:
            return self._figures.removed + self._figures.left
        if self._before.stored_bytes is not None or outcome != "skipped":
            return self._before.stored_bytes
        try:
            return stored(self.node, self.key)
        except Interrupted:
            raise
        except GuardianError:
            return None  # it is a figure beside what is to be told


class _Watched:
    """While restic has the repository for itself: what it leaves, cut off, is found by the next run."""

    def __init__(self, node: Node, key: str) -> None:
        self._folder = node.state / "runs" / key
        self._intent = Intent(
            run_id=uuid4().hex, system="", source="", repository=key, started=rfc3339(node.clock.now())
        )

    def __enter__(self) -> None:
        watch(self._folder, self._intent)

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        if kind is None:
            settle(self._folder, self._intent)


def worth(asked: PruneFigures) -> bool:
    """Whether so much is unused that freeing it is worth the reading and writing. Unknown is worth a try."""
    if asked.removed is None or asked.left is None:
        return True
    total = asked.removed + asked.left
    return asked.removed > 0 and asked.removed + (asked.unused_left or 0) >= WORTH * total


def percent(asked: PruneFigures) -> int:
    """The share that is unused, in whole percent."""
    total = (asked.removed or 0) + (asked.left or 0)
    return round(100 * ((asked.removed or 0) + (asked.unused_left or 0)) / total) if total else 0


def look(node: Node, key: str) -> Look:
    """Whether every part of every restore point is there, by our own decoder. Raises what the reader raises."""
    from guardian.decoder.repository import open_repository  # noqa: PLC0415  start-up stays quick

    with node.reader(key) as reader, ThreadPoolExecutor(THREADS, "look") as executor:
        if reader is None:
            return Look(None)
        keys = node.keys()
        record = keys.record(key)
        repository = open_repository(reader, keys.password(key), (record and record.restic_key_id) or "")
        loaded = repository.load()

        def step(trees: int) -> None:
            node.heed()
            node.report(Progress(trees, unit="entries"))

        packs = loaded.pack_findings()
        structure = loaded.check_structure(executor, report=step)
        found = [one for part in (loaded.findings, packs, structure.findings) for one in part.kept]
        stored = sum(pack.size for pack in loaded.packs() if pack.size > 0)
        index = sum(size for _name, size in reader.list("index/"))
        return Look(_verdict(found), tuple(_worst(found)), index, stored)


def stored(node: Node, key: str) -> int | None:
    """How many bytes its packs have together; None when our own reader has no way there. Raises as the reader does."""
    with node.reader(key) as reader:
        return None if reader is None else sum(size for _name, size in reader.list("data/"))


def _verdict(found: Iterable[Reason]) -> DrillOutcome:
    seen = tuple(found)
    if any(one.severity == "critical" and one.code not in _UNREAD for one in seen):
        return "FAIL"
    return "COULD_NOT_VERIFY" if any(one.code in _UNREAD for one in seen) else "PASS"


def _worst(found: Iterable[Reason]) -> list[Reason]:
    return [one for one in found if one.severity == "critical" or one.code in _UNREAD][:_NAMED]
