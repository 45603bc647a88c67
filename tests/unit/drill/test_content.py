"""Pure parts of D3: what differs from the source, what goes the second way, what fits a statement."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from guardian.decoder.trees import Node
from guardian.drill import provenance, secondpath
from guardian.drill.frame import Files, Item, Look
from guardian.drill.reading import Read, chunk
from guardian.drill.record import fitting
from guardian.errors import StorageRefused, StorageUnreachable
from guardian.ledger.statement import MAX_STATEMENT, encode
from guardian.model.backup import Counts, FileDigest, SourceSample, StreamDigest
from guardian.model.drill import DrillCheck
from guardian.model.evidence import BackupReceipt, DrillResult
from guardian.model.reason import Reason, reason

ZERO = "0" * 64


def item(path: bytes, size: int, number: int = 0) -> Item:
    name = path.rpartition(b"/")[2]
    node = Node(name, "file", 0, "", "", "", 0, 0, "", "", 0, 0, size, 1, b"", (), (), 0, bytes(32), None, "")
    return Item(number, path, node)


def digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def receipt(**more: Any) -> BackupReceipt:
    usual = dict.fromkeys(("run_id", "tenant", "host", "system", "source", "source_kind", "repository"), "x")
    ids = dict.fromkeys(("snapshot_id", "tree_id", "plan_sha256"), ZERO)
    return BackupReceipt.model_validate(
        {
            **usual,
            **ids,
            "repository_id": "r",
            "paths": ("/",),
            "outcome": "complete",
            "counts": Counts(files=2, bytes=8),
            "started": "2026-11-20T00:00:00Z",
            "ended": "2026-11-20T00:00:00Z",
            "tools": {},
            **more,
        }
    )


def frame(*items: Item) -> Files:
    from guardian.decoder.snapshots import Snapshot

    found = Files(Snapshot(ZERO, "", bytes(32), (), "", "", (), (), "", "", ""))
    for one in items:
        found.add(one, Look(named=frozenset(i.path for i in items)))
    return found


def sampled(*files: FileDigest) -> BackupReceipt:
    return receipt(sample=SourceSample(seed=ZERO, frame=len(files), files=files))


def test_a_file_is_held_against_its_digest_at_the_source() -> None:
    files = frame(item(b"/a", 4, 0), item(b"/b", 4, 1))
    said = sampled(
        FileDigest(path="/a", size=4, sha256=digest(b"good")),
        FileDigest(path="/b", size=4, sha256=digest(b"good")),
        FileDigest(path="/gone", size=4, sha256=digest(b"good")),
    )
    read = {b"/a": Read(4, digest(b"good")), b"/b": Read(4, digest(b"evil"))}
    found = provenance.differences(files, said, read)
    assert [(r.code, r.args["path"]) for r in found] == [("file-content-differs", "/b"), ("file-missing", "/gone")]


def test_a_stream_is_held_against_its_producer() -> None:
    stream = StreamDigest(path="/dump", bytes=4, sha256=digest(b"good"))
    files, said = frame(item(b"/dump", 4)), receipt(stream=stream)
    assert provenance.differences(files, said, {b"/dump": Read(4, digest(b"good"))}) == []
    (found,) = provenance.differences(files, said, {b"/dump": Read(4, digest(b"evil"))})
    assert found.code == "stream-differs"
    (found,) = provenance.differences(frame(item(b"/dump", 5)), said, {})
    assert found.code == "file-size-differs"
    (found,) = provenance.differences(frame(), said, {})
    assert found.code == "file-missing"


def test_what_the_backup_counted_is_held_against_the_tree() -> None:
    assert provenance.counted(frame(item(b"/a", 4), item(b"/b", 4, 1)), receipt()) == []
    found = provenance.counted(frame(item(b"/a", 4)), receipt())
    assert [r.args["unit"] for r in found] == ["files", "bytes"]


def test_few_and_small_files_go_the_second_way() -> None:
    seed = bytes(32)
    many = [(item(b"/%d" % n, 1 << 20, n), Read(1 << 20)) for n in range(100)]
    assert len(secondpath.choose(many, seed)) == secondpath.MOST_FILES
    large = [(item(b"/%d" % n, 10 << 20, n), Read(10 << 20)) for n in range(9)]
    assert sum(i.node.size for i, _read in secondpath.choose(large, seed)) <= secondpath.MOST_BYTES
    assert secondpath.choose([(item(b"/\xff", 1), Read(1))], seed) == []
    assert secondpath.choose(many, seed) != secondpath.choose(many, bytes(31) + b"\1")


def test_a_result_with_any_number_of_reasons_fits_the_log() -> None:
    long = tuple(reason("file-lost", path="\\x1b" * 100 + str(n), at=0, why="blob-seal-broken") for n in range(900))
    checks = (DrillCheck(level="D0", name="presence", outcome="PASS"), check(long), check(long[:300]))
    names = ("drill_id", "tenant", "host", "system", "source", "repository", "repository_id", "started", "ended")
    result = DrillResult.model_validate(
        {**dict.fromkeys(names, "x"), "level": "D3", "outcome": "FAIL", "checks": checks, "tools": {}}
    )
    cut = fitting(result)
    assert len(encode(cut, [("snapshot", ZERO)])) <= MAX_STATEMENT
    assert [c.outcome for c in cut.checks] == ["PASS", "FAIL", "FAIL"]
    for one in cut.checks[1:]:
        assert one.reasons[-1].code == "reasons-left-out"
    left = sum(int(r.args["count"]) for c in cut.checks for r in c.reasons if r.code == "reasons-left-out")
    kept = sum(r.code == "file-lost" for c in cut.checks for r in c.reasons)
    assert kept + left == 1200


def check(reasons: tuple[Reason, ...]) -> DrillCheck:
    return DrillCheck(level="D3", name="restore", outcome="FAIL", reasons=reasons)


@pytest.mark.parametrize("error", [StorageUnreachable("nobody"), StorageRefused("no")])
def test_a_silent_storage_is_told_apart_from_damage(forge: Any, error: Exception) -> None:
    """What nobody answered to is no verdict on the chunk."""
    blob = bytes.fromhex(forge.blob("data", b"content"))
    forge.close_pack()
    forge.index()
    loaded = forge.load()
    assert chunk(loaded, blob).ok

    def refuse(*_asked: Any) -> bytes:
        raise error

    read: Callable[..., bytes] = refuse
    forge.reader.read = read
    said = chunk(loaded, blob)
    assert (said.ok, said.silent) == (False, error)
