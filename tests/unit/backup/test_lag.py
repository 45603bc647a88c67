"""What a copy lacks follows from trees and statements, not from what snapshots say of themselves."""

from datetime import UTC, datetime
from hashlib import sha256

from guardian.backup.lag import Lag, Point, batches, by_original, candidates, impostors, lag
from guardian.model.backup import Counts, Snapshot
from guardian.model.evidence import BackupReceipt


def name(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def point(number: int) -> Point:
    receipt = BackupReceipt(
        run_id=str(number),
        tenant="t",
        host="h",
        system="s",
        source="a",
        source_kind="files",
        repository="main",
        repository_id=name("main"),
        snapshot_id=name(f"snapshot {number}"),
        tree_id=name(f"tree {number}"),
        paths=("/srv",),
        outcome="complete",
        counts=Counts(files=1, bytes=10),
        started="2026-01-01T00:00:00Z",
        ended="2026-01-01T00:00:01Z",
        plan_sha256=name("plan"),
        tools={},
    )
    return Point(receipt, name(f"leaf {number}"), number)


def saved(number: int, tree: str = "") -> Snapshot:
    return Snapshot(
        id=name(f"snapshot {number}"), tree=tree or name(f"tree {number}"), time=datetime(2026, 1, 1, tzinfo=UTC)
    )


def copied(number: int, tree: str = "", mark: str = "copy") -> Snapshot:
    return saved(number, tree).model_copy(
        update={"id": name(f"{mark} {number}"), "original": name(f"snapshot {number}")}
    )


POINTS = [point(number) for number in range(4)]
SOURCE = [saved(number) for number in range(4)]


def numbers(points: tuple[Point, ...]) -> list[int]:
    return [one.index for one in points]


def test_the_newest_is_copied_first() -> None:
    found = lag(POINTS, SOURCE, [], {})
    assert numbers(found.lacking) == [3, 2, 1, 0]
    assert numbers(found.work) == [3, 2, 1, 0]
    assert [numbers(part) for part in batches(found.work, 2)] == [[3], [2, 1], [0]]
    assert batches((), 2) == ()


def test_what_is_stated_and_there_is_done() -> None:
    stated = {name(f"snapshot {number}"): name(f"copy {number}") for number in range(4)}
    assert lag(POINTS, SOURCE, [copied(number) for number in range(4)], stated) == Lag()


def test_a_stated_copy_that_is_gone_is_lacking_again() -> None:
    stated = {name("snapshot 3"): name("copy 3")}
    assert numbers(lag(POINTS, SOURCE, [], stated).lacking) == [3, 2, 1, 0]


def test_what_is_there_without_a_statement_is_looked_into() -> None:
    found = lag(POINTS, SOURCE, [copied(2)], {})
    assert (numbers(found.lacking), numbers(found.unlooked)) == ([3, 1, 0], [2])
    assert numbers(found.work) == [3, 2, 1, 0]


def test_a_word_is_no_copy() -> None:
    forged = copied(3, name("other"), "forged")
    found = lag(POINTS, SOURCE, [forged], {name("snapshot 2"): name("never there")})
    assert 3 in numbers(found.lacking)
    assert 2 in numbers(found.lacking)
    copies = by_original([forged, copied(3)])
    assert [one.id for one in candidates(POINTS[3], copies)] == [name("copy 3")]
    assert [one.id for one in impostors(POINTS[3], copies)] == [name("forged 3")]


def test_what_the_source_lost_or_altered_is_not_copied() -> None:
    found = lag(POINTS, [saved(0), saved(1, name("other")), saved(3)], [], {})
    assert (numbers(found.lacking), numbers(found.gone), numbers(found.altered)) == ([3, 0], [2], [1])


def test_what_retention_took_from_the_copy_is_not_brought_back() -> None:
    stated = {name(f"snapshot {number}"): name(f"copy {number}") for number in range(4)}
    there = [copied(3), copied(2)]
    assert numbers(lag(POINTS, SOURCE, there, stated, {name("copy 0")}).lacking) == [1]
