"""What the log says of a repository: of what it lists, and of nothing else."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from guardian.backup.annals import Annals, read
from guardian.keys.signing import SigningKey
from guardian.ledger.store import Log
from guardian.model.backup import Counts, Snapshot
from guardian.model.evidence import BackupReceipt, CopyReceipt, DrillResult, NoBackup, Predicate, Removal, RemovalPlan
from guardian.model.reason import reason
from guardian.model.secret import Secret
from guardian.model.suspicion import Suspicion, SuspicionCleared

DOCS = ("app", "docs")
AT = "2026-11-20T12:00:00.000000Z"
COMMON: dict[str, Any] = {"tenant": "t", "host": "h", "system": "app", "source": "docs"}
TIMES = {"started": AT, "ended": AT}


def number(n: int) -> str:
    return f"{n:064x}"


def receipt(n: int, **changes: Any) -> BackupReceipt:
    said = BackupReceipt(
        **COMMON, **TIMES, run_id=f"run-{n}", source_kind="files", repository="main", repository_id="r",
        snapshot_id=number(n), tree_id=number(1000 + n), paths=("/srv",), outcome="complete", counts=Counts(),
        plan_sha256=number(0), tools={},
    )  # fmt: skip
    return said.model_copy(update=changes)


def copied(n: int, **changes: Any) -> CopyReceipt:
    said = CopyReceipt(
        **COMMON, **TIMES, run_id="c", repository="main", repository_id="r", snapshot_id=number(n), receipt=number(0),
        to="offsite", to_id="o", copy_id=number(500 + n), tree_id=number(1000 + n), outcome="complete", bytes=1,
        tools={},
    )  # fmt: skip
    return said.model_copy(update=changes)


def drilled(n: int, outcome: str, level: str) -> DrillResult:
    return DrillResult.model_validate(
        {**COMMON, **TIMES, "drill_id": "d", "repository": "main", "repository_id": "r", "level": level,
         "outcome": outcome, "checks": (), "snapshot_id": number(n), "tools": {}}
    )  # fmt: skip


def listed(n: int, **changes: Any) -> Snapshot:
    time = datetime(2026, 11, 1 + n % 20, tzinfo=UTC)
    return Snapshot(id=number(n), tree=number(1000 + n), time=time, tags=(f"run=run-{n}",)).model_copy(update=changes)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    with Log.create(tmp_path / "log", "test", SigningKey.load(Secret(b"k" * 32))) as made:
        yield made


def annals(log: Log, snapshots: list[Snapshot], *said: Predicate, key: str = "main") -> Annals:
    log.append_many((one, ()) for one in said)
    return read(log, key, snapshots, lambda: None)


def test_points_are_what_is_listed_with_the_tree_of_its_receipt(log: Log) -> None:
    snapshots = [listed(1), listed(2, tree=number(7)), listed(3)]
    found = annals(log, snapshots, *(receipt(n) for n in (1, 2, 4)))
    assert [point.id for point in found.points(DOCS)] == [number(1)]
    assert set(found.vouched) == {number(1), number(2)}
    assert found.points(("app", "other")) == ()


def test_good_are_complete_and_neither_failed_in_a_drill_nor_suspected(log: Log) -> None:
    snapshots = [listed(n) for n in range(1, 6)]
    found = annals(
        log,
        snapshots,
        *(receipt(n) for n in (1, 2, 3, 4)),
        receipt(5, outcome="partial"),
        drilled(2, "FAIL", "D2"),
        drilled(3, "FAIL", "D2"),
        drilled(3, "PASS", "D3"),
        Suspicion(**COMMON, repository="main", repository_id="r", snapshot_id=number(4), score=1, signals=(), at=AT),
    )
    assert found.good(DOCS) == {number(1), number(3)}
    assert DOCS in found.suspected


@pytest.mark.parametrize("harmless", [True, False])
def test_a_suspicion_that_was_cleared_frees_the_source_and_marks_what_was_no_mistake(log: Log, harmless: bool) -> None:
    marks = [
        Suspicion(**COMMON, repository="main", repository_id="r", snapshot_id=number(1), score=1, signals=(), at=AT),
        SuspicionCleared(
            **COMMON, repository="main", snapshots=(number(1),), harmless=harmless, reason="r", by="b", at=AT
        ),
    ]
    found = annals(log, [listed(1)], receipt(1), *marks)
    assert DOCS not in found.suspected
    assert bool(found.good(DOCS)) is harmless


def test_the_highest_level_reached_is_what_proves(log: Log) -> None:
    snapshots = [listed(n) for n in (1, 2, 3)]
    said = [drilled(1, "PASS", "D3"), drilled(2, "PASS", "D1"), drilled(3, "PASS", "D0"), drilled(1, "PASS", "D1")]
    found = annals(log, snapshots, *(receipt(n) for n in (1, 2, 3)), *said)
    assert found.proven(DOCS) == {number(1)}


def test_what_a_whole_copy_holds_need_not_be_copied(log: Log) -> None:
    snapshots = [listed(n) for n in (1, 2, 3)]
    said = [copied(1), copied(2, outcome="failed"), copied(3, to="third")]
    found = annals(log, snapshots, *(receipt(n) for n in (1, 2, 3)), *said)
    assert found.uncopied(DOCS, ["offsite"]) == {number(2), number(3)}
    assert found.uncopied(DOCS, []) == frozenset()


def test_in_a_copys_repository_statements_vouch_for_copies(log: Log) -> None:
    """Something that only says it is the copy, even with the right tree, is none."""
    true = listed(501, tree=number(1001), original=number(1))
    twin = listed(600, tree=number(1001), original=number(1))
    partial = listed(502, tree=number(1002), original=number(2))
    said = [receipt(1), receipt(2, outcome="partial"), copied(1), copied(2)]
    found = annals(log, [true, twin, partial], *said, key="offsite")
    assert {point.id for point in found.points(DOCS)} == {true.id, partial.id}
    assert found.good(DOCS) == {true.id}
    assert found.trees[number(1)] == number(1001)


def test_a_copy_whose_backup_is_under_suspicion_is_not_good_either(log: Log) -> None:
    mark = Suspicion(**COMMON, repository="main", repository_id="r", snapshot_id=number(1), score=1, signals=(), at=AT)
    found = annals(
        log, [listed(501, tree=number(1001), original=number(1))], receipt(1), copied(1), mark, key="offsite"
    )
    assert found.good(DOCS) == frozenset()
    assert DOCS in found.suspected


def test_failed_runs_and_what_they_left(log: Log) -> None:
    failed = NoBackup(
        **COMMON, **TIMES, run_id="run-8", repository="main", outcome="failed", reasons=(reason("x"),),
        orphans=(number(9), number(10)),
    )  # fmt: skip
    found = annals(log, [listed(8), listed(9)], failed)
    assert (found.failed_runs, found.orphans) == ({"run-8"}, {number(9)})


def test_an_announcement_is_open_until_a_removal_answers_it(log: Log) -> None:
    plan = RemovalPlan(
        **COMMON, removal_id="p", repository="main", repository_id="r", snapshots=(number(1),), planned=AT
    )
    leaf = log.append(plan).leaf_hash.hex()
    assert set(read(log, "main", [], lambda: None).plans) == {leaf}
    assert read(log, "offsite", [], lambda: None).plans == {}
    done = Removal(
        **COMMON, **TIMES, removal_id="p", repository="main", repository_id="r", outcome="complete", plan=leaf,
        legal_hold="court", tools={},
    )  # fmt: skip
    found = annals(log, [], done)
    assert found.plans == {}
    assert found.holds["app"].why == "court"


def test_the_times_of_the_log_are_known_by_day(log: Log) -> None:
    later = {"started": "2026-11-20T23:00:00Z", "ended": "2026-11-21T01:00:00Z"}
    found = annals(log, [], receipt(1), receipt(2), receipt(3, **later), receipt(4, ended="nonsense"))
    assert found.newest == datetime(2026, 11, 21, 1, tzinfo=UTC)
    assert len(found.moments) == 2
