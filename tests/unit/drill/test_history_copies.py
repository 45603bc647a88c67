"""A copy is known by the receipt of its backup, at the place that its own statement names."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from guardian.clock import SystemClock
from guardian.drill.history import read
from guardian.drill.presence import Found, judge
from guardian.model.backup import Counts, Snapshot, Target
from guardian.model.evidence import BackupReceipt, CopyReceipt, Entry, Predicate

HERE, THERE = Target("s", "a", "main", "main"), Target("s", "a", "offsite", "offsite")


def name(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def receipt(number: int) -> BackupReceipt:
    return BackupReceipt(
        run_id=str(number),
        tenant="t",
        host="h",
        system="s",
        source="a",
        source_kind="files",
        repository="main",
        repository_id="main-id",
        snapshot_id=name(f"snapshot {number}"),
        tree_id=name(f"tree {number}"),
        paths=("/srv",),
        outcome="complete",
        counts=Counts(files=1, bytes=10),
        started=f"2026-01-0{number + 1}T00:00:00Z",
        ended=f"2026-01-0{number + 1}T00:00:01Z",
        plan_sha256=name("plan"),
        tools={},
    )


def copy(number: int, mark: str = "copy", **changes: Any) -> CopyReceipt:
    said = {
        **{key: getattr(receipt(number), key) for key in ("system", "source", "snapshot_id", "tree_id")},
        "run_id": "c",
        "tenant": "t",
        "host": "h",
        "repository": "main",
        "repository_id": "main-id",
        "receipt": name(f"leaf {number}"),
        "to": "offsite",
        "to_id": "offsite-id",
        "bytes": 10,
        "tools": {},
        "copy_id": name(f"{mark} {number}"),
        "outcome": "complete",
        "started": "-",
        "ended": "-",
    }
    return CopyReceipt.model_validate({**said, **changes})


class Log:
    """As much of a log as reading it takes."""

    def __init__(self, *said: Predicate) -> None:
        self.said, self.size = said, len(said)

    def entries(self, start: int) -> Iterator[Entry]:
        for index, one in enumerate(self.said[start:], start):
            leaf = name(f"leaf {index}") if isinstance(one, BackupReceipt) else name(f"copied {index}")
            yield Entry(index, bytes.fromhex(leaf), b"", "", one, ())


def history(*said: Predicate, start: int = 0) -> Any:
    return read(Log(*said), start, heed=lambda: None)  # type: ignore[arg-type]


def test_a_copy_has_the_receipt_of_its_backup() -> None:
    found = history(receipt(0), receipt(1), copy(1), copy(0))
    kept = found.of(THERE)
    assert [k.receipt.snapshot_id for k in kept] == [name("copy 0"), name("copy 1")], "in the order of the backups"
    assert {(k.receipt.repository, k.receipt.repository_id) for k in kept} == {("offsite", "offsite-id")}
    assert [(k.leaf_hash, k.index) for k in kept] == [(name("leaf 0"), 0), (name("leaf 1"), 1)]
    assert [k.copy_of for k in kept] == [name("copied 3"), name("copied 2")]
    assert [k.copy_of for k in found.of(HERE)] == ["", ""]


def test_the_newest_copy_of_a_snapshot_counts() -> None:
    kept = history(receipt(0), copy(0, "lost"), copy(0)).of(THERE)
    assert [k.receipt.snapshot_id for k in kept] == [name("copy 0")]


def test_what_does_not_fit_its_receipt_is_no_copy() -> None:
    for changes in ({"tree_id": name("x")}, {"source": "b"}, {"receipt": name("x")}, {"outcome": "failed"}):
        found = history(receipt(0), copy(0, **changes))
        assert found.of(THERE) == ()
        assert found.of(Target("s", "b", "offsite", "offsite")) == ()


def test_a_copy_stated_meanwhile_is_no_stranger() -> None:
    assert name("copy 0") in history(receipt(0), copy(0), start=1).snapshots()


def test_a_copy_that_nobody_looked_into_is_no_stranger_and_no_restore_point() -> None:
    expected = history(receipt(0), receipt(1), copy(1)).expectation(THERE)

    def snapshot(number: int, tree: str) -> Snapshot:
        document = {"id": name(f"copy {number}"), "tree": tree, "time": receipt(number).started}
        return Snapshot.model_validate({**document, "original": name(f"snapshot {number}")})

    there = snapshot(1, name("tree 1"))
    now = SystemClock().now()
    good = judge(expected, Found((snapshot(0, name("tree 0")), there)), now, None)
    assert (good.outcome, [r.code for r in good.reasons]) == ("PASS", ["copy-unstated"])
    forged = judge(expected, Found((snapshot(0, name("other")), there)), now, None)
    assert (forged.outcome, [r.code for r in forged.reasons]) == ("FAIL", ["snapshot-foreign"])
