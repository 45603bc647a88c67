"""What goes into the log: statements, entries, checkpoints.

A statement is an in-toto v1 statement (https://in-toto.io/Statement/v1) whose predicate is one of the nouns
below; an entry is its DSSE envelope; a checkpoint is a signed tree head.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from guardian.model.backup import Counts, RunOutcome, SourceSample, StreamDigest
from guardian.model.border import Sha256
from guardian.model.churn import Churn
from guardian.model.drill import DrillCheck, DrillLevel, DrillOutcome, Frame
from guardian.model.finding import ScanResult as ScanResult  # noqa: PLC0414
from guardian.model.posture import LockExtension as LockExtension  # noqa: PLC0414  all statements are found here
from guardian.model.posture import RepositoryPosture as RepositoryPosture  # noqa: PLC0414
from guardian.model.predicate import Predicate as Predicate  # noqa: PLC0414
from guardian.model.reason import Reason
from guardian.model.removal import Prune as Prune  # noqa: PLC0414
from guardian.model.removal import Removal as Removal  # noqa: PLC0414
from guardian.model.removal import RemovalPlan as RemovalPlan  # noqa: PLC0414
from guardian.model.suspicion import Suspicion as Suspicion  # noqa: PLC0414
from guardian.model.suspicion import SuspicionCleared as SuspicionCleared  # noqa: PLC0414

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
NAMESPACE = "https://guardian-dr.org/statement"
"""Prefix of every predicate type; a name, not a page anyone fetches."""


def predicate_type(name: str, version: int = 1) -> str:
    """The predicate type URI of ``name``, such as ``backup-receipt``."""
    return f"{NAMESPACE}/{name}/v{version}"


class BackupReceipt(Predicate):
    """One backup, after its post-conditions were checked.

    ``snapshot_id`` is the SHA-256 of the stored snapshot file and ``tree_id`` that of the root tree, so the two
    commit to every byte. ``previous`` is the leaf hash of the source's receipt before, ``parent`` the snapshot
    restic compared with.
    """

    name = "backup-receipt"

    run_id: str
    tenant: str
    host: str
    system: str
    source: str
    source_kind: str
    repository: str
    repository_id: str
    snapshot_id: Sha256
    tree_id: Sha256
    paths: tuple[str, ...]
    outcome: RunOutcome
    reasons: tuple[Reason, ...] = ()
    counts: Counts
    started: str
    ended: str
    plan_sha256: Sha256
    tools: dict[str, str]
    sample: SourceSample | None = None
    stream: StreamDigest | None = None
    facts: dict[str, Any] = Field(default_factory=dict)
    parent: Sha256 | None = None
    previous: Sha256 | None = None
    slot: str | None = Field(None, description="the nominal moment an agent ran it for; None: somebody asked for it")
    churn: Churn | None = Field(None, description="what changed since the last clean backup before")


class NoBackup(Predicate):
    """A backup that did not happen or did not count, and why. ``orphans`` are snapshots it may have left.

    ``slot`` is the nominal moment an agent ran it for, or left it out. One statement may stand for several ``slots``
    in a row that were left out for one reason: those from ``slot`` to ``slot_until``, both among them.
    """

    name = "no-backup"

    run_id: str
    tenant: str
    host: str
    system: str
    source: str
    repository: str
    outcome: RunOutcome
    reasons: tuple[Reason, ...]
    started: str
    ended: str
    orphans: tuple[Sha256, ...] = ()
    slot: str | None = None
    slot_until: str | None = None
    slots: Annotated[int, Field(ge=1)] = 1


class CopyReceipt(Predicate):
    """One restore point brought to a further repository, and whether all of it lies there.

    ``repository`` is the one that was backed up to, ``to`` the copy's (keys both). ``snapshot_id`` is the snapshot
    that the backup's receipt (``receipt``, its leaf hash) vouches for, ``copy_id`` that of the copy: another id with
    the same tree. ``complete``: our own decoder found everything that the tree leads to; anything else is ``failed``.
    ``bytes`` are those of the restore point, before deduplication.
    """

    name = "copy-receipt"

    run_id: str
    tenant: str
    host: str
    system: str
    source: str
    repository: str
    repository_id: str
    snapshot_id: Sha256
    receipt: Sha256
    to: str
    to_id: str
    copy_id: Sha256 | None = None
    tree_id: Sha256
    outcome: RunOutcome
    reasons: tuple[Reason, ...] = ()
    bytes: int
    started: str
    ended: str
    tools: dict[str, str]
    slot: str | None = None

    def as_copied(self, receipt: BackupReceipt) -> BackupReceipt | None:
        """What ``receipt`` says of the copy: all as it was, but where it lies. None when it is about something else."""
        same = (receipt.system, receipt.source, receipt.snapshot_id, receipt.tree_id)
        if self.copy_id is None or same != (self.system, self.source, self.snapshot_id, self.tree_id):
            return None
        where = {"repository": self.to, "repository_id": self.to_id, "snapshot_id": self.copy_id}
        return receipt.model_copy(update=where)


class DrillPlan(Predicate):
    """What a drill is about to draw, fixed before it can know the seed.

    The checkpoint after this entry holds the frames; with it, the drill's id and the nonce (of which only the SHA-256,
    ``commitment``, is told here) the seed is SHA-256: see :mod:`guardian.drill.select`. ``nonce_by`` says whose it is.
    """

    name = "drill-plan"

    drill_id: str
    tenant: str
    host: str
    system: str
    source: str
    repository: str
    repository_id: str
    level: DrillLevel
    snapshot_id: Sha256
    tree_id: Sha256
    receipt: Sha256
    copy_of: Sha256 | None = Field(None, description="leaf hash of the statement that it is a copy, where it is one")
    frames: tuple[Frame, ...]
    confidence: float
    max_loss: float
    full: bool = False
    critical: tuple[str, ...] = Field((), description="names of small files that are read every one of")
    commitment: Sha256
    nonce_by: Literal["auditor", "guardian"]
    planned: str


class DrillResult(Predicate):
    """One restore drill of one source: what was checked, on which sample, and what that proves.

    ``level`` is the highest that was climbed: a source that ends at D3 is never shown with a higher one. ``timeline``
    holds the phases of a recovery and the seconds since its begin on a monotonic clock; ``rto_seconds`` and
    ``rpo_seconds`` are measured, or absent, unless ``extrapolated``.
    """

    name = "drill-result"

    drill_id: str
    tenant: str
    host: str
    system: str
    source: str
    repository: str
    repository_id: str | None
    level: DrillLevel
    outcome: DrillOutcome
    checks: tuple[DrillCheck, ...]
    seed: dict[str, str] = Field(default_factory=dict)
    snapshot_id: Sha256 | None = None
    tree_id: Sha256 | None = None
    receipt: Sha256 | None = Field(None, description="leaf hash of the receipt it was held against")
    copy_of: Sha256 | None = Field(None, description="leaf hash of the statement that it is a copy, where it is one")
    plan: Sha256 | None = Field(None, description="leaf hash of its plan")
    timeline: dict[str, float] = Field(default_factory=dict)
    rto_seconds: float | None = None
    rpo_seconds: float | None = None
    extrapolated: bool = False
    previous: Sha256 | None = Field(None, description="leaf hash of the source's drill before")
    started: str
    ended: str
    tools: dict[str, str]


class ObjectListing(Predicate):
    """Every object of a repository but its ``config`` and its locks, with their lengths, as its key's holder sees them.

    ``sha256`` is that of the listing's text (:mod:`guardian.drill.keyless` has its form). Whoever holds that can scrub
    the repository without a key, since each object is named by the SHA-256 of its content.
    """

    name = "object-listing"

    tenant: str
    host: str
    repository: str
    repository_id: str
    objects: int
    bytes: int
    sha256: Sha256
    at: str


class Restored(Predicate):
    """Data was restored: who, what, where to, and whether it was whole."""

    name = "restore"

    tenant: str
    host: str
    system: str
    source: str
    repository: str
    snapshot_id: Sha256
    target: str
    includes: tuple[str, ...] = ()
    outcome: RunOutcome
    reasons: tuple[Reason, ...] = ()
    files: int
    bytes: int
    by: str
    started: str
    ended: str


class KeyEvent(Predicate):
    """A key was made, found or used for the first time. Never the key itself."""

    name = "key-event"

    event: str
    """``signing-key-created``, ``repository-created``, ``repository-adopted``; ``log-begun-anew`` after a lost log;
    ``password-escrowed``, ``password-recovered``, ``password-rotated``."""
    tenant: str
    host: str
    key_id: str
    repository: str | None = None
    repository_id: str | None = None
    threshold: int | None = None
    shares: int | None = None
    at: str


class ConfigChange(Predicate):
    """The configuration in force became another one. ``sha256`` is that of its canonical JSON."""

    name = "config-change"

    tenant: str
    host: str
    sha256: Sha256
    previous: Sha256 | None = None
    at: str


PREDICATES: dict[str, type[Predicate]] = {
    predicate_type(noun.name): noun
    for noun in (
        BackupReceipt,
        NoBackup,
        CopyReceipt,
        DrillPlan,
        DrillResult,
        ObjectListing,
        Restored,
        KeyEvent,
        RepositoryPosture,
        LockExtension,
        RemovalPlan,
        Removal,
        Prune,
        Suspicion,
        SuspicionCleared,
        ConfigChange,
        ScanResult,
    )
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A leaf of the log, decoded. ``predicate`` is None for a predicate type this version does not know."""

    index: int
    leaf_hash: bytes
    envelope: bytes
    predicate_type: str
    predicate: Predicate | None
    subjects: tuple[tuple[str, str], ...]
    """(name, sha256) of every subject."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: so many leaves, this root, in the log of that origin."""

    origin: str
    size: int
    root: bytes
