"""Maintenance with the real restic: what goes, what stays whatever happens, and what the log says of it."""

import importlib.util
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from guardian.backup.maintain import Asked, run_maintenance
from guardian.backup.maintained import Maintained, SourceMaintained
from guardian.clock import rfc3339
from guardian.model.evidence import CopyReceipt, DrillResult, RemovalPlan
from guardian.model.suspicion import Suspicion, SuspicionCleared

NOW = datetime.now(UTC).replace(microsecond=0)
PLAN = {"retention": {"daily": 5, "weekly": 2, "minimum": 3, "max_removal": 1.0}}
QUIET = Asked(prune=False)


def _module(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"guardian_tests_{name}", Path(__file__).parents[1] / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


made = _module("points")


@pytest.fixture(scope="module")
def aged(initialised: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A host with 40 restore points of ``docs``, six hours apart. Not to be touched itself."""
    site = sys.modules[type(initialised).__module__].copy(initialised, tmp_path_factory.mktemp("aged") / "site")
    site.config["systems"]["app"]["plan"] = PLAN
    site.write()
    assert site.guardian("backup").code == 0
    made.Points(site).backups(NOW - timedelta(hours=6 * number) for number in range(1, 40))
    return site


@pytest.fixture
def host(aged: Any, tmp_path: Path) -> Any:
    """A copy of it."""
    return sys.modules[type(aged).__module__].copy(aged, tmp_path / "site")


def plan(site: Any, **changes: Any) -> None:
    """Change the retention."""
    site.config["systems"]["app"]["plan"] = {"retention": {**PLAN["retention"], **changes}}
    site.write()


def maintain(site: Any, asked: Asked = QUIET, clock: Any = None) -> Maintained:
    return run_maintenance(made.node_of(site, clock), "main", asked)


def codes(done: Maintained) -> set[str]:
    return {why.code for part in (done, *done.sources) for why in part.reasons}


def docs(done: Maintained) -> SourceMaintained:
    """What came of the source ``docs``."""
    return next(one for one in done.sources if one.target.source == "docs")


def going(site: Any) -> set[str]:
    """What retention would remove of ``docs``."""
    return set(docs(maintain(site, Asked(dry_run=True))).decided.remove)


def test_what_no_rule_keeps_goes_and_the_log_says_so(host: Any) -> None:
    points = made.Points(host)
    before, expected = points.listed(), going(host)
    done = maintain(host)
    assert done.outcome == "complete", done
    assert expected == set(docs(done).removed)
    assert len(expected) > 25
    assert points.listed() == before - expected
    said = points.said("removal")[-1]
    assert {point.snapshot_id for point in said.removed} == expected
    assert "daily" in {point.rule for point in said.removed}
    assert said.plan
    (announced,) = points.said("removal-plan")
    assert set(announced.snapshots) == expected
    assert maintain(host).removed == 0
    presence = host.guardian("verify", "app/docs", "--level", "D0")
    assert presence.code == 0, presence
    shown = host.guardian("snapshots", "app/docs").json["snapshots"]
    assert {one["standing"] for one in shown} == {"receipt"}


def test_a_dry_run_changes_nothing_and_shows_days_to_come(host: Any) -> None:
    def everything() -> dict[Path, bytes]:
        folders = (host.repository, host.state / "log")
        return {path: path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}

    before, page = everything(), host.root / "page.html"
    said = host.guardian("maintain", "--dry-run", "--report", page)
    assert said.code == 0, said
    assert everything() == before
    shown = next(one for one in said.json["repositories"][0]["sources"] if one["source"] == "docs")
    assert len(shown["kept"]) + len(shown["remove"]) == 40
    days = said.json["repositories"][0]["future"][0]["days"]
    assert [day["label"] for day in days] == ["now", "week", "month", "quarter", "year", "two-years"]
    text = page.read_text("utf-8")
    assert "<svg" in text
    assert "app/docs" in text


def test_a_report_goes_with_a_dry_run_only(host: Any) -> None:
    assert host.guardian("maintain", "--report", host.root / "page.html").code == 2


def test_five_hundred_forged_snapshots_push_nothing_out(host: Any) -> None:
    """Whoever has the password and may only add: newer ones, older ones, ones of the future, all with our tags."""
    expected, points = going(host), made.Points(host)
    forged = {points.snapshot(NOW + timedelta(hours=(number - 250) * 7, minutes=1)) for number in range(500)}
    done = maintain(host)
    assert set(docs(done).removed) == expected
    assert forged <= points.listed()
    assert done.outcome == "partial"
    assert {"quarantined-forged", "quarantined-forged-more", "quarantined-from-future"} <= codes(done)
    assert docs(done).quarantined == {"forged": 500}
    assert host.guardian("maintain", "--dry-run").code == 3


def test_snapshots_of_failed_runs_and_of_others_stay(host: Any) -> None:
    points = made.Points(host)
    strange = points.snapshot(NOW - timedelta(days=300), tags=["mine"], hostname="laptop")
    done = maintain(host)
    assert strange in points.listed()
    assert [one.kind for one in done.quarantined] == ["foreign"]


def test_nothing_of_a_system_under_legal_hold_goes_and_lifting_it_is_said(host: Any) -> None:
    host.config["systems"]["app"]["legal_hold"] = "case 17"
    host.write()
    held = maintain(host)
    assert held.removed == 0
    assert "held-legal-hold" in codes(held)
    del host.config["systems"]["app"]["legal_hold"]
    host.write()
    done = maintain(host)
    assert done.removed > 25
    assert "legal-hold-lifted" in codes(done)
    assert "legal-hold-lifted" not in codes(maintain(host))


def test_a_suspicion_freezes_the_source_until_a_person_has_cleared_it(host: Any) -> None:
    points = made.Points(host)
    newest = max(going(host))
    common = {"tenant": "agency", "host": "host-1", "system": "app", "source": "docs", "repository": "main"}
    points.say(
        Suspicion(**common, repository_id="x", snapshot_id=newest, score=9.0, signals=(), at=rfc3339(NOW)),
    )
    done = maintain(host)
    assert done.removed == 0
    assert "held-suspicion" in codes(done)
    points.say(
        SuspicionCleared(**common, snapshots=(newest,), harmless=True, reason="move", by="a", at=rfc3339(NOW)),
    )
    assert maintain(host).removed > 25


def test_what_a_copy_still_has_to_take_stays(host: Any) -> None:
    doomed = going(host)
    host.config["repositories"]["offsite"] = {"url": str(host.root / "offsite")}
    host.config["systems"]["app"]["plan"] = {**PLAN, "copy_to": ["offsite"]}
    host.config["systems"]["app"]["repository"] = "main"
    host.write()
    points = made.Points(host)
    done = maintain(host)
    assert done.removed == 0
    assert "held-not-copied" in codes(done)
    copied = sorted(doomed)[:5]
    points.say(*(_copy(points.model, one) for one in copied))
    assert set(docs(maintain(host)).removed) == set(copied)


def _copy(model: Any, one: str) -> CopyReceipt:
    return CopyReceipt(
        run_id="r", tenant="agency", host="host-1", system="app", source="docs", repository="main",
        repository_id=model.repository_id, snapshot_id=one, receipt="a" * 64, to="offsite", to_id="x",
        copy_id=one[::-1], tree_id=model.tree_id, outcome="complete", bytes=1, started=rfc3339(NOW),
        ended=rfc3339(NOW), tools={},
    )  # fmt: skip


def test_the_only_point_that_came_back_in_a_drill_stays(host: Any) -> None:
    points, proven = made.Points(host), min(going(host))
    points.say(
        DrillResult(
            drill_id="d", tenant="agency", host="host-1", system="app", source="docs", repository="main",
            repository_id=points.model.repository_id, level="D3", outcome="PASS", checks=(), snapshot_id=proven,
            started=rfc3339(NOW), ended=rfc3339(NOW), tools={},
        )
    )  # fmt: skip
    done = maintain(host)
    assert done.removed > 25
    assert proven in points.listed()
    assert docs(done).decided.held[proven] == ("last-proven",)


def test_bad_points_are_never_counted_as_good_ones(host: Any) -> None:
    """The newest day holds partial backups only: the newest good one stays, and so many good ones as are asked for."""
    points = made.Points(host)
    partial = [(points.snapshot(NOW - timedelta(minutes=number)), NOW) for number in range(1, 6)]
    points.receipts(partial, outcome="partial")
    plan(host, daily=1, weekly=1, minimum=4)
    done = maintain(host)
    good = {one.id for one in docs(done).points} - {one for one, _time in partial} - set(docs(done).removed)
    assert len(good & points.listed()) >= 4


@pytest.mark.parametrize(
    ("moment", "code"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), "clock-before-program"),
        (NOW - timedelta(days=2), "clock-behind-log"),
        (datetime(2099, 1, 1, tzinfo=UTC), "clock-leapt"),
    ],
)
def test_by_a_wrong_clock_nothing_is_removed(host: Any, moment: datetime, code: str) -> None:
    before = made.Points(host).listed()
    done = maintain(host, clock=made.Moved(moment))
    assert code in codes(done)
    assert done.outcome == "failed"
    assert made.Points(host).listed() == before


def test_by_a_clock_the_agent_distrusts_nothing_is_removed(host: Any) -> None:
    done = maintain(host, Asked(prune=False, clock_trusted=False))
    assert (done.removed, done.outcome) == (0, "failed")


def test_a_point_of_the_future_with_a_receipt_stops_it(host: Any) -> None:
    made.Points(host).backups([NOW + timedelta(days=40)])
    done = maintain(host)
    assert {"points-in-future", "clock-behind-log"} <= codes(done)
    assert done.removed == 0


def test_with_an_invalid_log_nothing_is_removed(host: Any) -> None:
    before = made.Points(host).listed()
    path = max((host.state / "log").rglob("*"), key=lambda one: one.stat().st_size if one.is_file() else 0)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    said = host.guardian("maintain", "--no-prune")
    assert said.code == 20, said
    assert {one.name for one in (host.repository / "snapshots").iterdir()} == before


def test_in_another_repository_nothing_is_removed(host: Any) -> None:
    record = host.state / "keys" / "main.json"
    known = json.loads(record.read_text())
    record.write_text(record.read_text().replace(known["repository_id"], "0" * 64))
    done = maintain(host)
    assert "repository-changed" in codes(done)
    assert (done.removed, done.outcome) == (0, "failed")


def test_a_run_that_was_cut_off_is_settled_by_the_next(host: Any) -> None:
    points = made.Points(host)
    first, second = sorted(going(host))[:2]
    points.say(
        RemovalPlan(
            removal_id="cut", tenant="agency", host="host-1", system="app", source="docs", repository="main",
            repository_id=points.model.repository_id, snapshots=(first, second), planned=rfc3339(NOW),
        )
    )  # fmt: skip
    (host.repository / "snapshots" / first).unlink()
    assert host.guardian("verify", "app/docs", "--level", "D0").code == 0
    done = maintain(host)
    assert done.outcome == "complete"
    settled = points.said("removal")[0]
    assert [point.snapshot_id for point in settled.removed] == [first]
    assert settled.reasons[0].code == "removal-cut-off"
    assert second in docs(done).removed


def test_only_the_systems_that_are_named(host: Any) -> None:
    host.config["systems"]["other"] = {"sources": {"more": {"kind": "files", "paths": [str(host.docs)]}}}
    host.write()
    said = host.guardian("maintain", "other")
    assert said.code == 0, said
    assert [one["system"] for one in said.json["repositories"][0]["sources"]] == ["other"]
    assert host.guardian("maintain", "app/docs").code == 2


# a restic that lies


def lying(site: Any, script: str) -> None:
    """Put a program in restic's place. ``$real`` is the true one."""
    program = site.root / "restic"
    program.write_text(f'#!/bin/sh\nreal=$(command -v restic)\n{script}\nexec $real "$@"\n')
    program.chmod(0o755)
    site.config["restic"] = {"program": str(program)}
    site.write()


FORGETS = 'case " $* " in *" forget --json "*) ;; *" forget -- "*) {act} ;; esac'


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (FORGETS.format(act="exit 0"), "removal-incomplete"),
        (FORGETS.format(act="rm $(ls -t {repository}/snapshots/* | tail -n 1)"), "removal-took-others"),
    ],
    ids=["does-nothing", "takes-another"],
)
def test_what_restic_says_of_itself_is_no_proof(host: Any, script: str, code: str) -> None:
    lying(host, script.replace("{repository}", str(host.repository)))
    done = maintain(host)
    assert done.outcome == "failed"
    assert code in codes(done)
    assert made.Points(host).said("removal")[-1].outcome == "failed"


def test_when_restic_reckons_otherwise_nothing_is_removed(host: Any) -> None:
    lying(host, 'case " $* " in *"--keep-daily=5"*) set -- $(echo "$@" | sed s/--keep-daily=5/--keep-daily=6/) ;; esac')
    done = maintain(host)
    assert done.removed == 0
    assert {"retention-disagree", "held-disagreement"} <= codes(done)
    assert done.outcome == "failed"
