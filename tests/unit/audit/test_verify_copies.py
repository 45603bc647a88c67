"""The one-file verifier takes a drill of a copy for no more than the statements around it say."""

from types import ModuleType
from typing import Any

import pytest

BACKUP = {"system": "app", "source": "docs", "repository": "main", "snapshot_id": "s" * 64, "tree_id": "t" * 64}
COPY = {**BACKUP, "receipt": "r" * 64, "to": "offsite", "copy_id": "c" * 64, "outcome": "complete"}
PLACE = {"repository": "offsite", "snapshot_id": "c" * 64, "receipt": "r" * 64, "copy_of": "y" * 64}
PLAN = {**BACKUP, **PLACE, "drill_id": "d"}
DRILL = {**PLAN, "plan": "p" * 64, "seed": {}, "checks": [], "outcome": "NOT_RUN"}


def check(verifier: ModuleType, copy: dict[str, Any], drill: dict[str, Any], number: int = 1) -> None:
    known = {
        "r" * 64: verifier.Said("0", 0, "r" * 64, "backup-receipt", BACKUP),
        "y" * 64: verifier.Said("1", number, "y" * 64, "copy-receipt", copy),
        "p" * 64: verifier.Said("2", 2, "p" * 64, "drill-plan", {**PLAN, "copy_of": drill["copy_of"]}),
    }
    verifier.check_drill(verifier.Said("3", 3, "x" * 64, "drill-result", drill), known, {}, None)


def test_what_hangs_together_is_taken(verifier: ModuleType) -> None:
    check(verifier, COPY, DRILL)


@pytest.mark.parametrize(
    "changed",
    [
        {"system": "other"},
        {"source": "other"},
        {"tree_id": "0" * 64},
        {"receipt": "0" * 64},
        {"to": "main"},
        {"copy_id": "0" * 64},
        {"copy_id": None, "outcome": "failed"},
    ],
)
def test_a_statement_about_another_copy_is_none(verifier: ModuleType, changed: dict[str, Any]) -> None:
    with pytest.raises(verifier.Invalid, match="copy_of"):
        check(verifier, {**COPY, **changed}, DRILL)


def test_a_drill_before_its_copy_was_made(verifier: ModuleType) -> None:
    with pytest.raises(verifier.Invalid, match="copy_of"):
        check(verifier, COPY, DRILL, number=4)


def test_without_the_statement_the_receipt_speaks_of_another_place(verifier: ModuleType) -> None:
    with pytest.raises(verifier.Invalid, match="receipt: repository"):
        check(verifier, COPY, {**DRILL, "copy_of": None})


def test_a_statement_that_is_not_in_the_pack(verifier: ModuleType) -> None:
    with pytest.raises(verifier.Invalid, match="copy_of"):
        check(verifier, COPY, {**DRILL, "copy_of": "0" * 64})
