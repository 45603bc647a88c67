"""Ed25519 keys: one signs for a node, everyone verifies with public keys alone.

Public keys travel as C2SP signed-note verifier keys (https://c2sp.org/signed-note): ``name+hash+key`` where hash is
the first four bytes of SHA-256(name, newline, 0x01, raw key) in hexadecimal and key the base64 of 0x01 and the raw key.
"""

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING, Self

from guardian.errors import ConfigError
from guardian.i18n import _
from guardian.model.secret import Secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519 = b"\x01"
"""The signature type of Ed25519 in signed notes."""
_RAW = 32


class VerifyKey:
    """A public key. Equal when the raw bytes are; hashable."""

    __slots__ = ("_public", "raw")

    def __init__(self, raw: bytes) -> None:
        """A key from its 32 raw bytes. Raises ValueError for any other length."""
        if len(raw) != _RAW:
            raise ValueError(f"an Ed25519 public key has {_RAW} bytes, not {len(raw)}")
        self.raw = raw
        self._public: Ed25519PublicKey | None = None

    @property
    def key_id(self) -> str:
        """SHA-256 of the raw key in hexadecimal: how DSSE envelopes and people name it."""
        return hashlib.sha256(self.raw).hexdigest()

    def verify(self, signature: bytes, data: bytes) -> bool:
        """Whether ``signature`` is this key's over ``data``. Never raises for bad bytes; safe in many threads."""
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  start-up stays quick

        if self._public is None:
            from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

            self._public = Ed25519PublicKey.from_public_bytes(self.raw)
        try:
            self._public.verify(signature, data)
        except InvalidSignature:
            return False
        return True

    def note_hash(self, name: str) -> bytes:
        """The four bytes that name this key, used under ``name``, in a signed note."""
        return hashlib.sha256(name.encode() + b"\n" + ED25519 + self.raw).digest()[:4]

    def vkey(self, name: str) -> str:
        """This key under ``name`` as a verifier key line, without newline. Raises ValueError for a bad name."""
        if not is_note_name(name):
            raise ValueError(f"not a key name: {name!r}")
        return f"{name}+{self.note_hash(name).hex()}+{base64.b64encode(ED25519 + self.raw).decode()}"

    @classmethod
    def parse(cls, line: str) -> tuple[str, Self]:
        """Name and key of a verifier key line. Raises ValueError: damaged, or of another algorithm."""
        # The base64 of the key may hold a plus sign too, so only the first two divide.
        name, _plus, rest = line.strip().partition("+")
        note_hash, _plus, encoded = rest.partition("+")
        try:
            data = base64.b64decode(encoded, validate=True)
        except binascii.Error as error:
            raise ValueError("not a verifier key: the key is no base64") from error
        if not is_note_name(name) or data[:1] != ED25519 or len(data) != 1 + _RAW:
            raise ValueError("not an Ed25519 verifier key")
        key = cls(data[1:])
        if note_hash != key.note_hash(name).hex():
            raise ValueError("not a verifier key: name, hash and key do not belong together")
        return name, key

    def __eq__(self, other: object) -> bool:
        """Whether both are the same key."""
        return isinstance(other, VerifyKey) and other.raw == self.raw

    def __hash__(self) -> int:
        """A hash of the raw key."""
        return hash(self.raw)

    def __repr__(self) -> str:
        """The class and the first digits of the key id."""
        return f"VerifyKey({self.key_id[:16]})"


def is_note_name(name: str) -> bool:
    """Whether ``name`` may name a key or a log: not empty, no whitespace or control character, no plus sign."""
    return bool(name) and len(name) <= 255 and name.isprintable() and not any(c.isspace() or c == "+" for c in name)


class SigningKey:
    """A private key. It never prints itself and is not pickled."""

    __slots__ = ("_private", "verify_key")

    def __init__(self, private: "Ed25519PrivateKey") -> None:
        """Wrap a key of the library; use :meth:`generate` or :meth:`load`."""
        self._private = private
        self.verify_key = VerifyKey(private.public_key().public_bytes_raw())

    @classmethod
    def generate(cls) -> Self:
        """A new key from the system's random numbers."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, secret: Secret) -> Self:
        """The key in ``secret``: PKCS #8 PEM without a passphrase, or the raw 32 bytes.

        Raises ConfigError for anything else; the message holds nothing of the secret.
        """
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415
        from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

        data = secret.reveal()
        if len(data) == _RAW:
            return cls(Ed25519PrivateKey.from_private_bytes(data))
        try:
            private = load_pem_private_key(data, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            private = None  # raised below, outside: the library's words may quote what it read
        if not isinstance(private, Ed25519PrivateKey):
            hint = _("It must be Ed25519: PKCS #8 PEM without a passphrase, or 32 raw bytes.")
            raise ConfigError(_("the signing key cannot be read"), hint)
        return cls(private)

    def to_pem(self) -> Secret:
        """The key as PKCS #8 PEM without a passphrase: for the file only its owner can read."""
        from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
            Encoding,
            NoEncryption,
            PrivateFormat,
        )

        return Secret(self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    @property
    def key_id(self) -> str:
        """The id of the public key."""
        return self.verify_key.key_id

    def sign(self, data: bytes) -> bytes:
        """The 64 bytes of the signature over ``data``."""
        return self._private.sign(data)

    def __repr__(self) -> str:
        """The public half only."""
        return f"SigningKey({self.key_id[:16]})"

    def __reduce__(self) -> str:
        """Refuse to be pickled."""
        raise TypeError("a signing key is not pickled")
