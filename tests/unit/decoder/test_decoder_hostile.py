"""Repositories that no restic wrote, sealed with the right key: each ends in a finding or a typed error."""

import hashlib
import json
import pickle
import tracemalloc
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import pytest
import zstandard

from guardian.decoder import limits
from guardian.decoder.damage import Damage, Findings
from guardian.decoder.places import DATA, TREE
from guardian.decoder.repository import open_repository
from guardian.decoder.walk import Entry
from guardian.errors import RepositoryMissing, Unavailable, WrongPassword
from guardian.keys.derived import DerivedKey
from guardian.model.reason import reason
from guardian.model.secret import Secret

RIGHT = Secret(b"a password")


def codes(*found: Any) -> list[str]:
    return sorted({reason.code for findings in found for reason in findings})


def simple(forge: Any) -> str:
    tree = forge.tree(forge.file("a", b"one", b"two"), forge.file("b", b""))
    forge.close_pack()
    forge.index()
    return forge.snapshot(tree)


def test_a_forged_repository_that_is_whole_has_no_finding(forge: Any, pool: Executor) -> None:
    simple(forge)
    loaded = forge.load()
    structure = loaded.check_structure(pool)
    reports = list(loaded.verify_packs(loaded.packs(), pool))
    assert (structure.trees, structure.files, structure.chunks) == (1, 2, 3)
    assert codes(loaded.findings.kept, structure.findings.kept, loaded.pack_findings().kept) == []
    assert [r.findings for r in reports] == [()]


# --- keys and configuration


def test_the_password_opens_the_key_file_and_another_one_does_not(forge: Any) -> None:
    key_id = forge.key_file()
    forge.config(1)
    opened = open_repository(forge.reader, RIGHT)
    assert (opened.key_id, opened.config.version) == (key_id, 1)
    with pytest.raises(WrongPassword):
        open_repository(forge.reader, Secret(b"another"))


def test_a_flood_of_key_files_ends_after_twenty_and_the_hint_goes_first(forge: Any) -> None:
    for n in range(40):
        forge.key_file(f"junk {n}".encode())
    key_id = forge.key_file()
    forge.config()
    with pytest.raises(Unavailable, match="first 20 key files") as caught:
        open_repository(forge.reader, RIGHT)
    assert not isinstance(caught.value, WrongPassword)
    assert open_repository(forge.reader, RIGHT, key_id).key_id == key_id


@pytest.mark.parametrize(
    "changed", [{"N": 1 << 30}, {"r": 1 << 20}, {"p": 1 << 31}, {"N": 3}, {"N": -2}, {"kdf": "none"}, {"salt": "%"}]
)
def test_a_key_file_that_would_cost_too_much_is_passed_over(forge: Any, changed: dict[str, Any]) -> None:
    forge.key_file(**changed)
    forge.config()
    with pytest.raises(WrongPassword):
        open_repository(forge.reader, RIGHT)
    good = forge.key_file()
    assert open_repository(forge.reader, RIGHT).key_id == good


def test_what_is_no_repository_is_said_to_be_missing(forge: Any) -> None:
    with pytest.raises(RepositoryMissing):
        open_repository(forge.reader, RIGHT)
    with pytest.raises(RepositoryMissing):
        open_repository(forge.reader, RIGHT, "ab" * 32)
    forge.key_file()
    with pytest.raises(RepositoryMissing):
        open_repository(forge.reader, RIGHT)


