"""Whose turn it is. Pure: due work, what runs, and the free places in; what begins now out."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from guardian.model.job import Task


@dataclass(frozen=True, slots=True)
class Due:
    """A task that is to run now. ``slot`` is the moment it is for, None when the clock cannot be believed."""

    task: Task
    slot: datetime | None
    priority: int = 50


def places(task: Task) -> frozenset[str]:
    """The keys of the repositories a task works on: two tasks with one in common never run together."""
    return frozenset(filter(None, (task.repository, task.target)))


def choose(due: Iterable[Due], running: Iterable[Task], free: int) -> tuple[Due, ...]:
    """The work that begins now, in its order, for at most ``free`` places.

    The higher priority is first, then what is late longest. Backups go before everything else of the same priority:
    what was not saved cannot be copied, proven or thinned out. What waits for a repository does not keep others from
    theirs.
    """
    busy = {key for task in running for key in places(task)}
    chosen: list[Due] = []
    for one in sorted(due, key=_rank):
        if len(chosen) >= free:
            break
        if busy.isdisjoint(places(one.task)):
            busy |= places(one.task)
            chosen.append(one)
    return tuple(chosen)


def _rank(due: Due) -> tuple[int, bool, float, str]:
    return -due.priority, due.task.kind != "backup", due.slot.timestamp() if due.slot else 0.0, due.task.key
