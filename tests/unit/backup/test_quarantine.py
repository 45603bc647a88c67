"""Snapshots without a receipt are told apart, and a flood of them is told briefly."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from guardian.backup.quarantine import CODES, NAMED, Known, quarantine, tell
from guardian.backup.removal_texts import TEXTS
from guardian.model.backup import Snapshot, Target

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TARGETS = (Target("app", "docs", "main", "main"),)
OURS = ("guardian", "system=app", "source=docs")


def snapshot(number: int, tags: tuple[str, ...] = (), **fields: Any) -> Snapshot:
    time = NOW - timedelta(days=number)
    return Snapshot(id=f"{number % (1 << 200):064x}", tree="a" * 64, time=time, hostname="h", tags=tags, **fields)


@pytest.mark.parametrize(
    ("one", "kind"),
    [
        (snapshot(1, (*OURS, "run=failed")), "orphan"),
        (snapshot(2), "orphan"),
        (snapshot(3, (*OURS, "run=now")), "under-way"),
        (snapshot(4, OURS, original="b" * 64), "copy-unstated"),
        (snapshot(5, OURS, original="c" * 64), "forged"),
        (snapshot(6, (*OURS, "run=never")), "forged"),
        (snapshot(7, ("guardian", "system=other", "source=docs")), "foreign"),
        (snapshot(8, ("mine",)), "foreign"),
    ],
)
def test_each_kind_is_known_by_what_the_log_says(one: Snapshot, kind: str) -> None:
    known = Known(
        receipts={"f" * 64},
        failed_runs={"failed"},
        orphans={f"{2:064x}"},
        unsettled={"now"},
        trees={"b" * 64: "a" * 64, "c" * 64: "d" * 64},
    )
    (found,) = quarantine([one], known, TARGETS)
    assert found.kind == kind


def test_what_has_a_receipt_is_not_in_quarantine() -> None:
    assert quarantine([snapshot(1, OURS)], Known(receipts={f"{1:064x}"}), TARGETS) == ()


def test_a_flood_is_counted_and_the_newest_are_named() -> None:
    found = quarantine([snapshot(number, OURS) for number in range(-50, 450)], Known(receipts=()), TARGETS)
    told = tell(found, NOW)
    assert [why.code for why in told] == ["quarantined-forged"] * NAMED + [
        "quarantined-forged-more",
        "quarantined-from-future",
    ]
    assert told[-2].args["count"] == 500 - NAMED
    assert told[-1].args["count"] == 50


def test_times_at_the_ends_of_the_calendar_can_be_told() -> None:
    for text in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"):
        one = snapshot(1, OURS).model_copy(update={"time": datetime.fromisoformat(text)})
        assert tell(quarantine([one, snapshot(2)], Known(receipts=()), TARGETS), NOW)


def test_every_kind_has_its_words() -> None:
    assert {*CODES.values(), *(f"{code}-more" for code in CODES.values())} <= set(TEXTS)
