"""Look how the storage of a repository is set up, and try what it must refuse. Facts, proof, and how long it lasts.

What is tried is tried with the credentials of backups, since those are what a thief of this host has: on an object of
our own (:mod:`guardian.objectstore.canary`), and on settings that are put back as they are
(:mod:`guardian.objectstore.settings`). Nothing of anybody's data is ever touched.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from guardian.backup import lock_survey, posture_rules
from guardian.backup.lock_book import LockBook
from guardian.backup.needed import needed
from guardian.backup.posture_rules import Asked
from guardian.clock import rfc3339
from guardian.config.load import ResolvedRepository
from guardian.config.secrets import credentials
from guardian.durable import Lease, private_dir
from guardian.errors import ExitCode, GuardianError, Interrupted, StorageRefused
from guardian.model.events import Phase
from guardian.model.posture import BucketFact, Locked, PostureOutcome, RepositoryPosture, Trial
from guardian.model.protection import BucketLock
from guardian.model.reason import Reason, Severity, reason
from guardian.model.secret import Secret
from guardian.node import Node
from guardian.objectstore.bucket import Bucket, open_bucket
from guardian.objectstore.canary import try_to_destroy
from guardian.objectstore.posture import Posture, read_posture
from guardian.objectstore.settings import try_to_change

_CODES = {
    "complete": ExitCode.OK,
    "partial": ExitCode.COULD_NOT_VERIFY,
    "failed": ExitCode.BAD_ANSWER,
    "skipped": ExitCode.SKIPPED,
}


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found, as it went into the log under the number ``entry``. ``error``: what stood in the way."""

    posture: RepositoryPosture
    entry: int
    error: GuardianError | None = None

    @property
    def outcome(self) -> PostureOutcome:
        """What it comes to."""
        return self.posture.outcome

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why."""
        return self.posture.reasons

    @property
    def exit_code(self) -> ExitCode:
        """What a program that looked ends with."""
        bad = self.outcome == "failed" and self.error is None
        return self.error.exit_code if self.error is not None and not bad else _CODES[self.outcome]


@dataclass(slots=True)
class _Found:
    facts: dict[str, BucketFact] = field(default_factory=dict)
    trials: tuple[Trial, ...] = ()
    reasons: list[Reason] = field(default_factory=list)
    immutable: bool | None = None
    locked: Locked | None = None
    error: GuardianError | None = None


def run_posture(node: Node, repository_key: str) -> Looked:
    """Look at one repository's storage, try to destroy the canary in it, and put what was found into the log.

    What stands in the way of looking is an outcome too. Raises UsageError for a repository that is not configured,
    RepositoryLocked when another process looks at it now, Interrupted, and what opening the log raises.
    """
    repository = node.loaded.repository(repository_key)
    node.existing_log()
    wanted = asked(node, repository)
    started = node.clock.now()
    with alone(node, repository_key) as book:
        found = _Found()
        try:
            outcome = _look(node, repository, wanted, book, found)
        except Interrupted:
            raise
        except GuardianError as error:
            found.error = error
            found.reasons.append(reason(error.code))
            outcome = "failed"
        return _recorded(node, repository, (started, outcome, wanted), found)


def asked(node: Node, repository: ResolvedRepository) -> Asked:
    """What the configuration asks of the storage of ``repository``."""
    prefix = f"{repository.s3.prefix}/" if repository.s3 and repository.s3.prefix else ""
    plans = (node.loaded.config.systems[system].plan for system in repository.systems)
    return posture_rules.asked(repository.spec, prefix, (plan.retention for plan in plans))


@contextmanager
def alone(node: Node, key: str) -> Iterator[LockBook]:
    """What is remembered of the storage, for one process at a time."""
    folder = private_dir(node.state / "posture")
    with Lease.acquire(folder / f"{key}.lease", "posture"):
        yield LockBook.open(folder / f"{key}.json")


def _look(node: Node, repository: ResolvedRepository, wanted: Asked, book: LockBook, found: _Found) -> PostureOutcome:
    if repository.path is not None:
        # Whoever may write to a directory may delete in it: there is nothing to be tried.
        found.reasons.append(reason("posture-of-a-directory", wanted.broken if wanted.promised else "info"))
        found.immutable = False
        return posture_rules.outcome(found.reasons)
    if repository.s3 is None:
        found.reasons.append(reason("posture-not-possible", "critical" if wanted.promised else "info"))
        return "failed" if wanted.promised else "skipped"
    node.reach(repository)
    node.report(Phase("probe", repository.key))
    with open_bucket(repository.s3, secrets_of(node, repository), cacert_of(repository)) as bucket:
        posture = read_posture(bucket.client, bucket.name, bucket.prefix)
        found.facts = posture_rules.stated(posture)
        found.reasons += posture_rules.weigh_facts(posture, wanted)
        found.trials = _try(node, bucket, book)
        found.reasons += posture_rules.weigh_trials(found.trials, wanted)
        found.immutable = posture_rules.immutable(found.trials)
        book.save()
        if posture.object_lock.value:
            _survey(node, (repository.key, wanted, posture), bucket, book, found)
        elif wanted.lock is not None and posture.object_lock.error:
            found.reasons.append(reason("needed-unknown", "warning", why=posture.object_lock.error))
    return posture_rules.outcome(found.reasons)


def _try(node: Node, bucket: Bucket, book: LockBook) -> tuple[Trial, ...]:
    node.report(Phase("canary", bucket.name))
    canary = try_to_destroy(bucket, book.canary)
    book.canary = canary.name
    node.heed()
    return (*canary.trials, *try_to_change(bucket))


def _survey(node: Node, what: tuple[str, Asked, Posture], bucket: Bucket, book: LockBook, found: _Found) -> None:
    """Until when everything is locked that live snapshots need. That it cannot be found out keeps nothing else back."""
    key, wanted, posture = what
    lock = wanted.lock or posture.default_retention.value or BucketLock(mode="governance", days=1)
    now = node.clock.now()
    try:
        needs = needed(node, key)
        seen = lock_survey.survey(node, bucket, needs, book, now + lock_survey.margin(lock))
    except Interrupted:
        raise
    except StorageRefused as error:
        found.reasons.append(reason("needed-unknown", "warning", why=error.code))
        return
    except GuardianError as error:
        found.reasons.append(reason("needed-unknown", "warning", why=error.code))
        found.error = error
        return
    book.keep(needs.repository_id, seen.held)
    book.save()
    found.locked = lock_survey.weigh(seen, needs, now, lock_survey.notice(lock))
    severity: Severity = "critical" if wanted.lock else "warning"
    found.reasons += lock_survey.reasons(seen, needs, found.locked, now, severity)


def secrets_of(node: Node, repository: ResolvedRepository, *, maintenance: bool = False) -> Mapping[str, Secret]:
    """The credentials of backups; for ``maintenance`` those of the identity that may do more, where there is one."""
    spec = repository.spec
    reference = (maintenance and spec.maintenance_credentials) or spec.credentials
    return credentials(reference, node.loaded.base) if reference else {}


def cacert_of(repository: ResolvedRepository) -> str | None:
    """The storage's own authority, as a path."""
    return str(repository.cacert) if repository.cacert else None


def _recorded(
    node: Node, repository: ResolvedRepository, what: tuple[datetime, PostureOutcome, Asked], found: _Found
) -> Looked:
    started, outcome, wanted = what
    record = node.keys(given=False).record(repository.key)
    statement = RepositoryPosture(
        tenant=node.tenant,
        host=node.host,
        repository=repository.key,
        repository_id=record.repository_id if record else None,
        kind=repository.kind,
        outcome=outcome,
        reasons=tuple(found.reasons),
        promised=wanted.promised,
        facts=found.facts,
        trials=found.trials,
        immutable=found.immutable,
        locked=found.locked,
        started=rfc3339(started),
        ended=rfc3339(node.clock.now()),
    )
    subjects = [("repository", record.repository_id)] if record else []
    with node.log() as log:
        return Looked(statement, log.append(statement, subjects).index, found.error)
