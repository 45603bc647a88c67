"""How the storage under a repository is set up, and what it let the credentials of backups do to it."""

from typing import Literal

from pydantic import Field

from guardian.model.border import Stated
from guardian.model.predicate import Predicate
from guardian.model.reason import Reason

PostureOutcome = Literal["complete", "partial", "failed", "skipped"]
"""``failed``: something speaks against it. ``partial``: nothing does, and not all could be found out. ``skipped``:
there is no way to look at storage of this kind."""

TrialName = Literal[
    "overwrite",
    "delete",
    "delete-version",
    "delete-version-bypass",
    "shorten-lock",
    "shorten-lock-bypass",
    "put-versioning",
    "put-object-lock",
    "put-lifecycle",
    "put-policy",
]
"""What was tried. The first six on an object of our own; ``put-…``: the very setting that was read, put back."""

TrialResult = Literal["refused", "kept", "allowed", "not-tried", "unknown"]
"""``kept``: the storage took it, and what was there before is still there as an older version."""


class BucketFact(Stated):
    """One fact of a bucket's set-up: a value, or where ``error`` is set, why it could not be read. Never both."""

    value: str | int | bool | None = None
    error: str | None = None


class Trial(Stated):
    """One thing that was tried with the credentials of backups. ``why``: the storage's code, or what was in the way."""

    what: TrialName
    result: TrialResult
    why: str = ""


class Locked(Stated):
    """The locks of the objects that live snapshots need: packs, index files, snapshots, keys, ``config``.

    ``until``: when the first of them ends, RFC 3339; None where one object has none. ``unlocked`` counts those without
    a lock or with one that has ended, ``ending`` those whose lock ends within ``margin_days``.
    """

    objects: int
    packs: int
    until: str | None = None
    unlocked: int = 0
    ending: int = 0
    unreadable: int = 0
    margin_days: float = Field(0, description="how long before its end a lock is told of")


class RepositoryPosture(Predicate):
    """How the storage of a repository is set up, and what it let the credentials of backups do to a canary of ours.

    ``facts`` are by name. ``immutable``: every try to delete, overwrite or unlock was refused, or left the old version
    readable; None when that could not be found out. ``promised``: what the configuration asks of the storage.
    """

    name = "repository-posture"

    tenant: str
    host: str
    repository: str
    repository_id: str | None
    kind: str
    outcome: PostureOutcome
    reasons: tuple[Reason, ...] = ()
    promised: tuple[Literal["lock", "append-only"], ...] = ()
    facts: dict[str, BucketFact] = Field(default_factory=dict)
    trials: tuple[Trial, ...] = ()
    immutable: bool | None = None
    locked: Locked | None = None
    started: str
    ended: str


class LockExtension(Predicate):
    """The locks of objects that live snapshots need were made to last longer, and read back.

    ``extended`` of ``objects`` got a new end; ``locked`` is how all stand afterwards.
    """

    name = "lock-extension"

    tenant: str
    host: str
    repository: str
    repository_id: str
    outcome: PostureOutcome
    reasons: tuple[Reason, ...] = ()
    mode: str
    extended: int
    failed: int = 0
    locked: Locked
    started: str
    ended: str
