"""What the log tells of an agent's tasks: the trace that a run, or a slot without one, leaves in it. Pure."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from guardian.errors import ExitCode
from guardian.model.drill import DrillOutcome
from guardian.model.evidence import (
    BackupReceipt,
    CopyReceipt,
    DrillResult,
    Entry,
    NoBackup,
    Predicate,
    Prune,
    RepositoryPosture,
    ScanResult,
)
from guardian.model.job import JobOutcome, JobResult, SlotEnd, SlotState

_CUT_OFF: Final = frozenset({"interrupted", "run-interrupted"})
"""Reasons of a run that was stopped or cut off: its slot is still open."""
_DRILLS: Final[dict[DrillOutcome, tuple[JobOutcome, ExitCode]]] = {
    "PASS": ("complete", ExitCode.OK),
    "FAIL": ("failed", ExitCode.BAD_ANSWER),
    "COULD_NOT_VERIFY": ("failed", ExitCode.COULD_NOT_VERIFY),
    "NOT_RUN": ("skipped", ExitCode.SKIPPED),
}
_ENDS: Final[dict[str, tuple[JobOutcome, ExitCode]]] = {
    "complete": ("complete", ExitCode.OK),
    "partial": ("partial", ExitCode.BAD_ANSWER),
    "failed": ("failed", ExitCode.BAD_ANSWER),
    "skipped": ("skipped", ExitCode.SKIPPED),
}
SCANS: Final[dict[str, tuple[JobOutcome, ExitCode]]] = {
    "passed": ("complete", ExitCode.OK),
    "failed": ("failed", ExitCode.BAD_ANSWER),
    "unknown": ("partial", ExitCode.COULD_NOT_VERIFY),
}
"""What a scan comes to as a job."""


@dataclass(frozen=True, slots=True)
class Trace:
    """One statement, as the journal would have it.

    ``task`` is the task's key. ``ran`` is false for slots that were left out: those from ``slot`` to ``until``,
    ``slots`` of them. ``state`` says how the slot ended; None while it is open, or where no slot was meant.
    """

    task: str
    started: datetime
    ended: datetime
    result: JobResult
    slot: datetime | None = None
    until: datetime | None = None
    slots: int = 1
    ran: bool = True

    @property
    def state(self) -> SlotState | None:
        """How its slot ended, when it had one and that has ended."""
        if self.slot is None or self.result.outcome == "interrupted":
            return None
        if self.result.outcome == "skipped":
            return "skipped"
        return "run" if self.ran else "missed"


def left_out(task: str, first: str) -> str:
    """The run id of the statement about slots that were left out, of which ``first`` is the first.

    It follows from task and slot, so that whoever reads the log can tell such a statement from that of a run, and none
    is ever written twice.
    """
    return hashlib.sha256(f"slot\n{task}\n{first}".encode()).hexdigest()[:32]


def span(end: SlotEnd) -> tuple[datetime, int]:
    """The first slot that an end stands for, and how many: a reason says so where too many were left out to be named.

    ``slot`` is the last of them.
    """
    for why in end.reasons:
        first, count = why.args.get("first"), why.args.get("count")
        if "last" not in why.args or not isinstance(first, str):
            continue
        number = count if isinstance(count, int) else int(re.sub(r"[^0-9]", "", str(count)) or 1)
        try:
            begun = when(first)
        except ValueError:
            continue
        if begun <= end.slot and number > 0:
            return begun, number
    return end.slot, 1


def backup_key(said: BackupReceipt | NoBackup) -> str:
    """The key of the task that a statement on a backup belongs to."""
    return f"backup:{said.system}/{said.source}"


def _of_receipt(said: BackupReceipt, index: int) -> Trace:
    outcome, code = _ENDS[said.outcome]
    started, ended = when(said.started), when(said.ended)
    counts = said.counts
    figures = {
        "files": float(counts.files),
        "bytes": float(counts.bytes),
        "files_changed": float(counts.files_changed),
        "added_bytes": float(counts.added_bytes),
        "seconds": max(0.0, (ended - started).total_seconds()),
    }
    result = JobResult(outcome=outcome, exit_code=int(code), reasons=said.reasons, entry=index, figures=figures)
    return Trace(backup_key(said), started, ended, result, when(said.slot) if said.slot else None)


def _of_lack(said: NoBackup, index: int) -> Trace:
    outcome, code = _ENDS[said.outcome]
    if said.outcome == "failed" and _CUT_OFF & {reason.code for reason in said.reasons}:
        outcome, code = "interrupted", ExitCode.INTERRUPTED
    result = JobResult(outcome=outcome, exit_code=int(code), reasons=said.reasons, entry=index)
    key = backup_key(said)
    return Trace(
        task=key,
        started=when(said.started),
        ended=when(said.ended),
        result=result,
        slot=when(said.slot) if said.slot else None,
        until=when(said.slot_until) if said.slot_until else None,
        slots=said.slots,
        ran=said.slot is None or said.run_id != left_out(key, said.slot),
    )


def _of_drill(said: DrillResult, index: int) -> Trace:
    outcome, code = _DRILLS[said.outcome]
    reasons = tuple(why for check in said.checks if check.outcome != "PASS" for why in check.reasons)
    figures = {"rto_seconds": said.rto_seconds, "rpo_seconds": said.rpo_seconds}
    measured = {name: value for name, value in figures.items() if value is not None}
    result = JobResult(outcome=outcome, exit_code=int(code), reasons=reasons[:20], entry=index, figures=measured)
    key = f"drill:{said.level}:{said.system}/{said.source}" + (f":{said.repository}" if said.copy_of else "")
    return Trace(key, when(said.started), when(said.ended), result)


def _of_job(key: str, said: CopyReceipt | Prune | RepositoryPosture, index: int) -> Trace:
    outcome, code = _ENDS[said.outcome]
    result = JobResult(outcome=outcome, exit_code=int(code), reasons=said.reasons[:20], entry=index)
    slot = said.slot if isinstance(said, CopyReceipt) else None
    return Trace(key, when(said.started), when(said.ended), result, when(slot) if slot else None)


def _of_scan(said: ScanResult, index: int) -> Trace | None:
    if not said.full:
        return None  # of a part: somebody asked for it, and it is nothing that comes round
    outcome, code = SCANS[said.outcome]
    result = JobResult(outcome=outcome, exit_code=int(code), reasons=said.reasons, entry=index)
    return Trace("scan", when(said.started), when(said.ended), result)


_READERS: Final[dict[type[Predicate], Callable[[Any, int], Trace | None]]] = {
    BackupReceipt: _of_receipt,
    NoBackup: _of_lack,
    DrillResult: _of_drill,
    CopyReceipt: lambda said, index: _of_job(f"copy:{said.system}/{said.source}:{said.to}", said, index),
    Prune: lambda said, index: _of_job(f"maintain:{said.repository}", said, index),  # the last word of a maintenance
    RepositoryPosture: lambda said, index: _of_job(f"posture:{said.repository}", said, index),
    ScanResult: _of_scan,
}


def trace(entry: Entry) -> Trace | None:
    """What an entry tells of a task; None when it tells of none. A statement whose times are none tells nothing."""
    read = _READERS.get(type(entry.predicate)) if entry.predicate is not None else None
    try:
        return read(entry.predicate, entry.index) if read else None
    except ValueError:
        return None


def when(text: str) -> datetime:
    """A moment of a statement. Raises ValueError for a text that is none, or has no zone."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("a moment without a zone")
    return found
