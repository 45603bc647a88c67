"""From a password to the master key: restic's key files, each a master key sealed with what scrypt makes of one."""

import hashlib
import itertools
from dataclasses import dataclass
from typing import Protocol

from guardian.decoder import document, limits
from guardian.decoder.damage import Damage
from guardian.decoder.document import NotUnderstood
from guardian.decoder.seal import BrokenSeal, Key
from guardian.decoder.unpacked import is_id, stored
from guardian.errors import RepositoryMissing, Unavailable, WrongPassword
from guardian.i18n import _
from guardian.model.reader import ObjectMissing, ObjectUnreadable, Reader
from guardian.model.secret import Secret

_FOLDER = "keys/"


@dataclass(frozen=True, slots=True)
class KeyFile:
    """How to derive the key that opens ``data``; its numbers are within bounds."""

    n: int
    r: int
    p: int
    salt: bytes
    data: bytes


@dataclass(frozen=True, slots=True)
class Opened:
    """The master key, and the id of the key file that gave it."""

    key: Key
    key_id: str


class Memory(Protocol):
    """Remembers what scrypt made of the password, for the bytes of one key file: half a second and 64 MiB saved."""

    def recall(self, key_file: bytes) -> bytes | None:
        """The 64 derived bytes; None when they are not known. They are tried, not trusted."""
        ...

    def keep(self, key_file: bytes, derived: bytes) -> None:
        """Remember what opened ``key_file``."""
        ...


def parse(data: bytes) -> KeyFile:
    """A key file. Raises NotUnderstood, also when deriving from it would take more than it is worth."""
    fields = document.parse(data)
    n, r, p = (document.whole(fields.get(name), 32) for name in ("N", "r", "p"))
    salt, sealed = document.binary(fields.get("salt")), document.binary(fields.get("data"))
    if fields.get("kdf") != "scrypt" or len(salt) > limits.SALT:
        raise NotUnderstood
    if n < 2 or n & (n - 1) or not r or not p:
        raise NotUnderstood
    if 128 * r * (n + p) > limits.SCRYPT_MEMORY or n * r * p > limits.SCRYPT_WORK:
        raise NotUnderstood
    return KeyFile(n, r, p, salt, sealed)


def unlock(file: KeyFile, password: Secret) -> Key:
    """The master key in ``file``. Raises BrokenSeal when the password does not open it, NotUnderstood."""
    return _opened(file, _derive(file, password))


def _derive(file: KeyFile, password: Secret) -> bytes:
    return hashlib.scrypt(
        password.reveal(), salt=file.salt, n=file.n, r=file.r, p=file.p, dklen=64, maxmem=2 * limits.SCRYPT_MEMORY
    )


def _opened(file: KeyFile, derived: bytes) -> Key:
    plain = Key(derived[:32], derived[32:48], derived[48:]).opener().open(file.data)
    fields = document.parse(plain)
    mac = fields.get("mac")
    if not isinstance(mac, dict):
        raise NotUnderstood
    try:
        return Key(*(document.binary(value) for value in (fields.get("encrypt"), mac.get("k"), mac.get("r"))))
    except ValueError:
        raise NotUnderstood from None


def _unlock(data: bytes, password: Secret, memory: Memory | None) -> Key:
    """The master key in the key file ``data``, with the help of ``memory``. Raises as :func:`unlock`."""
    file = parse(data)
    if memory is None:
        return unlock(file, password)
    if (known := memory.recall(data)) is not None:
        try:
            return _opened(file, known)
        except (BrokenSeal, NotUnderstood):
            pass
    derived = _derive(file, password)
    key = _opened(file, derived)
    memory.keep(data, derived)
    return key


def find_master(reader: Reader, password: Secret, hint: str = "", memory: Memory | None = None) -> Opened:
    """Try the key files, the one that ``hint`` names (a whole id) first, until one opens.

    Raises RepositoryMissing when there is no key file, WrongPassword when none opens, Unavailable when there are
    more than are tried, and what the reader raises.
    """
    names = (name.removeprefix(_FOLDER) for name, _size in reader.list(_FOLDER))
    listed = itertools.islice(filter(is_id, names), limits.KEYS_TRIED + 1)
    tried = 0
    for key_id in itertools.chain([hint] if is_id(hint) else [], (name for name in listed if name != hint)):
        if tried == limits.KEYS_TRIED:
            raise Unavailable(
                _("none of the first {count} key files opens with this password, and there are more").format(
                    count=tried
                ),
                _("Somebody may have flooded the repository with key files: name the right one as the key hint."),
            )
        tried += 1
        try:
            return Opened(_unlock(stored(reader, _FOLDER + key_id, limits.KEY_FILE), password, memory), key_id)
        except ObjectMissing:
            tried -= 1  # the hint names none, or it was removed since it was listed
        except (BrokenSeal, NotUnderstood, Damage, ObjectUnreadable):
            # Another password's key, or a broken one: neither says anything about the next.
            continue
    if not tried:
        raise RepositoryMissing(_("there is no restic repository: it has no key file"))
    raise WrongPassword(_("the password opens no key of the repository"))
