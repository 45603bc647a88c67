"""What scrypt made of a repository's password, kept beside the password so that it need not be made at every backup.

Deriving takes half a second and up to 64 MiB. What is kept opens one key file and no other: who can read it can read
the password beside it, which opens the same. A password that lies elsewhere (a systemd credential, a command) leaves
nothing behind: for that none is made. Losing it costs one derivation.

    <sha256 of the key file> <derived key> <HMAC-SHA-256, by the derived key, of the digest and the password>

in hexadecimal digits: changing either the key file or the password makes it void.
"""

import hashlib
import hmac
from contextlib import suppress
from pathlib import Path

from guardian.durable import explained, read_capped, sync_folder, write_atomic
from guardian.errors import GuardianError
from guardian.keys.passwords import is_private
from guardian.model.secret import Secret

_LIMIT = 512
_LENGTH = 64  # bytes of a derived key: restic's


class DerivedKey:
    """The derived key in one file, for one password. Never raises: it saves time, and proves nothing."""

    def __init__(self, path: Path, password: Secret) -> None:
        """``path`` need not exist."""
        self._path, self._password = path, password

    def recall(self, key_file: bytes) -> bytes | None:
        """What was derived for these bytes of a key file and for our password; None when that is not known."""
        try:
            if not is_private(self._path):
                return None
            digest, derived, code = (bytes.fromhex(word) for word in read_capped(self._path, _LIMIT).decode().split())
        except (GuardianError, OSError, ValueError):
            return None
        fits = hmac.compare_digest(code, self._code(digest, derived)) and digest == hashlib.sha256(key_file).digest()
        return derived if fits and len(derived) == _LENGTH else None

    def keep(self, key_file: bytes, derived: bytes) -> None:
        """Keep ``derived``, which opened ``key_file``; on a disk that takes nothing it is not kept."""
        digest = hashlib.sha256(key_file).digest()
        words = (digest.hex(), derived.hex(), self._code(digest, derived).hex())
        with suppress(GuardianError):
            write_atomic(self._path, " ".join(words).encode() + b"\n")

    def _code(self, digest: bytes, derived: bytes) -> bytes:
        return hmac.digest(derived, digest + self._password.reveal(), "sha256")


def drop(path: Path) -> None:
    """Remove what was kept in ``path``. Raises NotPermitted, Unavailable."""
    with explained(path, writing=True):
        try:
            path.unlink()
        except FileNotFoundError:
            return
        sync_folder(path.parent)
