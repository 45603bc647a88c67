"""Packs, read whole: the header, every blob, and the SHA-256 that is the pack's name."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from guardian.decoder import limits
from guardian.decoder.blobs import is_large, unseal
from guardian.decoder.damage import Damage, as_reason
from guardian.decoder.header import LENGTH, parse_header
from guardian.decoder.index import ABSENT, Pack
from guardian.decoder.places import Place
from guardian.decoder.seal import OVERHEAD, BrokenSeal, Opener
from guardian.decoder.through import DIFFERENT, fills, read_through
from guardian.model.reader import ObjectMissing, ObjectUnreadable, Reader
from guardian.model.reason import Reason, reason

_TAIL = 16 << 10  # bytes read for the header at first: most headers lie in them


@dataclass(frozen=True, slots=True)
class PackReport:
    """What reading one pack found: ``bad`` are the blobs that cannot be had from it, ``bytes_read`` counts all reads.

    ``findings`` without a critical one mean that every byte of the pack is what its name and its blobs' names say.
    """

    pack: str
    size: int
    blobs: int
    bytes_read: int
    bad: tuple[Place, ...]
    findings: tuple[Reason, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is damaged."""
        return not any(found.severity == "critical" for found in self.findings)


def verify(reader: Reader, opener: Opener, pack: Pack, indexed: Sequence[Place]) -> PackReport:
    """Read ``pack`` whole and check all of it; ``indexed`` is what the index says lies in it.

    A pack that looks damaged is read a second time: what a storage or a network spoiled on the way is told apart
    from what is spoiled where it lies. Raises what the reader raises when the storage does not answer.
    """
    first = _passing(reader, opener, pack, indexed) or _verify(reader, opener, pack, indexed)
    if first.ok or pack.size == ABSENT:
        return first
    again = _verify(reader, opener, pack, indexed)
    read = first.bytes_read + again.bytes_read
    if again.ok:
        unstable = reason("read-unstable", "warning", pack=first.pack, first=first.findings[0].code)
        return PackReport(first.pack, pack.size, again.blobs, read, (), (*again.findings, unstable))
    return PackReport(again.pack, again.size, again.blobs, read, again.bad, again.findings)


def _passing(reader: Reader, opener: Opener, pack: Pack, indexed: Sequence[Place]) -> PackReport | None:
    """One reading in one stream; None for a pack that is not as the index has it, without damage of its own."""
    if pack.size == ABSENT or not fills(pack, indexed):
        return None
    wrong = read_through(reader, opener, pack, indexed)
    if wrong is DIFFERENT:
        return None
    return PackReport(pack.id.hex(), pack.size, len(indexed), pack.size, (), (wrong,) if wrong else ())


def _verify(reader: Reader, opener: Opener, pack: Pack, indexed: Sequence[Place]) -> PackReport:
    if pack.size == ABSENT:
        missing = reason("pack-missing", pack=pack.id.hex())
        return PackReport(pack.id.hex(), 0, 0, 0, tuple(indexed), (missing,))
    look = _Look(reader, opener, pack)
    try:
        places = look.header(indexed)
        look.content(places)
    except (ObjectMissing, ObjectUnreadable) as error:
        # What was not read counts as bad: nobody can have it just now.
        look.findings.append(as_reason(error))
        look.bad = list(indexed)
        places = list(indexed)
    return PackReport(pack.id.hex(), pack.size, len(places), look.read, tuple(look.bad), tuple(look.findings))


