"""D0 decides from receipts and snapshots alone."""

from datetime import UTC, datetime, timedelta

from guardian.clock import rfc3339
from guardian.drill.presence import Expectation, Found, judge
from guardian.model.backup import Counts, Snapshot
from guardian.model.evidence import BackupReceipt

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def digest(number: int) -> str:
    return f"{number:064x}"


def receipt(number: int, hours_ago: float = 1) -> BackupReceipt:
    moment = rfc3339(NOW - timedelta(hours=hours_ago))
    return BackupReceipt(
        run_id=f"run{number}",
        tenant="t",
        host="h",
        system="s",
        source="d",
        source_kind="files",
        repository="main",
        repository_id="r",
        snapshot_id=digest(number),
        tree_id=digest(1000 + number),
        paths=("/srv",),
        outcome="complete",
        counts=Counts(files=1),
        started=moment,
        ended=moment,
        plan_sha256=digest(0),
        tools={},
    )


def snapshot(number: int, run: str | None = None, tree: int | None = None) -> Snapshot:
    return Snapshot(
        id=digest(number),
        tree=digest(1000 + number if tree is None else tree),
        time=NOW,
        hostname="h",
        tags=(f"run={run or f'run{number}'}",),
    )


def codes(expected: Expectation, found: Found, rpo: timedelta | None = None) -> tuple[str, list[str]]:
    check = judge(expected, found, NOW, rpo)
    return check.outcome, [r.code for r in check.reasons]


def expectation(*numbers: int, failed: tuple[str, ...] = ()) -> Expectation:
    return Expectation(tuple(receipt(n, 10 - n) for n in numbers), frozenset(failed))


def test_everything_there() -> None:
    assert codes(expectation(1, 2), Found((snapshot(1), snapshot(2)))) == ("PASS", [])


def test_never_backed_up_is_no_pass() -> None:
    assert codes(expectation(), Found(())) == ("FAIL", ["never-backed-up"])


def test_one_deleted() -> None:
    assert codes(expectation(1, 2, 3), Found((snapshot(1), snapshot(3)))) == ("FAIL", ["snapshot-missing"])


def test_newest_gone_is_a_rollback() -> None:
    outcome, found = codes(expectation(1, 2, 3), Found((snapshot(1),)))
    assert outcome == "FAIL"
    assert found == ["repository-rolled-back", "snapshot-missing", "snapshot-missing"]


def test_all_gone() -> None:
    outcome, found = codes(expectation(1), Found(()))
    assert (outcome, found) == ("FAIL", ["snapshot-missing"])


def test_foreign_snapshot() -> None:
    outcome, found = codes(expectation(1), Found((snapshot(1), snapshot(9))))
    assert (outcome, found) == ("FAIL", ["snapshot-foreign"])


def test_left_over_of_a_known_failed_run_is_a_warning() -> None:
    outcome, found = codes(expectation(1, failed=("cut",)), Found((snapshot(1), snapshot(9, run="cut"))))
    assert (outcome, found) == ("PASS", ["snapshot-orphan"])


def test_other_tree() -> None:
    assert codes(expectation(1), Found((snapshot(1, tree=7),))) == ("FAIL", ["snapshot-altered"])


def test_too_old() -> None:
    outcome, found = codes(expectation(1), Found((snapshot(1),)), rpo=timedelta(hours=6))
    assert (outcome, found) == ("FAIL", ["recovery-point-too-old"])
    assert codes(expectation(1), Found((snapshot(1),)), rpo=timedelta(hours=10)) == ("PASS", [])


def test_another_repository() -> None:
    outcome, found = codes(expectation(1), Found((snapshot(1),), repository_id="other"))
    assert (outcome, found) == ("FAIL", ["repository-changed"])


def test_unreadable_snapshot_files() -> None:
    outcome, found = codes(expectation(1), Found((snapshot(1),), unreadable=("could not load snapshot abcd",)))
    assert (outcome, found) == ("FAIL", ["snapshot-unreadable"])


def test_many_missing_are_counted_not_listed() -> None:
    expected = Expectation(tuple(receipt(n) for n in range(1, 101)), frozenset())
    check = judge(expected, Found((snapshot(100),)), NOW, None)
    assert check.outcome == "FAIL"
    assert len(check.reasons) == 21
    assert check.reasons[-1].args == {"count": 79}


def test_a_backup_beside_us_is_no_stranger() -> None:
    beside = Expectation((receipt(1),), frozenset(), under_way=frozenset({"run2"}), later=frozenset({digest(3)}))
    found = Found((snapshot(1), snapshot(2), snapshot(3)))
    assert codes(beside, found) == ("PASS", ["snapshot-under-way"])


def test_any_number_of_strangers_fits_a_statement() -> None:
    found = Found(tuple(snapshot(n, tree=1 if n == 0 else None) for n in range(5000)))
    check = judge(expectation(0), found, NOW, None)
    assert check.outcome == "FAIL"
    assert check.reasons[-1].code == "snapshot-foreign-more"
    assert check.reasons[-1].args["count"] == 5000 - 1 - 20
    assert len(check.model_dump_json()) < 10_000


def test_a_partial_backup_is_said() -> None:
    partial = receipt(1).model_copy(update={"outcome": "partial"})
    assert codes(Expectation((partial,), frozenset()), Found((snapshot(1),))) == ("PASS", ["backup-partial"])