def test_the_password_is_derived_from_once_and_what_is_kept_is_not_trusted(
    forge: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forge.key_file()
    forge.config()
    memory, scrypt, calls = DerivedKey(tmp_path / "derived", RIGHT), hashlib.scrypt, []
    monkeypatch.setattr(hashlib, "scrypt", lambda *a, **k: calls.append(1) or scrypt(*a, **k))
    for _n in range(3):
        open_repository(forge.reader, RIGHT, memory=memory)
    assert len(calls) == 1
    with pytest.raises(WrongPassword):
        open_repository(forge.reader, Secret(b"another"), memory=DerivedKey(tmp_path / "derived", Secret(b"another")))
    (key_file,) = (data for name, data in forge.reader.objects.items() if name.startswith("keys/"))
    memory.keep(key_file, bytes(64))
    calls.clear()
    open_repository(forge.reader, RIGHT, memory=memory)
    open_repository(forge.reader, RIGHT, memory=memory)
    assert len(calls) == 1, "what opened nothing was derived anew, and kept"


@pytest.mark.parametrize("document", [b'{"version": 3, "id": "' + b"ab" * 32 + b'"}', b'{"version": 2}', b"[]", b"{"])
def test_a_configuration_of_another_format_is_refused(forge: Any, document: bytes) -> None:
    forge.key_file()
    forge.reader.objects["config"] = forge.seal(document)
    with pytest.raises(Damage, match="config-not-understood"):
        open_repository(forge.reader, RIGHT)


# --- compressed content


def test_a_bomb_in_a_blob_is_not_unpacked(forge: Any, pool: Executor) -> None:
    bomb = zstandard.compress(bytes(512 << 20))
    lies = [
        forge.blob("data", b"1", packed=bomb, raw=100, blob_id="11" * 32),
        forge.blob("data", b"2", packed=bomb, raw=512 << 20, blob_id="22" * 32),
    ]
    tree = forge.tree(forge.node("f", type="file", size=0, content=lies))
    forge.close_pack()
    forge.index()
    forge.snapshot(tree)
    tracemalloc.start()
    loaded = forge.load()
    node = loaded.find(loaded.snapshots[0], b"/f")
    assert node is not None
    with pytest.raises(Damage, match="blob-frame-broken"):
        list(loaded.file(node).read())
    (report,) = loaded.verify_packs(loaded.packs(), pool)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert codes(report.findings) == ["blob-frame-broken", "blob-too-large"]
    assert peak < 32 << 20


def test_a_bomb_in_a_document_is_not_unpacked(forge: Any) -> None:
    bomb = b"\x02" + zstandard.compress(b'{"packs":[' + b" " * (1 << 30) + b"]}")
    forge.put_raw("index/", forge.seal(bomb))
    forge.put_raw("snapshots/", forge.seal(bomb))
    tracemalloc.start()
    loaded = forge.load()
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert codes(loaded.findings.kept) == ["object-frame-broken"]
    assert peak < 32 << 20


@pytest.mark.parametrize("content", [b"", b"x" * 10_000])
def test_compressed_blobs_of_honest_length_are_read(forge: Any, pool: Executor, content: bytes) -> None:
    packed = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    without_size = packed.compress(content) + packed.flush()
    forge.blob("data", content + b"1", packed=zstandard.compress(content + b"1"), raw=len(content) + 1)
    if content:
        forge.blob("data", content, packed=without_size, raw=len(content))
    forge.close_pack()
    forge.index()
    loaded = forge.load()
    assert [r.findings for r in loaded.verify_packs(loaded.packs(), pool)] == [()]


def test_a_blob_that_is_not_what_its_name_says_is_found(forge: Any, pool: Executor) -> None:
    packed = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    short = packed.compress(b"short") + packed.flush()
    lies = [
        forge.blob("data", b"another content", blob_id="11" * 32),
        forge.blob("data", b"short", packed=short, raw=50, blob_id="22" * 32),
    ]
    tree = forge.tree(forge.node("f", type="file", size=0, content=lies))
    forge.close_pack()
    forge.index()
    forge.snapshot(tree)
    loaded = forge.load()
    (report,) = loaded.verify_packs(loaded.packs(), pool)
    assert codes(report.findings) == ["blob-id-differs", "blob-size-differs"]
    assert loaded.check_structure(pool).bad == frozenset()  # the walk reads no data


# --- indexes


def test_an_index_that_points_outside_its_pack_is_a_finding(forge: Any, pool: Executor) -> None:
    simple_tree = forge.tree(forge.file("a", b"one"))
    forge.close_pack()
    blobs: Any = forge.packs[0]["blobs"]
    blobs.append({"id": "33" * 32, "type": "data", "offset": 5, "length": 1 << 20})
    blobs.append({"id": "44" * 32, "type": "data", "offset": (1 << 32) - 100, "length": 64})
    forge.index()
    forge.snapshot(simple_tree)
    loaded = forge.load()
    assert codes(loaded.findings.kept) == ["index-outside-pack"]
    outside = loaded.index.find(DATA, bytes.fromhex("33" * 32))
    assert outside is not None
    assert not loaded.index.can_be_there(outside)
    assert codes(loaded.check_structure(pool).findings.kept) == []


@pytest.mark.parametrize(
    "blob",
    [
        {"id": "33" * 32, "type": "data", "offset": -1, "length": 64},
        {"id": "33" * 32, "type": "data", "offset": 0, "length": 31},
        {"id": "33" * 32, "type": "data", "offset": 0, "length": 1 << 40},
        {"id": "33" * 32, "type": "data", "offset": 0, "length": True},
        {"id": "33" * 31, "type": "data", "offset": 0, "length": 64},
        {"id": "33" * 32, "type": "other", "offset": 0, "length": 64},
        {"id": 7, "type": "data", "offset": 0, "length": 64},
        {"type": ["data"]},
        "text",
    ],
)
def test_an_index_entry_that_makes_no_sense_is_a_finding(forge: Any, blob: Any) -> None:
    forge.put("index/", json.dumps({"packs": [{"id": "55" * 32, "blobs": [blob]}]}).encode())
    assert codes(forge.load().findings.kept) == ["index-not-understood"]


def test_an_index_that_names_what_the_pack_does_not_hold_is_found_when_the_pack_is_read(
    forge: Any, pool: Executor
) -> None:
    tree = forge.tree(forge.file("a", b"one" * 100))
    forge.close_pack()
    blobs: Any = forge.packs[0]["blobs"]
    blobs.append({"id": "33" * 32, "type": "data", "offset": 5, "length": 64})
    forge.index()
    forge.snapshot(tree)
    loaded = forge.load()
    (report,) = loaded.verify_packs(loaded.packs(), pool)
    assert codes(report.findings) == ["blob-seal-broken", "index-differs-from-pack"]
    assert [place.id.hex() for place in report.bad] == ["33" * 32]


def test_superseded_mixed_and_repeated_indexes_are_one_index(forge: Any, pool: Executor) -> None:
    tree = forge.tree(forge.file("a", b"one"), forge.file("b", b"two"))  # data and tree in one pack, as format 1 may
    gone = forge.file("c", b"three")
    kept = forge.close_pack()
    both = list(forge.packs)
    old = forge.index()
    forge.packs = [*both, {"id": "66" * 32, "blobs": [{"id": "77" * 32, "type": "data", "offset": 0, "length": 64}]}]
    superseded = forge.index()
    forge.packs = both
    forge.index(supersedes=[superseded])
    forge.snapshot(tree)
    loaded = forge.load()
    assert gone["name"] == "c"
    assert old != superseded
    assert len(loaded.index) == len(both[0]["blobs"]) + 1
    assert codes(loaded.pack_findings().kept) == []  # the pack that is gone is only in the superseded index
    assert codes(loaded.findings.kept, loaded.check_structure(pool).findings.kept) == []
    assert [pack.id.hex() for pack in loaded.packs() if pack.size >= 0] == [kept]


def test_a_live_index_that_repeats_a_superseded_one_does_not_hide_a_missing_pack(forge: Any) -> None:
    lost = {"id": "66" * 32, "blobs": [{"id": "77" * 32, "type": "data", "offset": 0, "length": 64}]}
    first = forge.put("index/", json.dumps({"packs": [lost]}).encode())
    forge.put("index/", json.dumps({"supersedes": [first], "packs": [lost]}).encode())
    assert codes(forge.load().pack_findings().kept) == ["pack-missing"]


def test_a_million_copies_of_one_blob_do_not_stall_the_index(forge: Any) -> None:
    blobs = [{"id": "33" * 32, "type": "data", "offset": n, "length": 32} for n in range(20_000)]
    forge.put("index/", json.dumps({"packs": [{"id": "55" * 32, "blobs": blobs}]}).encode())
    loaded = forge.load()
    assert codes(loaded.findings.kept) == ["index-copies"]
    assert len(loaded.index.entries(DATA, bytes.fromhex("33" * 32))) == limits.COPIES


def test_a_whole_copy_stands_in_for_a_damaged_one(forge: Any, pool: Executor) -> None:
    tree = forge.tree(forge.file("a", b"one" * 50))
    forge.close_pack()
    forge.blob("data", b"one" * 50)
    forge.blob("data", b"more")
    second = forge.close_pack()
    forge.index()
    forge.snapshot(tree)
    name = f"data/{second[:2]}/{second}"
    forge.reader.objects[name] = bytes([forge.reader.objects[name][0] ^ 1]) + forge.reader.objects[name][1:]
    loaded = forge.load()
    reports = list(loaded.verify_packs(loaded.packs(), pool))
    assert [r.pack for r in reports if not r.ok] == [second]
    node = loaded.find(loaded.snapshots[0], b"a")
    assert node is not None
    assert b"".join(loaded.file(node).read()) == b"one" * 50
    assert loaded.assess(reports).exposure(loaded.snapshots).snapshots == {}


# --- trees


def test_a_tree_that_leads_to_itself_a_million_times_is_walked_once(forge: Any, pool: Executor) -> None:
    below = forge.tree(forge.file("leaf", b"x"))
    for _level in range(40):  # 50 folders each, the same one every time: 50^40 paths
        below = forge.tree(*(forge.node(f"d{n:02}", type="dir", subtree=below) for n in range(50)))
    forge.close_pack()
    forge.index()
    forge.snapshot(below)
    loaded = forge.load()
    structure = loaded.check_structure(pool)
    assert structure.trees == 41
    assert codes(structure.findings.kept) == []
    with pytest.raises(Damage, match="too-many-entries"):
        list(loaded.walk(loaded.snapshots[0], most=10_000))
    lost = loaded.assess(lost=[(DATA, hashlib.sha256(b"x").digest())])
    assert lost.exposure(loaded.snapshots).snapshots.keys() == {loaded.index.pack_of(0).id.hex()}


def test_a_path_without_end_is_cut(forge: Any, pool: Executor) -> None:
    below = forge.tree()
    for _level in range(limits.DEPTH + 10):
        below = forge.tree(forge.node("d", type="dir", subtree=below))
    forge.close_pack()
    forge.index()
    forge.snapshot(below)
    loaded = forge.load()
    assert loaded.check_structure(pool).trees == limits.DEPTH + 11
    with pytest.raises(Damage, match="path-too-long"):
        list(loaded.walk(loaded.snapshots[0]))


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "a\\x00b", "a\\", 'a"', "\\ud800", "x" * 5000, None, 7, "\\400"]
)
def test_a_name_that_leads_elsewhere_is_refused(forge: Any, pool: Executor, name: Any) -> None:
    tree = forge.tree(forge.node(name, type="file", size=0, content=[]))
    forge.close_pack()
    forge.index()
    forge.snapshot(tree)
    loaded = forge.load()
    assert codes(loaded.check_structure(pool).findings.kept) == ["tree-not-understood"]
    assert [type(entry) for entry in loaded.walk(loaded.snapshots[0])] == [Damage]


