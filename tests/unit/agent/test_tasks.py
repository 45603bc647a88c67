"""Which tasks a configuration makes, and what is told of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from guardian.agent.explain import Explained, History, coming, explain, explain_at
from guardian.agent.tasks import Planned, planned, zone_of
from guardian.config.load import Loaded, load
from guardian.model.job import Attempt, JobResult, SlotEnd, TaskRecord
from guardian.model.reason import reason

GOOD = """\
tenant: {id: agency}
host: web-1
repositories:
  main: {url: "s3:http://127.0.0.1:9/guardian/{system}", posture: "daily at 05:00"}
  offsite: {url: /mnt/offsite, maintain: "monthly on 1 at 04:00"}
  spare: {url: /mnt/spare}
systems:
  portal:
    sources: {docs: {kind: files, paths: [/srv/docs]}, db: {kind: sqlite, path: /srv/app.db}}
    plan:
      schedule: "daily at 02:30"
      jitter: 10m
      blackout: ["mon-fri 08:00-18:00"]
      priority: 80
      copy_to: [offsite]
      drills: {D2: weekly, D4: monthly}
  archive:
    sources: {files: {kind: files, paths: [/srv/archive]}}
    plan: {enabled: false, schedule: monthly, copy_to: [offsite]}
  loose:
    sources: {files: {kind: files, paths: [/srv/loose]}}
