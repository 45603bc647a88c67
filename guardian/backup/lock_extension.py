"""What lets the locks last of all that live snapshots need: a pack is written once, and needed for years.

Done with the identity of maintenance: the credentials of backups have no right to touch a lock, so that a thief of them
cannot fill the storage with what nobody can delete for a hundred years.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from guardian.backup import lock_survey, posture_rules
from guardian.backup.lock_survey import Survey
from guardian.backup.needed import Needed, needed
from guardian.backup.posture import alone, cacert_of, secrets_of
from guardian.clock import rfc3339
from guardian.errors import ConfigError
from guardian.i18n import _
from guardian.model.events import Phase
from guardian.model.posture import LockExtension
from guardian.model.protection import BucketLock
from guardian.model.reason import Reason, reason
from guardian.node import Node
from guardian.objectstore import retention_locks
from guardian.objectstore.bucket import Bucket, open_bucket
from guardian.objectstore.posture import read_posture
from guardian.objectstore.retention_locks import Held


@dataclass(frozen=True, slots=True)
class Extended:
    """What was extended. ``entry`` is the statement's number in the log; None when nothing had to be done."""

    extension: LockExtension
    entry: int | None


def extend_locks(node: Node, repository_key: str, margin: timedelta | None = None) -> Extended | None:
    """Lock for the bucket's full time whatever is needed and whose lock ends within ``margin``, and read it back.

    None where the bucket locks nothing and nobody asked that it does. Raises ConfigError when it should and does not,
    RepositoryLocked when another process looks at it now, and what the storage, the decoder and the log raise: then
    nothing is known of the locks.
    """
    repository = node.loaded.repository(repository_key)
    node.existing_log()
    started = node.clock.now()
    if repository.s3 is None:
        return None
    node.reach(repository)
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
        return _recorded(node, repository_key, needs, done, (started, before, lock))


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


def _recorded(node: Node, key: str, needs: Needed, done: _Done, terms: _Terms) -> Extended:
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
    with node.log() as log:
        return Extended(statement, log.append(statement, [("repository", needs.repository_id)]).index)
