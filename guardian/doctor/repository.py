"""A repository: its storage answers, its secrets are there and private, it opens, and who else is at work on it."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

from guardian.config.load import ResolvedRepository
from guardian.config.secrets import credentials
from guardian.doctor import judge
from guardian.doctor.bucket import examine_bucket
from guardian.doctor.examination import About, Examination, Measured
from guardian.doctor.state import nearest
from guardian.durable import Lease
from guardian.errors import GuardianError
from guardian.model.protection import FilesSource, SqliteSource
from guardian.model.reason import reason
from guardian.node import Node
from guardian.restic.client import Restic
from guardian.restic.locks import Held, Lock, Stale, alive_as
from guardian.restic.locks import judge as judge_lock


def examine_repository(node: Node, repository: ResolvedRepository) -> Iterator[Examination]:
    """Look at one repository, the nearest things first; what needs a thing that is missing is not tried."""
    storage = tuple(_storage(node, repository))
    secrets = tuple(_secrets(node, repository))
    yield from storage
    yield from secrets
    opens = About("opens", repository.key)
    if any(e.standing == "bad" for e in (*storage, *secrets)) or not node.state.is_dir():
        # Trying to open it would make folders in the state directory, or wait for a storage that is not there.
        yield opens.unknown(reason("needs-the-above"))
        return
    try:
        restic = node.restic(repository.key)
        yield _identity(opens, node, repository, restic)
        yield _locks(About("locks", repository.key), node, repository, restic)
    except GuardianError as error:
        yield opens.failed(error)
    if repository.s3 is not None:
        yield from examine_bucket(node, repository)


def _storage(node: Node, repository: ResolvedRepository) -> Iterator[Examination]:
    about = About("storage", repository.key)
    if repository.s3 is not None:
        yield _reach(about, node, repository)
    elif repository.path is not None:
        yield _directory(about, repository.path)
        yield _placement(About("placement", repository.key), node, repository, repository.path)


def _reach(about: About, node: Node, repository: ResolvedRepository) -> Examination:
    from guardian.objectstore.reach import reach  # noqa: PLC0415  only S3 needs it

    assert repository.s3 is not None  # noqa: S101  the caller asks for S3 only
    try:
        found = reach(repository.s3, cacert=str(repository.cacert) if repository.cacert else None, clock=node.clock)
    except GuardianError as error:
        return about.failed(error)
    ms = round(found.seconds * 1000)
    if found.server_time is None:
        return about.warning(reason("storage-without-time", ms=ms), {"ms": ms, "status": found.status})
    off = (node.clock.now() - found.server_time).total_seconds()
    standing = judge.skew(off)
    why = reason("storage-answers", ms=ms) if standing == "ok" else reason("clock-skew", seconds=round(off))
    return about.stands(standing, why, {"ms": ms, "status": found.status, "skew_seconds": round(off)})


def _directory(about: About, path: Path) -> Examination:
    try:
        entries = {entry.name for entry in os.scandir(path)}
    except FileNotFoundError:
        return about.bad(reason("directory-missing", path=str(path)))
    except OSError as error:
        return about.bad(reason("unreadable", path=str(path), error=error.strerror or ""))
    if not os.access(path, os.W_OK):
        return about.bad(reason("unwritable", path=str(path), error=os.strerror(errno.EACCES)))
    return about.ok(reason("directory-there", path=str(path)), {"entries": len(entries)})


def _placement(about: About, node: Node, repository: ResolvedRepository, path: Path) -> Examination:
    """Whether one dead disk takes the repository together with what it protects."""
    own = nearest(path).stat().st_dev
    protected = [
        Path(place)
        for system in repository.systems
        for source in node.loaded.config.systems[system].sources.values()
        if isinstance(source, FilesSource | SqliteSource)
        for place in (source.paths if isinstance(source, FilesSource) else (source.path,))
    ]
    for place in (*protected, node.state):
        if nearest(place).stat().st_dev == own:
            return about.warning(reason("same-file-system", path=str(place)))
    return about.ok(reason("other-file-system"))


def _secrets(node: Node, repository: ResolvedRepository) -> Iterator[Examination]:
    if repository.spec.credentials:
        about = About("credentials", repository.key)
        try:
            credentials(repository.spec.credentials, node.loaded.base)
        except GuardianError as error:
            yield about.failed(error)
        else:
            yield about.ok(reason("secret-there", reference=repository.spec.credentials.partition(":")[0]))
    about = About("password", repository.key)
    try:
        node.keys().password(repository.key)
    except GuardianError as error:
        yield about.failed(error)
    else:
        kind = repository.spec.password.partition(":")[0] if repository.spec.password else "file"
        yield about.ok(reason("secret-there", reference=kind))


def _identity(about: About, node: Node, repository: ResolvedRepository, restic: Restic) -> Examination:
    """Open it, and hold its id against the one on record."""
    found = restic.config()
    record = node.keys().record(repository.key)
    measured: Measured = {
        "repository_id": found.id,
        "format": found.version,
    }
    if record is None:
        return about.bad(reason("repository-not-on-record", id=found.id[:16]), measured)
    if record.repository_id != found.id:
        return about.bad(reason("repository-changed", expected=record.repository_id, found=found.id), measured)
    return about.ok(reason("repository-opens", id=found.id[:16]), measured)


def _locks(about: About, node: Node, repository: ResolvedRepository, restic: Restic) -> Examination:
    """Say who holds locks. None is removed: that is done by a backup, with the lease in its hand."""
    try:
        ids = restic.lock_ids()
        locks = restic.locks() if ids else []
        unread = set(ids) - {lock.id for lock in locks}
        if unread:  # one that is gone by now was somebody's who is done
            unread &= set(restic.lock_ids())
        lease_held = Lease.held(node.state / "leases" / f"{repository.key}.lease")
    except GuardianError as error:
        return about.not_examined(error)
    if unread:
        return about.warning(reason("lock-unreadable", id=min(unread)[:16]), {"count": len(ids), "unread": len(unread)})
    now = node.clock.now()
    alive = alive_as(restic.capability.program)
    judged = [(lock, judge_lock(lock, now, os.uname().nodename, alive, lease_held)) for lock in locks]
    oldest = max((round((now - lock.time).total_seconds()) for lock in locks), default=0)
    return weigh_locks(about, judged, oldest)


def weigh_locks(about: About, judged: list[tuple[Lock, Stale | Held]], oldest: int) -> Examination:
    """How the locks stand: stale ones and exclusive ones are worth a look, a reader's or a backup's are not."""
    measured: Measured = {
        "count": len(judged),
        "exclusive": sum(lock.exclusive for lock, _verdict in judged),
        "stale": sum(isinstance(verdict, Stale) for _lock, verdict in judged),
        "oldest_seconds": oldest,
    }
    if not judged:
        return about.ok(reason("no-locks"), measured)
    lock = next((lock for lock, verdict in judged if isinstance(verdict, Stale)), None)
    if lock is not None:
        return about.warning(reason("lock-stale", pid=lock.pid, host=lock.hostname, seconds=oldest), measured)
    lock = next((lock for lock, _verdict in judged if lock.exclusive), None)
    if lock is not None:
        return about.warning(reason("lock-exclusive", pid=lock.pid, host=lock.hostname, seconds=oldest), measured)
    if any(verdict.reason == "from-the-future" for _lock, verdict in judged):
        return about.warning(reason("lock-from-the-future"), measured)
    return about.ok(reason("locks-held", count=len(judged), seconds=oldest), measured)
