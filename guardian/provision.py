"""Making what a configuration names and that is missing: keys, the log, buckets, repositories. Nothing is overwritten.

Every step may be repeated after a crash at any instant: a password without a repository is used for it, a
repository without a record is put on record.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from guardian.clock import rfc3339
from guardian.config.load import ResolvedRepository
from guardian.config.secrets import credentials
from guardian.durable import private_dir
from guardian.errors import GuardianError, Interrupted, RepositoryMissing, Unavailable, WrongPassword
from guardian.i18n import _
from guardian.keys.store import RepositoryRecord
from guardian.ledger.store import Log
from guardian.model.evidence import KeyEvent
from guardian.model.reason import Reason, reason
from guardian.node import Node
from guardian.restic.client import RepositoryConfig, Restic
from guardian.restic.copying import init_like, readable


@dataclass(frozen=True, slots=True)
class Made:
    """One thing a node needs: made now, found as it was, or not to be had (``error``); ``reasons`` are remarks."""

    kind: Literal["signing-key", "log", "repository"]
    name: str
    standing: Literal["created", "existing", "failed"]
    key_id: str = ""
    error: GuardianError | None = None
    reasons: tuple[Reason, ...] = ()


def provision(node: Node) -> Iterator[Made]:
    """Make what is missing, one after the other; a repository that fails does not keep the next from being made."""
    private_dir(node.state)
    keys = node.keys()
    had_key = any(status.present for status in keys.status() if status.kind == "signing")
    key = keys.ensure_signing_key(node.origin)
    yield Made("signing-key", "signing", "existing" if had_key else "created", key.key_id)
    had_log = Log.exists(node.log_folder)
    lost_log = not had_log and node.had_log()
    log = node.log() if had_log else Log.create(node.log_folder, node.origin, key)
    if log.size == 0:
        _state(node, log, "log-begun-anew" if lost_log else "signing-key-created", key.key_id)
    yield Made("log", node.origin, "existing" if had_log else "created")
    # What is copied to cuts files as what is copied from: that must be there first.
    for repository in sorted(node.loaded.repositories(), key=lambda one: bool(node.loaded.origins(one.key))):
        try:
            yield _repository(node, log, repository)
        except GuardianError as error:
            yield Made("repository", repository.key, "failed", error=error)


def _repository(node: Node, log: Log, repository: ResolvedRepository) -> Made:
    keys = node.keys()
    record = keys.record(repository.key)
    new_password = not any(s.kind == "password" and s.name == repository.key and s.present for s in keys.status())
    keys.ensure_password(repository.key)
    with node.lease(repository.key, "init") as lease:
        restic = node.restic(repository.key, lease)
        try:
            found, event = restic.config(), "repository-adopted"
        except RepositoryMissing:
            if record is not None:
                raise  # it was there once: a new one in its place would hide the loss
            _bucket(node, repository)
            found, event = _init(node, repository, restic), "repository-created"
        except WrongPassword as error:
            if not new_password:
                raise
            keys.forget_password(repository.key)
            raise WrongPassword(
                _("repository {name} exists and was made with another password").format(name=repository.key),
                _("Name that password in the configuration: password: file:… under the repository."),
            ) from error
        if record is not None:
            said = _alignment(node, repository)
            return Made("repository", repository.key, "existing", record.restic_key_id or "", reasons=said)
        key_id = restic.current_key()
        # First into the log: a crash between the two states the event twice, never not at all.
        _state(node, log, event, key_id, (repository.key, found.id))
        created = rfc3339(node.clock.now())
        keys.save_record(
            repository.key, RepositoryRecord(repository_id=found.id, restic_key_id=key_id, created=created)
        )
    node.derive(repository.key)
    standing: Literal["created", "existing"] = "created" if event == "repository-created" else "existing"
    return Made("repository", repository.key, standing, key_id, reasons=_alignment(node, repository))


def _init(node: Node, repository: ResolvedRepository, restic: Restic) -> RepositoryConfig:
    """Make the repository; one that is copied to cuts files as the first that is copied from, so as to store less."""
    origins = node.loaded.origins(repository.key)
    origin = _made(node, origins)
    if origin is None:
        if origins and not any(target.key == repository.key for target in node.loaded.targets()):
            raise Unavailable(
                _("repository {name} has to be there first, since it is copied from").format(name=origins[0]),
                _("How files are cut is taken over from there: with it unlike, copies would take more room."),
            )
        return restic.init()
    source = node.restic(origin)
    with readable(source, restic, lambda: node.reader(origin)) as access:
        return init_like(restic, access)


def _made(node: Node, origins: tuple[str, ...]) -> str | None:
    """The first of ``origins`` that is on record."""
    keys = node.keys(given=False)
    return next((key for key in origins if keys.record(key) is not None), None)


def _alignment(node: Node, repository: ResolvedRepository) -> tuple[Reason, ...]:
    """What is to be said when a repository that is copied to cuts files unlike the one that is copied from."""
    origin = _made(node, node.loaded.origins(repository.key))
    if origin is None:
        return ()
    try:
        ours, theirs = node.chunker(origin), node.chunker(repository.key)
    except Interrupted:
        raise
    except GuardianError:  # a remark that could not be made; what is wrong with either is told of itself
        return ()
    if ours is None or theirs is None or ours == theirs:
        return ()
    return (reason("chunker-differs", "warning", origin=origin, repository=repository.key),)


def _bucket(node: Node, repository: ResolvedRepository) -> None:
    """Make the bucket ourselves when it needs object lock: that can only be asked for when it is made."""
    if repository.s3 is None or repository.spec.lock is None:
        return  # restic makes a plain bucket
    from guardian.objectstore.s3 import S3Store  # noqa: PLC0415  boto3 is large, and optional

    reference = repository.spec.credentials
    secrets = credentials(reference, node.loaded.base) if reference else {}
    with S3Store(repository.s3, secrets, cacert=str(repository.cacert) if repository.cacert else None) as store:
        store.ensure_bucket(repository.spec.lock)


def _state(node: Node, log: Log, event: str, key_id: str, repository: tuple[str, str] | None = None) -> None:
    name, repository_id = repository or (None, None)
    statement = KeyEvent(
        event=event,
        tenant=node.tenant,
        host=node.host,
        key_id=key_id,
        repository=name,
        repository_id=repository_id,
        at=rfc3339(node.clock.now()),
    )
    log.append(statement, [("key", key_id.rjust(64, "0"))])
