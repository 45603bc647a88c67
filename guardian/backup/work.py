"""Running restic for a job, and looking at what it made: with our own decoder, else with restic once more."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal

from guardian.backup.attempt import Attempt
from guardian.backup.compare import Base, Compared, compare
from guardian.backup.sample import Changes, Ranking, take
from guardian.backup.witness import Sighting, Witness
from guardian.errors import SnapshotMissing
from guardian.model.backup import LocksSeen, Snapshot, SourceSample
from guardian.model.events import Phase, Progress
from guardian.model.reason import Reason, reason
from guardian.restic.client import BackupReport, FilesBackup, Restic, StreamBackup
from guardian.sources import FilesJob, Job, StreamJob


@dataclass(frozen=True, slots=True)
class Done:
    """What restic reported, what the repository lists, and what the source's sample digests are."""

    report: BackupReport
    repository_id: str
    snapshot: Snapshot | None
    sample: SourceSample | None
    changed: Changes
    remarks: tuple[Reason, ...]
    parent: str | None
    unseen: tuple[str, ...] = ()
    """Roots that restic never named: an exclude took them out, though the snapshot lists them as its paths."""
    flaws: tuple[Reason, ...] = ()
    """What of the snapshot, or of its root tree, cannot be read back."""
    compared: Compared = field(default_factory=Compared)
    locks: LocksSeen | None = None


class OtherRepository(Exception):
    """The repository is not the one on record. ``snapshot`` is what was saved there before that was known."""

    def __init__(self, expected: str, found: str, snapshot: Snapshot | None = None) -> None:
        super().__init__(found)
        self.expected, self.found, self.snapshot = expected, found, snapshot


@dataclass(slots=True)
class Work:
    """One restic backup. ``known`` (the repository on record), ``parent`` and ``anchor`` are our own records.

    That the repository is the known one is proven by its configuration, or by the parent, since only that one has it:
    of a stream before its producer starts, of files when restic has ended.
    """

    attempt: Attempt
    restic: Restic
    known: str | None
    parent: str | None
    anchor: str
    base: Base | None = None
    """What this backup is compared with; None for nothing."""
    _witness: Witness = field(init=False)
    _ranking: Ranking = field(init=False)
    _seed: bytes = field(init=False)
    _started_ns: int = field(init=False)
    _changed: Changes = field(init=False)
    _identity: str = ""
    _unseen: dict[bytes, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._seed = os.urandom(32)
        self._ranking = Ranking(self._seed)
        self._started_ns = int(self.attempt.node.clock.now().timestamp() * 1e9)
        self._changed = Changes(self._started_ns)

    def run(self, job: Job) -> Done:
        """Back up ``job`` and look at the result."""
        report, ref = self.attempt.node.report, self.attempt.target.ref
        with Witness(self.attempt.node, self.attempt.target.key) as self._witness:
            report(Phase("backup", ref))
            said, remarks = self._with_parent(job) if isinstance(job, FilesJob) else self._stream(job)
            report(Phase("confirm", ref))
            # The source is hashed meanwhile: both looks wait for other machines more than they work.
            with ThreadPoolExecutor(1) as pool:
                files = isinstance(job, FilesJob)
                taking = pool.submit(take, self._ranking, self._seed, self._started_ns) if files else None
                seen = self._confirm(said)
                self._identify(self._witness.identity() or self._identity or self._who(), seen.snapshot)
                return Done(
                    report=said,
                    repository_id=self._identity,
                    snapshot=seen.snapshot,
                    sample=taking.result() if taking else None,
                    changed=self._changed,
                    remarks=(*remarks, *self._witness.remarks),
                    parent=self.parent,
                    unseen=tuple(map(os.fsdecode, self._unseen)),
                    flaws=seen.flaws,
                    compared=self._compare(job, said, seen),
                    locks=self._witness.locks(),
                )

    def _with_parent(self, job: FilesJob) -> tuple[BackupReport, tuple[Reason, ...]]:
        try:
            said = self._files(job)
        except SnapshotMissing:
            if self.parent is None:
                raise
            self._identify(self._who())
            # Somebody deleted it behind our back. The data is saved all the same; a drill will name the loss.
            remark = reason("parent-missing", "warning", snapshot=self.parent)
            self.parent = None
            return self._files(job), (remark,)
        if self.parent and self.known:
            self._identity = self.known
        return said, ()

    def _who(self) -> str:
        """The id of the repository, by our own look at it, else by restic's."""
        return self._witness.identity() or self.restic.config().id

    def _identify(self, found: str, snapshot: Snapshot | None = None) -> None:
        if self.known not in (None, found):
            raise OtherRepository(str(self.known), found, snapshot)
        self._identity = found

    def _files(self, job: FilesJob) -> BackupReport:
        def begin() -> None:
            self._ranking, self._changed = Ranking(self._seed), Changes(self._started_ns)
            self._unseen = dict.fromkeys(map(os.fsencode, job.roots))

        return self.restic.backup_files(
            FilesBackup(
                paths=job.roots,
                excludes=self.attempt.node.loaded.excludes(self.attempt.target),
                tags=self._tags(),
                host=self.attempt.node.host,
                parent=self.parent,
                one_file_system=job.one_file_system,
            ),
            on_items=self._items,
            on_status=self._status,
            on_begin=begin,
        )

    def _stream(self, job: StreamJob) -> tuple[BackupReport, tuple[Reason, ...]]:
        # A restic that is stopped with its lock in hand may leave it: in a stranger's repository it is never begun.
        self._identify(self._who())
        said = self.restic.backup_stream(
            StreamBackup(filename=job.filename, tags=self._tags(), host=self.attempt.node.host),
            job.feed,
            on_status=self._status,
        )
        return said, ()

    def _tags(self) -> tuple[str, ...]:
        target = self.attempt.target
        return (
            "guardian",
            f"system={target.system}",
            f"source={target.source}",
            f"run={self.attempt.run_id}",
            f"log={self.anchor}",
        )

    def _items(self, found: list[tuple[bytes, bytes]]) -> None:
        if self._unseen:
            for _action, path in found:
                self._unseen.pop(path.rstrip(b"/") or b"/", None)
        self._ranking.offer(path for _action, path in found if not path.endswith(b"/"))
        self._changed.note(path for action, path in found if action != b"unchanged" and not path.endswith(b"/"))

    def _status(self, done: int, total: int) -> None:
        self.attempt.node.report(Progress(done, total))

    def _compare(self, job: Job, said: BackupReport, seen: Sighting) -> Compared:
        snapshot, base = seen.snapshot, self.base
        if base is None or snapshot is None or seen.flaws or not base.fits(snapshot, self._identity):
            return Compared()
        from guardian.backup.churn import Later  # noqa: PLC0415  start-up stays quick

        facts = {} if isinstance(job, FilesJob) else job.facts()
        kind: Literal["files", "stream"] = "files" if isinstance(job, FilesJob) else "stream"
        later = Later(snapshot.tree, self.attempt.started, kind, said.counts, facts)
        self.attempt.node.report(Phase("compare", self.attempt.target.ref))
        return compare(self.attempt, self._witness, base, later, self._seed)

    def _confirm(self, said: BackupReport) -> Sighting:
        """The snapshot as it lies in the storage, read back, and only if it is this run's; else as restic lists it."""
        if said.snapshot_id is None:
            return Sighting(None)
        run_id = self.attempt.run_id
        if seen := self._witness.look(said.snapshot_id, run_id):
            return seen
        listed = self.restic.snapshots(said.snapshot_id).snapshots
        return Sighting(next((s for s in listed if s.tag("run") == run_id), None))
