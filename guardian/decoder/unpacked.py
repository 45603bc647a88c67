"""The files of a repository that are one sealed document each: config, snapshots, indexes."""

import hashlib
import re
from collections.abc import Iterator

from guardian.decoder.damage import Damage
from guardian.decoder.seal import OVERHEAD, BrokenSeal, Opener
from guardian.decoder.zstd import PIECE, BadFrame, decompress, pieces
from guardian.model.reader import Reader

_NAME = re.compile(r"[0-9a-f]{64}")
_ZSTD = 2  # the first byte of a compressed document; a plain one begins with its own bracket


def is_id(name: str) -> bool:
    """Whether ``name`` can be an object's: a SHA-256 in lower-case hexadecimal digits."""
    return _NAME.fullmatch(name) is not None


def stored(reader: Reader, name: str, limit: int) -> bytes:
    """All bytes of the object ``name``, held against the SHA-256 its name is, unless it is ``config``.

    Raises Damage, and what the reader raises.
    """
    size = reader.size(name)
    if size > limit:
        raise Damage("object-too-large", object=name, bytes=size)
    data = reader.read(name, 0, size)
    said = name.rpartition("/")[2]
    if said != "config" and hashlib.sha256(data).hexdigest() != said:
        raise Damage("object-hash-differs", object=name)
    return data


def document(reader: Reader, opener: Opener, name: str, limit: int) -> bytes | memoryview:
    """The plain document in the object ``name``, at most ``limit`` bytes. Raises Damage, and what the reader raises."""
    plain = _opened(reader, opener, name, limit)
    if plain[0] != _ZSTD:
        return plain
    try:
        return decompress(plain[1:], limit)
    except BadFrame:
        raise Damage("object-frame-broken", object=name) from None


def in_pieces(reader: Reader, opener: Opener, name: str, limit: int) -> Iterator[bytes | memoryview]:
    """As :func:`document`, piece by piece, so that only what is stored is held. The frame's Damage comes while reading.

    Raises the rest at once.
    """
    plain = _opened(reader, opener, name, limit)
    if plain[0] == _ZSTD:
        return _unpacked(plain[1:], name, limit)
    return (plain[at : at + PIECE] for at in range(0, len(plain), PIECE))


def _unpacked(packed: memoryview, name: str, limit: int) -> Iterator[bytes]:
    try:
        yield from pieces(packed, limit)
    except BadFrame:
        raise Damage("object-frame-broken", object=name) from None


def _opened(reader: Reader, opener: Opener, name: str, limit: int) -> memoryview:
    """What is sealed in the object ``name``: a document, or a frame and a byte before it that says so."""
    try:
        plain = opener.open(stored(reader, name, limit + OVERHEAD))
    except BrokenSeal:
        raise Damage("object-seal-broken", object=name) from None
    if not len(plain) or plain[0] not in (*b"{[", _ZSTD):
        raise Damage("object-encoding-unknown", object=name)
    return plain
