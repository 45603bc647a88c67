"""Everything an evidence pack shows, as data: what the log says of one system in one period, and what follows from it.

The report draws it, ``clauses.json`` and the others repeat it. Nothing is computed twice:
:mod:`guardian.audit.gather` reads the log, :mod:`guardian.audit.clauses` and :mod:`guardian.audit.grade` judge it.
Times are aware and in UTC, durations seconds, sizes bytes, digests 64 hexadecimal digits.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Literal, TypeVar

from guardian.model.drill import Assurance, Coverage, DrillLevel
from guardian.model.estate import LocalText
from guardian.model.evidence import (
    BackupReceipt,
    ConfigChange,
    DrillPlan,
    DrillResult,
    KeyEvent,
    NoBackup,
    ObjectListing,
    Predicate,
    Restored,
)
from guardian.model.reason import Reason
from guardian.model.standard import Confidence

P_co = TypeVar("P_co", bound=Predicate, covariant=True)

State = Literal["satisfied", "not-satisfied", "could-not-verify"]
"""What the evidence says to a question. What nobody could find out is never satisfied."""


@dataclass(frozen=True, slots=True)
class Recorded(Generic[P_co]):
    """A statement and where it stands: entry ``index`` of the log, with this leaf hash, about the moment ``at``.

    A drill that is not on record has -1 and no leaf hash: only a report of drills just done shows it.
    """

    index: int
    leaf_hash: str
    at: datetime
    said: P_co


@dataclass(frozen=True, slots=True)
class Proof:
    """The entry of the log that an answer rests on."""

    index: int
    leaf_hash: str


@dataclass(frozen=True, slots=True)
class Period:
    """From ``start`` (inclusive) to ``end`` (exclusive)."""

    start: datetime
    end: datetime

    def __contains__(self, moment: datetime) -> bool:
        """Whether ``moment`` lies in it."""
        return self.start <= moment < self.end

    @property
    def days(self) -> float:
        """How long it is."""
        return (self.end - self.start).total_seconds() / 86400


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """One source as it is configured now, or as receipts know it when it is configured no longer (``kind`` empty)."""

    id: str
    kind: str
    repository: str
    storage: str
    """Kind of the repository's storage (``local``, ``s3``, …); empty when it is not configured."""
    lock_days: int = 0
    """Object lock asked of the bucket; 0: none."""
    remote: bool = False
    """Whether backups leave the host by the network; another site is something a person has to show."""


@dataclass(frozen=True, slots=True)
class SystemFacts:
    """The system as it is configured: who it belongs to and what is asked of it. None: not said."""

    id: str
    tenant: str
    host: str
    sources: tuple[SourceFacts, ...]
    name: LocalText | None = None
    tenant_name: LocalText | None = None
    region: str | None = None
    owner: str | None = None
    mlps_level: int | None = None
    rpo_seconds: float | None = None
    rto_seconds: float | None = None
    dr_level: int | None = None
    """Level of GB/T 20988 the owner asks for: declared, not proven."""
    schedule: str | None = None
    interval_seconds: float | None = None
    """Between two scheduled backups, where the schedule has a fixed one."""
    retention: Mapping[str, int] = field(default_factory=dict)
    copies: tuple[str, ...] = ()
    """Kinds of storage of the repositories that backups are copied to."""
    remote_copies: int = 0
    """How many of them are not on this host."""
    drills: Mapping[DrillLevel, str] = field(default_factory=dict)
    """How often a drill of each level is asked for, as configured."""
    config_sha256: str = ""


@dataclass(frozen=True, slots=True)
class LogFacts:
    """The log, verified whole before anything was read from it."""

    origin: str
    size: int
    root: str
    key_id: str
    vkey: str
    """The public key that signs it, as a signed-note verifier key."""
    entries: int
    signatures: int
    verified_at: datetime


@dataclass(frozen=True, slots=True)
class CoveragePoint:
    """The rotation's coverage as one drill found it: the points of "coverage over time"."""

    at: datetime
    source: str
    coverage: Coverage
    proof: Proof


@dataclass(frozen=True, slots=True)
class AssuranceFact:
    """What one sample says, and the drill that drew it. The headline of its level comes first in a drill."""

    at: datetime
    source: str
    level: DrillLevel
    assurance: Assurance
    proof: Proof


@dataclass(frozen=True, slots=True)
class MutationScore:
    """Faults of one kind planted at one level in the period, and how many of them were found."""

    kind: str
    level: DrillLevel
    planted: int
    found: int


