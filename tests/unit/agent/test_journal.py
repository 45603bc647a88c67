"""The journal against a model of what it promises, whatever is done to it and in whatever order."""

import tempfile
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from guardian.agent.journal import FILE, Journal, NotNow
from guardian.model.job import Attempt, JobResult, SlotEnd, Task, TaskRecord
from guardian.model.reason import reason

START = datetime(2026, 11, 2, tzinfo=UTC)
BACKUP = Task(key="backup:app/docs", kind="backup", system="app", source="docs", repository="main")
DRILL = Task(key="drill:D3:app/docs", kind="drill", system="app", source="docs", repository="main", level="D3")
TASKS = (BACKUP, DRILL)
OUTCOMES = ("complete", "partial", "failed", "skipped", "interrupted")
WHY = reason("slot-unattended", "warning")


@dataclass
class Moved:
    at: datetime = START

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - START).total_seconds()

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def slot(number: int) -> datetime:
    return START + timedelta(hours=number)


def result(outcome: str, **more: Any) -> JobResult:
    return JobResult(outcome=outcome, exit_code=OUTCOMES.index(outcome), **more)


@dataclass
class Model:
    """What a journal should know of one task."""

    since: datetime | None = None
    attempts: list[Attempt] = field(default_factory=list)
    ends: dict[datetime, SlotEnd] = field(default_factory=dict)
    stated: set[datetime] = field(default_factory=set)
    failures: int = 0
    success: datetime | None = None

    def record(self, task: str) -> TaskRecord:
        ended = [one for one in self.attempts if one.result]
        slotted = [one for one in self.attempts if one.slot]
        last = ended[-1] if ended else None
        open_slot = None
        if slotted and slotted[-1].result and slotted[-1].result.outcome == "interrupted":
            open_slot = None if slotted[-1].slot in self.ends else slotted[-1].slot
        assert self.since is not None
        return TaskRecord(
            task=task,
            since=self.since,
            accounted=max(self.ends, default=None),
            running=any(one.result is None for one in self.attempts),
            last_started=self.attempts[-1].started if self.attempts else None,
            last_ended=last.ended if last else None,
            last_result=last.result if last else None,
            last_seconds=max(0.0, (last.ended - last.started).total_seconds()) if last and last.ended else None,
            last_success=self.success,
            failures_in_a_row=self.failures,
            interrupted_slot=open_slot,
        )


tasks = st.sampled_from(TASKS)
numbers = st.integers(0, 12)


class Journals(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        memory = Path("/dev/shm")  # every commit is synced, which disks take their time for
        self.scratch = tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)
        self.clock = Moved()
        self.journal = Journal.open(Path(self.scratch.name), self.clock)
        self.models = {task.key: Model() for task in TASKS}

    def teardown(self) -> None:
        self.journal.close()
        self.scratch.cleanup()

    def known(self, task: Task) -> Model:
        model = self.models[task.key]
        model.since = model.since or self.clock.now()
        return model

    @rule(hours=st.integers(-30, 30))
    def time_passes_or_is_set_back(self, hours: int) -> None:
        self.clock.at += timedelta(hours=hours)

    @rule(task=tasks, number=st.none() | numbers)
    def begin(self, task: Task, number: int | None) -> None:
        wanted = None if number is None else slot(number)
        model = self.models[task.key]
        if any(one.result is None for one in model.attempts) or wanted in model.ends:
            with pytest.raises(NotNow):
                self.journal.begin(task.key, wanted)
            return
        made = self.journal.begin(task.key, wanted)
        self.known(task).attempts.append(Attempt(made, task.key, wanted, self.clock.now()))

    @rule(task=tasks, outcome=st.sampled_from(OUTCOMES), entry=st.none() | st.integers(0, 9))
    def end(self, task: Task, outcome: str, entry: int | None) -> None:
        model = self.models[task.key]
        if not model.attempts or model.attempts[-1].result:
            with pytest.raises(LookupError):
                self.journal.end(model.attempts[-1].id if model.attempts else 10**6, result("complete"))
            return
        begun = model.attempts[-1]
        said = result(outcome, entry=entry, reasons=(WHY,))
        self.journal.end(begun.id, said)
        now = self.clock.now()
        model.attempts[-1] = Attempt(begun.id, begun.task, begun.slot, begun.started, now, said)
        model.failures = {"complete": 0, "partial": 0, "failed": model.failures + 1}.get(outcome, model.failures)
        model.success = now if outcome == "complete" else model.success
        if begun.slot and outcome != "interrupted" and begun.slot not in model.ends:
            skipped = outcome == "skipped"
            wordless = outcome == "failed" and entry is None and task is BACKUP
            end = SlotEnd(task.key, begun.slot, "skipped" if skipped else "run", (WHY,) if skipped or wordless else ())
            model.ends[begun.slot] = end
            if entry is not None:
                model.stated.add(begun.slot)

    @rule(task=tasks, wanted=st.lists(numbers, max_size=5, unique=True), state=st.sampled_from(("skipped", "missed")))
    def account(self, task: Task, wanted: list[int], state: Any) -> None:
        ends = [SlotEnd(task.key, slot(number), state, (WHY,)) for number in sorted(wanted)]
        fresh = [end for end in ends if end.slot not in self.models[task.key].ends]
        assert self.journal.account(ends) == len(fresh)
        if ends:
            self.known(task).ends.update({end.slot: end for end in fresh})

    @rule(limit=st.integers(1, 4), entry=st.integers(0, 99))
    def state(self, limit: int, entry: int) -> None:
        for end in self.journal.unstated(limit):
            self.journal.stated(end.task, end.slot, entry)
            self.models[end.task].stated.add(end.slot)

    @rule()
    def another_process_opens_it(self) -> None:
        self.journal.close()
        self.journal = Journal.open(Path(self.scratch.name), self.clock)

    @invariant()
    def it_is_as_the_model(self) -> None:
        known = [task for task in TASKS if self.models[task.key].since]
        expected = {task.key: self.models[task.key].record(task.key) for task in known}
        assert self.journal.records(known) == expected
        with Journal.read(Path(self.scratch.name), self.clock) as reader:
            assert reader.records(known) == expected
        for task in TASKS:
            model = self.models[task.key]
            assert self.journal.attempts(task.key, 100) == tuple(reversed(model.attempts))
            assert self.journal.slot_ends(task.key, 100) == tuple(model.ends[one] for one in sorted(model.ends)[::-1])
            states = [end.state for end in model.ends.values()]
            assert self.journal.counts(task.key) == (states.count("missed"), states.count("skipped"))
        assert self.journal.cut_off() == [
            one for one in sorted(self.all_attempts(), key=lambda one: one.id) if one.result is None
        ]
        model = self.models[BACKUP.key]
        owed = [end for _at, end in sorted(model.ends.items()) if end.reasons and end.slot not in model.stated]
        assert self.journal.unstated(100) == owed

    def all_attempts(self) -> list[Attempt]:
        return [one for model in self.models.values() for one in model.attempts]


