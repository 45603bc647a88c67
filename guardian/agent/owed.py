"""Slots of backups that no run put into the log, put there: each with its reason, many in a row as one statement.

The journal knows what is owed, the log what was said. A crash between the two is met by asking the log first, from its
end back: nothing is said twice, and nothing is left unsaid.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Final

from guardian.agent.journal import Journal
from guardian.agent.trace import left_out, span, trace
from guardian.clock import rfc3339
from guardian.model.backup import RunOutcome, Target
from guardian.model.evidence import NoBackup
from guardian.model.job import SlotEnd

if TYPE_CHECKING:
    from guardian.ledger.store import Log
    from guardian.node import Node

_AT_ONCE: Final = 256
_LIMIT: Final = 20_000


@dataclass(frozen=True, slots=True)
class Stretch:
    """Slots of one task in a row, left out in one way for one reason."""

    ends: tuple[SlotEnd, ...]

    @property
    def task(self) -> str:
        """The task's key."""
        return self.ends[0].task

    @property
    def first(self) -> datetime:
        """Its first slot."""
        return span(self.ends[0])[0]

    @property
    def last(self) -> datetime:
        """Its last slot."""
        return self.ends[-1].slot

    @property
    def slots(self) -> int:
        """How many slots it stands for."""
        return sum(span(end)[1] for end in self.ends)


@dataclass(slots=True)
class _Told:
    """What the log tells of slots that were left out, read from its end back as far as it was asked for."""

    stretches: dict[str, list[tuple[datetime, datetime, int]]] = field(default_factory=dict)

    def entry(self, task: str, slot: datetime) -> int | None:
        return next((index for first, last, index in self.stretches.get(task, ()) if first <= slot <= last), None)


def tell(node: "Node", journal: Journal) -> int:
    """Put every slot the journal owes into the log; how many statements that took. Costs nothing when none is owed.

    What happened to a task that is configured no longer is said all the same. Raises as :meth:`Node.log
    <guardian.node.Node.log>`, as appending to it and as the journal: what was said until then stays said.
    """
    count = 0
    if not journal.unstated(1):
        return 0
    with node.log() as log:
        while owed := journal.unstated(_LIMIT):
            count += _tell(node, journal, log, owed)
    return count


def _tell(node: "Node", journal: Journal, log: "Log", owed: Sequence[SlotEnd]) -> int:
    told = _told(log, owed)
    fresh = []
    for stretch in stretches(journal, owed):
        for part, entry in _parts(stretch, told):
            if entry is None:
                fresh.append(part)
            else:
                journal.stated(part.task, part.first, entry, part.last)
    keys = {target.ref: target for target in node.loaded.targets()}
    said = [_statement(node, keys, stretch) for stretch in fresh]
    entries = log.append_many((one, [("run", one.run_id.rjust(64, "0"))]) for one in said)
    for stretch, stated in zip(fresh, entries, strict=True):
        journal.stated(stretch.task, stretch.first, stated.index, stretch.last)
    return len(entries)


def stretches(journal: Journal, owed: Sequence[SlotEnd]) -> list[Stretch]:
    """``owed``, by task and in order, in as few stretches as tell the truth.

    A stretch ends where a slot was run, where the way changes, or where the codes of the reasons do: its reasons are
    those of its first slot.
    """
    found: list[list[SlotEnd]] = []
    for end in owed:
        before = found[-1][-1] if found else None
        if before is None or not _alike(before, end) or journal.ran_between(end.task, before.slot, end.slot):
            found.append([end])
        else:
            found[-1].append(end)
    return [Stretch(tuple(ends)) for ends in found]


def _alike(one: SlotEnd, other: SlotEnd) -> bool:
    if one.state == "run" or any(span(end)[1] > 1 for end in (one, other)):
        return False  # a run stands for itself; what stands for many says from when to when in its own words
    codes = [[reason.code for reason in end.reasons] for end in (one, other)]
    return (one.task, one.state) == (other.task, other.state) and codes[0] == codes[1]


def _parts(stretch: Stretch, told: _Told) -> Iterable[tuple[Stretch, int | None]]:
    """The parts of a stretch that the log tells of already, each with its entry, and those it does not."""
    part: list[SlotEnd] = []
    known: int | None = None
    for end in stretch.ends:
        entry = told.entry(end.task, end.slot)
        if part and entry != known:
            yield Stretch(tuple(part)), known
            part = []
        part.append(end)
        known = entry
    yield Stretch(tuple(part)), known


def _told(log: "Log", owed: Sequence[SlotEnd]) -> _Told:
    """What the log tells of the slots that are owed.

    They are told after they are over, so that no statement older than a slot tells of it: looked for from the end back
    to one a day older than the first of them, since clocks are set.
    """
    told = _Told()
    tasks = {end.task for end in owed}
    earliest = min(end.slot for end in owed).timestamp() - 86400
    start = log.size
    while start > 0:
        end, start = start, max(0, start - _AT_ONCE)
        found = [one for entry in islice(log.entries(start), end - start) if (one := trace(entry)) is not None]
        for one in found:
            if not one.ran and one.slot is not None and one.task in tasks and one.result.entry is not None:
                stretch = (one.slot, one.until or one.slot, one.result.entry)
                told.stretches.setdefault(one.task, []).append(stretch)
        if found and max(one.ended.timestamp() for one in found) < earliest:
            break
    return told


def _statement(node: "Node", targets: dict[str, Target], stretch: Stretch) -> NoBackup:
    ref = stretch.task.partition(":")[2]
    system, _slash, source = ref.partition("/")
    first = rfc3339(stretch.first)
    outcome: RunOutcome = "skipped" if stretch.ends[0].state == "skipped" else "failed"
    now = rfc3339(node.clock.now())
    return NoBackup(
        run_id=left_out(stretch.task, first),
        tenant=node.tenant,
        host=node.host,
        system=system,
        source=source,
        repository=targets[ref].key if ref in targets else "",
        outcome=outcome,
        reasons=stretch.ends[0].reasons,
        # Nothing was begun: both say when it was told, so that the log's times go on as its entries do.
        started=now,
        ended=now,
        slot=first,
        slot_until=rfc3339(stretch.last) if stretch.last > stretch.first else None,
        slots=stretch.slots,
    )
