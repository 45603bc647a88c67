"""Blobs: fetched by range, opened, unpacked, and held against the SHA-256 that is their name."""

import hashlib
import threading

from guardian.decoder import limits
from guardian.decoder.damage import Damage, from_reader
from guardian.decoder.index import ABSENT, Index
from guardian.decoder.places import KIND_NAMES, Place
from guardian.decoder.seal import OVERHEAD, BrokenSeal, Key, Opener
from guardian.decoder.zstd import BadFrame, decompress
from guardian.model.reader import ObjectMissing, ObjectUnreadable, Reader


def unseal(opener: Opener, place: Place, sealed: bytes | memoryview) -> bytes | memoryview:
    """The plain content of the blob at ``place``, whose stored bytes are ``sealed``. Raises Damage."""
    try:
        plain: bytes | memoryview = opener.open(sealed)
    except BrokenSeal:
        raise _damage("blob-seal-broken", place) from None
    if place.raw:
        try:
            plain = decompress(plain, place.raw)
        except BadFrame:
            raise _damage("blob-frame-broken", place) from None
        if len(plain) != place.raw:
            raise _damage("blob-size-differs", place)
    if hashlib.sha256(plain).digest() != place.id:
        raise _damage("blob-id-differs", place)
    return plain


def is_large(place: Place) -> bool:
    """Whether the blob is longer than what is held in memory."""
    return place.length > limits.BLOB + OVERHEAD or place.raw > limits.BLOB


class Blobs:
    """Every blob of a repository, by kind and id. Several threads may use it."""

    def __init__(self, reader: Reader, key: Key, index: Index, ahead: Reader | None = None) -> None:
        """``ahead`` is a reader that reads ahead: blobs come from it as long as they come whole."""
        self.reader, self.index = reader, index
        self._first, self._key = ahead or reader, key
        self._local = threading.local()

    @property
    def opener(self) -> Opener:
        """This thread's opener."""
        found: Opener | None = getattr(self._local, "opener", None)
        if found is None:
            found = self._local.opener = self._key.opener()
        return found

    def load(self, kind: int, blob_id: bytes) -> bytes | memoryview:
        """The blob's content: of the first copy that is whole. A copy that is not is read a second time.

        Raises Damage when no copy is whole or the index knows none (the reason is that of the last copy), and what
        the reader raises when the storage does not answer.
        """
        last = Damage("blob-not-indexed", blob=blob_id.hex(), kind=KIND_NAMES[kind])
        for entry in self.index.entries(kind, blob_id):
            for reader in (self._first, self.reader):
                try:
                    return self._load(entry, reader)
                except Damage as damage:
                    last = damage
                except (ObjectMissing, ObjectUnreadable) as error:
                    last = from_reader(error)
        raise last

    def _load(self, entry: int, reader: Reader) -> bytes | memoryview:
        place, pack = self.index.place(entry), self.index.pack_of(entry)
        if pack.size == ABSENT:
            raise Damage("pack-missing", pack=pack.id.hex(), blob=place.id.hex())
        if not self.index.can_be_there(entry):
            raise _damage("blob-outside-pack", place)
        if is_large(place):
            raise _damage("blob-too-large", place)
        return unseal(self.opener, place, reader.read(pack.name, place.offset, place.length))


def _damage(code: str, place: Place) -> Damage:
    return Damage(code, blob=place.id.hex(), kind=KIND_NAMES[place.kind], offset=place.offset)
