"""Custody of repository passwords: split among people, brought back by them, replaced.

Nothing here shows or logs a share or a password; the log gets a :class:`~guardian.model.evidence.KeyEvent`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from guardian.clock import rfc3339
from guardian.durable import Lease, explained, private_dir, sweep, sync_folder, write_atomic, write_new
from guardian.errors import ConfigError, GuardianError, Unavailable, UsageError, WrongPassword
from guardian.i18n import _
from guardian.keys import passwords
from guardian.keys.shares import Share, combine, encode, split
from guardian.keys.sheet import Sheet
from guardian.keys.store import RepositoryRecord
from guardian.ledger.store import Log
from guardian.model.evidence import KeyEvent
from guardian.model.redaction import hide
from guardian.model.secret import Secret
from guardian.node import Node
from guardian.restic.client import Restic

NEXT = ".next"
"""Ending of the file that holds a password on its way to becoming the password."""


# splitting


@dataclass(frozen=True, slots=True)
class Plan:
    """How a password is to be split; ``holders`` names them in order, or nobody."""

    threshold: int
    shares: int
    holders: tuple[str, ...] = ()


def prepare(node: Node, key: str, plan: Plan) -> tuple[Sheet, ...]:
    """A sheet for every holder of the password of repository ``key``; nothing is written or shown yet.

    What M of the shares give has opened the repository when this returns. Raises UsageError, WrongPassword,
    ConfigError when the repository is not on record, and what the storage raises.
    """
    record = _recorded(node, key)
    password = node.keys().password(key)
    hide(password)
    shares = split(password, plan.threshold, plan.shares)
    _prove(node, key, combine(shares[-plan.threshold :]).password, record)
    names = (*plan.holders, *[""] * plan.shares)
    return tuple(
        Sheet(
            share=share,
            count=plan.shares,
            repository=key,
            repository_id=record.repository_id,
            tenant=node.tenant,
            made=node.clock.now().date().isoformat(),
            holder=names[share.number - 1],
            raw=len(encode(password)) == 32,
        )
        for share in shares
    )


def handed_out(node: Node, sheets: Sequence[Sheet]) -> int:
    """Put on record that the holders have ``sheets``; the number of the entry."""
    first = sheets[0]
    record = _recorded(node, first.repository)
    event = _event(node, "password-escrowed", first.repository, (record.repository_id, record.restic_key_id or ""))
    return _append(node, event.model_copy(update={"threshold": first.share.threshold, "shares": first.count}))


# bringing back


@dataclass(frozen=True, slots=True)
class Recovered:
    """A password that is back. ``existed``: it was there, and the same.

    ``entry`` is None on a host without a log, and when the log takes none: ``error`` says why.
    """

    path: Path
    repository_id: str
    key_id: str
    numbers: tuple[int, ...]
    misfits: tuple[int, ...]
    existed: bool
    entry: int | None = None
    error: GuardianError | None = None


def home(node: Node, key: str) -> Path | None:
    """The file the password of ``key`` belongs in; None when the configuration has it from somewhere that is none."""
    reference = node.loaded.repository(key).spec.password
    if reference is None:
        return node.keys(given=False).password_path(key)
    kind, _colon, rest = reference.partition(":")
    return node.loaded.base / rest if kind == "file" else None


def recover(node: Node, key: str, shares: Sequence[Share], to: Path | None = None) -> Recovered:
    """Put the password that ``shares`` give into its place or into ``to``, once it has opened the repository.

    Needs a configuration and the storage, no state. Nothing is overwritten. Raises what
    :func:`guardian.keys.shares.combine` raises, WrongPassword, UsageError when another password lies there.
    """
    path = to or home(node, key)
    if path is None:
        raise UsageError(
            _("the password of repository {name} does not come from a file").format(name=key),
            _("Name a file for it with --to, and put it from there where the configuration takes it from."),
        )
    combined = combine(shares)
    hide(combined.password)
    record = node.keys(given=False).record(key)
    repository_id, key_id = _prove(node, key, combined.password, record)
    existed = _place(path, combined.password, make_folder=to is None)
    if to is None:
        node.keys(given=False).forget_derived(key)
    done = Recovered(path, repository_id, key_id, combined.numbers, combined.misfits, existed)
    if not Log.exists(node.log_folder):
        return done
    try:  # the password is back: a log that does not hold together cannot take that away
        return replace(done, entry=_append(node, _event(node, "password-recovered", key, (repository_id, key_id))))
    except GuardianError as error:
        return replace(done, error=error)


def _place(path: Path, password: Secret, *, make_folder: bool) -> bool:
    """Write ``password`` to the new file ``path``; True when it is there already."""
    if make_folder:
        private_dir(path.parent)
        sweep(path.parent)
    try:
        write_new(path, password.reveal() + b"\n")
    except FileExistsError:
        try:
            same = passwords.load(path).reveal() == password.reveal()
        except ConfigError:
            same = False
        if not same:
            raise UsageError(
                _("{path} holds something else, and nothing is overwritten").format(path=path),
                _("Move it away first, or name another file with --to."),
            ) from None
        return True
    return False


# replacing


@dataclass(frozen=True, slots=True)
class Rotated:
    """A password that was replaced. ``others`` are the keys beside the new one that go on opening the repository.

    ``removed`` is the key that was taken away, empty when none was; ``error`` says why not, though that was asked.
    """

    key_id: str
    path: Path
    entry: int
    removed: str = ""
    others: tuple[str, ...] = ()
    error: GuardianError | None = None


def rotate(node: Node, key: str, *, remove_old: bool = False) -> Rotated:
    """Give repository ``key`` a new random password; the old one goes on opening it until its key is removed.

    Cut off at any instant, at least one password that opens the repository lies in its file or beside it, and the next
    call goes on where this one was. Raises UsageError when the password does not come from a file, and what restic
    and the storage raise.
    """
    path = home(node, key)
    if path is None:
        raise UsageError(
            _("the password of repository {name} does not come from a file").format(name=key),
            _("Change it where it is kept, after 'restic key add'."),
        )
    record = _recorded(node, key)
    node.existing_log()
    sweep(path.parent)
    with node.lease(key, "rotate") as lease:
        beside = path.with_name(path.name + NEXT)
        old, new = passwords.load(path), _next(beside)
        hide(old, new)
        at = _At(node, key, lease)
        key_id = _let_in(at, old, new)
        _prove(node, key, new, record)
        if old.reveal() != new.reveal():
            write_atomic(path, new.reveal() + b"\n")
        removed, error = _remove(at, new, record.restic_key_id, key_id) if remove_old else ("", None)
        others = tuple(found for found in sorted(_key_ids(at, new)) if found != key_id)
        node.keys(given=False).save_record(key, record.model_copy(update={"restic_key_id": key_id}))
        node.derive(key)
        entry = _append(node, _event(node, "password-rotated", key, (record.repository_id, key_id)))
        with explained(beside, writing=True):
            beside.unlink()
            sync_folder(beside.parent)
    return Rotated(key_id, path, entry, removed, others, error)


def _next(beside: Path) -> Secret:
    """The password to come: what a call that was cut off had begun with, else a new one, on disk before it is used."""
    try:
        return passwords.create(beside)
    except FileExistsError:
        return passwords.load(beside)


@dataclass(frozen=True, slots=True)
class _At:
    """A repository that is this process's to work on."""

    node: Node
    key: str
    lease: Lease

    def restic(self, password: Secret) -> Restic:
        return self.node.restic(self.key, self.lease, password)


