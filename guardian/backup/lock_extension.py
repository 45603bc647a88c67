"""What lets the locks last of all that live snapshots need: a pack is written once, and needed for years.

Done with the identity of maintenance: the credentials of backups have no right to touch a lock, so that a thief of them
cannot fill the storage with what nobody can delete for a hundred years.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta

from guardian.backup import lock_survey, posture_rules
from guardian.backup.lock_survey import Survey
from guardian.backup.needed import Needed, needed
from guardian.backup.posture import alone, cacert_of, secrets_of
from guardian.clock import rfc3339
from guardian.config.load import ResolvedRepository
from guardian.errors import ConfigError, Unavailable
from guardian.i18n import _
from guardian.ledger.store import Log
from guardian.model.events import Phase
from guardian.model.posture import LockExtension
from guardian.model.protection import BucketLock
from guardian.model.reason import Reason, reason
from guardian.node import Node
from guardian.objectstore import retention_locks
from guardian.objectstore.bucket import Bucket, open_bucket
from guardian.objectstore.posture import read_posture
from guardian.objectstore.retention_locks import Held

_SKEW = 900.0  # seconds: S3 takes no request from a clock that is further off


@dataclass(frozen=True, slots=True)
class Extended:
    """What was extended. ``entry`` is the statement's number in the log; None when nothing had to be done."""

    extension: LockExtension
    entry: int | None


def extend_locks(
    node: Node, repository_key: str, margin: timedelta | None = None, log: Log | None = None
) -> Extended | None:
    """Lock for the bucket's full time whatever is needed and whose lock ends within ``margin``, and read it back.

    None where the bucket locks nothing and nobody asked that it does. Its statement goes into ``log``, or into the
    node's. Raises ConfigError when the bucket should lock and does not, RepositoryLocked when another process looks at
    it now, Unavailable when the clock is wrong, and what the storage, the decoder and the log raise: then nothing is
    known of the locks.
    """
    repository = node.loaded.repository(repository_key)
    node.existing_log()
    if repository.s3 is None:
        return None
    started = _trusted_now(node, repository)
    secrets = secrets_of(node, repository, maintenance=True)
    with alone(node, repository_key) as book, open_bucket(repository.s3, secrets, cacert_of(repository)) as bucket:
        lock = _lock_of(bucket, repository.spec.lock)
        if lock is None:
            return None
        before = lock_survey.margin(lock) if margin is None else margin
        needs = needed(node, repository_key)
        seen = lock_survey.survey(node, bucket, needs, book, started + before)
        node.report(Phase("extend", repository_key))
        done = _extended(node, bucket, seen, (started, before, lock))
        book.keep(needs.repository_id, done.seen.held)
        book.save()
        return _recorded(node, (repository_key, log), needs, done, (started, before, lock))


def _trusted_now(node: Node, repository: ResolvedRepository) -> datetime:
    """The time, once the storage has the same. Under compliance nobody can take back a lock from a clock in 2099."""
    from guardian.objectstore.reach import reach  # noqa: PLC0415  only S3 needs it

    assert repository.s3 is not None  # noqa: S101  the caller looks
    found = reach(repository.s3, cacert=cacert_of(repository), clock=node.clock)
    now = node.clock.now()
    if found.server_time is not None and abs((now - found.server_time).total_seconds()) > _SKEW:
        raise Unavailable(
            _("this host's clock differs from the storage's by {seconds} s: no lock is touched").format(
                seconds=round((now - found.server_time).total_seconds())
            ),
            _("Set this host's clock, and keep it right by NTP."),
        )
    return now


@dataclass(frozen=True, slots=True)
class _Done:
    seen: Survey
    extended: int
    failed: tuple[Held, ...]


_Terms = tuple[datetime, timedelta, BucketLock]
"""Now, how long before its end a lock is extended, and the lock that the bucket gives."""


def _lock_of(bucket: Bucket, wanted: BucketLock | None) -> BucketLock | None:
    """The lock that is given: the longer of what the configuration asks and what the bucket does."""
    posture = read_posture(bucket.client, bucket.name, bucket.prefix)
    has = posture.default_retention.value
    if posture.object_lock.value is False or (has is None and wanted is None):
        if wanted is not None:
            raise ConfigError(
                _("the bucket '{bucket}' cannot lock objects, and the configuration asks for it").format(
                    bucket=bucket.name
                ),
                _("Use a new bucket: Guardian makes it with the lock."),
            )
        return None
    return max((lock for lock in (wanted, has) if lock), key=lambda lock: (lock.days, lock.mode == "compliance"))


def _extended(node: Node, bucket: Bucket, seen: Survey, terms: _Terms) -> _Done:
    now, before, lock = terms
    until = now + timedelta(days=lock.days)
    due = [held for held in seen.held if not held.error and (held.until is None or held.until < now + before)]
    results = list(retention_locks.extend(bucket, due, until, lock.mode, node.heed))
    afterwards = {(held.name, held.version): held for held in (*seen.held, *results)}
    failed = tuple(held for held in results if held.error)
    # One whose lock could not be made longer still has the one it had: what was tried and failed is told apart.
    kept = tuple(Held(held.name, held.version, held.until, held.mode) for held in afterwards.values() if not held.error)
    unread = tuple(held for held in afterwards.values() if held.error)
    return _Done(Survey((*kept, *unread), seen.odd), len(results) - len(failed), failed)


def _recorded(node: Node, where: tuple[str, Log | None], needs: Needed, done: _Done, terms: _Terms) -> Extended:
    key, opened = where
    started, _before, lock = terms
    now = node.clock.now()
    locked = lock_survey.weigh(done.seen, needs, now, lock_survey.notice(lock))
    reasons: tuple[Reason, ...] = tuple(lock_survey.reasons(done.seen, needs, locked, now, "critical"))
    if done.failed:
        first = min(done.failed, key=lambda held: held.name)
        failed = reason("locks-not-extended", count=len(done.failed), first=first.name, why=first.error)
        reasons = (failed, *(r for r in reasons if r.code != "object-locks-unreadable"))
    statement = LockExtension(
        tenant=node.tenant,
        host=node.host,
        repository=key,
        repository_id=needs.repository_id,
        outcome=posture_rules.outcome(reasons),
        reasons=reasons,
        mode=lock.mode,
        extended=done.extended,
        failed=len(done.failed),
        locked=locked,
        started=rfc3339(started),
        ended=rfc3339(now),
    )
    if not done.extended and not done.failed:
        return Extended(statement, None)
    subjects = [("repository", needs.repository_id)]
    with ExitStack() as held:
        log = opened or held.enter_context(node.log())
        return Extended(statement, log.append(statement, subjects).index)
