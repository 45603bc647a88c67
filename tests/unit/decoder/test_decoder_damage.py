"""Seeded damage of every kind: found at the level that claims it, named exactly, and nothing found where nothing is."""

import hashlib
import random
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import pytest

from guardian.decoder.damage import Damage
from guardian.decoder.places import DATA
from guardian.decoder.repository import Loaded
from guardian.decoder.walk import Entry
from guardian.model.reader import ObjectUnreadable


@dataclass(frozen=True, slots=True)
class Made:
    """A forged repository and which of its packs hold trees, and which only data."""

    forge: Any
    data: tuple[str, ...]
    trees: tuple[str, ...]

    def object_of(self, pack: str) -> str:
        return f"data/{pack[:2]}/{pack}"


@pytest.fixture
def made(forge: Any) -> Made:
    """Three snapshots over files in six data packs; trees in packs of their own."""
    rng = random.Random(7)
    data, trees, files = [], [], []
    for pack in range(6):
        for n in range(3):
            files.append(forge.file(f"{pack}-{n}", *(rng.randbytes(rng.randrange(1, 400)) for _chunk in range(3))))
        data.append(forge.close_pack())
    for subset in (files[:9], files[6:], files):
        below = forge.tree(*subset)
        root = forge.tree(forge.node("d", type="dir", subtree=below))
        trees.append(forge.close_pack())
        forge.snapshot(root)
    forge.index()
    return Made(forge, tuple(data), tuple(trees))


def verdict(made: Made, pool: Executor) -> tuple[set[str], set[str], set[str], Loaded, list[Any]]:
    """The critical codes of loading, of D1 and of D2."""
    loaded = made.forge.load()
    structure = loaded.check_structure(pool)
    reports = list(loaded.verify_packs(loaded.packs(), pool))
    d1 = [*structure.findings.kept, *loaded.pack_findings().kept]
    return (
        {f.code for f in loaded.findings.kept if f.severity == "critical"},
        {f.code for f in d1 if f.severity == "critical"},
        {f.code for r in reports for f in r.findings if f.severity == "critical"},
        loaded,
        reports,
    )


def unreadable_files(loaded: Loaded) -> dict[str, set[bytes]]:
    """What reading every file of every snapshot shows: the truth that the naming of damage is held against."""
    bad: dict[str, set[bytes]] = {}
    for snapshot in loaded.snapshots:
        for entry in loaded.walk(snapshot):
            if isinstance(entry, Entry) and entry.node.kind == "file":
                try:
                    list(loaded.file(entry.node).read())
                except Damage:
                    bad.setdefault(snapshot.id, set()).add(entry.path)
    return bad