@pytest.mark.parametrize(
    "document",
    [
        b'{"nodes":[{"name":"a"}]}',
        b'{"nodes":{}}',
        b'{"nodes":[1]}',
        b'{"nodes":[',
        b'{"nodes":[],}',
        b"[" * 100_000,
        b'{"nodes":[' + b"[" * 100_000,
        b'{"nodes":[{"name":"a","type":"file","size":-1}]}',
        b'{"nodes":[{"name":"a","type":"file","size":' + b"9" * 5000 + b"}]}",
        b'{"nodes":[{"name":"a","type":"file","size":NaN}]}',
        b'{"nodes":[{"name":"a","type":"file","content":["00"]}]}',
        b'{"nodes":[{"name":"\xff","type":"file"}]}',
        b'{"nodes":[]} x',
        b'{"nodes":[{"name":"a","type":"file","user":5}]}',
        b'{"nodes":[{"name":"a","type":"file","content":["' + b" " * 64 + b'"]}]}',
    ],
)
def test_a_tree_that_is_none_is_a_finding(forge: Any, pool: Executor, document: bytes) -> None:
    tree = forge.blob("tree", document)
    forge.close_pack()
    forge.index()
    forge.snapshot(tree)
    structure = forge.load().check_structure(pool)
    assert codes(structure.findings.kept) == ["tree-not-understood"]
    assert structure.bad == {(TREE, bytes.fromhex(tree))}