scan: {every: 24h}
agent: {time_zone: Asia/Shanghai, blackout: ["22:00-23:00"]}
"""
SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    path = tmp_path / "guardian.yaml"
    path.write_text(GOOD)
    return load(path)


@pytest.fixture
def tasks(loaded: Loaded) -> dict[str, Planned]:
    return {one.task.key: one for one in planned(loaded)}


def test_every_task_of_a_configuration(tasks: dict[str, Planned]) -> None:
    assert list(tasks) == [
        "backup:portal/docs",
        "copy:portal/docs:offsite",
        "drill:D2:portal/docs",
        "drill:D2:portal/docs:offsite",
        "drill:D4:portal/docs",
        "drill:D4:portal/docs:offsite",
        "backup:portal/db",
        "copy:portal/db:offsite",
        "drill:D2:portal/db",
        "drill:D2:portal/db:offsite",
        "drill:D4:portal/db",
        "drill:D4:portal/db:offsite",
        "backup:archive/files",
        "copy:archive/files:offsite",
        "maintain:main.portal",
        "posture:main.portal",
        "maintain:main.archive",
        "posture:main.archive",
        "maintain:main.loose",
        "posture:main.loose",
        "maintain:offsite",
        "scan",
    ]


def test_what_tasks_say(tasks: dict[str, Planned]) -> None:
    backup, copy = tasks["backup:portal/docs"], tasks["copy:portal/docs:offsite"]
    assert (backup.task.kind, backup.task.system, backup.task.source) == ("backup", "portal", "docs")
    assert (backup.task.repository, backup.task.target, backup.after) == ("main.portal", None, None)
    assert (copy.task.repository, copy.task.target, copy.after) == ("main.portal", "offsite", "backup:portal/docs")
    assert copy.rhythm == backup.rhythm
    drill = tasks["drill:D4:portal/docs"]
    assert (drill.task.kind, drill.task.level, drill.rhythm.cadence.text) == ("drill", "D4", "monthly")
    assert tasks["maintain:offsite"].rhythm.cadence.text == "monthly on 1 at 04:00"
    assert tasks["posture:main.portal"].rhythm.cadence.text == "daily at 05:00"
    assert tasks["scan"].rhythm.cadence.interval == timedelta(hours=24)


def test_windows_zones_and_offsets(tasks: dict[str, Planned], loaded: Loaded) -> None:
    assert {one.rhythm.zone.key for one in tasks.values()} == {"Asia/Shanghai"} == {zone_of(loaded).key}
    texts = {key: [window.text for window in one.rhythm.blackout] for key, one in tasks.items()}
    assert texts["backup:portal/docs"] == ["22:00-23:00", "mon-fri 08:00-18:00"]
    assert texts["maintain:main.portal"] == ["22:00-23:00", "mon-fri 08:00-18:00"]
    assert texts["maintain:offsite"] == ["22:00-23:00"]  # portal and archive share it
    assert tasks["backup:portal/docs"].rhythm.offset < timedelta(minutes=10)
    assert tasks["backup:archive/files"].rhythm.offset == timedelta(0)
    assert tasks["backup:portal/docs"].rhythm.offset != tasks["backup:portal/db"].rhythm.offset
    assert {one.rhythm.offset for one in planned(replace(loaded, host="web-2"))} != {
        one.rhythm.offset for one in tasks.values()
    }


def test_nothing_begins_later_than_its_next_slot(loaded: Loaded) -> None:
    """However long the jitter is, and the hour over which work on repositories is spread."""
    short = loaded.config.repositories["main"].model_copy(update={"maintain": "every 5m", "posture": "every 3m"})
    plan = loaded.config.systems["portal"].plan.model_copy(update={"drills": {"D2": "every 2m"}})
    system = loaded.config.systems["portal"].model_copy(update={"plan": plan})
    config = loaded.config.model_copy(
        update={
            "repositories": {**loaded.config.repositories, "main": short},
            "systems": {**loaded.config.systems, "portal": system},
        }
    )
    for number in range(20):
        for one in planned(replace(loaded, config=config, host=f"web-{number}")):
            assert one.rhythm.offset < one.rhythm.cadence.shortest, one.task.key


def test_who_is_paused_and_who_is_first(tasks: dict[str, Planned]) -> None:
    paused = {key for key, one in tasks.items() if not one.enabled}
    assert paused == {
        "backup:archive/files",
        "copy:archive/files:offsite",
        "maintain:main.archive",
        "posture:main.archive",
    }
    assert all(one.enabled == one.rhythm.enabled for one in tasks.values())
    backups = [one.priority for one in tasks.values() if one.task.kind in ("backup", "copy")]
    others = [one.priority for one in tasks.values() if one.task.kind not in ("backup", "copy")]
    assert min(backups) > max(others)
    assert tasks["backup:portal/docs"].priority > tasks["backup:archive/files"].priority


# what is told


NOON = datetime(2026, 11, 23, 4, tzinfo=UTC)  # a Monday, 12:00 in Shanghai
SLOT = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)
DONE = JobResult(outcome="complete", exit_code=0)


def history(key: str, accounted: datetime | None = SLOT, **more: object) -> History:
    known = TaskRecord(key, since=datetime(2026, 11, 1, tzinfo=UTC), accounted=accounted)
    return History(replace(known, **more))  # type: ignore[arg-type]


def told(tasks: dict[str, Planned], key: str, *histories: History, now: datetime = NOON) -> Explained:
    known = {key: history(key) for key in tasks} | {one.record.task: one for one in histories}
    return explain(tasks[key], known, now)


def why(explained: Explained) -> str | None:
    return explained.decision.why.code if explained.decision else None


def test_what_waits_says_for_which_slot(tasks: dict[str, Planned]) -> None:
    found = told(tasks, "backup:portal/docs")
    offset = tasks["backup:portal/docs"].rhythm.offset
    assert (why(found), found.slot) == ("waits-for-slot", SLOT + timedelta(days=1))
    assert found.begins == SLOT + timedelta(days=1) + offset


def test_what_is_held_by_a_blackout_says_when_it_begins(tasks: dict[str, Planned]) -> None:
    slot = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)
    key = "backup:portal/docs"
    found = told(tasks, key, history(key, slot - timedelta(days=1)))
    assert (why(found), found.slot) == ("blackout-holds", slot)
    assert found.begins
    assert found.begins.astimezone(SHANGHAI).hour == 18


def test_a_copy_waits_for_its_backup(tasks: dict[str, Planned]) -> None:
    evening = datetime(2026, 11, 22, 19, tzinfo=UTC)
    backup, copy = "backup:portal/docs", "copy:portal/docs:offsite"
    before = SLOT - timedelta(days=1)
    waits = told(tasks, copy, history(copy, before), history(backup, before, running=True), now=evening)
    assert why(waits) == "follows-task"
    assert waits.decision
    assert waits.decision.action == "wait"
    assert why(told(tasks, copy, history(copy, before), now=evening)) in {"slot-due", "slot-late"}


def test_a_backup_that_never_ran_begins_at_once(tasks: dict[str, Planned]) -> None:
    assert why(told(tasks, "backup:portal/docs", history("backup:portal/docs", None))) != "waits-for-slot"
    new = History(TaskRecord("backup:portal/docs", since=NOON))
    assert why(told(tasks, "backup:portal/docs", new)) == "first-run"
    drill = History(TaskRecord("drill:D2:portal/docs", since=NOON))
    assert why(told(tasks, "drill:D2:portal/docs", drill)) == "waits-for-slot"


def test_what_is_disabled_has_no_next_slot(tasks: dict[str, Planned]) -> None:
    found = told(tasks, "backup:archive/files")
    assert (why(found), found.slot, found.begins) == ("plan-disabled", None, None)


def test_what_runs_says_what_comes_after(tasks: dict[str, Planned]) -> None:
    key = "backup:portal/docs"
    before = Attempt(1, key, SLOT - timedelta(days=1), SLOT, SLOT, DONE)
    known = replace(history(key, running=True, last_started=NOON), attempts=(Attempt(2, key, SLOT, SLOT), before))
    found = told(tasks, key, known, now=datetime(2026, 11, 22, 20, tzinfo=UTC))
    assert (why(found), found.slot) == ("job-running", SLOT + timedelta(days=1))
    assert found.attempt == before


def test_another_moment_sees_what_was_known_then(tasks: dict[str, Planned]) -> None:
    key = "backup:portal/docs"
    day = timedelta(days=1)
    attempts = tuple(Attempt(9 - n, key, SLOT - n * day, SLOT - n * day, SLOT - n * day, DONE) for n in range(3))
    ends = (
        SlotEnd(key, SLOT, "run"),
        SlotEnd(key, SLOT - day, "missed", (reason("slot-unattended"),)),
        SlotEnd(key, SLOT - 2 * day, "run"),
    )
    known = History(TaskRecord(key, since=SLOT - 9 * day, accounted=SLOT), attempts, ends)
    found = explain_at(tasks[key], known, SLOT - day + timedelta(hours=3))
    assert found.attempt == attempts[1]
    assert found.end == ends[1]
    assert (found.decision, found.slot) == (None, SLOT)


def test_coming_slots_are_in_order_and_leave_out_what_is_disabled(tasks: dict[str, Planned]) -> None:
    found = list(coming(list(tasks.values()), NOON, 7))
    assert [one.slot for one in found] == sorted(one.slot for one in found)
    keys = {one.planned.task.key for one in found}
    assert "backup:archive/files" not in keys
    assert sum(one.planned.task.key == "backup:portal/docs" for one in found) == 7
    assert all(one.slot <= one.begins for one in found)


def test_a_copy_is_drilled_where_it_lies(tasks: dict[str, Planned]) -> None:
    task = tasks["drill:D4:portal/db:offsite"].task
    assert (task.kind, task.level, task.repository, task.target) == ("drill", "D4", "offsite", "offsite")
    original = tasks["drill:D4:portal/db"].task
    assert (original.repository, original.target) == ("main.portal", None)
