"""Repositories, snapshots and runs of backups."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import Field

from guardian.model.border import Heard, Sha256, Stated
from guardian.model.reason import Reason


@dataclass(frozen=True, slots=True)
class Target:
    """A source of a system, and the repository it is backed up to.

    ``repository`` is the configured name; ``key`` names the concrete repository after ``{tenant}``, ``{system}``
    and ``{host}`` were filled in: two targets with one URL have one key.
    """

    system: str
    source: str
    repository: str
    key: str

    @property
    def ref(self) -> str:
        """``system/source``, as the command line names it."""
        return f"{self.system}/{self.source}"


class Snapshot(Heard):
    """A point in time in a repository, as ``restic snapshots --json`` shows it."""

    id: Sha256
    tree: Sha256
    time: datetime
    hostname: str = ""
    username: str = ""
    paths: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    original: str | None = None

    def tag(self, name: str) -> str | None:
        """The value of the tag ``name=value``, if there is one."""
        return next((t.partition("=")[2] for t in self.tags if t.startswith(f"{name}=")), None)


class Counts(Stated):
    """Measured figures of one backup. Bytes are before deduplication; ``added_bytes`` the repository grew by."""

    files: int = 0
    directories: int = 0
    bytes: int = 0
    added_bytes: int = 0
    files_new: int = 0
    files_changed: int = 0
    files_unmodified: int = 0


class FileDigest(Stated):
    """A file of the source whose content was hashed at the source, unchanged since before the run began."""

    path: str
    size: int
    sha256: Sha256


class SourceSample(Stated):
    """The seeded sample of source files that a backup took digests of.

    Files are ranked by their path under ``seed``: HMAC-SHA-256, or BLAKE2b of 32 bytes keyed with it, as ``rule`` says
    (the first receipts do not say it). The first that fit 64 files and 64 MiB and did not change during the run are in.
    ``frame`` counts the regular files they were drawn from.
    """

    seed: Sha256
    rule: Literal["hmac-sha256", "blake2b"] = "hmac-sha256"
    frame: int
    files: tuple[FileDigest, ...] = ()
    too_large: int = 0
    unstable: int = 0
    unreadable: int = 0
    cut: int = Field(0, description="left out to keep the receipt under its size limit")


class StreamDigest(Stated):
    """What a producer sent through the pump: the whole content of a streamed source."""

    path: str
    bytes: int
    sha256: Sha256


RunOutcome = Literal["complete", "partial", "failed", "skipped"]


class LocksSeen(Stated):
    """restic's locks in a repository, once a run's own are gone: how many, and of when the oldest is that can be read.

    A restic that lives renews its lock every five minutes: an older one keeps retention out until somebody removes it.
    """

    count: int
    oldest: str | None = None


class BackupRun(Stated):
    """One attempt to back up one source, and what came of it. Outcomes are data."""

    run_id: str
    system: str
    source: str
    repository: str
    outcome: RunOutcome
    reasons: tuple[Reason, ...] = ()
    started: str
    ended: str
    duration_seconds: float
    snapshot_id: Sha256 | None = None
    tree_id: Sha256 | None = None
    counts: Counts = Counts()
    entry: int | None = Field(None, description="index of its statement in the log")
    locks: LocksSeen | None = Field(None, description="what was left in the repository; not known where nobody looked")

    @property
    def is_good(self) -> bool:
        """Whether it is complete, and nothing critical stands against it: a suspicious backup is complete too."""
        return self.outcome == "complete" and not any(told.severity == "critical" for told in self.reasons)
