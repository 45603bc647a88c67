"""The decider and the real journal agree: a simulated life through SQLite, closed and opened again at every restart."""

import importlib.util
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from guardian.agent.journal import Journal
from guardian.backup.slots import Rhythm, slots
from guardian.model.job import JobResult, SlotEnd, Task, TaskRecord

TASK = Task(key="backup:app/docs", kind="backup", system="app", source="docs", repository="main")


class SetClock:
    """Shows what it is set to."""

    at = datetime(2028, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    def sleep(self, seconds: float) -> None:
        raise AssertionError


class Bound:
    """A journal as the simulation uses its book."""

    def __init__(self, folder: Path, rhythm: Rhythm, start: datetime) -> None:
        self.folder, self.rhythm, self.clock = folder, rhythm, SetClock()
        self.clock.at = start
        self.journal = Journal.open(folder, self.clock)
        self.journal.records([TASK])
        self.attempt = 0

    @property
    def record(self) -> TaskRecord:
        return self.journal.records([TASK])[TASK.key]

    def account(self, ends: tuple[SlotEnd, ...]) -> None:
        assert self.journal.account(ends) == len(ends)  # none of them had ended before

    def begin(self, slot: datetime | None, wall: datetime) -> None:
        self.clock.at = wall
        self.attempt = self.journal.begin(TASK.key, slot)

    def end(self, result: JobResult, wall: datetime) -> None:
        self.clock.at = wall
        self.journal.end(self.attempt, result, wall)
        self.journal.close()
        self.journal = Journal.open(self.folder, self.clock)


@pytest.fixture(scope="module")
def simulation() -> ModuleType:
    path = Path(__file__).parents[3] / "benchmarks" / "schedule.py"
    spec = importlib.util.spec_from_file_location("schedule_simulation_journal", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("number", [1, 2, 6, 9, 16])
def test_a_life_through_the_real_journal(simulation: Any, tmp_path: Path, number: int) -> None:
    world = replace(simulation.world_of(20, seed=number), kill_share=0.1, fail_share=0.2)
    rhythm = simulation.source(number).rhythm
    bound = Bound(tmp_path / "agent", rhythm, simulation.START)
    simulation.Life(bound, world, simulation.random.Random(number), simulation.lasting(number)).live()
    record = bound.record
    told: dict[datetime, str] = {}
    for end in bound.journal.slot_ends(TASK.key, 100_000):
        first = end.reasons[0].args.get("first") if end.reasons else None
        after = datetime.fromisoformat(str(first)) if first else end.slot
        for slot in slots(rhythm, after - simulation._TICK, end.slot):
            assert slot not in told
            told[slot] = end.state
    assert record.accounted
    owed = set(slots(rhythm, record.since, record.accounted))
    assert set(told) == owed - {record.interrupted_slot}
    assert "run" in told.values()
    bound.journal.close()
