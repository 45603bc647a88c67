"""What is known of a host at one moment, ready to be shown: the only thing that pages, metrics and tables see.

A status is a projection of journal and log. Where nothing is known there is None, never a zero or an old value.
Times are RFC 3339 in UTC, durations seconds, sizes bytes.
"""

from typing import Literal

from pydantic import Field

from guardian.model.border import Id, Stated
from guardian.model.job import JobKind
from guardian.model.job import Ran as Ran  # noqa: PLC0414  all nouns of a status are found here
from guardian.model.reason import Reason
from guardian.model.scan_status import ScanCount as ScanCount  # noqa: PLC0414
from guardian.model.scan_status import ScanStatus as ScanStatus  # noqa: PLC0414

STATUS_SCHEMA = "guardian.status/v1"

Verdict = Literal["protected", "at-risk", "unprotected", "unknown"]
"""``protected``: the newest good restore point is within its RPO and nothing speaks against it. ``at-risk``: there is
one, and something is wrong. ``unprotected``: there is none. ``unknown``: it could not be found out."""


class JobNow(Stated):
    """A job that runs, or waits for its turn. ``phase``, ``done`` and ``total`` are what it said last."""

    task: str
    kind: JobKind
    state: Literal["running", "queued", "stopping"]
    since: str
    slot: str | None = None
    phase: str = ""
    done: int = 0
    total: int = 0


class Assured(Stated):
    """What the newest sample of the highest level with one says, whether it was good or thin: with ``confidence``, less
    than ``max_loss`` is bad."""

    level: str
    confidence: float
    max_loss: float
    at: str


class SourceStatus(Stated):
    """One source and how it is protected.

    ``restore_point`` is the creation time of the newest good backup, ``verified`` that of the newest one that was
    proved restorable; ``medians`` are of the newest 14 backups. ``missing`` counts restore points that the newest look
    did not find as they should be, ``unaccounted`` snapshots of ours that have no statement in the log.
    """

    system: Id
    source: Id
    kind: str
    repository: str
    verdict: Verdict
    reasons: tuple[Reason, ...] = ()
    backup: Ran
    rpo_seconds: float | None = None
    rto_seconds: float | None = None
    known_since: str | None = None
    restore_point: str | None = None
    restore_point_snapshot: str | None = None
    verified: str | None = None
    verified_level: str | None = None
    figures: dict[str, float] = Field(
        default_factory=dict, description="of the newest backup: files, bytes, files_changed, added_bytes, seconds"
    )
    medians: dict[str, float] = Field(default_factory=dict, description="of the same figures")
    suspicious: tuple[str, ...] = Field((), description="ids of snapshots that are marked and not yet cleared")
    last_clean: str | None = Field(None, description="while suspicious: the newest snapshot before that was not marked")
    paused_since: str | None = Field(None, description="while its plan is not in force")
    missing: int | None = None
    unaccounted: int | None = None
    assured: Assured | None = None


class DrillStatus(Stated):
    """The newest drills of one source at one level.

    ``interval_seconds``: the longest time between two of its slots; ``known_since``: since when the agent knows it.
    ``planted`` faults were put into a shadow of the repository in the newest drill of this level, ``planted_missed`` of
    them were not found; ``disagreements``: how often our decoder and the restic program said different things there.
    """

    system: Id
    source: Id
    level: str
    ran: Ran
    last_pass: str | None = None
    outcome: str | None = None
    rto_seconds: float | None = None
    rpo_seconds: float | None = None
    confidence: float | None = None
    max_loss: float | None = Field(None, description="the bound that was proven, as a share")
    interval_seconds: float | None = None
    known_since: str | None = None
    planted: int | None = None
    planted_missed: int | None = None
    disagreements: int | None = None


class CopyStatus(Stated):
    """One source's copies in a further repository."""

    system: Id
    source: Id
    repository: str
    ran: Ran
    restore_point: str | None = None
    behind: int | None = Field(None, description="restore points that are not copied yet")
    verified: str | None = Field(None, description="creation time of the newest copy that was proved restorable")
    verified_level: str | None = None
    drills: tuple[DrillStatus, ...] = ()


class CustodyStatus(Stated):
    """The shares of a repository's password. ``stale``: the password was changed after it was split.

    ``proven``: when its holders last proved (level K) that their shares open the repository; ``interval_seconds``: how
    often that is planned at the least, None where it is not.
    """

    threshold: int | None = None
    shares: int | None = None
    escrowed: str | None = None
    stale: bool = False
    proven: str | None = None
    interval_seconds: float | None = None


class RepositoryStatus(Stated):
    """One repository, as this host knows it. ``lock_until``: when the first lock ends that a live snapshot needs.

    ``promised``: whether the configuration promises that nothing in it can be destroyed. ``reasons``: what the newest
    look at its storage and the newest maintenance found. ``custody`` is None where the log cannot be read.
    """

    key: str
    maintain: Ran
    posture: Ran
    snapshots: int | None = None
    bytes: int | None = None
    locks: int | None = None
    oldest_lock: str | None = None
    coverage: float | None = Field(None, description="share of its bytes read within the rotation's time")
    lock_until: str | None = None
    immutable: bool | None = Field(None, description="whether our own attempts to delete and overwrite were refused")
    promised: bool | None = None
    quota_bytes: int | None = Field(None, description="how much it may grow to, where that is known")
    reasons: tuple[Reason, ...] = ()
    custody: CustodyStatus | None = None


class AgentNow(Stated):
    """The agent itself. ``config_problem``: why a newer configuration was refused; the one before stays in force."""

    version: str
    restic: str | None = None
    pid: int
    started: str
    config_sha256: str
    config_loaded: str
    config_problem: str | None = None
    clock_trusted: bool = True
    journal_ok: bool = True
    draining: bool = False
    next_wake: str | None = None
    state_free_bytes: int | None = None
    max_loss_objective: float | None = Field(None, description="the bound that samples are to reach")
    problems: tuple[Reason, ...] = ()


class LogStatus(Stated):
    """The signed log of this host."""

    entries: int
    intact: bool | None = None
    root: str | None = None
    newest: str | None = None


class HostStatus(Stated):
    """Everything an operator sees of one host."""

    schema_: str = Field(STATUS_SCHEMA, alias="schema", serialization_alias="schema")
    tenant: Id
    host: str
    region: str | None = None
    at: str
    agent: AgentNow
    log: LogStatus | None = None
    sources: tuple[SourceStatus, ...] = ()
    drills: tuple[DrillStatus, ...] = ()
    copies: tuple[CopyStatus, ...] = ()
    repositories: tuple[RepositoryStatus, ...] = ()
    scans: tuple[ScanStatus, ...] = ()
    jobs: tuple[JobNow, ...] = ()
