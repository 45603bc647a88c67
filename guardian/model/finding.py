"""What a scan says: of each rule and target a verdict, with the facts it rests on."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from guardian.model.border import Id, Sha256, Stated
from guardian.model.estate import LocalText
from guardian.model.predicate import Predicate
from guardian.model.reason import Reason
from guardian.model.scan_status import ScanCount

Json = Any
"""Plain JSON: mappings with text keys, lists, text, numbers, booleans, null."""

TargetKind = Literal[
    "host",
    "postgresql",
    "mysql",
    "redis",
    "nginx",
    "tls",
    "s3-bucket",
    "s3-account",
    "kubernetes",
    "document",
    "protection",
]
"""What a rule can look at."""

Level = Literal["info", "low", "medium", "high", "critical"]
"""How bad it is when a rule is broken, mildest first."""
LEVELS: tuple[Level, ...] = ("info", "low", "medium", "high", "critical")

Status = Literal["pass", "fail", "unknown", "manual", "not_applicable"]
"""``unknown``: a fact that decides could not be read. ``manual``: only a person can tell. Neither is ever a pass."""
STATUSES: tuple[Status, ...] = ("pass", "fail", "unknown", "manual", "not_applicable")

Change = Literal["first", "new", "fixed", "still", "became-unreadable", "became-readable", "same"]
"""Against the scan before. ``first``: there is none to compare with. ``new``: it fails now and did not. ``still``: it
failed then too. ``fixed``: it failed and is good now."""

RuleId = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9]{1,7}(-[A-Z0-9]{1,12}){1,3}$", max_length=40)]
"""The id of a rule, such as ``GD-SSH-003``; never used again for another rule."""


class TargetRef(Stated):
    """What was looked at. ``id`` is its name in the tenant, such as ``app-1`` or ``social-insurance/core-db``."""

    kind: TargetKind
    id: Annotated[str, StringConstraints(min_length=1, max_length=253)]
    labels: dict[str, str] = Field(default_factory=dict)


class CollectorRun(Stated):
    """One collector's work on a view."""

    name: str
    version: int = 1
    seconds: float = 0.0
    outcome: Literal["complete", "partial", "failed"] = "complete"


class Evidence(Stated):
    """One fact that a verdict rests on. ``value`` is cut and redacted; ``why`` says why an unknown one is unknown."""

    path: str
    op: str
    expected: str = ""
    value: str = ""
    result: Literal["holds", "broken", "unknown"]
    why: str = ""


class Finding(Stated):
    """The verdict of one rule over one target.

    ``id`` is the first 32 hexadecimal digits of SHA-256 over tenant, target and rule, and so the same for ever;
    ``rule_digest`` tells which wording of the rule it was. A waived finding keeps its status.
    """

    id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
    rule: RuleId
    rev: int
    rule_digest: Sha256
    family: Id
    severity: Level
    target: TargetRef
    status: Status
    title: LocalText
    evidence: tuple[Evidence, ...] = ()
    waived: bool = False
    waiver: str | None = Field(None, description="ticket of the waiver, where one holds")
    waived_until: str | None = None
    change: Change = "first"
    first_seen: str | None = Field(None, description="since when it has this status without a break")
    last_evaluated: str


class BaselineResult(Stated):
    """What the rules of one baseline came to, on one target."""

    baseline: Id
    counts: tuple[ScanCount, ...] = ()


class TargetResult(Stated):
    """One target of a scan: what was read of it, and what that came to."""

    target: TargetRef
    facts: Sha256 = Field(description="digest of the view that was judged")
    findings: Sha256 = Field(description="digest of the verdicts")
    counts: tuple[ScanCount, ...] = ()
    baselines: tuple[BaselineResult, ...] = ()
    read_at: str


class KindResult(Stated):
    """What the rules of one baseline came to, on all targets of one kind."""

    kind: TargetKind
    baseline: Id
    targets: int
    counts: tuple[ScanCount, ...] = ()


class ScanResult(Predicate):
    """One scan. Views and verdicts are kept under their digests, so that each verdict can be made again.

    ``policy`` is the digest of rules and parameters, ``manifest`` that of the list of all targets' results, of which
    ``targets`` holds the first ones. ``outcome`` is ``failed`` when an unwaived finding is at or over ``fail_on``,
    ``unknown`` when nothing is and something at or over it could not be decided.
    """

    name = "scan-result"

    tenant: str
    host: str
    baselines: tuple[str, ...]
    fail_on: Level
    outcome: Literal["passed", "failed", "unknown"]
    reasons: tuple[Reason, ...] = ()
    policy: Sha256
    manifest: Sha256
    counts: tuple[ScanCount, ...] = ()
    kinds: tuple[KindResult, ...] = ()
    changes: dict[Change, int] = Field(default_factory=dict)
    targets: tuple[TargetResult, ...] = ()
    targets_in_all: int
    unreachable: dict[str, str] = Field(
        default_factory=dict, description="targets that could not be looked at at all, and why"
    )
    waivers: int = Field(0, description="those that hold")
    waivers_astray: int = Field(0, description="those that speak of nothing that was looked at")
    next_waiver_end: str | None = None
    full: bool = Field(True, description="whether everything that is configured was looked at")
    started: str
    ended: str
