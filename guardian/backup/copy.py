"""Bringing restore points to a further repository: the newest first, looked into where they arrive, and signed for.

restic copies; that it ended well proves nothing. A copy counts once the target lists a snapshot with the tree that the
backup's receipt names, and our own decoder has found there everything that this tree leads to. A copying that is cut
off goes on with the next one: what is there already is looked into and not copied again.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

from guardian import __version__, telemetry
from guardian.backup import configuration
from guardian.backup.copied import Copied, Past, past
from guardian.backup.intent import Intent, settle, watch
from guardian.backup.lag import Lag, Point, batches, by_original, candidates, impostors, lag
from guardian.backup.recover import recover
from guardian.backup.replica import Replica, replica
from guardian.clock import rfc3339
from guardian.config.loaded import ResolvedRepository
from guardian.errors import GuardianError, Interrupted, RepositoryDamaged, SnapshotMissing
from guardian.ledger.store import Log
from guardian.model.backup import RunOutcome, Snapshot, Target
from guardian.model.events import Phase, Progress
from guardian.model.evidence import CopyReceipt
from guardian.model.reason import Reason, reason
from guardian.node import Node
from guardian.restic.access import Access
from guardian.restic.client import Restic
from guardian.restic.copying import copy, readable

BATCH = 32
"""Restore points that are copied by one start of restic, once the newest is there."""


def run_copy(node: Node, target: Target, to: ResolvedRepository, slot: datetime | None = None) -> Copied:
    """Bring what ``to`` lacks of the restore points of ``target`` there. What happens to that is data.

    Under the leases of both repositories. Raises only when the log cannot be read or written: without receipts nobody
    knows what is worth copying.
    """
    with node.log() as log:
        configuration.note(node, log)
        run = _Run(node, target, to, log, slot)
        error: GuardianError | None = None
        try:
            run.go()
        except GuardianError as known:
            error = known
        except Exception as fault:  # noqa: BLE001  the log must know, and the next copy must be tried
            error = telemetry.unexpected(fault)
        return run.end(error)


@dataclass(slots=True)
class _Run:
    """One copying, while it goes on."""

    node: Node
    target: Target
    to: ResolvedRepository
    log: Log
    slot: datetime | None
    run_id: str = field(default_factory=lambda: uuid4().hex)
    _started: datetime = field(init=False)
    _begun: float = field(init=False)
    _past: Past = field(default_factory=Past)
    _lag: Lag = field(default_factory=Lag)
    _replica: Replica | None = None
    _reasons: list[Reason] = field(default_factory=list)
    _receipts: list[CopyReceipt] = field(default_factory=list)
    _done: set[int] = field(default_factory=set)
    """Points (by their number in the log) that this run found whole, or gone."""
    _gone: int = 0
    _damaged: int = 0
    _entry: int | None = None
    _added: int | None = None
    _version: str = "-"

    def __post_init__(self) -> None:
        self._started, self._begun = self.node.clock.now(), self.node.clock.monotonic()

    # the way

    def go(self) -> None:
        """Copy. Raises what keeps it from going on."""
        node = self.node
        node.report(Phase("probe", self.target.ref))
        self._past = past(self.log, self.target, self.to.key, node.heed)
        if not self._past.points:
            return
        with self._both() as (source, there), replica(node, self.to.key, there) as self._replica:
            record = node.keys().record(self.to.key)
            found = self._replica.repository_id
            if record is not None and record.repository_id != found:
                self._reasons.append(reason("repository-changed", expected=record.repository_id, found=found))
                return
            self._remark_chunker()
            listed, known = source.snapshots().snapshots, self._past
            self._lag = lag(known.points, listed, self._replica.snapshots(), known.stated, known.removed)
            self._reasons += [_altered(point, listed) for point in self._lag.altered[:_NAMED]]
            newest = self._past.points[-1]
            if newest in self._lag.gone:  # no retention takes that one
                lost = newest.receipt
                self._reasons.append(reason("snapshot-missing", snapshot=lost.snapshot_id, time=lost.ended))
            if self._lag.work:
                before = self._replica.stored()
                self._all(source, there)
                after = self._replica.stored()
                self._added = None if before is None or after is None else max(0, after - before)

    @contextmanager
    def _both(self) -> Iterator[tuple[Restic, Restic]]:
        """Both repositories, leased, and freed from locks that a copying or backup left that was cut off."""
        node, keys = self.node, (self.target.key, self.to.key)
        with ExitStack() as held:
            # In one order, whoever copies what where: no two wait for each other.
            leases = {key: held.enter_context(node.lease(key, "copy")) for key in sorted(keys)}
            source, there = (node.restic(key, leases[key]) for key in keys)
            self._version = there.capability.version_text
            for key, restic in zip(keys, (source, there), strict=True):
                recover(node, restic, self.log, key)
            yield source, there

    def _remark_chunker(self) -> None:
        ours, theirs = self._replica.chunker if self._replica else None, self.node.chunker(self.target.key)
        if None not in (ours, theirs) and ours != theirs:
            self._reasons.append(reason("chunker-differs", "info", origin=self.target.key, repository=self.to.key))

    def _all(self, source: Restic, there: Restic) -> None:
        """Copy part by part; after each, what has arrived is looked into and signed for."""
        lacking = {point.index for point in self._lag.lacking}
        intents = [(self.node.state / "runs" / key, self._intent(key)) for key in (self.target.key, self.to.key)]
        for folder, intent in intents:
            watch(folder, intent)
        with readable(source, there, lambda: self.node.reader(self.target.key)) as access:
            for batch in batches(self._lag.work, BATCH):
                self.node.heed()
                self._part([point for point in batch if point.index in lacking], batch, (access, there, source))
        for folder, intent in intents:
            settle(folder, intent)

    def _part(self, asked: Sequence[Point], batch: Sequence[Point], between: tuple[Access, Restic, Restic]) -> None:
        access, there, source = between
        error = self._copy(asked, access, there)
        missing = self._look(batch)
        while missing and isinstance(error, RepositoryDamaged) and self._damaged < _PATIENCE:
            # restic ends at the first one it cannot read whole; those behind it may well be.
            self._damaged += 1
            snapshot = missing[0].receipt.snapshot_id
            self._fail(missing[0], (reason("copy-damaged", snapshot=snapshot, detail=error.message[:300]),))
            error = self._copy(missing[1:], access, there)
            missing = self._look(missing[1:])
        if error is not None and not (missing and isinstance(error, SnapshotMissing)):
            raise error
        if missing:
            left = {snapshot.id for snapshot in source.snapshots(cache=False).snapshots}
            for point in missing:
                self._unlisted(point, gone=point.receipt.snapshot_id not in left)

    def _copy(self, points: Sequence[Point], access: Access, there: Restic) -> GuardianError | None:
        if not points:
            return None
        self.node.report(Phase("copy", self.target.ref))
        return copy(there, access, [point.receipt.snapshot_id for point in points], self._progress).error

    def _progress(self, done: int, total: int) -> None:
        self.node.report(Progress(done, total, "entries"))

    # the look

    def _look(self, batch: Sequence[Point]) -> list[Point]:
        """Sign for what lies there whole, and for what does not; those that are not there at all."""
        assert self._replica is not None  # noqa: S101  go() has opened it
        if not batch:
            return []
        self.node.report(Phase("confirm", self.target.ref))
        copies = by_original(self._replica.snapshots())
        found = {point.index: candidates(point, copies) for point in batch}
        flaws = self._replica.flaws([snapshot for some in found.values() for snapshot in some])
        missing = []
        for point in batch:
            self._reasons += [
                reason("copy-forged", "warning", snapshot=one.id, original=point.receipt.snapshot_id)
                for one in impostors(point, copies)[:_NAMED]
            ]
            whole = next((one for one in found[point.index] if not flaws[one.id]), None)
            if whole is not None:
                self._done.add(point.index)
                self._state(point, "complete", whole.id)
            elif found[point.index]:
                first = found[point.index][0].id
                said = reason("copy-incomplete", snapshot=first, original=point.receipt.snapshot_id)
                self._fail(point, (said, *flaws[first]))
            else:
                missing.append(point)
        return missing

    def _unlisted(self, point: Point, *, gone: bool) -> None:
        snapshot = point.receipt.snapshot_id
        if gone:  # forgotten while we were at it: there is nothing to copy any more
            self._done.add(point.index)
            self._gone += 1
            newest = point is self._past.points[-1]
            self._reasons.append(reason("copy-source-gone", "critical" if newest else "warning", snapshot=snapshot))
        else:
            self._fail(point, (reason("copy-not-listed", snapshot=snapshot),))

    # the log

    def _fail(self, point: Point, reasons: tuple[Reason, ...]) -> None:
        self._reasons += reasons
        self._state(point, "failed", None, reasons)

    def _state(self, point: Point, outcome: RunOutcome, copy_id: str | None, reasons: tuple[Reason, ...] = ()) -> None:
        receipt, node = point.receipt, self.node
        record = node.keys().record(self.to.key)
        said = CopyReceipt(
            run_id=self.run_id,
            tenant=node.tenant,
            host=node.host,
            system=self.target.system,
            source=self.target.source,
            repository=self.target.key,
            repository_id=receipt.repository_id,
            snapshot_id=receipt.snapshot_id,
            receipt=point.leaf_hash,
            to=self.to.key,
            to_id=self._replica.repository_id if self._replica else (record.repository_id if record else ""),
            copy_id=copy_id,
            tree_id=receipt.tree_id,
            outcome=outcome,
            reasons=reasons,
            bytes=receipt.counts.bytes,
            started=rfc3339(self._started),
            ended=rfc3339(node.clock.now()),
            tools={"guardian": __version__, "restic": self._version},
            slot=rfc3339(self.slot) if self.slot else None,
        )
        about = [("snapshot", receipt.snapshot_id), ("tree", receipt.tree_id)]
        self._entry = self.log.append(said, [*about, ("copy", copy_id)] if copy_id else about).index
        self._receipts.append(said)

    def end(self, error: GuardianError | None) -> Copied:
        """The verdict; what could not be copied at all is on record too."""
        open_points = [point for point in self._lag.work if point.index not in self._done]
        if error is not None:
            self._reasons.append(reason(error.code))
            newest = open_points or [point for point in self._past.points[-1:] if not self._past.holds(point)]
            if newest and not isinstance(error, Interrupted):
                self._state(newest[0], "failed", None, (reason(error.code),))
        copied = len(self._done) - self._gone
        bad = error is not None or any(one.severity == "critical" for one in self._reasons)
        outcome: RunOutcome = ("partial" if copied else "failed") if bad or open_points else "complete"
        if not self._past.points and error is None:
            outcome = "skipped"
            self._reasons.append(reason("never-backed-up", "warning"))
        return Copied(
            target=self.target,
            to=self.to.key,
            outcome=outcome,
            reasons=tuple(self._reasons),
            receipts=tuple(self._receipts),
            copied=copied,
            lacking=len(open_points),
            added_bytes=self._added,
            seconds=round(self.node.clock.monotonic() - self._begun, 3),
            entry=self._entry,
            error=error,
        )

    def _intent(self, key: str) -> Intent:
        return Intent(
            run_id=self.run_id,
            system=self.target.system,
            source=self.target.source,
            repository=key,
            started=rfc3339(self._started),
        )


_NAMED = 5
_PATIENCE = 3
"""Restore points that cannot be read whole, after which a run gives up: each costs a start of restic."""


def _altered(point: Point, listed: Iterable[Snapshot]) -> Reason:
    receipt = point.receipt
    found = next((one.tree for one in listed if one.id == receipt.snapshot_id), "-")
    return reason("snapshot-altered", snapshot=receipt.snapshot_id, expected=receipt.tree_id, found=found)
