"""The index: which blob lies where. Held in arrays, 60 bytes a blob, since Python objects would take ten times that."""

import copy
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress

from guardian.decoder import limits
from guardian.decoder.places import Place

ABSENT = -1
_ID = 32


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack, of the storage or only of the index: its id, its length (ABSENT without a file), its number."""

    id: bytes
    size: int
    number: int

    @property
    def name(self) -> str:
        """The pack's object name."""
        return pack_name(self.id)


def pack_name(pack_id: bytes) -> str:
    """The object name of the pack ``pack_id``: ``data/ab/abcd…``."""
    text = pack_id.hex()
    return f"data/{text[:2]}/{text}"


class Index:
    """All places of all blobs, found by kind and id, or by pack."""

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self._pack_ids: list[bytes] = []
        self._sizes = array("q")
        self._ends = array("q")  # of each pack: where the last of its blobs ends
        self._runs: list[tuple[int, ...]] = []  # of each pack: start, stop, start, stop … of its entries
        self._ids = bytearray()
        self._kinds = bytearray()
        self._packs = array("I")
        self._offsets = array("I")
        self._lengths = array("I")
        self._raws = array("I")
        self._slots = array("I", bytes(4 << 10))  # open addressing; a slot holds an entry's number plus one
        self._crowded: set[bytes] = set()

    def __len__(self) -> int:
        return len(self._kinds)

    @property
    def crowded(self) -> int:
        """Blobs of which there are more copies than are kept."""
        return len(self._crowded)

    def add(self, pack_id: bytes, places: Sequence[Place]) -> None:
        """Take in what an index says of a pack; what was said before is not taken twice."""
        number = self._pack(pack_id)
        start = len(self)
        self._ends[number] = max(self._ends[number], *(place.end for place in places), 0)
        for place in places:
            copies = self.entries(place.kind, place.id)
            if copies and self._is_known(number, place, copies):
                continue
            self._append(number, place)
            # Without this bound, a million copies of one blob would cost a million times a million steps.
            if len(copies) < limits.COPIES:
                self._link(len(self) - 1, place.id)
            else:
                self._crowded.add(place.id)
        if len(self) > start:
            self._runs[number] += (start, len(self))

    def set_size(self, pack_id: bytes, size: int) -> None:
        """Say that the storage has the pack ``pack_id``, and how long it is."""
        self._sizes[self._pack(pack_id)] = size

    def trust(self) -> None:
        """Take every pack to be there, as long as its blobs need: for who did not list the storage."""
        self._sizes = array("q", self._ends)

    def resized(self, sizes: Mapping[bytes, int]) -> "Index":
        """The same index over a storage in which packs have other lengths (ABSENT: are not there). To be read only."""
        other = copy.copy(self)
        other._sizes = replaced = array("q", self._sizes)  # noqa: SLF001  a copy of its own
        for pack_id, size in sizes.items():
            replaced[self._numbers[pack_id]] = size
        return other

    def too_short(self) -> Iterator[Pack]:
        """The packs that end before the last of the blobs that the index says they hold."""
        return (
            self._pack_at(number)
            for number, (size, end) in enumerate(zip(self._sizes, self._ends, strict=True))
            if ABSENT < size < end
        )

    def find(self, kind: int, blob_id: bytes) -> int | None:
        """The entry number of a copy of the blob, of one that can be there if any can; None when there is none."""
        entries = self.entries(kind, blob_id)
        return next(filter(self.can_be_there, entries), entries[0] if entries else None)

    def can_be_there(self, entry: int) -> bool:
        """Whether the storage has the pack of entry number ``entry``, and it is long enough to hold the blob."""
        return self._offsets[entry] + self._lengths[entry] <= self._sizes[self._packs[entry]]

    def entries(self, kind: int, blob_id: bytes) -> list[int]:
        """The entry numbers of all copies of the blob."""
        found = []
        slots, ids = self._slots, self._ids
        mask = len(slots) - 1
        slot = hash(blob_id) & mask
        while entry := slots[slot]:
            start = (entry - 1) * _ID
            if ids[start : start + _ID] == blob_id and self._kinds[entry - 1] == kind:
                found.append(entry - 1)
            slot = (slot + 1) & mask
        return found

    def place(self, entry: int) -> Place:
        """What entry number ``entry`` says."""
        return Place(
            self._kinds[entry],
            bytes(self._ids[entry * _ID : entry * _ID + _ID]),
            self._offsets[entry],
            self._lengths[entry],
            self._raws[entry],
        )

    def pack_of(self, entry: int) -> Pack:
        """The pack that entry number ``entry`` lies in."""
        return self._pack_at(self._packs[entry])

    def packs(self) -> Iterator[Pack]:
        """Every pack of the storage and of the index, by id: always in the same order."""
        for pack_id in sorted(self._pack_ids):
            yield self._pack_at(self._numbers[pack_id])

    def pack(self, pack_id: bytes) -> Pack | None:
        """The pack ``pack_id``; None when neither the storage nor the index knows it."""
        number = self._numbers.get(pack_id)
        return None if number is None else self._pack_at(number)

    def places(self, pack: Pack) -> list[Place]:
        """What the index says lies in ``pack``, by offset."""
        return sorted((self.place(entry) for entry in self._entries_in(pack.number)), key=lambda place: place.offset)

    def packs_of(self, marks: bytearray) -> frozenset[bytes]:
        """The ids of the packs in which the entries lie whose byte in ``marks`` is not zero."""
        return frozenset(self._pack_ids[number] for number in set(compress(self._packs, marks)))

    def is_listed(self, pack: Pack) -> bool:
        """Whether any index names the pack."""
        return bool(self._runs[pack.number])

    def _pack_at(self, number: int) -> Pack:
        return Pack(self._pack_ids[number], self._sizes[number], number)

    def _entries_in(self, number: int) -> Iterator[int]:
        runs = self._runs[number]
        for start, stop in zip(runs[::2], runs[1::2], strict=True):
            yield from range(start, stop)

    def _pack(self, pack_id: bytes) -> int:
        number = self._numbers.get(pack_id)
        if number is None:
            number = self._numbers[pack_id] = len(self._pack_ids)
            self._pack_ids.append(pack_id)
            self._sizes.append(ABSENT)
            self._ends.append(0)
            self._runs.append(())
        return number

    def _is_known(self, number: int, place: Place, copies: Sequence[int]) -> bool:
        return any(
            self._packs[e] == number and self._offsets[e] == place.offset and self._lengths[e] == place.length
            for e in copies
        )

    def _append(self, number: int, place: Place) -> None:
        self._ids += place.id
        self._kinds.append(place.kind)
        self._packs.append(number)
        self._offsets.append(place.offset)
        self._lengths.append(place.length)
        self._raws.append(place.raw)
        if len(self) * 3 > len(self._slots) * 2:
            self._grow()

    def _link(self, entry: int, blob_id: bytes) -> None:
        mask = len(self._slots) - 1
        slot = hash(blob_id) & mask
        while self._slots[slot]:
            slot = (slot + 1) & mask
        self._slots[slot] = entry + 1

    def _grow(self) -> None:
        old = self._slots
        # Four times as many while there are few; each growing moves all entries.
        self._slots = array("I", bytes(4 * len(old) * (4 if len(old) < 1 << 20 else 2)))
        for entry in old:
            if entry:
                start = (entry - 1) * _ID
                self._link(entry - 1, bytes(self._ids[start : start + _ID]))
