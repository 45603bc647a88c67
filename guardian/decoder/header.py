"""The header of a pack: what lies where in it, written at its end."""

import struct

from guardian.decoder.places import DATA, TREE, Place
from guardian.decoder.seal import OVERHEAD

LENGTH = 4
"""Bytes that say how long the sealed header is, at the pack's very end."""
_PLAIN, _PACKED = struct.Struct("<xI32s"), struct.Struct("<xII32s")
_KINDS = {0: (DATA, _PLAIN), 1: (TREE, _PLAIN), 2: (DATA, _PACKED), 3: (TREE, _PACKED)}


def parse_header(plain: bytes | memoryview, end: int) -> list[Place]:
    """The places a header names; its blobs fill the pack up to ``end``, where the header begins. Raises ValueError."""
    places = []
    at = offset = 0
    while at < len(plain):
        kind, form = _KINDS.get(plain[at], (DATA, None))
        if form is None or at + form.size > len(plain):
            raise ValueError("no such entry")
        length, *raw, blob_id = form.unpack_from(plain, at)
        if length < OVERHEAD or raw == [0]:
            raise ValueError("no such length")
        places.append(Place(kind, blob_id, offset, length, raw[0] if raw else 0))
        at, offset = at + form.size, offset + length
    if offset != end:
        raise ValueError("the blobs do not fill the pack")
    return places
