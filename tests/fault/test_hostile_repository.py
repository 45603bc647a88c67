"""Hostile repositories, made by somebody who has the password: every drill and every restore ends, and says so.

Parser by parser they are tried in tests/unit/decoder; here they come to the command line, beside an honest log.
"""

import importlib.util
import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import zstandard


def _intruders() -> ModuleType:
    name = "guardian_tests_intruder"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("intruder.py"))
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


INTRUDER = _intruders()
BOMB = zstandard.compress(bytes(80 << 20))
MEMORY = 300 << 20
Trick = Callable[[Any], None]


def plain_length(entry: dict[str, Any]) -> int:
    return int(entry.get("uncompressed_length") or entry["length"] - 32)


# what backups need is exchanged


def bomb_in_data(intruder: Any) -> None:
    for blob in [b for b in intruder.blobs() if b["type"] == "data"][:5]:
        intruder.replace(blob["id"], BOMB, plain_length(blob))


def bomb_in_data_that_says_so(intruder: Any) -> None:
    for blob in [b for b in intruder.blobs() if b["type"] == "data"][:5]:
        intruder.replace(blob["id"], BOMB, 80 << 20)


def bomb_in_tree(intruder: Any) -> None:
    intruder.replace(intruder.root, BOMB, plain_length(intruder.entry(intruder.root)))


def data_outside_its_pack(intruder: Any) -> None:
    for blob in [b for b in intruder.blobs() if b["type"] == "data"]:
        blob["offset"] = 1 << 24


def tree_outside_its_pack(intruder: Any) -> None:
    intruder.entry(intruder.root)["offset"] = 1 << 24


def absurd_lengths(intruder: Any) -> None:
    for blob in [b for b in intruder.blobs() if b["type"] == "data"]:
        blob["length"], blob["uncompressed_length"] = 1 << 40, 1 << 62


def tree_that_no_index_knows(intruder: Any) -> None:
    intruder.forget(intruder.subtree())


def tree_that_holds_itself(intruder: Any) -> None:
    tree = intruder.subtree()
    node = intruder.forge.node("again", type="dir", mode=0o20000000755, subtree=tree)
    content = json.dumps({"nodes": [node]}).encode() + b"\n"
    intruder.replace(tree, zstandard.compress(content), len(content))


def pack_of_another(intruder: Any) -> None:
    """Every pack gets the id of another: what is read is not what was asked for."""
    ids = [pack["id"] for pack in intruder.forge.packs]
    for pack, other in zip(intruder.forge.packs, [*ids[1:], ids[0]], strict=True):
        pack["id"] = other


EXCHANGED: list[tuple[Trick, str, set[str]]] = [
    (bomb_in_data, "D2", {"blob-frame-broken", "file-damaged"}),
    (bomb_in_data_that_says_so, "D3", {"blob-too-large"}),
    (bomb_in_tree, "D1", {"blob-frame-broken"}),
    (data_outside_its_pack, "D1", {"index-outside-pack"}),
    (tree_outside_its_pack, "D1", {"index-outside-pack"}),
    (absurd_lengths, "D1", {"index-not-understood"}),
    (tree_that_no_index_knows, "D1", {"blob-not-indexed"}),
    (tree_that_holds_itself, "D1", {"blob-id-differs"}),
    (pack_of_another, "D1", set()),
]


RETRIED = {data_outside_its_pack, tree_outside_its_pack}
"""restic tries to read there again and again for 45 s, newer ones for longer, and then fails: not waited for here."""


def names_that_lead_out(intruder: Any) -> str:
    forge = intruder.forge
    nodes = [
        {**forge.file(name, b"planted"), "mode": 0o600} for name in ("..", "../escaped", "/escaped", "a/../../escaped")
    ]
    return str(forge.tree(*nodes))


def folders_that_lead_out(intruder: Any) -> str:
    forge = intruder.forge
    below = forge.tree({**forge.file("escaped", b"planted"), "mode": 0o600})
    return str(forge.tree(forge.node("..", type="dir", mode=0o20000000755, subtree=below)))


def a_file_larger_than_all_disks(intruder: Any) -> str:
    forge = intruder.forge
    chunk = forge.blob("data", b"x" * 100)
    return str(forge.tree(forge.node("huge", type="file", mode=0o600, size=(1 << 63) - 1, content=[chunk])))


def a_folder_that_leads_nowhere(intruder: Any) -> str:
    forge = intruder.forge
    return str(forge.tree(forge.node("gone", type="dir", mode=0o20000000755, subtree="77" * 32)))


def a_tree_that_is_none(intruder: Any) -> str:
    return str(intruder.forge.blob("tree", b'{"nodes":[' + b"[" * 100_000))


VOUCHED: list[tuple[Callable[[Any], str], set[str]]] = [
    (names_that_lead_out, {"tree-not-understood"}),
    (folders_that_lead_out, {"tree-not-understood"}),
    (a_file_larger_than_all_disks, {"size-differs", "frame-too-large", "file-lost"}),
    (a_folder_that_leads_nowhere, {"blob-not-indexed"}),
    (a_tree_that_is_none, {"tree-not-understood"}),
]


