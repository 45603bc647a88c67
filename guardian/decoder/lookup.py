"""One blob, found and read back without the whole index in memory: index file by index file, until one knows it."""

from collections.abc import Iterable
from typing import Any

from guardian.decoder import indexfile, limits
from guardian.decoder.blobs import Blobs
from guardian.decoder.damage import Damage, from_reader
from guardian.decoder.document import NotUnderstood
from guardian.decoder.index import Index, pack_name
from guardian.decoder.places import KIND_NAMES
from guardian.decoder.seal import Key
from guardian.decoder.unpacked import in_pieces
from guardian.model.reader import ObjectMissing, ObjectUnreadable, Reader

Blob = tuple[int, bytes]
"""Kind and id."""


def read_back(reader: Reader, key: Key, blob: Blob, names: Iterable[str]) -> bytes | memoryview:
    """The content of ``blob``, by the first of the index files ``names`` through which a whole copy of it is had.

    Holds one index file in memory at a time, as it is stored. Raises Damage when no copy is had (the reason is the
    last that stood in the way), and what the reader raises when the storage does not answer.
    """
    opener, last = key.opener(), Damage("blob-not-indexed", blob=blob[1].hex(), kind=KIND_NAMES[blob[0]])
    for name in names:
        try:
            index = _only(blob, in_pieces(reader, opener, name, limits.INDEX))
            if len(index):
                _measure(reader, index)
                return Blobs(reader, key, index).load(*blob)
        except NotUnderstood:
            last = Damage("index-not-understood", object=name)
        except Damage as damage:
            last = damage
        except (ObjectMissing, ObjectUnreadable) as error:
            last = from_reader(error)
    raise last


def _only(blob: Blob, pieces: Iterable[bytes | memoryview]) -> Index:
    """An index of the copies of ``blob`` alone. Most packs do not name it: that is seen without parsing them."""
    index, wanted = Index(), blob[1].hex()
    for element in indexfile.packs(pieces, wanted):
        if _names(element, wanted):
            indexfile.take(index, {**element, "blobs": [b for b in element["blobs"] if b["id"] == wanted]})
    return index


def _names(element: Any, wanted: str) -> bool:
    try:
        return any(blob["id"] == wanted for blob in element["blobs"])
    except (KeyError, TypeError):
        raise NotUnderstood from None


def _measure(reader: Reader, index: Index) -> None:
    for pack in index.packs():
        try:
            index.set_size(pack.id, reader.size(pack_name(pack.id)))
        except ObjectMissing:
            continue  # another copy may be there; without any, the load says that the pack is missing
