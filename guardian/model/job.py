"""What an agent does by itself: tasks that come round, the slots in which they are due, and what came of them.

A task is one piece of work that is repeated (a source's backup, a drill of a level, a repository's maintenance). Its
cadence gives it slots: the nominal moments at which it is due. Every slot ends in exactly one way: it was run, it was
skipped for a reason, or it was missed for a reason.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import Field

from guardian.model.border import Id, Stated
from guardian.model.reason import Reason

JobKind = Literal["backup", "copy", "drill", "maintain", "posture", "scan"]
"""``copy`` brings restore points to a further repository, ``maintain`` applies retention and frees space, ``posture``
looks how the storage is set up and tries what it must refuse."""

JobOutcome = Literal["complete", "partial", "failed", "skipped", "interrupted"]
"""``interrupted``: stopped by us (a blackout began, the agent was asked to end), or cut off by a crash."""


class Task(Stated):
    """One piece of work that comes round. ``key`` names it in the journal and is stable as long as it means the same.

    ``backup:SYSTEM/SOURCE``, ``drill:LEVEL:SYSTEM/SOURCE`` (of a copy ``…:REPOSITORY-KEY``),
    ``copy:SYSTEM/SOURCE:REPOSITORY-KEY``, ``maintain:REPOSITORY-KEY``, ``posture:REPOSITORY-KEY``, ``scan``. Two tasks
    with one ``repository`` (a key) never run at the same time.
    """

    key: str
    kind: JobKind
    system: Id | None = None
    source: Id | None = None
    repository: str | None = None
    level: str | None = None
    target: str | None = Field(None, description="key of the repository that a copy goes to, or whose copy is drilled")


class JobResult(Stated):
    """What came of one job. ``entry`` is the index of its statement in the log, ``figures`` are measured numbers."""

    outcome: JobOutcome
    exit_code: int
    reasons: tuple[Reason, ...] = ()
    entry: int | None = None
    figures: dict[str, float] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One time that a task was begun, as the journal has it: ``result`` is None while it runs, or when it was cut off.

    ``slot`` is the nominal moment it was begun for, None when a person asked for it.
    """

    id: int
    task: str
    slot: datetime | None
    started: datetime
    ended: datetime | None = None
    result: JobResult | None = None


SlotState = Literal["run", "skipped", "missed"]


@dataclass(frozen=True, slots=True)
class SlotEnd:
    """How one slot ended. ``reasons`` say why it was skipped or missed; a slot that was run has some only where its run
    failed and could not put a word into the log."""

    task: str
    slot: datetime
    state: SlotState
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """What the journal knows of a task: all that deciding needs.

    ``since``: when the agent first knew it (no slot before it is owed). ``accounted``: the newest slot that has
    ended, of whatever kind; None before the first. ``last_*``: the newest attempts;
    ``last_seconds``: how long the newest that has ended took.
    """

    task: str
    since: datetime
    accounted: datetime | None = None
    running: bool = False
    last_started: datetime | None = None
    last_ended: datetime | None = None
    last_result: JobResult | None = None
    last_seconds: float | None = None
    last_success: datetime | None = None
    failures_in_a_row: int = 0
    interrupted_slot: datetime | None = None
    """The slot whose run was interrupted by us and is to be resumed, if there is one."""


class Ran(Stated):
    """The newest attempt of a task, its newest success, and when it is due next; None where there was none yet."""

    task: str
    last_started: str | None = None
    last_ended: str | None = None
    last_outcome: JobOutcome | None = None
    last_exit_code: int | None = None
    last_reasons: tuple[Reason, ...] = ()
    last_seconds: float | None = None
    last_success: str | None = None
    failures_in_a_row: int = 0
    missed: int = Field(0, description="slots that were missed, ever")
    skipped: int = Field(0, description="slots that were skipped, ever")
    next_due: str | None = None
    enabled: bool = True