def flip(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def zero(data: bytes, rng: random.Random) -> bytes:
    return bytes(len(data))


def grow(data: bytes, rng: random.Random) -> bytes:
    return data + rng.randbytes(rng.randrange(1, 100))


def noise(data: bytes, rng: random.Random) -> bytes:
    return rng.randbytes(len(data))


CHANGES: list[Callable[[bytes, random.Random], bytes]] = [flip, cut, zero, grow, noise]


def test_nothing_is_found_where_nothing_is_damaged(made: Made, pool: Executor) -> None:
    load, d1, d2, loaded, reports = verdict(made, pool)
    assert (load, d1, d2) == (set(), set(), set())
    assert unreadable_files(loaded) == {}
    assert loaded.assess(reports).exposure(loaded.snapshots).snapshots == {}


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_data_pack_is_found_by_reading_it(made: Made, pool: Executor, change: Any, seed: int) -> None:
    rng = random.Random(f"{change.__name__} {seed}")
    pack = rng.choice(made.data)
    name = made.object_of(pack)
    made.forge.reader.objects[name] = change(made.forge.reader.objects[name], rng)
    _load, d1, d2, loaded, reports = verdict(made, pool)
    assert [r.pack for r in reports if not r.ok] == [pack]
    assert d2
    assert change is cut or not d1  # the walk reads no data; it sees at most that a pack is too short
    truth = unreadable_files(loaded)
    assessment = loaded.assess(reports, loaded.check_structure(pool).bad)
    assert {s.id: {f.path for f in assessment.files(s)} for s in loaded.snapshots if truth.get(s.id)} == truth
    assert set(assessment.exposure(loaded.snapshots).snapshots.get(pack, ())) == set(truth)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_tree_pack_is_found_by_reading_it(made: Made, pool: Executor, change: Any, seed: int) -> None:
    rng = random.Random(f"tree {change.__name__} {seed}")
    pack = rng.choice(made.trees)
    name = made.object_of(pack)
    made.forge.reader.objects[name] = change(made.forge.reader.objects[name], rng)
    _load, d1, _d2, loaded, reports = verdict(made, pool)
    assert [r.pack for r in reports if not r.ok] == [pack]
    if change in (zero, noise):  # the others may hit the header, which the walk does not need
        assert d1
        (exposed,) = loaded.assess(reports).exposure(loaded.snapshots).snapshots.values()
        assert len(exposed) == 1


def test_a_deleted_pack_is_found_without_reading_data(made: Made, pool: Executor) -> None:
    gone = made.data[0]
    del made.forge.reader.objects[made.object_of(gone)]
    _load, d1, d2, loaded, reports = verdict(made, pool)
    assert (d1, d2) == ({"pack-missing"}, {"pack-missing"})
    by_walk = loaded.assess(lost=loaded.check_structure(pool).bad)
    by_reading = loaded.assess(reports)
    truth = unreadable_files(loaded)
    for assessment in (by_walk, by_reading):
        assert {s: set(i) for s, i in assessment.exposure(loaded.snapshots).snapshots.items()} == {gone: set(truth)}
        assert {s.id: {f.path for f in assessment.files(s)} for s in loaded.snapshots if s.id in truth} == truth


def test_a_blob_whose_copies_are_all_gone_exposes_each_of_their_packs(forge: Any, pool: Executor) -> None:
    file = forge.file("a", b"twice")
    gone = {forge.close_pack()}
    forge.file("a", b"twice")
    gone.add(forge.close_pack())
    forge.file("a", b"twice")
    tree = forge.tree(file)
    third = forge.close_pack()
    forge.index()
    forge.snapshot(tree)
    for pack in gone:
        del forge.reader.objects[f"data/{pack[:2]}/{pack}"]
    loaded = forge.load()
    assert loaded.check_structure(pool).bad == frozenset()  # the third copy is whole
    assert {f.args["pack"] for f in loaded.pack_findings().kept} == gone
    lost = [(DATA, hashlib.sha256(b"twice").digest())]
    assert set(loaded.assess(lost=lost).exposure(loaded.snapshots).snapshots) == gone | {third}


def test_a_folder_that_snapshots_share_exposes_all_of_them(forge: Any) -> None:
    shared = forge.tree(forge.file("a", b"lost"))
    roots = [forge.tree(forge.node(name, type="dir", subtree=shared), forge.file("z", name.encode())) for name in "bcd"]
    pack = forge.close_pack()
    forge.index()
    ids = {forge.snapshot(root) for root in roots}
    loaded = forge.load()
    assessment = loaded.assess(lost=[(DATA, hashlib.sha256(b"lost").digest())])
    assert set(assessment.exposure(loaded.snapshots).snapshots[pack]) == ids
    assert [[f.path[2:] for f in assessment.files(s)] for s in loaded.snapshots] == [[b"/a"]] * 3


def test_swapped_packs_are_found(made: Made, pool: Executor) -> None:
    first, second = (made.object_of(pack) for pack in made.data[:2])
    objects = made.forge.reader.objects
    objects[first], objects[second] = objects[second], objects[first]
    *_rest, reports = verdict(made, pool)
    assert {r.pack for r in reports if not r.ok} == set(made.data[:2])


def test_a_damaged_header_loses_no_file(made: Made, pool: Executor) -> None:
    name = made.object_of(made.data[2])
    data = made.forge.reader.objects[name]
    made.forge.reader.objects[name] = data[:-20] + bytes([data[-20] ^ 1]) + data[-19:]
    _load, _d1, d2, loaded, reports = verdict(made, pool)
    assert d2 == {"pack-header-broken", "pack-hash-differs"}
    assert unreadable_files(loaded) == {}
    assert loaded.assess(reports).exposure(loaded.snapshots).snapshots == {}


@pytest.mark.parametrize("folder", ["snapshots/", "index/"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_document_is_found_by_its_name(made: Made, pool: Executor, change: Any, folder: str) -> None:
    name = next(name for name in made.forge.reader.objects if name.startswith(folder))
    made.forge.reader.objects[name] = change(made.forge.reader.objects[name], random.Random(1))
    load, d1, _d2, _loaded, _reports = verdict(made, pool)
    assert load == {"object-hash-differs"}
    assert (d1 == {"blob-not-indexed"}) == (folder == "index/")


def test_a_deleted_index_is_found_by_the_walk(made: Made, pool: Executor) -> None:
    name = next(name for name in made.forge.reader.objects if name.startswith("index/"))
    del made.forge.reader.objects[name]
    load, d1, _d2, loaded, _reports = verdict(made, pool)
    assert (load, d1) == (set(), {"blob-not-indexed"})
    assert sum(f.code == "pack-not-indexed" for f in loaded.pack_findings().kept) == 9


def test_lost_bytes_of_a_file_are_named(made: Made, pool: Executor) -> None:
    loaded = made.forge.load()
    snapshot = loaded.snapshots[0]
    node = next(e.node for e in loaded.walk(snapshot) if isinstance(e, Entry) and e.node.kind == "file")
    file = loaded.file(node)
    chunk = file.chunk(1)
    (named,) = loaded.assess(lost=[(DATA, chunk.id)]).files(snapshot)
    assert (named.path, named.ranges) == (b"/d/" + node.name, ((chunk.start, chunk.start + chunk.length),))
    both = loaded.assess(lost=[(DATA, chunk.id), (DATA, file.chunk(2).id)])
    assert next(both.files(snapshot)).ranges == ((chunk.start, file.size),)


def test_what_was_spoiled_on_the_way_is_told_apart_from_damage(made: Made, pool: Executor) -> None:
    reader = made.forge.reader
    honest, spoiled = reader.read, set()

    def read(name: str, offset: int, length: int) -> bytes:
        data: bytes = honest(name, offset, length)
        if name.startswith("data/") and name not in spoiled:
            spoiled.add(name)
            return bytes(len(data))
        return data

    loaded = made.forge.load()
    reader.read = read
    reports = list(loaded.verify_packs(loaded.packs(), pool))
    assert all(report.ok for report in reports)
    assert {f.code for r in reports for f in r.findings} == {"read-unstable"}
    spoiled.clear()
    assert loaded.check_structure(pool).findings.kept == ()
    spoiled.clear()
    assert unreadable_files(loaded) == {}


def test_a_pack_that_cannot_be_read_is_not_called_good(made: Made, pool: Executor) -> None:
    reader = made.forge.reader
    honest = reader.read
    sick = made.object_of(made.data[3])

    def read(name: str, offset: int, length: int) -> bytes:
        if name == sick:
            raise ObjectUnreadable(name, "input/output error")
        data: bytes = honest(name, offset, length)
        return data

    loaded = made.forge.load()
    reader.read = read
    reports = list(loaded.verify_packs(loaded.packs(), pool))
    assert [(r.pack, [f.code for f in r.findings]) for r in reports if not r.ok] == [
        (made.data[3], ["object-unreadable"])
    ]
    assert len(next(r for r in reports if not r.ok).bad) == 9


def test_a_rotation_goes_on_where_it_ended(made: Made, pool: Executor) -> None:
    loaded = made.forge.load()
    whole = [r.pack for r in loaded.verify_packs(loaded.packs(), pool)]
    assert whole == sorted([*made.data, *made.trees])
    seen: list[str] = []
    cursor = ""
    while part := [pack for _n, pack in zip(range(4), loaded.packs(cursor), strict=False)]:
        seen += [r.pack for r in loaded.verify_packs(part, pool, ahead=2)]
        cursor = seen[-1]
    assert seen == whole


def test_a_sample_reads_no_more_than_its_chunks(made: Made) -> None:
    loaded = made.forge.load()
    node = loaded.find(loaded.snapshots[0], b"/d/2-1")
    assert node is not None
    file = loaded.file(node)
    before = made.forge.reader.reads
    chunk = file.chunk_at(file.size - 1)
    assert len(file.load(chunk)) == chunk.length
    assert made.forge.reader.reads - before == chunk.length + 32
