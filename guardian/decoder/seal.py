"""restic's seal: IV ‖ AES-256-CTR text ‖ Poly1305-AES code. The code is held to be right before a byte is decrypted."""

from typing import NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.poly1305 import Poly1305

OVERHEAD = 32
"""Bytes that sealing adds: the IV and the code."""
_IV = 16
_BLOCK = 16  # room that update_into wants beyond its input


class BrokenSeal(Exception):
    """The message authentication code does not fit: other bytes, or another key."""


class Key:
    """A key that opens seals: never printed, never pickled."""

    __slots__ = ("_encrypt", "_k", "_r")

    def __init__(self, encrypt: bytes, k: bytes, r: bytes) -> None:
        """``encrypt`` 32 bytes for AES-256-CTR, ``k`` and ``r`` 16 bytes each for Poly1305-AES. Raises ValueError."""
        if (len(encrypt), len(k), len(r)) != (32, 16, 16):
            raise ValueError("a key has 32, 16 and 16 bytes")
        self._encrypt, self._k, self._r = encrypt, k, r

    def opener(self) -> "Opener":
        """What opens seals with this key, for one thread."""
        return Opener(self._encrypt, self._k, self._r)

    def seal(self, plain: bytes, iv: bytes) -> bytes:
        """What somebody who has this key would store for ``plain``: for faults planted in memory, never for storing.

        ``iv`` has 16 bytes and is used once.
        """
        text = Cipher(algorithms.AES(self._encrypt), modes.CTR(iv)).encryptor().update(plain)
        one_time = Cipher(algorithms.AES(self._k), modes.ECB()).encryptor()  # noqa: S305  as below
        return iv + text + Poly1305.generate_tag(self._r + one_time.update(iv), text)

    def __repr__(self) -> str:
        return "***"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is not pickled")


class Opener:
    """Opens seals, one after the other: for one thread, since its cipher contexts are used again and again."""

    def __init__(self, encrypt: bytes, k: bytes, r: bytes) -> None:
        self._r = r
        self._one_time = Cipher(algorithms.AES(k), modes.ECB()).encryptor()  # noqa: S305  one block: Poly1305-AES
        self._stream = Cipher(algorithms.AES(encrypt), modes.CTR(bytes(_IV))).decryptor()

    def open(self, sealed: bytes | memoryview) -> memoryview:
        """The plain text of ``sealed``. Raises BrokenSeal, also for what is too short to be sealed at all."""
        if len(sealed) < OVERHEAD:
            raise BrokenSeal
        view = memoryview(sealed)
        iv, text, code = bytes(view[:_IV]), view[_IV:-_IV], bytes(view[-_IV:])
        try:
            # Poly1305 clamps r itself, as restic's mask does; the comparison takes the same time for every code.
            Poly1305.verify_tag(self._r + self._one_time.update(iv), text, code)
        except InvalidSignature:
            raise BrokenSeal from None
        self._stream.reset_nonce(iv)
        plain = bytearray(len(text) + _BLOCK)
        return memoryview(plain)[: self._stream.update_into(text, plain)]
