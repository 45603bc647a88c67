"""Faults planted in a shadow of the repository: a level that does not find them has proven nothing.

Of each kind that a level claims to see, one is put at a place that the drill really looked at, drawn by the drill's
seed, and the same code looks again. The repository itself is never touched (:mod:`guardian.drill.shadow`). Nothing here
raises what a storage says: a level that could not be tested says so, and keeps what it found.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from guardian.decoder.index import Pack
from guardian.decoder.places import DATA, TREE
from guardian.decoder.repository import Loaded
from guardian.decoder.snapshots import FOLDER, Snapshot
from guardian.drill.job import Job
from guardian.drill.select import Stream
from guardian.drill.shadow import Fault, seen
from guardian.errors import Unavailable
from guardian.model.drill import DrillCheck, Planted, worst
from guardian.model.evidence import DrillResult
from guardian.model.reader import Reader
from guardian.model.reason import Reason, reason

_Kind = Literal["flip", "truncate", "drop"]


@dataclass(frozen=True, slots=True)
class Score:
    """How many faults of a kind were planted, and how many of them were found."""

    planted: int = 0
    found: int = 0


def score(results: Iterable[DrillResult]) -> dict[str, Score]:
    """The mutation score of drills, by kind of fault, in the order of the alphabet."""
    told: dict[str, Score] = {}
    for fault in (p for result in results for check in result.checks for p in check.planted):
        before = told.get(fault.kind, Score())
        told[fault.kind] = Score(before.planted + 1, before.found + fault.found)
    return dict(sorted(told.items()))


def d0(job: Job, check: DrillCheck, look: Callable[[Loaded], Iterable[Reason]]) -> DrillCheck:
    """``check`` with a stale view and a swapped tree planted; ``look`` says what D0 finds in a repository."""
    return judged(check, _d0(job, look))


def _d0(job: Job, look: Callable[[Loaded], Iterable[Reason]]) -> Iterator[Planted]:
    if (place := _place(job)) is None:
        return
    reader, loaded, newest = place
    name, stored = FOLDER + newest.id, _forged(loaded, newest, _seed(job))
    forged = hashlib.sha256(stored).hexdigest()
    stale = seen(loaded, reader, Fault(hidden={name})).relisted()
    yield Planted(kind="stale", level="D0", where=newest.id, found=_names(look(stale), {newest.id}))
    swapped = seen(loaded, reader, Fault(hidden={name}, added={FOLDER + forged: stored})).relisted()
    yield Planted(kind="swapped-tree", level="D0", where=forged, found=_names(look(swapped), {forged}))


def d1(job: Job, check: DrillCheck, look: Callable[[Loaded, Snapshot], Iterable[Reason]]) -> DrillCheck:
    """``check`` with faults planted in the root of the newest snapshot; ``look`` says what D1 finds under one.

    The root, so that the second walk ends where it begins.
    """
    return judged(check, _d1(job, look))


def _d1(job: Job, look: Callable[[Loaded, Snapshot], Iterable[Reason]]) -> Iterator[Planted]:
    if (place := _place(job)) is None:
        return
    reader, loaded, newest = place
    for kind, shadow, named in _in_blob(reader, loaded, (TREE, newest.tree), _seed(job)):
        yield Planted(kind=kind, level="D1", where=newest.tree.hex(), found=_names(look(shadow, newest), named))


def d2(
    job: Job, check: DrillCheck, packs: Sequence[Pack], look: Callable[[Loaded, Sequence[Pack]], Collection[str]]
) -> DrillCheck:
    """``check`` with faults planted in one of ``packs``, all read and good; ``look`` gives the ids of bad ones."""
    return judged(check, _d2(job, packs, look))


def _d2(
    job: Job, packs: Sequence[Pack], look: Callable[[Loaded, Sequence[Pack]], Collection[str]]
) -> Iterator[Planted]:
    reader, loaded = job.opened.reader, job.opened.loaded
    if reader is None or loaded is None or not packs:
        return
    stream = Stream(job.seed, "planted-d2")
    pack = packs[stream.below(len(packs))]
    places = loaded.index.places(pack)
    start, length = 0, pack.size
    if places:
        place = places[stream.below(len(places))]
        start, length = place.offset, place.length
    for kind, fault in _faults([(pack, start + stream.below(length))]):
        shadow = seen(loaded, reader, fault)
        there = shadow.index.pack(pack.id)
        found = there is not None and pack.id.hex() in look(shadow, (there,))
        yield Planted(kind=kind, level="D2", where=pack.id.hex(), found=found)


def d3(job: Job, check: DrillCheck, chunks: Sequence[bytes], look: Callable[[Loaded, bytes], bool]) -> DrillCheck:
    """``check`` with faults planted in one of ``chunks`` (ids), all read and good; ``look`` says whether it is bad."""
    return judged(check, _d3(job, chunks, look))


def _d3(job: Job, chunks: Sequence[bytes], look: Callable[[Loaded, bytes], bool]) -> Iterator[Planted]:
    reader, loaded = job.opened.reader, job.opened.loaded
    if reader is None or loaded is None or not chunks:
        return
    chunk = chunks[Stream(job.seed, "planted-d3").below(len(chunks))]
    for kind, shadow, _named in _in_blob(reader, loaded, (DATA, chunk), job.seed):
        yield Planted(kind=kind, level="D3", where=chunk.hex(), found=look(shadow, chunk))


def judged(check: DrillCheck, planting: Iterable[Planted]) -> DrillCheck:
    """``check`` with what was planted. Where something was not found, good is not good any more; bad stays bad.

    A storage that stops answering meanwhile leaves the level untested, which is no better; what was found stays.
    """
    planted, reasons = list[Planted](), list[Reason]()
    try:
        for fault in planting:
            planted.append(fault)
    except Unavailable as error:
        reasons.append(reason(error.code))
    missed = [p for p in planted if not p.found]
    reasons += [reason("planted-fault-not-found", kind=p.kind, level=p.level, where=p.where) for p in missed]
    return check.model_copy(
        update={
            "outcome": worst([check.outcome, "COULD_NOT_VERIFY"]) if reasons else check.outcome,
            "reasons": (*check.reasons, *reasons),
            "planted": (*check.planted, *planted),
        }
    )


def _place(job: Job) -> tuple[Reader, Loaded, Snapshot] | None:
    """What the newest restore point is planted into; None where our own decoder has no way to it."""
    reader, loaded = job.opened.reader, job.opened.loaded
    newest = loaded.snapshot(job.newest.receipt.snapshot_id) if loaded and job.newest else None
    return None if reader is None or loaded is None or newest is None else (reader, loaded, newest)


def _seed(job: Job) -> bytes:
    # D0 and D1 are climbed before anything may be drawn; where they plant is not for chance to decide, but for a bit.
    return job.seed or job.drill_id.encode()


def _names(found: Iterable[Reason], ids: Collection[str]) -> bool:
    """Whether a critical finding is about what was planted, and not about something that was there before."""
    return any(value in ids for r in found if r.severity == "critical" for value in r.args.values())


def _in_blob(
    reader: Reader, loaded: Loaded, blob: tuple[int, bytes], seed: bytes
) -> Iterator[tuple[_Kind, Loaded, frozenset[str]]]:
    """Shadows with a fault in every copy of ``blob``, and the ids of which a finding must name one.

    In every copy: one that is left whole would rightly be taken instead.
    """
    index = loaded.index
    entries = [entry for entry in index.entries(*blob) if index.can_be_there(entry)]
    if not entries:
        return
    within = Stream(seed, "planted-blob").below(min(index.place(entry).length for entry in entries))
    spots = [(index.pack_of(entry), index.place(entry).offset + within) for entry in entries]
    named = frozenset({blob[1].hex(), *(pack.id.hex() for pack, _at in spots)})
    for kind, fault in _faults(spots):
        yield kind, seen(loaded, reader, fault), named


def _faults(spots: Sequence[tuple[Pack, int]]) -> Iterator[tuple[_Kind, Fault]]:
    """One fault of each kind that a pack can have, at ``spots``: packs, and offsets in them."""
    at: dict[str, list[int]] = {}
    for pack, offset in spots:
        at.setdefault(pack.name, []).append(offset)
    yield "flip", Fault(flipped=at)
    yield "truncate", Fault(cut={name: min(offsets) for name, offsets in at.items()})
    yield "drop", Fault(hidden=frozenset(at))


def _forged(loaded: Loaded, newest: Snapshot, seed: bytes) -> bytes:
    """A snapshot file as somebody with the password would make it: all as in ``newest``, but for the tree."""
    other = next((s.tree for s in loaded.snapshots if s.tree != newest.tree), hashlib.sha256(newest.tree).digest())
    document = {
        "time": newest.time,
        "parent": newest.parent or None,
        "tree": other.hex(),
        "paths": newest.paths,
        "hostname": newest.hostname,
        "username": newest.username,
        "tags": newest.tags,
        "excludes": newest.excludes,
    }
    stream = Stream(seed, "planted-iv")
    iv = b"".join(stream.below(1 << 32).to_bytes(4, "big") for _part in range(4))
    text = json.dumps({name: value for name, value in document.items() if value}).encode("utf-8", "replace")
    return loaded.sealed(text, iv)