def test_odd_trees_are_told(forge: Any, pool: Executor) -> None:
    file = forge.file("b", b"x")
    tree = forge.tree(file, file, forge.file("a", b"y"), forge.node("d", type="dir"))
    forge.close_pack()
    forge.index()
    forge.snapshot(tree)
    structure = forge.load().check_structure(pool)
    assert codes(structure.findings.kept) == ["folder-without-tree", "name-twice", "tree-not-sorted"]


def test_a_wide_folder_is_walked_in_little_memory(forge: Any, pool: Executor) -> None:
    count = 30_000
    nodes = (forge.node(f"f{n:06}", type="file", size=0, content=[]) for n in range(count))
    document = b'{"nodes":[' + b",".join(json.dumps(node).encode() for node in nodes) + b"]}\n"
    tree = forge.blob("tree", document, packed=zstandard.compress(document), raw=len(document))
    forge.close_pack()
    forge.index()
    forge.snapshot(tree)
    loaded = forge.load()
    tracemalloc.start()
    seen = sum(isinstance(entry, Entry) for entry in loaded.walk(loaded.snapshots[0]))
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seen == count
    assert peak < 4 * len(document)
    assert loaded.check_structure(pool).files == count


# --- objects that are none of restic's


def test_strange_objects_are_noted_and_garbage_snapshots_are_findings(forge: Any, pool: Executor) -> None:
    snapshot_id = simple(forge)
    forge.reader.objects["snapshots/readme.txt"] = b"hello"
    forge.reader.objects["data/zz/\udcff\n"] = b"hello"
    forge.reader.objects["index/" + "0" * 64] = b""
    garbage = forge.put_raw("snapshots/", b"garbage")
    short = forge.put_raw("snapshots/", b"")
    loaded = forge.load()
    assert [snapshot.id for snapshot in loaded.snapshots] == [snapshot_id]
    assert codes(loaded.findings.kept) == ["foreign-object", "object-hash-differs", "object-seal-broken"]
    broken = {r.args["object"] for r in loaded.findings.kept if r.code == "object-seal-broken"}
    assert broken == {f"snapshots/{garbage}", f"snapshots/{short}"}
    assert codes(loaded.check_structure(pool).findings.kept) == []