class _Look:
    """One reading of one pack."""

    def __init__(self, reader: Reader, opener: Opener, pack: Pack) -> None:
        self._reader, self._opener, self._pack = reader, opener, pack
        self.findings: list[Reason] = []
        self.bad: list[Place] = []
        self.read = 0

    def header(self, indexed: Sequence[Place]) -> list[Place]:
        """The blobs to check: what the header names and what the index names; where they differ, that is a finding."""
        try:
            own = parse_header(*self._header())
        except (BrokenSeal, ValueError):
            self._find("pack-header-broken")
            return list(indexed)
        if indexed and own != list(indexed):
            strange = set(indexed) - set(own)
            unlisted = len(set(own) - set(indexed))
            # An index may leave blobs out (other index files, or none, name them); it may not name what is not there.
            if strange:
                self._find("index-differs-from-pack", blobs=len(strange))
            elif unlisted:
                self.findings.append(reason("pack-not-wholly-indexed", "info", pack=self._id, blobs=unlisted))
            own = sorted({*own, *indexed}, key=lambda place: (place.offset, place.id))
        return own

    def content(self, places: Sequence[Place]) -> None:
        """Read the pack from its first byte to its last; check its hash and each blob."""
        whole = hashlib.sha256()
        for stretch in plan(self._pack.size, [place for place in places if self._can_be_read(place)]):
            data = self._fetch(stretch.start, stretch.end - stretch.start)
            if not stretch.again:
                whole.update(data)
            view = memoryview(data)
            for place in stretch.places:
                try:
                    unseal(self._opener, place, view[place.offset - stretch.start : place.end - stretch.start])
                except Damage as damage:
                    self._bad(place, damage.reason)
        if whole.digest() != self._pack.id:
            self._find("pack-hash-differs")

    def _can_be_read(self, place: Place) -> bool:
        if place.end > self._pack.size:
            self._bad(place, reason("blob-outside-pack", blob=place.id.hex()))
            return False
        if is_large(place):
            # Its bytes still count in the pack's hash, so that this is a doubt and no damage.
            self._keep(reason("blob-too-large", "warning", blob=place.id.hex(), bytes=max(place.length, place.raw)))
            return False
        return True

    def _bad(self, place: Place, found: Reason) -> None:
        self.bad.append(place)
        self._keep(found)

    def _keep(self, found: Reason) -> None:
        if len(self.findings) < limits.FINDINGS:
            self.findings.append(found.model_copy(update={"args": {"pack": self._id, **found.args}}))

    def _header(self) -> tuple[memoryview, int]:
        size = self._pack.size
        if size < LENGTH + OVERHEAD:
            raise ValueError("too short for a header")
        tail = self._fetch(max(0, size - _TAIL), min(size, _TAIL))
        length = int.from_bytes(tail[-LENGTH:], "little")
        start = size - LENGTH - length
        if start < 0 or not OVERHEAD <= length <= limits.HEADER:
            raise ValueError("no such header")
        sealed = tail[-LENGTH - length : -LENGTH] if length + LENGTH <= len(tail) else self._fetch(start, length)
        return self._opener.open(sealed), start

    def _fetch(self, offset: int, length: int) -> bytes:
        self.read += length
        return self._reader.read(self._pack.name, offset, length)

    @property
    def _id(self) -> str:
        return self._pack.id.hex()

    def _find(self, code: str, **args: str | int) -> None:
        self.findings.append(Reason(code=code, args={"pack": self._id, **args}))


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bytes of a pack that are read at once, the blobs that lie wholly in them; ``again``: they were read before."""

    start: int
    end: int
    places: tuple[Place, ...] = ()
    again: bool = False


def plan(size: int, places: Sequence[Place]) -> Iterator[Stretch]:
    """Cut a pack of ``size`` bytes into stretches that cover it once, in order, with each of ``places`` (by offset).

    A blob that overlaps others so that it fits in no stretch, which only a hostile index brings about, is read again.
    """
    at = end = 0
    group: list[Place] = []
    for place in places:
        fits = not group or place.end - at <= limits.SEGMENT
        if place.offset < end and not fits:
            yield Stretch(place.offset, place.end, (place,), again=True)
            continue
        if place.offset < at:
            yield Stretch(place.offset, place.end, (place,), again=True)
            continue
        if not fits or place.offset > end:
            yield from _closed(at, end, group)
            yield from _gap(end, place.offset)
            at, end, group = place.offset, place.offset, []
        group.append(place)
        end = max(end, place.end)
    yield from _closed(at, end, group)
    yield from _gap(end, size)


def _closed(start: int, end: int, group: list[Place]) -> Iterator[Stretch]:
    if end > start:
        yield Stretch(start, end, tuple(group))


def _gap(start: int, end: int) -> Iterator[Stretch]:
    for at in range(start, end, limits.SEGMENT):
        yield Stretch(at, min(end, at + limits.SEGMENT))