@dataclass(frozen=True, slots=True)
class Timing:
    """Recovery as a drill measured it. ``extrapolated``: a partial drill's estimate, never a measurement."""

    at: datetime
    source: str
    level: DrillLevel
    rto_seconds: float | None
    rpo_seconds: float | None
    extrapolated: bool
    proof: Proof


@dataclass(frozen=True, slots=True)
class Interval:
    """From the beginning of one complete backup to the end of the next: what could have been lost in between.

    ``seconds`` is the recovery point actually achieved at its worst moment. The last interval of a source is open
    (``proof`` is the newest receipt) and runs to the end of the period.
    """

    at: datetime
    source: str
    seconds: float
    proof: Proof
    open: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What the evidence says to one question: ``reasons`` in codes and figures, ``proofs`` are what it rests on.

    ``by`` is ``person`` where no log can answer: the state is then ``could-not-verify``, which is nothing wrong.
    """

    state: State
    reasons: tuple[Reason, ...] = ()
    proofs: tuple[Proof, ...] = ()
    by: Literal["log", "person"] = "log"


@dataclass(frozen=True, slots=True)
class ClauseAnswer:
    """One clause of a standard, and its answer for the system."""

    standard: str
    clause: str
    """Its number at the level asked about, such as ``8.1.4.9 a``."""
    title: LocalText
    requirement: LocalText
    confidence: Confidence
    query: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class QuestionAnswer:
    """One of the assessor's four questions on backup and recovery (GB/T 28448 on GB/T 22239-2019 8.1.4.9 a)."""

    number: int
    question: LocalText
    answer: Answer


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion of a level of GB/T 20988, and the highest level it would allow by itself.

    ``basis``: ``proven`` by statements in the log, ``declared`` in the configuration, or ``unknown``.
    """

    code: str
    level: int
    basis: Literal["proven", "declared", "unknown"]
    reasons: tuple[Reason, ...] = ()
    proofs: tuple[Proof, ...] = ()


@dataclass(frozen=True, slots=True)
class Element:
    """One of the seven elements of GB/T 20988. ``level`` is None where a person has to judge it."""

    id: str
    title: LocalText
    level: int | None


@dataclass(frozen=True, slots=True)
class Grade:
    """The level of GB/T 20988 that evidence supports for the *data backup element* alone; 0: none. Never above 4."""

    edition: str
    """``2007 Table C.1``."""
    superseded: bool
    level: int
    declared: int | None
    criteria: tuple[Criterion, ...]
    limited_by: tuple[str, ...]
    """Codes of the criteria that keep it from the next level."""
    elements: tuple[Element, ...]
    refused: bool = False
    """Whether the level declared is one that snapshots can never prove (5 and above)."""


def code_of(reason: Reason) -> str:
    """A reason in no language: its code and figures. The command line has better sentences."""
    figures = ", ".join(f"{name} {value}" for name, value in reason.args.items())
    return f"{reason.code} ({figures})" if figures else reason.code


@dataclass(frozen=True, slots=True)
class PackFacts:
    """All of it. Statements are in the order of the log; those of the whole host (keys, configuration) are in as well.

    ``sentence`` turns a reason into a sentence of the language in use (:func:`guardian.i18n.use`).
    """

    generated: datetime
    version: str
    """Of Guardian."""
    system: SystemFacts
    period: Period
    log: LogFacts
    receipts: tuple[Recorded[BackupReceipt], ...] = ()
    no_backups: tuple[Recorded[NoBackup], ...] = ()
    plans: tuple[Recorded[DrillPlan], ...] = ()
    drills: tuple[Recorded[DrillResult], ...] = ()
    restores: tuple[Recorded[Restored], ...] = ()
    listings: tuple[Recorded[ObjectListing], ...] = ()
    key_events: tuple[Recorded[KeyEvent], ...] = ()
    config_changes: tuple[Recorded[ConfigChange], ...] = ()
    coverage: tuple[CoveragePoint, ...] = ()
    assurances: tuple[AssuranceFact, ...] = ()
    planted: tuple[MutationScore, ...] = ()
    timings: tuple[Timing, ...] = ()
    intervals: tuple[Interval, ...] = ()
    questions: tuple[QuestionAnswer, ...] = ()
    clauses: tuple[ClauseAnswer, ...] = ()
    grade: Grade | None = None
    sentence: Callable[[Reason], str] = code_of
