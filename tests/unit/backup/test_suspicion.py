"""What the log says of suspicious backups: what is open, what is clean, what is learned from."""

from pathlib import Path
from typing import Any

import pytest

from guardian.backup import annals
from guardian.backup.suspicion import MARK, Past, past, read_trail, trail_of
from guardian.keys.signing import SigningKey
from guardian.ledger.store import Log
from guardian.model.backup import Counts, Target
from guardian.model.churn import Churn
from guardian.model.evidence import BackupReceipt, Suspicion, SuspicionCleared
from guardian.model.reason import reason

TARGET = Target("app", "docs", "main", "main-key")
NAMES: dict[str, Any] = {"tenant": "t", "host": "h", "system": "app", "source": "docs", "repository": "main-key"}
AT = "2026-11-20T00:00:00.000000Z"


def receipt(number: int, *, marked: bool = False) -> BackupReceipt:
    return BackupReceipt(
        **NAMES,
        run_id=str(number),
        source_kind="files",
        repository_id="r",
        snapshot_id=f"{number:064x}",
        tree_id="1" * 64,
        paths=("/srv",),
        outcome="complete",
        reasons=(reason(MARK, score="1", clean="x", time="y"),) if marked else (),
        counts=Counts(),
        started=AT,
        ended=AT,
        plan_sha256="2" * 64,
        tools={},
        churn=Churn(against="0" * 64, at=AT, elapsed=number),
    )


def suspicion(number: int) -> Suspicion:
    return Suspicion(**NAMES, repository_id="r", snapshot_id=f"{number:064x}", score=1, signals=(), at=AT)


def cleared(*numbers: int, harmless: bool = True) -> SuspicionCleared:
    names = tuple(f"{number:064x}" for number in numbers)
    return SuspicionCleared(**NAMES, snapshots=names, harmless=harmless, reason="x", by="root", at=AT)


@pytest.fixture
def log(tmp_path: Path) -> Any:
    with Log.create(tmp_path / "log", "guardian/t/h", SigningKey.generate()) as made:
        yield made


def learned(found: Past) -> list[int]:
    return [churn.elapsed for churn in found.history]


def told(log: Log, tmp_path: Path, *statements: Any) -> Past:
    """``statements`` appended, and what is known then; step by step or by the whole log, it is the same."""
    found = past(log, tmp_path, TARGET)
    for statement in statements:
        log.append(statement)
        found = past(log, tmp_path, TARGET)
    assert found.trail == trail_of(log.entries(), ("app", "docs", "main-key"))
    return found


def clean(found: Past) -> int:
    assert found.clean is not None
    return int(found.clean.snapshot_id, 16)


def test_good_backups_teach_and_are_clean(log: Log, tmp_path: Path) -> None:
    assert past(log, tmp_path, TARGET).clean is None
    found = told(log, tmp_path, receipt(1), receipt(2))
    assert (clean(found), learned(found)) == (2, [1, 2])


def test_nothing_is_learned_while_something_is_suspicious(log: Log, tmp_path: Path) -> None:
    found = told(log, tmp_path, receipt(1), receipt(2, marked=True), suspicion(2), receipt(3), receipt(4, marked=True))
    assert (clean(found), learned(found)) == (1, [1])
    assert [int(one.snapshot_id, 16) for one in found.trail.marked] == [2, 4]


def test_what_was_harmless_is_learned_once(log: Log, tmp_path: Path) -> None:
    attack = (receipt(1), receipt(2, marked=True), receipt(3, marked=True))
    found = told(log, tmp_path, *attack, cleared(2, 3), receipt(4))
    assert (clean(found), learned(found), found.trail.marked) == (4, [1, 2, 4], ())


def test_of_an_attack_nothing_is_learned(log: Log, tmp_path: Path) -> None:
    found = told(log, tmp_path, receipt(1), receipt(2, marked=True), cleared(2, harmless=False))
    assert (clean(found), learned(found), found.trail.marked) == (1, [1], ())


def test_clearing_some_is_not_clearing_all(log: Log, tmp_path: Path) -> None:
    found = told(log, tmp_path, receipt(1), receipt(2, marked=True), receipt(3, marked=True), cleared(2))
    assert [int(one.snapshot_id, 16) for one in found.trail.marked] == [3]
    assert clean(found) == 1


def test_another_sources_statements_change_nothing(log: Log, tmp_path: Path) -> None:
    other = receipt(9, marked=True).model_copy(update={"source": "db"})
    found = told(log, tmp_path, receipt(1), other, suspicion(9).model_copy(update={"source": "db"}))
    assert (found.trail.marked, clean(found)) == ((), 1)


def test_a_file_of_another_log_is_not_believed(log: Log, tmp_path: Path) -> None:
    told(log, tmp_path, receipt(1), receipt(2, marked=True))
    with Log.create(tmp_path / "other", "guardian/t/h", SigningKey.generate()) as other:
        assert read_trail(other, tmp_path, TARGET).marked == ()
    assert len(read_trail(log, tmp_path, TARGET).marked) == 1


def test_retention_believes_a_receipt_whose_statement_was_lost_in_a_crash(log: Log, tmp_path: Path) -> None:
    told(log, tmp_path, receipt(1), receipt(2, marked=True))
    seen = annals.read(log, "main-key", (), lambda: None)
    assert seen.suspected == {("app", "docs"): {f"{2:064x}"}}
