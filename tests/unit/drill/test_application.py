"""The verdict of D4: what the proof found, the objectives, and a clock that begins with the recovery."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from guardian.clock import SystemClock
from guardian.drill.application import judge
from guardian.drill.timeline import Timeline
from guardian.model.estate import Objectives
from guardian.model.evidence import BackupReceipt
from guardian.model.reason import reason
from guardian.sources.proof import Proof

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Watch(SystemClock):
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.at = 100.0

    def monotonic(self) -> float:
        return self.at


def receipt(**more: Any) -> BackupReceipt:
    times = {"started": "2026-11-23T10:00:00Z", "ended": "2026-11-23T11:59:00Z"}
    return BackupReceipt.model_construct(**{**times, **more})


def recovery(seconds: float) -> Timeline:
    watch = Watch()
    timeline = Timeline(watch)
    timeline.mark("key_ready")
    watch.at += 1000  # the levels below take their time
    timeline.declare()
    watch.at += seconds
    timeline.mark("assertions_ok")
    return timeline


def codes(proof: Proof, objectives: Objectives, seconds: float = 5) -> tuple[str, list[str]]:
    check = judge(receipt(), proof, recovery(seconds), objectives, NOW)
    return check.outcome, [r.code for r in check.reasons]


def test_figures_count_from_the_declaration_and_from_the_newest_record() -> None:
    check = judge(receipt(), Proof(newest=NOW - timedelta(seconds=90)), recovery(7.5), Objectives(), NOW)
    assert check.outcome == "PASS"
    assert check.measured == {"rto_seconds": 7.5, "rpo_seconds": 90.0, "rpo_from": "record"}
    check = judge(receipt(), Proof(), recovery(7.5), Objectives(), NOW)
    assert (check.measured["rpo_seconds"], check.measured["rpo_from"]) == (7200.0, "receipt")


@pytest.mark.parametrize(
    ("proof", "objectives", "expected"),
    [
        (Proof(), {"rto": "4s", "rpo": "1h"}, ("FAIL", ["rto-over-objective"])),
        (Proof(newest=NOW - timedelta(hours=2)), {"rpo": "1h"}, ("FAIL", ["rpo-over-objective"])),
        (Proof(newest=NOW - timedelta(minutes=2)), {"rto": "1m", "rpo": "1h"}, ("PASS", [])),
        (Proof(newest=NOW + timedelta(hours=7)), {"rpo": "1h"}, ("COULD_NOT_VERIFY", ["newest-after-backup"])),
        (Proof((reason("rows-unknown", "warning"),)), {}, ("COULD_NOT_VERIFY", ["rows-unknown"])),
        (Proof((reason("rows-differ"),)), {}, ("FAIL", ["rows-differ"])),
        (Proof((reason("locale-missing", "warning"),)), {}, ("PASS", ["locale-missing"])),
    ],
)
def test_objectives_and_findings_decide(proof: Proof, objectives: Any, expected: tuple[str, list[str]]) -> None:
    assert codes(proof, Objectives.model_validate(objectives)) == expected


def test_a_record_from_after_the_backup_measures_nothing() -> None:
    """A date of expiry, or a local time taken for UTC: an RPO of 0 s would hide any loss."""
    check = judge(receipt(), Proof(newest=NOW + timedelta(hours=8)), recovery(1), Objectives(), NOW)
    assert (check.measured["rpo_seconds"], check.measured["rpo_from"]) == (7200.0, "receipt")
    check = judge(receipt(), Proof(newest=NOW + timedelta(minutes=3)), recovery(1), Objectives(), NOW)
    assert (check.outcome, check.measured["rpo_seconds"]) == ("PASS", 0.0)


def test_a_recovery_that_never_ended_has_no_time() -> None:
    timeline = Timeline(Watch())
    timeline.declare()
    check = judge(receipt(), Proof((reason("dump-truncated"),)), timeline, Objectives(rto=timedelta(1)), NOW)
    assert "rto_seconds" not in check.measured
    assert check.outcome == "FAIL"