# --- others at work meanwhile


def test_a_backup_and_a_prune_meanwhile_are_no_damage(new_forge: Any, pool: Executor) -> None:
    forge = new_forge()
    simple(forge)
    old = dict(forge.reader.objects)
    later = forge.tree(forge.file("new", b"backed up meanwhile"))
    forge.close_pack()
    forge.index()
    forge.snapshot(later)
    new = dict(forge.reader.objects)
    forge.reader.objects = dict(old)
    listed = forge.reader.list

    def list_while_a_backup_ends(prefix: str) -> Any:
        yield from list(listed(prefix))
        if prefix == "index/":
            forge.reader.objects.update(new)

    forge.reader.list = list_while_a_backup_ends
    loaded = forge.load()
    found = [*loaded.findings.kept, *loaded.check_structure(pool).findings.kept, *loaded.pack_findings().kept]
    assert codes(found) == ["pack-not-indexed"]

    # The index was read, and then its packs and the index file went: a second reading sees what is left.
    gone = [name for name in new if name not in old and name.startswith(("index/", "data/", "snapshots/"))]

    def list_while_a_prune_runs(prefix: str) -> Any:
        if prefix == "data/":
            for name in gone:
                forge.reader.objects.pop(name, None)
        yield from list(listed(prefix))

    forge.reader.list = list_while_a_prune_runs
    loaded = forge.load()
    assert codes(loaded.findings.kept, loaded.pack_findings().kept) == []
    assert loaded.index.find(TREE, bytes.fromhex(later)) is None


