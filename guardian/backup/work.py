"""Running restic for a job, and looking at what it made."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from guardian.backup.attempt import Attempt
from guardian.backup.sample import Changes, Ranking, take
from guardian.errors import SnapshotMissing
from guardian.model.backup import Snapshot, SourceSample
from guardian.model.events import Phase, Progress
from guardian.model.reason import Reason, reason
from guardian.restic.client import BackupReport, FilesBackup, Restic, StreamBackup
from guardian.sources import FilesJob, Job


@dataclass(frozen=True, slots=True)
class Done:
    """What restic reported, what the repository lists, and what the source's sample digests are."""

    report: BackupReport
    snapshot: Snapshot | None
    sample: SourceSample | None
    changed: Changes
    remarks: tuple[Reason, ...]
    parent: str | None
    unseen: tuple[str, ...] = ()
    """Roots that restic never named: an exclude took them out, though the snapshot lists them as its paths."""


@dataclass(slots=True)
class Work:
    """One restic backup. ``parent`` and ``anchor`` come from our own log, never from the repository."""

    attempt: Attempt
    restic: Restic
    parent: str | None
    anchor: str
    _ranking: Ranking = field(init=False)
    _seed: bytes = field(init=False)
    _started_ns: int = field(init=False)
    _changed: Changes = field(init=False)
    _unseen: dict[str, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._seed = os.urandom(32)
        self._ranking = Ranking(self._seed)
        self._started_ns = int(self.attempt.node.clock.now().timestamp() * 1e9)
        self._changed = Changes(self._started_ns)

    def run(self, job: Job) -> Done:
        """Back up ``job`` and look at the result."""
        report = self.attempt.node.report
        report(Phase("backup", self.attempt.target.ref))
        said, remarks = self._with_parent(job) if isinstance(job, FilesJob) else (self._stream(job), ())
        report(Phase("confirm", self.attempt.target.ref))
        if not isinstance(job, FilesJob):
            return Done(said, self._confirm(said), None, self._changed, remarks, None)
        # Listing the snapshot costs restic a key derivation: the source is hashed meanwhile.
        with ThreadPoolExecutor(1) as pool:
            taking = pool.submit(take, self._ranking, self._seed, self._started_ns)
            snapshot = self._confirm(said)
            return Done(said, snapshot, taking.result(), self._changed, remarks, self.parent, tuple(self._unseen))

    def _with_parent(self, job: FilesJob) -> tuple[BackupReport, tuple[Reason, ...]]:
        try:
            return self._files(job), ()
        except SnapshotMissing:
            if self.parent is None:
                raise
            # Somebody deleted it behind our back. The data is saved all the same; a drill will name the loss.
            remark = reason("parent-missing", "warning", snapshot=self.parent)
            self.parent = None
            return self._files(job), (remark,)

    def _files(self, job: FilesJob) -> BackupReport:
        def begin() -> None:
            self._ranking, self._changed = Ranking(self._seed), Changes(self._started_ns)
            self._unseen = dict.fromkeys(job.roots)

        return self.restic.backup_files(
            FilesBackup(
                paths=job.roots,
                excludes=self.attempt.node.loaded.excludes(self.attempt.target),
                tags=self._tags(),
                host=self.attempt.node.host,
                parent=self.parent,
                one_file_system=job.one_file_system,
            ),
            on_item=self._item,
            on_status=self._status,
            on_begin=begin,
        )

    def _stream(self, job: Job) -> BackupReport:
        assert not isinstance(job, FilesJob)  # noqa: S101
        return self.restic.backup_stream(
            StreamBackup(filename=job.filename, tags=self._tags(), host=self.attempt.node.host),
            job.feed,
            on_status=self._status,
        )

    def _tags(self) -> tuple[str, ...]:
        target = self.attempt.target
        return (
            "guardian",
            f"system={target.system}",
            f"source={target.source}",
            f"run={self.attempt.run_id}",
            f"log={self.anchor}",
        )

    def _item(self, action: str, path: str) -> None:
        if self._unseen:
            self._unseen.pop(path.rstrip("/") or "/", None)
        if path.endswith("/"):
            return
        self._ranking.offer(path)
        if action != "unchanged":
            self._changed.note(path)

    def _status(self, done: int, total: int) -> None:
        self.attempt.node.report(Progress(done, total))

    def _confirm(self, said: BackupReport) -> Snapshot | None:
        """The snapshot as the repository lists it, and only if it is this run's."""
        if said.snapshot_id is None:
            return None
        listed = self.restic.snapshots(said.snapshot_id).snapshots
        return next((s for s in listed if s.tag("run") == self.attempt.run_id), None)
