"""What came of a call to restic. Data: a bad answer is not an exception."""

from dataclasses import dataclass, field
from typing import Literal

from guardian.errors import GuardianError
from guardian.model.backup import Counts, Snapshot


@dataclass(frozen=True, slots=True)
class RepositoryConfig:
    """The identity of a repository: it never changes, and a changed one is another repository."""

    id: str
    version: int


@dataclass(frozen=True, slots=True)
class BackupReport:
    """What restic said of one backup. No proof: the snapshot must be listed afterwards.

    ``outcome``: ``ok``; ``source-unreadable``, a snapshot without all of the source; ``failed``. ``snapshot_id`` may
    have 8 digits only. ``unreadable`` names at most 1000 paths of ``unreadable_count``; one with U+FFFD in it is not
    the path itself. ``error`` says why it failed when restic did.
    """

    outcome: Literal["ok", "source-unreadable", "failed"]
    snapshot_id: str | None = None
    counts: Counts = field(default_factory=Counts)
    unreadable: tuple[str, ...] = ()
    unreadable_count: int = 0
    missing_sources: tuple[str, ...] = ()
    retries: int = 0
    cancelled: bool = False
    returncode: int = 0
    seconds: float = 0.0
    error: GuardianError | None = None


@dataclass(frozen=True, slots=True)
class SnapshotList:
    """Snapshots, and what restic said of those it could not read."""

    snapshots: tuple[Snapshot, ...]
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What restic said of a restore: at most 1000 error lines, their count, and its own figures when it gives any."""

    ok: bool
    error_lines: tuple[str, ...] = ()
    error_count: int = 0
    files: int | None = None
    bytes: int | None = None
    returncode: int = 0


@dataclass(frozen=True, slots=True)
class CheckReport:
    """``ok``: restic found nothing wrong. Otherwise what it found; ``packs`` are the damaged packs it named."""

    ok: bool
    errors: tuple[str, ...] = ()
    packs: tuple[str, ...] = ()
