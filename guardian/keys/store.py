"""Where keys lie: ``state_dir/keys``, and what is known about each without opening it.

::

    signing.key            the node's private key, PKCS #8 PEM, 0600
    signing.pub            its public half, a signed-note verifier key: what auditors get
    <repository>.password  the repository's password, 0600
    <repository>.derived   what scrypt makes of that password, 0600: only to save time
    <repository>.json      public facts of the repository

A secret that comes from elsewhere (a systemd credential, a command) is handed in and takes the place of its file.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from guardian.clock import rfc3339
from guardian.durable import explained, private_dir, read_capped, sweep, sync_folder, write_atomic, write_new
from guardian.errors import ConfigError, Unavailable, UsageError
from guardian.i18n import _
from guardian.keys import passwords
from guardian.keys.derived import DerivedKey, drop
from guardian.keys.signing import SigningKey, VerifyKey
from guardian.model.border import Stated
from guardian.model.secret import Secret

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,127}")
_PUBLIC_LIMIT = 65_536


class RepositoryRecord(Stated):
    """Public facts of a repository: what must still be true the next time it is opened.

    ``restic_key_id`` is the key file our password opens (restic's ``--key-hint``).
    """

    repository_id: str
    restic_key_id: str | None = None
    created: str


class KeyStatus(Stated):
    """One key or password, without its content. ``created`` is when its file was written, RFC 3339."""

    kind: Literal["signing", "password"]
    name: str
    key_id: str | None
    present: bool
    mode_ok: bool
    created: str | None
    origin: Literal["file", "given"]


class KeyStore:
    """The keys of one node. Reading never makes anything; making never overwrites anything."""

    def __init__(
        self, state_dir: Path, *, signing: Secret | None = None, passwords: Mapping[str, Secret] | None = None
    ) -> None:
        """Keys under ``state_dir``, except those given: the signing key, passwords by repository key."""
        self.folder = state_dir / "keys"
        self._signing = signing
        self._passwords = dict(passwords or {})

    def ensure_signing_key(self, name: str) -> SigningKey:
        """The node's signing key, made if there is none, its public half published under ``name`` (the log's origin).

        Safe to repeat after a crash at any instant. Raises ConfigError when the public half there belongs to another
        key: evidence signed so far could no longer be verified.
        """
        private_dir(self.folder)
        sweep(self.folder)
        try:
            key = self.signing_key()
        except Unavailable:
            if self._public.exists():
                raise  # there was a key: a new one in its place would hide the loss
            key = self._create_signing_key()
        line = f"{key.verify_key.vkey(name)}\n".encode()
        if not self._public.exists():
            write_atomic(self._public, line, mode=0o644)
        elif self.verify_key() != key.verify_key:
            message = _("{path} does not belong to the signing key").format(path=self._public)
            raise ConfigError(message, _("Put back the key that signed the log so far."))
        return key

    def _create_signing_key(self) -> SigningKey:
        key = SigningKey.generate()
        try:
            write_new(self._private, key.to_pem().reveal())
        except FileExistsError:  # another process was quicker: its key is the key
            return self.signing_key()
        return key

    def signing_key(self) -> SigningKey:
        """The node's signing key. Raises Unavailable when there is none, ConfigError when it cannot be used."""
        return SigningKey.load(self._signing or passwords.load_private(self._private))

    def verify_key(self) -> VerifyKey:
        """The public half, from its file alone. Raises Unavailable when missing, ConfigError when damaged."""
        return self.verifier()[1]

    def verifier(self) -> tuple[str, VerifyKey]:
        """The name the key signs under, and the key; as :meth:`verify_key`."""
        try:
            return VerifyKey.parse(read_capped(self._public, _PUBLIC_LIMIT).decode("utf-8", "replace"))
        except FileNotFoundError as error:
            raise Unavailable(_("{path} is missing").format(path=self._public), _("Run guardian init.")) from error
        except ValueError as error:
            raise ConfigError(_("{path} is not a verifier key").format(path=self._public)) from error

    def ensure_password(self, repository: str) -> Secret:
        """The password of ``repository``, made if there is none yet.

        Raises Unavailable when the repository is on record but its password is gone: a new one would open nothing.
        """
        private_dir(self.folder)
        sweep(self.folder)
        if self._has_password(repository):
            return self.password(repository)
        if self.record(repository) is not None:
            message = _("the password of repository {name} is missing").format(name=repository)
            hint = _("The repository exists: put {path} back from where it is escrowed.")
            raise Unavailable(message, hint.format(path=self._path(repository, "password")))
        try:
            return passwords.create(self._path(repository, "password"))
        except FileExistsError:  # another process was quicker
            return self.password(repository)

    def password(self, repository: str) -> Secret:
        """The password of ``repository``. Raises Unavailable when missing, ConfigError when empty or open to others."""
        given = self._passwords.get(repository)
        return given if given is not None else passwords.load(self._path(repository, "password"))

    def password_path(self, repository: str) -> Path:
        """Where the password of ``repository`` lies, or would, unless the configuration refers to another place."""
        return self._path(repository, "password")

    def derived(self, repository: str) -> DerivedKey | None:
        """What is kept of deriving from the password of ``repository``; None for one that lies elsewhere.

        Raises as :meth:`password` does.
        """
        if repository in self._passwords:
            return None
        return DerivedKey(self._path(repository, "derived"), self.password(repository))

    def forget_derived(self, repository: str) -> None:
        """Remove what was derived from the password of ``repository``. Raises NotPermitted, Unavailable."""
        drop(self._path(repository, "derived"))

    def forget_password(self, repository: str) -> None:
        """Remove the file of a password that turned out to open nothing.

        Raises UsageError when the repository is on record: then it is the password that opens it.
        """
        if self.record(repository) is not None:
            raise UsageError(_("repository {name} is on record: its password stays").format(name=repository))
        path = self._path(repository, "password")
        with explained(path, writing=True):
            path.unlink(missing_ok=True)
            sync_folder(self.folder)
        self.forget_derived(repository)

    def record(self, repository: str) -> RepositoryRecord | None:
        """What is on record about ``repository``; None when nothing is. Raises ConfigError when it is damaged."""
        path = self._path(repository, "json")
        try:
            return RepositoryRecord.model_validate_json(read_capped(path, _PUBLIC_LIMIT))
        except FileNotFoundError:
            return None
        except ValidationError as error:
            hint = _("Put the file back from a copy: it says which repository was ours.")
            raise ConfigError(_("{path} is damaged").format(path=path), hint) from error

    def save_record(self, repository: str, record: RepositoryRecord) -> None:
        """Put ``record`` on record for ``repository``, durably, replacing what was there; what was derived is void."""
        private_dir(self.folder)
        self.forget_derived(repository)
        write_atomic(self._path(repository, "json"), record.model_dump_json(indent=1).encode() + b"\n")

    def status(self) -> list[KeyStatus]:
        """Every key and password this node has or should have: the signing key first, then by name.

        Raises Unavailable when it cannot be looked at.
        """
        names = set(self._passwords)
        with explained(self.folder):
            inside = list(self.folder.iterdir()) if self.folder.is_dir() else []
        found = [path.stem for path in inside if path.suffix in {".password", ".json"}]
        names |= {name for name in found if _NAME.fullmatch(name)}
        return [self._signing_status(), *(self._password_status(name) for name in sorted(names))]

    def _signing_status(self) -> KeyStatus:
        try:
            key_id = self.verify_key().key_id
        except (Unavailable, ConfigError):
            key_id = None
        return _status("signing", "signing", key_id, None if self._signing else self._private)

    def _password_status(self, repository: str) -> KeyStatus:
        try:
            record = self.record(repository)
        except ConfigError:
            record = None
        path = None if repository in self._passwords else self._path(repository, "password")
        return _status("password", repository, record.restic_key_id if record else None, path)

    def _has_password(self, repository: str) -> bool:
        # A name that leads nowhere counts: whoever made that link meant a password to be there.
        path = self._path(repository, "password")
        with explained(path):
            return repository in self._passwords or path.exists() or path.is_symlink()

    @property
    def _private(self) -> Path:
        return self.folder / "signing.key"

    @property
    def _public(self) -> Path:
        return self.folder / "signing.pub"

    def _path(self, repository: str, kind: str) -> Path:
        if not _NAME.fullmatch(repository):
            raise UsageError(_("{name} cannot name a repository's files").format(name=ascii(repository)))
        return self.folder / f"{repository}.{kind}"


def _status(kind: Literal["signing", "password"], name: str, key_id: str | None, path: Path | None) -> KeyStatus:
    """The status of the key in ``path``; None stands for a given secret, which has no file."""
    if path is None:
        return KeyStatus(kind=kind, name=name, key_id=key_id, present=True, mode_ok=True, created=None, origin="given")
    try:
        mode_ok = passwords.is_private(path)
        created = rfc3339(datetime.fromtimestamp(path.stat().st_mtime, UTC))
    except FileNotFoundError:
        return KeyStatus(kind=kind, name=name, key_id=key_id, present=False, mode_ok=False, created=None, origin="file")
    return KeyStatus(kind=kind, name=name, key_id=key_id, present=True, mode_ok=mode_ok, created=created, origin="file")
