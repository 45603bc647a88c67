"""What the facts and trials of a repository's storage come to, held against what the configuration promises. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal

from guardian.model.posture import BucketFact, PostureOutcome, Trial
from guardian.model.protection import BucketLock, RepositorySpec, Retention
from guardian.model.reason import Reason, Severity, reason
from guardian.objectstore.posture import Posture
from guardian.objectstore.questions import Fact
from guardian.objectstore.s3 import at_least

Promise = Literal["lock", "append-only"]

NOT_OFFERED = frozenset({"NotImplemented", "MethodNotAllowed", "501", "405"})
"""Codes of a storage that has no such setting: it has answered, and there is nothing to be read."""

_DOUBTS = frozenset(
    {
        "posture-fact-unreadable",
        "trial-unknown",
        "object-locks-unreadable",
        "needed-incomplete",
        "needed-unknown",
        "versions-not-listed",
    }
)
_FOUND: dict[str, str] = {
    "overwrite": "canary-overwritten",
    "delete": "canary-deleted",
    "delete-version": "canary-version-deleted",
    "delete-version-bypass": "canary-version-deleted",
    "shorten-lock": "canary-unlocked",
    "shorten-lock-bypass": "canary-unlocked",
}
_DEFAULT_KEEP = 30
"""Days that older versions should stay where nothing says how long restore points are kept."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the configuration asks of the storage. ``prefix`` is where the repository lies in its bucket; ``keep_days``
    how long its restore points are kept at most."""

    lock: BucketLock | None
    append_only: bool
    prefix: str
    keep_days: int

    @property
    def promised(self) -> tuple[Promise, ...]:
        """What was promised to whoever relies on the repository."""
        lock: tuple[Promise, ...] = ("lock",) if self.lock else ()
        return (*lock, "append-only") if self.append_only else lock

    @property
    def broken(self) -> Severity:
        """How bad it is when the storage lets something be destroyed."""
        return "critical" if self.promised else "warning"


def asked(spec: RepositorySpec, prefix: str, retentions: Iterable[Retention | None]) -> Asked:
    """What ``spec`` asks. A maintenance identity of its own says that the credentials of backups may not delete."""
    keep = max((_days(retention) for retention in retentions if retention is not None), default=_DEFAULT_KEEP)
    return Asked(spec.lock, spec.maintenance_credentials is not None, prefix, keep)


def _days(retention: Retention) -> int:
    """How old the oldest restore point that is kept can be."""
    counted = (
        (retention.hourly, 1 / 24),
        (retention.daily, 1),
        (retention.weekly, 7),
        (retention.monthly, 31),
        (retention.yearly, 366),
    )
    within = retention.within.total_seconds() / 86400 if retention.within else 0
    return ceil(max(within, *((count or 0) * days for count, days in counted)))


def outcome(reasons: Iterable[Reason]) -> PostureOutcome:
    """``failed`` when anything critical is among them, ``partial`` when something could not be found out."""
    found = tuple(reasons)
    if any(one.severity == "critical" for one in found):
        return "failed"
    return "partial" if any(one.code in _DOUBTS for one in found) else "complete"


# the facts


def weigh_facts(posture: Posture, wanted: Asked) -> Iterator[Reason]:
    """What speaks against the set-up of the bucket."""
    for name, fact in _named(posture):
        if fact.error in NOT_OFFERED:
            yield reason("posture-fact-not-offered", "info", fact=name, why=fact.error or "")
        elif not fact.known and name != "default-retention":  # it is read together with the object lock
            yield reason("posture-fact-unreadable", "warning", fact=name, why=fact.error or "")
    yield from _lock(posture, wanted.lock)
    if posture.public.value:
        yield reason("bucket-public")
    elif posture.public_access_blocked.value is False:
        yield reason("public-access-not-blocked", "info")
    if posture.lists_versions.value is False:
        yield reason("versions-not-listed", "warning")
    yield from weigh_lifecycle(posture, wanted)


def _lock(posture: Posture, lock: BucketLock | None) -> Iterator[Reason]:
    if lock is None or not posture.object_lock.known:
        return
    has = posture.default_retention.value if posture.object_lock.value else None
    if not at_least(has, lock):
        said = f"{has.mode} {has.days} d" if has else "-"
        yield reason("bucket-lock-differs", has=said, asked=f"{lock.mode} {lock.days} d")


def weigh_lifecycle(posture: Posture, wanted: Asked) -> Iterator[Reason]:
    """Every rule by which the storage itself takes away what is still needed."""
    has = posture.default_retention.value
    least = max(lock.days for lock in (wanted.lock, has) if lock) if wanted.lock or has else wanted.keep_days
    passing = (f"{wanted.prefix}locks/", f"{wanted.prefix}guardian-canary/")
    for rule in posture.lifecycle.value or ():
        if not rule.reaches(wanted.prefix) or rule.prefix.startswith(passing):
            continue
        if rule.current is not None:
            yield reason("lifecycle-expires-current", rule=rule.name, days=rule.current)
        if rule.noncurrent is not None and rule.noncurrent < least:
            yield reason(
                "lifecycle-expires-noncurrent", "warning", rule=rule.name, days=rule.noncurrent, expected=least
            )


def _named(posture: Posture) -> Iterator[tuple[str, Fact[object]]]:
    facts: tuple[tuple[str, Fact[object]], ...] = (
        ("versioning", Fact(posture.versioning.value, posture.versioning.error)),
        ("object-lock", Fact(posture.object_lock.value, posture.object_lock.error)),
        ("default-retention", Fact(posture.default_retention.value, posture.default_retention.error)),
        ("public-access-blocked", Fact(posture.public_access_blocked.value, posture.public_access_blocked.error)),
        ("encryption", Fact(posture.encryption.value, posture.encryption.error)),
        ("policy", Fact(posture.policy.value, posture.policy.error)),
        ("policy-public", Fact(posture.public.value, posture.public.error)),
        ("lifecycle", Fact(posture.lifecycle.value, posture.lifecycle.error)),
        ("lists-versions", Fact(posture.lists_versions.value, posture.lists_versions.error)),
    )
    yield from facts


def stated(posture: Posture) -> dict[str, BucketFact]:
    """The facts as a statement has them."""
    return {name: BucketFact(value=_plain(fact.value), error=fact.error) for name, fact in _named(posture)}


def _plain(value: object) -> str | int | bool | None:
    if value is None or isinstance(value, str | int | bool):
        return value
    if isinstance(value, BucketLock):
        return f"{value.mode} {value.days} d"
    return len(value) if isinstance(value, tuple) else None


# the trials


def weigh_trials(trials: Sequence[Trial], wanted: Asked) -> Iterator[Reason]:
    """What the storage let the credentials of backups do."""
    told: set[str] = set()
    for trial in trials:
        if trial.result == "unknown":
            yield reason("trial-unknown", "warning", what=trial.what, why=trial.why)
        elif trial.result == "kept" and trial.what == "delete":
            # A marker hides the object and loses nothing; who was promised append-only has more right than that.
            yield reason("canary-hidden", "critical" if wanted.append_only else "info")
        elif trial.result == "allowed" and trial.what in _FOUND:
            code = _FOUND[trial.what]
            if code not in told:
                told.add(code)
                yield reason(code, wanted.broken)
        elif trial.result == "allowed":
            severity: Severity = "critical" if wanted.append_only else "warning"
            yield reason("bucket-setting-open", severity, setting=trial.what.removeprefix("put-"))


def immutable(trials: Sequence[Trial]) -> bool | None:
    """Whether nothing that was there could be destroyed; None when one try of those that count is in doubt."""
    results: dict[str, str] = {trial.what: trial.result for trial in trials}
    counting = ("overwrite", "delete", "delete-version", "delete-version-bypass")
    unlocking = ("shorten-lock", "shorten-lock-bypass")
    if any(results.get(what) == "allowed" for what in (*counting, *unlocking)):
        return False
    if all(results.get(what) in {"refused", "kept"} for what in counting) and not any(
        results.get(what) == "unknown" for what in unlocking
    ):
        return True
    # A bucket without versions has none that could be deleted.
    whole = all(results.get(what) == "refused" for what in ("overwrite", "delete"))
    return True if whole else None