def _let_in(at: _At, old: Secret, new: Secret) -> str:
    """Make ``new`` open the repository, unless it does already; the id of its key."""
    try:
        return at.node.identity(at.key, new)[1]
    except WrongPassword:
        return at.restic(old).key_add(new)


def _key_ids(at: _At, password: Secret) -> Iterator[str]:
    with at.node.reader(at.key) as reader:
        if reader is None:
            yield from at.restic(password).key_ids()
        else:
            yield from (name.removeprefix("keys/") for name, _size in reader.list("keys/"))


def _remove(at: _At, password: Secret, old: str | None, new: str) -> tuple[str, GuardianError | None]:
    """Remove the old key. That it could not be is said, and stops nothing: the new password is in force."""
    if old is None or old == new:
        return "", Unavailable(_("it is not known which key the old password opened"))
    try:
        at.restic(password).key_remove(old)
    except GuardianError as error:
        return "", error
    return old, None


# common to all three


def _recorded(node: Node, key: str) -> RepositoryRecord:
    node.loaded.repository(key)
    record = node.keys(given=False).record(key)
    if record is None:
        raise ConfigError(_("repository {name} is not on record").format(name=key), _("Run 'guardian init' first."))
    return record


def _prove(node: Node, key: str, password: Secret, record: RepositoryRecord | None) -> tuple[str, str]:
    """The ids of the repository and of the key that ``password`` opens. Raises WrongPassword; Unavailable for a
    repository that is not the one on record."""
    found, key_id = node.identity(key, password)
    if record is not None and found != record.repository_id:
        raise Unavailable(
            _("this is another repository: expected {expected}, found {found}").format(
                expected=record.repository_id[:16], found=found[:16]
            ),
            _("Somebody may have put another repository in its place."),
        )
    return found, key_id


def _event(node: Node, event: str, key: str, ids: tuple[str, str]) -> KeyEvent:
    return KeyEvent(
        event=event,
        tenant=node.tenant,
        host=node.host,
        key_id=ids[1],
        repository=key,
        repository_id=ids[0],
        at=rfc3339(node.clock.now()),
    )


def _append(node: Node, event: KeyEvent) -> int:
    with node.log() as log:
        return log.append(event, [("key", event.key_id.rjust(64, "0"))]).index
