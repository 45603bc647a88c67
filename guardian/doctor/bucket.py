"""The bucket under a repository: each fact of its set-up is what the storage said, or could not be read."""

from collections.abc import Iterator

from guardian.backup.posture import asked
from guardian.backup.posture_rules import NOT_OFFERED, Asked, weigh_lifecycle
from guardian.config.load import ResolvedRepository
from guardian.config.secrets import credentials
from guardian.doctor.examination import About, Examination
from guardian.errors import GuardianError, Unavailable
from guardian.model.protection import BucketLock
from guardian.model.reason import Reason, reason
from guardian.node import Node
from guardian.objectstore.posture import Posture
from guardian.objectstore.questions import Fact
from guardian.objectstore.s3 import S3Store, at_least


def examine_bucket(node: Node, repository: ResolvedRepository) -> Iterator[Examination]:
    """Ask the storage how the bucket of an S3 repository is set up."""
    about = About("bucket", repository.key)
    try:
        posture = _posture(node, repository)
    except Unavailable as error:
        yield about.not_examined(error)
        return
    except GuardianError as error:
        yield about.failed(error)
        return
    yield _lock(About("bucket-lock", repository.key), posture, repository.spec.lock)
    yield from _facts(posture, repository.key)
    yield _lifecycle(About("bucket-lifecycle-rules", repository.key), posture, asked(node, repository))


def _posture(node: Node, repository: ResolvedRepository) -> Posture:
    assert repository.s3 is not None  # noqa: S101  the caller asks for S3 only
    secrets = credentials(repository.spec.credentials, node.loaded.base) if repository.spec.credentials else {}
    with S3Store(repository.s3, secrets, cacert=str(repository.cacert) if repository.cacert else None) as store:
        return store.posture()


def _lock(about: About, posture: Posture, asked: BucketLock | None) -> Examination:
    unread = posture.object_lock.error or posture.default_retention.error
    if unread:
        # Asked for, a lock that nobody can see is a question; not asked for, it is a setting like the others.
        return about.unknown(reason("fact-unreadable", why=unread)) if asked else _unread(about, unread)
    has = posture.default_retention.value if posture.object_lock.value else None
    said = f"{has.mode} {has.days} d" if has else None
    if asked and not at_least(has, asked):
        return about.bad(
            reason("bucket-lock-differs", has=said or "-", asked=f"{asked.mode} {asked.days} d"),
            {"default_retention": said},
        )
    return about.ok(_said(said), {"default_retention": said})


def _facts(posture: Posture, key: str) -> Iterator[Examination]:
    facts: tuple[tuple[str, Fact[str] | Fact[bool]], ...] = (
        ("bucket-versioning", Fact(posture.versioning.value, posture.versioning.error)),
        ("bucket-public-access-blocked", posture.public_access_blocked),
        ("bucket-encryption", posture.encryption),
        ("bucket-policy", posture.policy),
    )
    for name, fact in facts:
        about = About(name, key)
        if not fact.known:
            yield _unread(about, fact.error or "")
        elif name == "bucket-policy" and posture.public.value:
            yield about.bad(reason("bucket-public"), {"value": fact.value})
        else:
            yield about.ok(_said(fact.value), {"value": fact.value})


def _lifecycle(about: About, posture: Posture, wanted: Asked) -> Examination:
    """Whatever a rule takes away, restic misses."""
    fact = posture.lifecycle_rules
    if not fact.known:
        return _unread(about, fact.error or "")
    found = tuple(weigh_lifecycle(posture, wanted))
    if found:
        worst = min(found, key=lambda why: why.severity != "critical")
        return about.stands("bad" if worst.severity == "critical" else "warning", worst, {"value": fact.value})
    return about.ok(reason("lifecycle-rules", count=fact.value or 0), {"value": fact.value})


def _unread(about: About, why: str) -> Examination:
    # A storage that has no such setting has answered: that is known, and no good news either.
    if why in NOT_OFFERED:
        return about.warning(reason("fact-not-offered", why=why))
    return about.unknown(reason("fact-unreadable", why=why))


def _said(value: str | bool | None) -> Reason:
    if value is None:
        return reason("fact-none")
    if isinstance(value, bool):
        return reason("fact-yes") if value else reason("fact-no")
    return reason("fact", value=value)
