"""Two trees side by side: what came, went, changed, and what belongs together."""

import random
from collections.abc import Mapping, Sequence

import pytest

from guardian.backup.difference import Comparison, Difference
from guardian.decoder.trees import Node

Files = Mapping[str, str | Mapping[str, object]]


def node(name: str, content: str = "", size: int | None = None, subtree: bytes | None = None) -> Node:
    return Node(
        name=name.encode(),
        kind="dir" if subtree else "file",
        mode=0o644,
        mtime="",
        atime="",
        ctime="",
        uid=0,
        gid=0,
        user="",
        group="",
        inode=0,
        device_id=0,
        size=len(content) if size is None else size,
        links=1,
        link_target=b"",
        extended_attributes=(),
        generic_attributes=(),
        device=0,
        content=content.encode().ljust(32, b"\0") if content else b"",
        subtree=subtree,
        error="",
    )


class Trees:
    """Folders of names and contents; a mapping below a name is a folder."""

    def __init__(self) -> None:
        self.kept: dict[bytes, list[Node]] = {}
        self.read = 0

    def add(self, files: Files) -> bytes:
        nodes = []
        for name, content in sorted(files.items()):
            if isinstance(content, Mapping):
                nodes.append(node(name, subtree=self.add(content)))  # type: ignore[arg-type]
            else:
                nodes.append(node(name, content))
        identity = repr(nodes).encode()
        self.kept[identity] = nodes
        return identity

    def apart(self, before: bytes | None, now: bytes | None) -> tuple[Sequence[Node], Sequence[Node], int]:
        self.read += 1
        old, new = (self.kept[i] if i else [] for i in (before, now))
        return [n for n in old if n not in new], [n for n in new if n not in old], len(old) + len(new)


def compare(before: Files, now: Files, most: int = 10**6) -> Difference:
    trees = Trees()
    return Comparison(trees.apart, random.Random(1)).run(trees.add(before), trees.add(now), most)


def counts(found: Difference) -> dict[str, int]:
    names = ("changed", "replaced", "new", "removed", "renamed", "shrunk")
    return {name: getattr(found, name) for name in names if getattr(found, name)}


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ({"a": "1"}, {"a": "1"}, {}),
        ({"a": "1"}, {"a": "2"}, {"changed": 1}),
        ({"a": "1"}, {}, {"removed": 1}),
        ({}, {"a": "1"}, {"new": 1}),
        ({"a": "1"}, {"b": "1"}, {"renamed": 1}),
        ({"x": {"a": "1", "b": "2"}}, {"y": {"a": "1", "b": "2"}}, {"renamed": 2}),
        ({"a.doc": "1"}, {"a.doc.locked": "2"}, {"replaced": 1}),
        ({"a.doc": "1"}, {"a.doc.id-7.[mail@x.org].locked": "2"}, {"replaced": 1}),
        ({"a.doc": "1"}, {"a.docx": "2"}, {"replaced": 1}),
        ({"a.doc": "1"}, {"0f3a": "2"}, {"removed": 1, "new": 1}),
        ({"a": "1" * 20}, {"a": ""}, {"changed": 1, "shrunk": 1}),
        ({"a": "1"}, {"a": {"b": "1"}}, {"renamed": 1}),
        ({"a": "", "b": ""}, {"c": ""}, {"removed": 2, "new": 1}),
    ],
)
def test_counts(before: Files, now: Files, expected: dict[str, int]) -> None:
    assert counts(compare(before, now)) == expected


def test_what_is_equal_is_not_read() -> None:
    trees = Trees()
    same = {f"folder-{n}": {"a": str(n)} for n in range(50)}
    before, now = trees.add({**same, "x": {"a": "1"}}), trees.add({**same, "x": {"a": "2"}})
    found = Comparison(trees.apart, random.Random(1)).run(before, now)
    assert trees.read == 2
    assert counts(found) == {"changed": 1}


def test_too_much_is_sampled_and_says_so() -> None:
    before = {f"folder-{n}": {f"{n}-{k}": "1" for k in range(20)} for n in range(100)}
    now = {f"folder-{n}": {f"{n}-{k}": "2" for k in range(20)} for n in range(100)}
    found = compare(before, now, most=1000)
    assert 0 < found.examined < 0.3
    assert 1500 < found.changed / found.examined < 2500


def test_one_letter_in_every_folder() -> None:
    before = {f"folder-{n}": {"a": str(n)} for n in range(9)}
    now = {f"folder-{n}": {"a": str(n), "README": "pay"} for n in range(9)}
    found = compare(before, now)
    assert max(found.copies.values()) == ("README", 3, 9)


def test_a_file_knows_what_it_was() -> None:
    found = compare({"a.doc": "1"}, {"a.doc.locked": "2"})
    (candidate,) = found.old.kept
    assert (candidate.path, candidate.name_before) == (b"/a.doc.locked", "a.doc")
    assert candidate.known.startswith(b"1")
    assert found.suffixes == {"locked": 1}
