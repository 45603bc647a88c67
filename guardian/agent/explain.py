"""Why each task ran, did not run or waits, and when it runs next: read from its rhythm and the journal. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from heapq import merge

from guardian.agent.tasks import Planned
from guardian.backup.closing import Case
from guardian.backup.due import Decision, decide
from guardian.backup.slots import following, slots
from guardian.model.job import Attempt, SlotEnd, TaskRecord
from guardian.model.reason import reason


@dataclass(frozen=True, slots=True)
class History:
    """What the journal tells of one task: attempts and ends of slots, newest first."""

    record: TaskRecord
    attempts: Sequence[Attempt] = ()
    ends: Sequence[SlotEnd] = ()


@dataclass(frozen=True, slots=True)
class Explained:
    """One task at one moment.

    ``attempt`` is the newest until then that has ended, ``end`` the newest end of a slot; ``decision`` is None for any
    moment but now; ``slot`` is the next one to be run and ``begins`` when, in UTC, both None where there is none.
    """

    planned: Planned
    attempt: Attempt | None
    end: SlotEnd | None
    decision: Decision | None
    slot: datetime | None
    begins: datetime | None


@dataclass(frozen=True, slots=True)
class Coming:
    """A slot that lies ahead, and when its run begins."""

    planned: Planned
    slot: datetime
    begins: datetime


def explain(planned: Planned, histories: Mapping[str, History], now: datetime) -> Explained:
    """What there is to say of one task now. ``histories`` are those of all tasks, by key."""
    history = histories[planned.task.key]
    decision = decide(planned.rhythm, history.record, now)
    if decision.action == "run" and _must_wait(planned, decision.slot, histories):
        decision = replace(decision, action="wait", why=reason("follows-task", "info", task=planned.after or ""))
    elif _first(planned, history.record) and decision.why.code == "waits-for-slot":
        decision = Decision("run", why=reason("first-run", "info"))
    slot, begins = _next(planned, history.record, decision, now)
    attempt = next((one for one in history.attempts if one.result), None)
    end = next(iter(history.ends), None)
    return Explained(planned, attempt, end, decision, slot, begins)


def _next(
    planned: Planned, record: TaskRecord, decision: Decision, now: datetime
) -> tuple[datetime | None, datetime | None]:
    """The slot that is run next, None when no slot is meant, and when that begins."""
    if not planned.rhythm.enabled:
        return None, None
    if decision.action == "run":
        return decision.slot, now
    if decision.why.code == "job-running" or decision.action == "stop":
        slot = following(planned.rhythm, max(_base(record), now - planned.rhythm.offset))
        return slot, _begins(planned, record, slot, now)
    said = decision.why.args.get("slot")
    return (datetime.fromisoformat(said) if isinstance(said, str) else None), decision.wake


def _first(planned: Planned, record: TaskRecord) -> bool:
    """Whether this is a backup that never ran: the agent does not let it wait for its first slot."""
    return planned.task.kind == "backup" and record.last_started is None and record.accounted is None


def explain_at(planned: Planned, history: History, moment: datetime) -> Explained:
    """What had come of one task until a ``moment`` that is not now, and which slot comes after it."""
    attempt = next((one for one in history.attempts if one.result and one.started <= moment), None)
    end = next((one for one in history.ends if one.slot <= moment), None)
    slot = following(planned.rhythm, moment) if planned.rhythm.enabled else None
    return Explained(planned, attempt, end, None, slot, _begins(planned, history.record, slot, moment))


def coming(tasks: Sequence[Planned], now: datetime, days: int) -> Iterator[Coming]:
    """The slots of the next ``days`` of all tasks whose plan is enabled, in their order."""
    until = now + timedelta(days=days)
    yield from merge(*(_ahead(one, now, until) for one in tasks if one.rhythm.enabled), key=lambda one: one.slot)


def _ahead(planned: Planned, now: datetime, until: datetime) -> Iterator[Coming]:
    case = Case(planned.rhythm, TaskRecord(planned.task.key, since=now), now)
    for slot in slots(planned.rhythm, now, until):
        yield Coming(planned, slot, case.begins(slot + planned.rhythm.offset))


def _must_wait(planned: Planned, slot: datetime | None, histories: Mapping[str, History]) -> bool:
    before = histories.get(planned.after or "")
    if before is None or slot is None:
        return False
    return before.record.running or _base(before.record) < slot


def _base(record: TaskRecord) -> datetime:
    return max(record.since, record.accounted or record.since)


def _begins(planned: Planned, record: TaskRecord, slot: datetime | None, now: datetime) -> datetime | None:
    return Case(planned.rhythm, record, now).begins(slot + planned.rhythm.offset) if slot else None
