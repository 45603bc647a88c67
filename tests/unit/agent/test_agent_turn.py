"""Whose turn it is."""

from datetime import UTC, datetime, timedelta

from guardian.agent.turn import Due, choose, places
from guardian.model.job import Task

SLOT = datetime(2026, 11, 2, tzinfo=UTC)


def due(key: str, repository: str | None = "main", priority: int = 50, late: int = 0, **more: object) -> Due:
    task = Task.model_validate({"key": key, "kind": key.partition(":")[0], "repository": repository, **more})
    return Due(task, SLOT - timedelta(hours=late), priority)


def keys(chosen: tuple[Due, ...]) -> list[str]:
    return [one.task.key for one in chosen]


def test_never_two_on_one_repository() -> None:
    waiting = [due("backup:a/x"), due("backup:a/y"), due("backup:b/x", "other")]
    assert keys(choose(waiting, [], 8)) == ["backup:a/x", "backup:b/x"]


def test_never_on_a_repository_that_is_in_use() -> None:
    running = due("copy:a/x:far", target="far").task
    assert places(running) == {"main", "far"}
    assert keys(choose([due("backup:a/y"), due("maintain:far", "far"), due("backup:b/x", "other")], [running], 8)) == [
        "backup:b/x"
    ]


def test_no_more_than_there_are_places() -> None:
    waiting = [due(f"backup:s/{number}", f"r{number}") for number in range(20)]
    assert len(choose(waiting, [], 3)) == 3
    assert choose(waiting, [], 0) == ()
    assert choose(waiting, [], -1) == ()


def test_the_higher_priority_is_first_then_backups_then_what_is_late_longest() -> None:
    waiting = [
        due("drill:D3:a/x", "r1"),
        due("backup:a/x", "r2", late=1),
        due("backup:b/x", "r3", late=5),
        due("backup:c/x", "r4", priority=90),
        due("backup:d/x", "r5", priority=10, late=100),
    ]
    assert keys(choose(waiting, [], 8)) == ["backup:c/x", "backup:b/x", "backup:a/x", "drill:D3:a/x", "backup:d/x"]


def test_what_waits_for_its_repository_keeps_no_other_from_its_own() -> None:
    waiting = [due("backup:a/x", priority=90), due("backup:a/y", priority=80), due("backup:b/x", "other", priority=1)]
    assert keys(choose(waiting, [], 2)) == ["backup:a/x", "backup:b/x"]


def test_a_task_without_a_repository_waits_for_none() -> None:
    running = due("backup:a/x").task
    assert keys(choose([due("scan", None)], [running], 1)) == ["scan"]
