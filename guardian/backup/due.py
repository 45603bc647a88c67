"""What is to be done now with a task that comes round. Pure: rhythm, record and moment in; decision out.

The rules, each of them tested for every kind of cadence:

- A slot ends once: run, skipped or missed. Of several that are owed the newest is run, the older ones are closed with
  the reason; too many to name are closed as one range. Equal questions have equal answers, so a process that was killed
  at any point asks again and goes on.
- A slot that comes due in a blackout waits for its end. A run that a blackout interrupts resumes the same slot after
  it, unless a newer slot is due by then.
- A run that failed for a reason that may pass is tried again after 5, 15, 45 … minutes, unless the next slot is sooner.
  Its slot has ended with the run that failed, so another try belongs to no slot.
- Slots of a schedule that was changed are not owed: the new one begins with its newest slot.
- A clock set back runs no slot again. One that had been far ahead for a while left slots behind that have ended long
  before their time: until it is past them, runs belong to no slot.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from guardian.backup.closing import Case, close_older, close_skipped
from guardian.backup.slots import Rhythm, following, newest, slots
from guardian.clock import rfc3339
from guardian.config.windows import next_start
from guardian.errors import GuardianError
from guardian.model.job import JobResult, SlotEnd, TaskRecord
from guardian.model.reason import Reason, reason

__all__ = ["Decision", "Rhythm", "decide", "retryable", "slots"]

Action = Literal["run", "wait", "stop"]

EARLIEST: Final = datetime(2020, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
"""Clocks that show a time outside of these are wrong, and nothing is begun by them."""

AHEAD: Final = timedelta(days=2)
"""Slots that ended further in the future than this do not keep a task from running."""

LATE: Final = timedelta(minutes=5)
FIRST_PAUSE: Final = timedelta(minutes=5)
LONGEST_PAUSE: Final = timedelta(hours=6)
_MOMENT: Final = timedelta(minutes=1)
_DUE: Final = reason("slot-due", "info")
_PASSING: Final = frozenset(
    {"database-unreachable", "database-slow", "sqlite-busy", "producer-stalled", "worker-lost", "no-summary"}
)


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now.

    ``run``: begin the task for ``slot``; None means that no slot is meant (see the last rule above). ``wait``: look
    again at ``wake``, None for never. ``stop``: interrupt the run that is going on, a blackout has begun. ``ends`` are
    the slots that can be closed now, oldest first, never the one to be run: they are put on record before the run
    begins.
    """

    action: Action
    slot: datetime | None = None
    ends: tuple[SlotEnd, ...] = ()
    wake: datetime | None = None
    why: Reason = _DUE


def decide(rhythm: Rhythm, record: TaskRecord, now: datetime, alive_since: datetime | None = None) -> Decision:
    """What to do with one task at ``now``.

    ``alive_since``: since when the agent has been looking without a break (started, woke from suspend, saw the clock
    jump); slots that were missed before it had nobody to run them, later ones did not get their turn.
    """
    case = Case(rhythm, record, now, alive_since)
    if not EARLIEST <= now < LATEST:
        why = reason("clock-impossible", "critical", now=rfc3339(now))
        return Decision("wait", wake=min(now, LATEST) + _MOMENT, why=why)
    if record.running:
        return _while_running(case)
    if not rhythm.enabled:
        ends = close_skipped(case, newest(rhythm, case.base, case.owed_until))
        return Decision("wait", None, ends, _next_due(case), reason("plan-disabled", "info"))
    if case.base > now + AHEAD:
        return _off_schedule(case)
    owed = max(filter(None, (newest(rhythm, case.base, case.owed_until), case.unfinished)), default=None)
    return _nothing_owed(case) if owed is None else _owed(case, owed)


def retryable(result: JobResult | None) -> bool:
    """Whether a run failed for a reason that may pass by itself: storage away, repository locked, program stalled."""
    if result is None or result.outcome != "failed":
        return False
    return not {one.code for one in result.reasons}.isdisjoint(_PASSING | _passing_errors())


def _passing_errors(family: type[GuardianError] = GuardianError) -> frozenset[str]:
    own = frozenset({family.code} if family.retryable else ())
    return own.union(*(_passing_errors(child) for child in family.__subclasses__()))