def test_a_key_shows_nothing_and_is_not_pickled(forge: Any) -> None:
    forge.key_file()
    forge.config()
    repository = open_repository(forge.reader, RIGHT)
    assert repr(repository._key) == "***"
    with pytest.raises(TypeError):
        pickle.dumps(repository._key)


@pytest.mark.parametrize(
    "fields",
    [
        {"tree": "ab"},
        {"tree": None},
        {"paths": "text"},
        {"paths": [1]},
        {"time": 5},
        {"tags": {}},
    ],
)
def test_a_snapshot_that_makes_no_sense_is_a_finding(forge: Any, fields: dict[str, Any]) -> None:
    forge.snapshot(**{"tree": "ab" * 32, **fields})
    loaded = forge.load()
    assert codes(loaded.findings.kept) == ["snapshot-not-understood"]
    assert loaded.snapshots == ()


def test_a_snapshot_without_its_tree_is_a_finding(forge: Any, pool: Executor) -> None:
    forge.snapshot("ab" * 32)
    loaded = forge.load()
    structure = loaded.check_structure(pool)
    assert codes(structure.findings.kept) == ["blob-not-indexed"]
    assessment = loaded.assess(lost=structure.bad)
    assert assessment.exposure(loaded.snapshots).snapshots == {"": (loaded.snapshots[0].id,)}
    assert [f.path for f in assessment.files(loaded.snapshots[0])] == [b"/"]


def test_a_long_document_is_read_as_a_short_one(forge: Any, pool: Executor) -> None:
    """Above a mebibyte the elements are read one by one: same answers, also for what is broken far behind."""
    files = [forge.node(f"f{n:05}", type="file", size=0, content=[]) for n in range(6000)]
    good = json.dumps({"before": [1], "nodes": files, "after": None}, indent=1).encode()
    assert len(good) > 1 << 20
    for text, expected in ((good, []), (good[:-3], ["tree-not-understood"]), (good + b"]", ["tree-not-understood"])):
        tree = forge.blob("tree", text)
        forge.close_pack()
        forge.index()
        forge.snapshot(tree)
        loaded = forge.load()
        snapshot = next(s for s in loaded.snapshots if s.tree.hex() == tree)
        assert codes(loaded.check_structure(pool, [snapshot]).findings.kept) == expected
        if not expected:
            assert sum(isinstance(entry, Entry) for entry in loaded.walk(snapshot)) == 6000


def test_a_flood_of_harmless_findings_hides_no_damage() -> None:
    """Whoever may write to the storage can make any number of foreign objects, before what is damaged in the list."""
    findings = Findings()
    for number in range(2 * limits.FINDINGS):
        findings.add(reason("foreign-object", "info", object=f"index/{number}"))
    for number in range(3):
        findings.add(reason("object-hash-differs", object=f"index/f{number}"))
    assert (findings.total, findings.critical) == (2 * limits.FINDINGS + 3, 3)
    assert len(findings.kept) == limits.FINDINGS + 1
    assert findings.kept[-1] == reason("object-hash-differs", object="index/f0")