def run(site: Any, *arguments: str | Path) -> tuple[int, Any, int]:
    """Exit code, document and largest memory, in bytes, of Guardian itself."""
    child = subprocess.Popen(
        site.argv(*arguments, "--json"), env=site.env(), cwd=site.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    # Not by wait4: that would count restic too, whose memory is not ours to bound.
    highest, over = [0], threading.Event()
    watch = threading.Thread(target=_watch, args=(child.pid, highest, over))
    watch.start()
    told, errors = child.communicate()
    over.set()
    watch.join()
    assert b"Traceback" not in told + errors, errors.decode("utf-8", "replace")
    return child.returncode, json.loads(told), highest[0]


def _watch(pid: int, highest: list[int], over: threading.Event) -> None:
    """The largest resident memory that process ``pid`` ever had, in bytes."""
    while not over.wait(0.01):
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            return
        if found := re.search(r"VmHWM:\s+(\d+) kB", status):
            highest[0] = max(highest[0], int(found[1]) << 10)


def failed_at(document: Any) -> str:
    checks = [check for drill in document["drills"] for check in drill["checks"]]
    return next((check["level"] for check in checks if check["outcome"] == "FAIL"), "")


def codes(node: Any) -> set[str]:
    if isinstance(node, dict):
        found = {str(node["code"])} if "code" in node else set()
        found |= {str(node["why"])} if "why" in node else set()
        return found.union(*(codes(value) for value in node.values()))
    return set().union(*(codes(value) for value in node)) if isinstance(node, list) else set()


@pytest.mark.parametrize(("trick", "level", "wanted"), EXCHANGED, ids=lambda one: getattr(one, "__name__", ""))
def test_what_backups_need_was_exchanged(
    stage: Any, tmp_path: Path, trick: Trick, level: str, wanted: set[str]
) -> None:
    intruder = INTRUDER.Intruder(stage)
    trick(intruder)
    intruder.done()
    code, said, memory = run(stage.site, "verify", "--level", level)
    assert (code, said["outcome"], failed_at(said)) == (3, "FAIL", level), said
    assert wanted <= codes(said), codes(said)
    assert memory < MEMORY
    if trick in RETRIED:
        return
    code, said, _memory = run(stage.site, "restore", "app/docs", "--target", tmp_path / "back")
    assert code in (3, 4), said
    assert said["outcome"] != "complete"


@pytest.mark.parametrize(("make", "wanted"), VOUCHED, ids=lambda one: getattr(one, "__name__", ""))
def test_what_a_receipt_vouches_for_makes_no_sense(
    stage: Any, tmp_path: Path, make: Callable[[Any], str], wanted: set[str]
) -> None:
    """The snapshot has its receipt, and its tree leads out of the target, or nowhere, or is none."""
    intruder = INTRUDER.Intruder(stage)
    tree = make(intruder)
    intruder.forge.close_pack()
    intruder.vouched(tree)
    code, said, memory = run(stage.site, "verify", "--level", "D3")
    assert (code, said["outcome"]) == (3, "FAIL"), said
    assert wanted & codes(said), codes(said)
    assert memory < MEMORY
    target = tmp_path / "room" / "back"
    code, said, _memory = run(stage.site, "restore", "app/docs", "--target", target)
    assert code in (3, 4), said
    assert said["outcome"] != "complete"
    assert not list(tmp_path.rglob("*escaped*")) or all(target in path.parents for path in tmp_path.rglob("*escaped*"))
    assert {path.name for path in target.parent.iterdir()} == {"back"}


# folders of very many entries


def test_a_folder_of_very_many_entries(stage: Any) -> None:
    """60,000 files in one folder are drilled in bounded memory."""
    intruder = INTRUDER.Intruder(stage)
    intruder.vouched(wide_folder(intruder, 60_000))
    code, said, memory = run(stage.site, "verify", "--level", "D3", "app/docs")
    (drill,) = said["drills"]
    assert (code, drill["outcome"]) == (0, "PASS"), said
    assert drill["checks"][-1]["measured"]["frame_files"] == 60_000
    assert memory < MEMORY


def test_a_folder_of_more_entries_than_we_hold_is_no_pass(stage: Any) -> None:
    intruder = INTRUDER.Intruder(stage)
    intruder.vouched(wide_folder(intruder, 300_000))
    code, said, memory = run(stage.site, "verify", "--level", "D3", "app/docs")
    assert (code, said["outcome"]) == (4, "COULD_NOT_VERIFY"), said
    assert "blob-too-large" in codes(said)
    assert "planted-fault-not-found" not in codes(said)
    assert memory < MEMORY


def wide_folder(intruder: Any, count: int) -> str:
    """A tree of so many empty files, not kept in memory twice."""
    node = json.dumps({**intruder.forge.node("@", type="file", mode=0o600, size=0), "content": []}).encode()
    before, after = node.split(b"@")
    nodes = (before + b"f%07d" % number + after for number in range(count))
    document = b'{"nodes":[' + b",".join(nodes) + b"]}\n"
    tree = intruder.forge.blob("tree", document, packed=zstandard.compress(document), raw=len(document))
    intruder.forge.close_pack()
    return str(tree)
