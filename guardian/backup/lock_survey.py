"""How long everything that live snapshots need is locked, and whether anybody has tampered with it.

A default retention locks an object from the moment it is written. A pack that ten years of backups share was written
once: its lock ends while they still need it. So the locks themselves are read, object by object.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from guardian.backup.lock_book import LockBook
from guardian.backup.needed import Needed
from guardian.clock import rfc3339
from guardian.model.events import Phase
from guardian.model.posture import Locked
from guardian.model.protection import BucketLock
from guardian.model.reason import Reason, Severity, reason
from guardian.node import Node
from guardian.objectstore import retention_locks
from guardian.objectstore.bucket import Bucket
from guardian.objectstore.retention_locks import Held, Which
from guardian.objectstore.versions import Version, list_versions

_KEPT_OF_EACH = 4
_FOLDERS = ("config", "data/", "index/", "keys/", "snapshots/")


@dataclass(frozen=True, slots=True)
class Survey:
    """The locks of all needed objects, by object and version; and what is odd about the objects themselves."""

    held: tuple[Held, ...]
    odd: tuple[Reason, ...]


def survey(node: Node, bucket: Bucket, what: Needed, book: LockBook, beyond: datetime) -> Survey:
    """Read every lock that is not known to last ``beyond`` that moment.

    Raises StorageRefused when these credentials may not see versions, StorageUnreachable.
    """
    node.report(Phase("list", bucket.name))
    stored = _stored(bucket, what.names)
    which = [(name, version.id) for name, versions in stored.items() for version in _spread(versions)]
    known = {} if book.repository_id != what.repository_id else _known(book, which, beyond)
    node.report(Phase("locks", bucket.name))
    asked = (one for one in which if one not in known)
    read = list(retention_locks.read(bucket, asked, node.heed))
    return Survey((*known.values(), *read), tuple(_odd(what.names, stored)))


def _stored(bucket: Bucket, names: frozenset[str]) -> dict[str, list[Version]]:
    """The versions of the objects ``names``, oldest first; markers too."""
    stored: dict[str, list[Version]] = defaultdict(list)
    for folder in _FOLDERS:
        for version in list_versions(bucket, folder):
            if version.name in names:
                stored[version.name].append(version)
    # They come with the newest first, and that is the order of those of one second.
    oldest_first = {name: versions[::-1] for name, versions in stored.items()}
    return {name: sorted(versions, key=lambda version: version.made) for name, versions in oldest_first.items()}


def _spread(versions: Sequence[Version]) -> Iterator[Version]:
    """The versions whose locks count: whoever writes an object over and over makes no work without end.

    The first is the one that a backup wrote; restic never writes an object twice.
    """
    real = [version for version in versions if not version.is_marker]
    yield from real[:_KEPT_OF_EACH]
    yield from real[max(_KEPT_OF_EACH, len(real) - _KEPT_OF_EACH) :]


def _known(book: LockBook, which: Iterable[Which], beyond: datetime) -> dict[Which, Held]:
    found = ((one, book.known(*one, beyond)) for one in which)
    return {one: held for one, held in found if held is not None}


def _odd(names: frozenset[str], stored: dict[str, list[Version]]) -> Iterator[Reason]:
    """Objects that are needed and were overwritten, hidden by a deletion, or are not there."""
    overwritten, hidden = [], []
    for name, versions in sorted(stored.items()):
        contents = {(version.etag, version.size) for version in versions if not version.is_marker}
        if any(version.is_latest and version.is_marker for version in versions):
            hidden.append(name)
        elif len(contents) > 1:
            overwritten.append(name)
    missing = sorted(names - stored.keys())
    # The format's migration writes the configuration once more.
    grave: Severity = "warning" if overwritten == ["config"] else "critical"
    if overwritten:
        yield reason("objects-overwritten", grave, count=len(overwritten), first=overwritten[0])
    if hidden:
        yield reason("objects-hidden", count=len(hidden), first=hidden[0])
    if missing:
        yield reason("needed-missing", count=len(missing), first=missing[0])


def margin(lock: BucketLock) -> timedelta:
    """How long before its end a lock is extended: half of its days, and longer than a week where that is possible.

    Maintenance comes weekly; every lock it finds must still last until it comes again.
    """
    return timedelta(days=min(lock.days, max(lock.days / 2, 8)))


def notice(lock: BucketLock) -> timedelta:
    """How long before its end a lock is told of: by then, maintenance should have extended it."""
    return timedelta(days=min(7, lock.days / 4))


def weigh(found: Survey, what: Needed, now: datetime, before: timedelta) -> Locked:
    """How the locks stand at ``now``. Pure."""
    objects = len({held.name for held in found.held})
    readable = [held for held in found.held if not held.error]
    ends = [held.until for held in readable if held.until is not None]
    return Locked(
        objects=objects,
        packs=what.packs,
        until=rfc3339(min(ends)) if ends and len(ends) == len(found.held) else None,
        unlocked=sum(_is_open(held, now) for held in found.held),
        ending=sum(now < end <= now + before for end in ends),
        unreadable=len(found.held) - len(readable),
        margin_days=round(before.total_seconds() / 86400, 3),
    )


def reasons(found: Survey, what: Needed, locked: Locked, now: datetime, severity: Severity) -> Iterator[Reason]:
    """What speaks against the locks; ``severity`` is that of a lock that has lapsed. Pure."""
    yield from found.odd
    if what.damaged:
        yield reason("needed-incomplete", "warning", count=what.damaged)
    if locked.unlocked:
        first = min(held.name for held in found.held if _is_open(held, now))
        yield reason("locks-lapsed", severity, count=locked.unlocked, first=first)
    if locked.ending and locked.until:
        yield reason("locks-ending", "warning", count=locked.ending, until=locked.until)
    if locked.unreadable:
        first_unread = min((held for held in found.held if held.error), key=lambda held: held.name)
        yield reason("object-locks-unreadable", "warning", count=locked.unreadable, why=first_unread.error)


def _is_open(held: Held, now: datetime) -> bool:
    return not held.error and (held.until is None or held.until <= now)
