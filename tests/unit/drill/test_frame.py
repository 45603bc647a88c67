"""The frame: a form anybody can make again, in bounded memory, whatever the tree is like."""

import hashlib
import tracemalloc
from array import array
from pathlib import Path
from typing import Any

import pytest

from guardian.decoder.damage import Damage
from guardian.decoder.repository import Loaded
from guardian.decoder.snapshots import Snapshot
from guardian.decoder.trees import Node
from guardian.drill import frame
from guardian.drill.frame import CRITICAL_FILES, Files, Item, Look


def number(value: int, width: int) -> bytes:
    return value.to_bytes(width, "big")


def entry(path: bytes, *contents: bytes) -> bytes:
    ids = b"".join(hashlib.sha256(content).digest() for content in contents)
    size = sum(map(len, contents))
    return number(len(path), 4) + path + number(size, 8) + number(len(contents), 4) + ids


def packed(forge: Any, *nodes: Any) -> tuple[Loaded, Snapshot]:
    tree = forge.tree(*nodes)
    forge.close_pack()
    forge.index()
    forge.snapshot(tree)
    loaded = forge.load()
    return loaded, loaded.snapshots[0]


def test_the_list_is_the_one_the_docstring_describes(forge: Any) -> None:
    below = forge.tree(forge.file("deep", b"deep content"))
    last = forge.tree(forge.file("z", b"z"))
    loaded, snapshot = packed(
        forge,
        forge.file("a", b"first", b"second"),
        forge.node("b", type="dir", subtree=below),
        forge.file("c"),
        forge.node("d", type="dir", subtree=last),
        forge.node("link", type="symlink", linktarget="a"),
    )
    found = frame.files(loaded, snapshot, snapshot.tree.hex())
    parts = (
        entry(b"/a", b"first", b"second"),
        entry(b"/c"),
        entry(b"/b/deep", b"deep content"),
        entry(b"/d/z", b"z"),
    )
    assert found.sha256 == hashlib.sha256(b"".join(parts)).hexdigest()
    assert (len(found), found.bytes, found.chunks) == (4, 11 + 12 + 1, 4)
    assert [found.at(offset) for offset in (0, 10, 11, 22, 23)] == [(0, 0), (0, 10), (2, 0), (2, 11), (3, 0)]
    assert list(found.sizes()) == [11, 0, 12, 1]


def test_it_is_made_of_the_tree_that_was_signed(forge: Any) -> None:
    """A snapshot file that names another tree changes nothing: the receipt says which one it is."""
    signed = forge.tree(forge.file("right", b"right"))
    loaded, snapshot = packed(forge, forge.file("wrong", b"wrong"))
    found = frame.files(loaded, snapshot, signed)
    assert found.sha256 == hashlib.sha256(entry(b"/right", b"right")).hexdigest()


def test_a_folder_that_cannot_be_read_is_a_hole_with_a_name(forge: Any) -> None:
    gone = "ab" * 32
    loaded, snapshot = packed(forge, forge.file("a", b"a"), forge.node("b", type="dir", subtree=gone))
    found = frame.files(loaded, snapshot, snapshot.tree.hex())
    assert found.sha256 == hashlib.sha256(entry(b"/a", b"a") + b"\xff" * 4 + bytes.fromhex(gone)).hexdigest()
    assert [hole.reason.code for hole in found.holes] == ["blob-not-indexed"]


def test_sizes_that_cannot_be_are_damage(forge: Any) -> None:
    nodes = [forge.node(str(n), type="file", size=(1 << 63) + 1, content=[]) for n in range(3)]
    loaded, snapshot = packed(forge, *nodes)
    with pytest.raises(Damage, match="frame-too-large"):
        frame.files(loaded, snapshot, snapshot.tree.hex())


def test_critical_files_and_named_ones_are_noted(forge: Any) -> None:
    loaded, snapshot = packed(
        forge, forge.file("a.key", b"key"), forge.file("a.txt", b"text"), forge.file("big.key", bytes(2 << 20))
    )
    look = Look(critical=("*.key",), named={b"/a.txt", b"/nowhere"})
    found = frame.files(loaded, snapshot, snapshot.tree.hex(), look)
    assert (found.critical, found.critical_left) == ([0], 0), "a large one is no small critical file"
    assert found.named == {b"/a.txt": 1}


def test_critical_files_are_capped_and_counted() -> None:
    found = Files(_snapshot())
    for at in range(CRITICAL_FILES + 5):
        found.add(_item(at, b"/x.key"), Look(critical=("*.key",)))
    assert (len(found.critical), found.critical_left) == (CRITICAL_FILES, 5)


def test_files_are_found_again_by_a_second_walk(forge: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame, "_KEPT_FILES", 2)
    loaded, snapshot = packed(forge, *(forge.file(f"{n}", b"%d" % n) for n in range(9)))
    found = frame.files(loaded, snapshot, snapshot.tree.hex())
    assert found._kept is None
    taken: list[bytes] = []
    found.visit(loaded, {7, 0, 3}, lambda item: taken.append(item.path))
    assert taken == [b"/0", b"/3", b"/7"]
    with pytest.raises(Damage, match="tree-changed"):
        found.visit(loaded, {9}, lambda item: taken.append(item.path))


def test_a_frame_of_very_many_files_takes_a_few_megabytes() -> None:
    """Eight bytes a file, so that ten million take eighty of them. Nodes come one by one, as a walk gives them."""
    found = Files(_snapshot())
    item = _item(0, b"/a/rather/long/path/of/a/file/that/is/one/of/very/many")
    look = Look()
    tracemalloc.start()
    try:
        for _file in range(100_000):
            found.add(item, look)
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(found._ends, array)
    assert len(found) == 100_000
    assert peak < 8 << 20


def test_the_frame_of_packs_names_the_stored_ones(forge: Any) -> None:
    loaded, _newest = packed(forge, forge.file("a", b"a"))
    (name,) = (n for n in forge.reader.objects if n.startswith("data/"))
    said = frame.packs(loaded)
    size = len(forge.reader.objects[name])
    listed = bytes.fromhex(Path(name).name) + number(size, 8)
    assert (said.count, said.bytes, said.sha256) == (1, size, hashlib.sha256(listed).hexdigest())


def _snapshot() -> Snapshot:
    return Snapshot("0" * 64, "", bytes(32), (), "", "", (), (), "", "", "")


def _item(at: int, path: bytes) -> Item:
    name = path.rpartition(b"/")[2]
    node = Node(name, "file", 0, "", "", "", 0, 0, "", "", 0, 0, 100, 1, b"", (), (), 0, bytes(32), None, "")
    return Item(at, path, node)
