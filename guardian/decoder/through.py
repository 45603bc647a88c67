"""A pack read once, from its first byte to its last, in one answer of the storage: how nearly every pack is read.

While the bytes go by, the index is believed; the header at the end must then say the same. Whatever does not fit is not
judged here: :mod:`guardian.decoder.packs` looks closely.
"""

import hashlib
from collections.abc import Sequence
from contextlib import closing

from guardian.decoder import limits
from guardian.decoder.blobs import is_large, unseal
from guardian.decoder.damage import Damage, as_reason
from guardian.decoder.header import LENGTH, parse_header
from guardian.decoder.index import Pack
from guardian.decoder.places import Place
from guardian.decoder.seal import OVERHEAD, BrokenSeal, Opener
from guardian.model.reader import ObjectMissing, ObjectUnreadable, Reader
from guardian.model.reason import Reason, reason

DIFFERENT = reason("index-differs-from-pack")


def fills(pack: Pack, places: Sequence[Place]) -> bool:
    """Whether ``places`` (by offset) lie side by side from the pack's start and leave room for just a header."""
    at = 0
    for place in places:
        if place.offset != at or is_large(place):
            return False
        at = place.end
    return bool(places) and OVERHEAD + LENGTH <= pack.size - at <= limits.HEADER + LENGTH


def read_through(reader: Reader, opener: Opener, pack: Pack, places: Sequence[Place]) -> Reason | None:
    """Read ``pack``, which ``places`` fill (:func:`fills`), and verify its hash, each blob and its header.

    None when all of it is as it should be, else what is wrong first: ``DIFFERENT`` for a pack that is what its name
    says and has not the header that was expected. Holds a piece and a blob in memory. Raises what the reader raises
    when the storage does not answer.
    """
    whole, waiting, position = hashlib.sha256(), bytearray(), 0
    coming = iter(places)
    place = next(coming, None)
    try:
        with closing(reader.stream(pack.name, pack.size)) as pieces:
            for piece in pieces:
                whole.update(piece)
                view, used = memoryview(piece), 0
                while place is not None and place.end <= position + len(piece):
                    sealed = view[used : place.end - position]
                    if waiting:  # only a blob that lies over the edge of two pieces is copied
                        waiting += sealed
                        sealed = memoryview(bytes(waiting))
                        waiting.clear()
                    unseal(opener, place, sealed)
                    used = place.end - position
                    place = next(coming, None)
                waiting += view[used:]
                position += len(piece)
    except Damage as damage:
        return damage.reason
    except (ObjectMissing, ObjectUnreadable) as error:
        return as_reason(error)
    if whole.digest() != pack.id:
        return reason("pack-hash-differs")
    end = places[-1].end
    return None if _says_the_same(opener, bytes(waiting), places, end) else DIFFERENT


def _says_the_same(opener: Opener, tail: bytes, places: Sequence[Place], end: int) -> bool:
    """Whether ``tail``, from ``end`` of the pack on, is a header that names just ``places``."""
    if int.from_bytes(tail[-LENGTH:], "little") != len(tail) - LENGTH:
        return False
    try:
        return parse_header(opener.open(tail[:-LENGTH]), end) == list(places)
    except (BrokenSeal, ValueError):
        return False
