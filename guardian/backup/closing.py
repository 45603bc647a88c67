"""How slots that are not run come to their end: which of them are closed, and with what reason. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, pairwise
from typing import Final

from guardian.backup.slots import Rhythm, newest, slots
from guardian.clock import rfc3339
from guardian.config.windows import held_until
from guardian.model.job import SlotEnd, TaskRecord
from guardian.model.reason import Reason, reason

MOST: Final = 100
"""So many slots are closed one by one; more are closed as one range, whose reason says from when to when."""

_COUNTED: Final = 20_000
_TICK: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Case:
    """What is asked about: one task at one moment."""

    rhythm: Rhythm
    record: TaskRecord
    now: datetime
    alive_since: datetime | None = None

    @property
    def base(self) -> datetime:
        """No slot up to here is owed."""
        accounted = self.record.accounted
        return max(self.record.since, accounted) if accounted else self.record.since

    @property
    def first_owed(self) -> datetime:
        """Slots after this are owed: only the newest where the last one that ended is none of this schedule."""
        accounted = self.record.accounted
        if accounted is None or accounted < self.base or newest(self.rhythm, accounted - _TICK, accounted):
            return self.base
        slot = newest(self.rhythm, self.base, self.owed_until)
        return slot - _TICK if slot else self.base

    @property
    def owed_until(self) -> datetime:
        """Slots up to here are due."""
        return self.now - self.rhythm.offset

    @property
    def unfinished(self) -> datetime | None:
        """The slot whose run was interrupted, unless it was closed since."""
        slot, accounted = self.record.interrupted_slot, self.record.accounted
        return slot if slot and (accounted is None or slot > accounted) else None

    def held(self, moment: datetime) -> datetime | None:
        """When the blackout that holds ``moment`` is over; None for none."""
        return held_until(self.rhythm.blackout, moment, self.rhythm.zone)

    def begins(self, moment: datetime) -> datetime:
        """The first moment, not before this one, at which a run may begin.

        After a blackout it is the host's own offset later, so that not all hosts begin at once.
        """
        end = self.held(moment)
        if end is None:
            return moment
        spread = end + self.rhythm.offset
        return end if self.held(spread) else spread


def close_older(case: Case, slot: datetime) -> tuple[SlotEnd, ...]:
    """The ends of all slots that are owed and older than ``slot``, which is about to be run."""
    return _close(case, slot, lambda one, later: _superseded(case, one, later), reason("slots-unattended", "warning"))


def close_skipped(case: Case, last: datetime | None) -> tuple[SlotEnd, ...]:
    """The ends of all slots that are owed, up to ``last``, while the plan is disabled."""
    stop = max(filter(None, (last, case.unfinished)), default=None)
    if stop is None:
        return ()
    why = reason("plan-disabled", "info")
    return _close(case, stop + _TICK, lambda one, _later: _end(case, one, "skipped", why), why, skipped=True)


def _close(
    case: Case,
    stop: datetime,
    judge: Callable[[datetime, datetime], SlotEnd],
    for_many: Reason,
    *,
    skipped: bool = False,
) -> tuple[SlotEnd, ...]:
    """The ends of the slots before ``stop``, oldest first: one each by ``judge``, or one range by ``for_many``."""
    owed = list(islice(_owed(case, stop), MOST + 1))
    if len(owed) <= MOST:
        return tuple(judge(one, later) for one, later in pairwise([*owed, stop]))
    last = newest(case.rhythm, case.base, stop - _TICK) or owed[-1]
    count = sum(1 for _slot in islice(_owed(case, stop), _COUNTED + 1))
    span: dict[str, str | int] = {
        "first": rfc3339(owed[0]),
        "last": rfc3339(last),
        "count": count if count <= _COUNTED else f"> {_COUNTED}",
    }
    why = for_many.model_copy(update={"args": {**for_many.args, **span}})
    return (_end(case, last, "skipped" if skipped else "missed", why),)


def _owed(case: Case, stop: datetime) -> Iterator[datetime]:
    """The slots before ``stop`` that nobody has closed, ascending; the interrupted one among them."""
    unfinished = case.unfinished
    if unfinished and unfinished < stop and unfinished <= case.base:
        yield unfinished  # of a schedule that has been changed since
        unfinished = None
    for slot in slots(case.rhythm, case.first_owed, stop - _TICK):
        if unfinished and unfinished < slot:
            yield unfinished
        if unfinished and unfinished <= slot:
            unfinished = None
        yield slot
    if unfinished and unfinished < stop:
        yield unfinished


def _superseded(case: Case, slot: datetime, later: datetime) -> SlotEnd:
    """Why ``slot`` was not run before the ``later`` one came."""
    record, offset = case.record, case.rhythm.offset
    due = slot + offset
    if slot == case.unfinished:
        return _end(case, slot, "missed", reason("slot-superseded", "warning"))
    if case.begins(due) >= later + offset:
        return _end(case, slot, "skipped", reason("slot-blackout", "info"))
    if record.last_started and record.last_ended and record.last_started <= due <= record.last_ended:
        return _end(case, slot, "missed", reason("slot-overrun", "warning", ended=rfc3339(record.last_ended)))
    if case.alive_since and due >= case.alive_since:
        return _end(case, slot, "missed", reason("slot-no-turn", "warning"))
    return _end(case, slot, "missed", reason("slot-unattended", "warning"))


def _end(case: Case, slot: datetime, state: str, why: Reason) -> SlotEnd:
    return SlotEnd(case.record.task, slot, "skipped" if state == "skipped" else "missed", (why,))