TestJournals = Journals.TestCase
TestJournals.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)


def test_a_task_is_known_from_the_first_time_on(tmp_path: Path) -> None:
    clock = Moved()
    with Journal.open(tmp_path, clock) as journal:
        assert journal.records([BACKUP])[BACKUP.key] == TaskRecord(BACKUP.key, since=START)
        clock.sleep(86400)
        with Journal.read(tmp_path, clock) as reader:
            assert reader.records([DRILL])[DRILL.key].since == clock.now(), "a reader writes nothing down"
        assert journal.records([BACKUP, DRILL])[BACKUP.key].since == START
        assert journal.records([DRILL])[DRILL.key].since == START + timedelta(days=1)


def test_many_threads_take_turns(tmp_path: Path) -> None:
    names = [f"backup:app/s{number}" for number in range(8)]
    with Journal.open(tmp_path, Moved()) as journal:

        def work(name: str) -> None:
            for number in range(10):
                journal.end(journal.begin(name, slot(number)), result("complete"))

        threads = [threading.Thread(target=work, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [len(journal.slot_ends(name, 100)) for name in names] == [10] * 8


def test_what_is_old_is_thinned_out_and_what_counts_stays(quick: Path) -> None:
    clock = Moved()
    with Journal.open(quick, clock) as journal:
        for number in range(300):
            clock.at = slot(number)
            journal.end(journal.begin(BACKUP.key, slot(number)), result("complete"))
        journal.account([SlotEnd(DRILL.key, slot(0), "missed", (WHY,))])
        journal.account(SlotEnd("backup:a/b", slot(number), "missed") for number in range(150))
        before = journal.records(TASKS), journal.counts(DRILL.key)
        clock.at += timedelta(days=380)
        assert journal.thin() == 0, "nothing is older than 400 days"
        clock.at += timedelta(days=40)
        assert journal.thin() == 400, "of attempts and of slots, all but the newest hundred"
        assert (journal.records(TASKS), journal.counts(DRILL.key)) == before
        assert len(journal.attempts(BACKUP.key, 1000)) == 100
        assert len(journal.unstated()) == 150, "what is owed stays"
        assert not journal.thin()


def test_an_agent_that_runs_for_years_thins_it_out_by_itself(quick: Path) -> None:
    clock = Moved()
    with Journal.open(quick, clock) as journal:
        for day in range(600):
            clock.at = START + timedelta(days=day)
            journal.end(journal.begin(BACKUP.key, clock.at), result("complete"))
        assert len(journal.attempts(BACKUP.key, 1000)) in (400, 401)


def test_the_journal_is_for_its_owner_alone(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "state" / "agent", Moved()) as journal:
        journal.records(TASKS)
        folder = journal.path.parent
        assert folder.stat().st_mode & 0o777 == 0o700
        assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
        assert {path.name for path in folder.iterdir()} == {FILE, f"{FILE}-wal", f"{FILE}-shm"}


def test_names_that_are_no_unicode_and_figures_that_are_none(tmp_path: Path) -> None:
    said = result("failed", reasons=(reason("file-missing", path="/srv/\udcff\x00中"),), figures={"a": float("nan")})
    with Journal.open(tmp_path, Moved()) as journal:
        journal.end(journal.begin(BACKUP.key, None), said)
        kept = journal.records([BACKUP])[BACKUP.key].last_result
    assert kept == said.model_copy(update={"figures": {}})
