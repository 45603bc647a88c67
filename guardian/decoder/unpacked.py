"""The files of a repository that are one sealed document each: config, snapshots, indexes."""

import hashlib
import re

from guardian.decoder.damage import Damage
from guardian.decoder.seal import OVERHEAD, BrokenSeal, Opener
from guardian.decoder.zstd import BadFrame, decompress
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
    data = stored(reader, name, limit + OVERHEAD)
    try:
        plain = opener.open(data)
    except BrokenSeal:
        raise Damage("object-seal-broken", object=name) from None
    if len(plain) and plain[0] == _ZSTD:
        try:
            return decompress(plain[1:], limit)
        except BadFrame:
            raise Damage("object-frame-broken", object=name) from None
    if not len(plain) or plain[0] not in b"{[":
        raise Damage("object-encoding-unknown", object=name)
    return plain