def _while_running(case: Case) -> Decision:
    if until := case.held(case.now):
        return Decision("stop", wake=until, why=reason("blackout-began", "info", at=rfc3339(until)))
    since = rfc3339(case.record.last_started or case.now)
    wake = next_start(case.rhythm.blackout, case.now, case.rhythm.zone)
    return Decision("wait", wake=wake, why=reason("job-running", "info", since=since))


def _owed(case: Case, slot: datetime) -> Decision:
    """``slot`` is the newest that is owed: run it, unless a blackout holds it."""
    ends = close_older(case, slot)
    resumed = slot == case.unfinished
    due = slot + case.rhythm.offset
    ready = max(due, case.record.last_ended or due) if resumed else due
    start = case.begins(min(ready, case.now))
    if start <= case.now and (until := case.held(case.now)):
        start = case.begins(until)
    if start > case.now:
        why = reason("blackout-holds", "info", slot=rfc3339(slot), at=rfc3339(start))
        return Decision("wait", None, ends, start, why)
    if resumed:
        return Decision("run", slot, ends, why=reason("slot-resumed", "info", slot=rfc3339(slot)))
    if ends or case.now - start > LATE:
        late = reason("slot-late", "warning", slot=rfc3339(slot), seconds=int((case.now - due).total_seconds()))
        return Decision("run", slot, ends, why=late)
    return Decision("run", slot, why=reason("slot-due", "info", slot=rfc3339(slot)))


def _nothing_owed(case: Case) -> Decision:
    slot = following(case.rhythm, max(case.base, case.owed_until))
    if retry := _retry(case, slot):
        return retry
    if slot is None:
        return Decision("wait", why=reason("never-due", "warning"))
    at = case.begins(slot + case.rhythm.offset)
    if case.base > case.now + _MOMENT:
        why = reason("clock-set-back", "warning", accounted=rfc3339(case.base), at=rfc3339(at))
    else:
        why = reason("waits-for-slot", "info", slot=rfc3339(slot), at=rfc3339(at))
    return Decision("wait", wake=at, why=why)


def _retry(case: Case, slot: datetime | None) -> Decision | None:
    """Another try after a run that failed, or a wait for it; None when there is nothing to try again.

    ``slot`` is the next one: a try that would not come before it is left to it.
    """
    record = case.record
    if record.last_result is None or record.last_ended is None:
        return None
    failures = max(1, record.failures_in_a_row)
    # A try that was interrupted has no slot to be resumed for: what it says is that a failure came before it.
    again = record.last_result.outcome == "interrupted" and record.failures_in_a_row > 0 and not record.interrupted_slot
    if not (again or retryable(record.last_result)):
        return None
    pause = timedelta(0) if again else min(FIRST_PAUSE * 3 ** min(failures - 1, 6), LONGEST_PAUSE) + case.rhythm.offset
    at = case.begins(max(min(record.last_ended, case.now) + pause, case.now))
    start = case.begins(slot + case.rhythm.offset) if slot else None
    if slot and start and at >= start:
        return Decision("wait", wake=start, why=reason("retry-left", "warning", slot=rfc3339(slot), failures=failures))
    if at > case.now:
        return Decision("wait", wake=at, why=reason("retry-waits", "warning", at=rfc3339(at), failures=failures))
    return Decision("run", why=reason("retry-due", "warning", failures=failures))


def _off_schedule(case: Case) -> Decision:
    """Slots have ended far ahead of the clock. Go on by the same rhythm, counted from the last run, without slots."""
    record, now = case.record, case.now
    began = record.last_started if record.last_started and record.last_started <= now else None
    cut_off = record.last_result is not None and record.last_result.outcome == "interrupted"
    slot = newest(case.rhythm, began, case.owed_until) if began and not cut_off else now - case.rhythm.offset
    if slot is None:
        coming = following(case.rhythm, max(began or now, case.owed_until))
        if retry := _retry(case, coming):
            return retry
        at = case.begins(coming + case.rhythm.offset) if coming else None
    else:
        at = max(case.begins(slot + case.rhythm.offset), case.begins(now))
    why = reason("clock-off-schedule", "warning", accounted=rfc3339(case.base))
    if at is not None and at <= now:
        return Decision("run", case.unfinished, why=why)
    return Decision("wait", wake=at, why=why)


def _next_due(case: Case) -> datetime | None:
    slot = following(case.rhythm, max(case.base, case.owed_until))
    return slot + case.rhythm.offset if slot else None
