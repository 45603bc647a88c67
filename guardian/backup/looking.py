"""Looking into a sample of what a backup changed: which chunks to read, how they compress, what they are like."""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from guardian.backup.difference import Candidate, Drawn
from guardian.backup.kinds import kind_of
from guardian.backup.magic import Piece, Sign, examine
from guardian.decoder.places import DATA
from guardian.decoder.repository import Loaded
from guardian.decoder.seal import OVERHEAD
from guardian.model.churn import Look

MOST_BYTES: Final = 48 << 20
"""Of content that is read; a chunk has 1 MiB on the average, 8 MiB at most."""
_SECONDS: Final = 60.0
_AT_ONCE: Final = 4
_PIECES: Final = 16
"""Chunks of a stream that are looked at."""
_MEASURED: Final = 64
"""Chunks of one file whose compression is looked up."""
_ID: Final = 32


@dataclass(frozen=True, slots=True)
class Planned:
    """One thing to look at: some chunks of a file, by their numbers; of a stream, one chunk by itself."""

    candidate: Candidate
    chunks: tuple[int, ...]
    seed: int

    @property
    def ids(self) -> list[bytes]:
        """The ids of the chunks."""
        return [_id(self.candidate, number) for number in self.chunks]


def _id(candidate: Candidate, number: int) -> bytes:
    return candidate.node.content[number * _ID : number * _ID + _ID]


def _new(candidate: Candidate) -> list[int]:
    """The numbers of the chunks that the file did not have before."""
    known = {candidate.known[at : at + _ID] for at in range(0, len(candidate.known), _ID)}
    return [n for n in range(len(candidate.node.content) // _ID) if _id(candidate, n) not in known]


def plan_files(drawn: Drawn, most: int, rng: random.Random) -> list[Planned]:
    """Of ``most`` files the first chunk, if it is new, and another one that is."""
    candidates = list(drawn.kept)
    rng.shuffle(candidates)
    planned = []
    for candidate in candidates[:most]:
        new = _new(candidate)
        chosen = {new[0], rng.choice(new)} if new else set()
        planned.append(Planned(candidate, tuple(sorted(chosen)), rng.getrandbits(32)))
    return planned


def plan_stream(drawn: Drawn, rng: random.Random) -> list[Planned]:
    """Chunks of a stream that are new, each by itself and without a name: in its midst, anything may be right."""
    planned = []
    for candidate in drawn.kept:
        new = _new(candidate)
        bare = Candidate(candidate.path, "", candidate.node, candidate.known)
        planned += [Planned(bare, (n,), rng.getrandbits(32)) for n in rng.sample(new, min(_PIECES, len(new)))]
    return planned


@dataclass(frozen=True, slots=True)
class Measured:
    """New chunks of a file that say how its content compresses: their ids, and how many new ones each stands for."""

    ids: tuple[bytes, ...]
    weight: float


def plan_measure(drawn: Sequence[Drawn], rng: random.Random) -> list[Measured]:
    """Chunks of everything that was drawn, each weighted so that their sum stands for all new content."""
    planned = []
    for one in drawn:
        share = one.offered / len(one.kept) if one.kept else 0.0
        for candidate in one.kept:
            new = _new(candidate)
            some = rng.sample(new, min(_MEASURED, len(new)))
            if some:
                planned.append(Measured(tuple(_id(candidate, n) for n in some), share * len(new) / len(some)))
    return planned


def compression(loaded: Loaded, planned: Iterable[Measured]) -> tuple[int, int]:
    """Bytes of new content, and what they are stored as: an estimate. (0, 0) where nothing is compressed."""
    raw = stored = 0.0
    for measured in planned:
        for blob_id in measured.ids:
            entry = loaded.index.find(DATA, blob_id)
            place = loaded.index.place(entry) if entry is not None else None
            if place is not None and place.raw:
                raw += measured.weight * place.raw
                stored += measured.weight * (place.length - OVERHEAD)
    return round(raw), round(stored)


class Eye:
    """Reads what was planned, within bounds of bytes and of time that hold for all of it together."""

    def __init__(self, loaded: Loaded, heed: Callable[[], None], monotonic: Callable[[], float]) -> None:
        self._loaded, self._heed, self._monotonic = loaded, heed, monotonic
        self._until = monotonic() + _SECONDS
        self._left = MOST_BYTES

    def look(self, planned: Sequence[Planned]) -> tuple[Look, tuple[bytes, ...]]:
        """What it is like, and the paths of what is scrambled. Raises Damage, and what the reader raises."""
        affordable = [one for one in planned if self._affords(one)]
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="look") as pool:
            signs = list(pool.map(self._sign, affordable))
        looked = [(one, sign) for one, sign in zip(affordable, signs, strict=True) if sign is not None]
        counted = Counter(sign for _one, sign in looked)
        look = Look(
            files=len(looked),
            typed=sum(kind_of(one.candidate.name_before) is not None for one, _sign in looked),
            scrambled=counted["scrambled"],
            opaque=counted["opaque"],
            blank=counted["blank"],
            sealed=counted["sealed"],
            odd=counted["odd"],
        )
        return look, tuple(one.candidate.path for one, sign in looked if sign == "scrambled")

    def _affords(self, planned: Planned) -> bool:
        index = self._loaded.index
        entries = [index.find(DATA, blob_id) for blob_id in planned.ids]
        cost = sum(index.place(entry).plain_length for entry in entries if entry is not None)
        if cost > self._left:
            return False
        self._left -= cost
        return True

    def _sign(self, planned: Planned) -> Sign | None:
        """None when there was no time left to look."""
        self._heed()
        if self._monotonic() > self._until:
            return None
        last = len(planned.candidate.node.content) // _ID - 1
        pieces = [
            Piece(bytes(self._loaded.chunk(blob_id)), number == 0, number == last)
            for number, blob_id in zip(planned.chunks, planned.ids, strict=True)
        ]
        return examine(planned.candidate.name_before, pieces, planned.seed)
