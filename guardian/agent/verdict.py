"""How well one source is protected, and why: the judgement that operators see first. Pure.

Everything that speaks against a source is said, the worst first; nothing is guessed. What a person has to do something
about is a warning or critical, what is only worth knowing is information.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from guardian.agent.known import Drilled, Protected
from guardian.agent.tasks import Planned
from guardian.clock import rfc3339
from guardian.model.job import TaskRecord
from guardian.model.ladder import LADDER
from guardian.model.reason import Reason, gravest_first, reason
from guardian.model.status import Verdict

_RESTORABLE: Final = LADDER[LADDER.index("D3") :]
_BEHIND: Final = timedelta(minutes=5)
"""Clocks of one host differ from themselves by so much when they are set."""
_LATE: Final = 2
"""A proof is too old after so many of the longest times between two drills."""


@dataclass(frozen=True, slots=True)
class Copied:
    """One further repository that a source is copied to. ``newest`` is the restore point of its newest copy there."""

    repository: str
    newest: datetime | None = None
    record: TaskRecord | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """What is known of one source. ``protected`` is None where the log could not be read, or does not hold together.

    ``backup`` and its ``record`` are None without a schedule, ``drills`` are those that are planned and climb as far as
    a source of its kind can be proven.
    """

    protected: Protected | None
    now: datetime
    rpo: timedelta | None = None
    enabled: bool = True
    backup: Planned | None = None
    record: TaskRecord | None = None
    drills: tuple[Planned, ...] = ()
    copies: tuple[Copied, ...] = ()
    problem: Reason | None = None
    """Why the log is not known, if it is not."""
    broken: str = ""
    """What speaks worst against the storage of its backups, by the newest look at that; empty for nothing."""
    known_since: Mapping[str, datetime] = field(default_factory=dict)
    """Since when the agent knows each of the drills, by task."""


def judge(case: Case) -> tuple[Verdict, tuple[Reason, ...]]:
    """The verdict, and everything that led to it, the worst first."""
    if case.protected is None:
        return "unknown", (case.problem or reason("log-not-readable"), *gravest_first(_of_plan(case)))
    known = case.protected
    found = gravest_first((*_of_points(case, known), *_of_plan(case), *_of_copies(case), *_of_proofs(case, known)))
    if case.protected.good is None and case.protected.newest is None:
        return "unprotected", found
    return ("protected" if all(one.severity == "info" for one in found) else "at-risk"), found


def _of_points(case: Case, known: Protected) -> Iterable[Reason]:
    good, newest = known.good, known.newest
    if newest is None:
        yield reason("never-backed-up")
    elif good is None:
        yield reason("no-good-point", snapshot=newest.snapshot)
    if newest is not None and newest.outcome == "partial":
        yield reason("backup-partial", "warning", snapshot=newest.snapshot)
    if good is not None:
        yield from _of_age(case, good.at)
    if case.broken:
        yield reason("storage-not-as-promised", why=case.broken)
    if known.suspicious:
        yield reason("snapshots-suspicious", count=len(known.suspicious), snapshot=known.suspicious[0])


def _of_age(case: Case, moment: datetime) -> Iterable[Reason]:
    age = case.now - moment
    if age < -_BEHIND:
        yield reason("receipt-from-the-future", "warning", seconds=int(-age.total_seconds()))
    elif case.rpo is not None:
        if age > case.rpo:
            seconds, most = int(age.total_seconds()), int(case.rpo.total_seconds())
            yield reason("recovery-point-too-old", age_seconds=seconds, rpo_seconds=most)
    elif case.backup is not None and age > _LATE * case.backup.rhythm.cadence.longest:
        yield reason("backup-overdue", "warning", age_seconds=int(age.total_seconds()))


def _of_plan(case: Case) -> Iterable[Reason]:
    if not case.enabled:
        yield reason("plan-disabled", "warning")
    if case.backup is None:
        yield reason("no-schedule", "warning")
    if case.rpo is None:
        yield reason("no-rpo", "info")
    record, known = case.record, case.protected
    if record is not None and _fails(record, known):
        yield reason("last-run-failed", "warning", count=max(1, record.failures_in_a_row), why=_why(record))
    elif known is not None and known.lack is not None and known.lack.outcome == "failed":
        # A person's run, which the journal knows nothing of; or a slot that was missed since the newest restore point.
        said = next((one.code for one in known.lack.reasons), "")
        if known.lack.ran:
            yield reason("last-run-failed", "warning", count=1, why=said)
        else:
            yield reason("last-slot-missed", "warning", why=said)


def _fails(record: TaskRecord, known: Protected | None) -> bool:
    """Whether the newest run failed, and nobody has made a backup since."""
    if record.last_result is None or record.last_result.outcome != "failed":
        return False
    newest = known.newest if known else None
    return newest is None or record.last_started is None or newest.at < record.last_started


def _why(record: TaskRecord) -> str:
    reasons = record.last_result.reasons if record.last_result else ()
    return next((one.code for one in gravest_first(reasons)), "")


def _of_copies(case: Case) -> Iterable[Reason]:
    """Copies that do not keep up. Each has its time: the one of a backup comes after it."""
    good = case.protected.good if case.protected else None
    if good is None or case.backup is None:
        return
    time = _LATE * case.backup.rhythm.cadence.longest
    for one in case.copies:
        record = one.record
        if one.newest is None:
            if record is not None and case.now - record.since > time:
                yield reason("never-copied", "warning", repository=one.repository)
        elif good.at - one.newest > time:
            yield reason("copy-behind", "warning", repository=one.repository, at=rfc3339(one.newest))
        elif record is not None and record.last_result is not None and record.last_result.outcome == "failed":
            yield reason("copy-failed", "warning", repository=one.repository, why=_why(record))


def _of_proofs(case: Case, known: Protected) -> Iterable[Reason]:
    for level, word in sorted(known.drills.items()):
        if word.outcome == "FAIL":
            yield reason("drill-says-no", level=level, at=rfc3339(word.at))
        elif word.outcome == "COULD_NOT_VERIFY":
            yield reason("drill-found-nothing-out", "warning", level=level, at=rfc3339(word.at))
    if known.good is None:
        return
    if not case.drills:
        if known.proof is None:
            yield reason("not-proven", "warning")
        return
    passes = [word.last_pass for level, word in known.drills.items() if _counts(level, word)]
    longest = max(one.rhythm.cadence.longest for one in case.drills)
    since = max(
        (case.known_since[one.task.key] for one in case.drills if one.task.key in case.known_since), default=None
    )
    newest = max(filter(None, passes), default=None)
    if newest is not None:
        if case.now - newest > _LATE * longest:
            yield reason("proof-too-old", "warning", at=rfc3339(newest))
    else:
        # The first drill has its time: until it is overdue there is nothing to be done.
        waiting = since is not None and case.now - since <= _LATE * longest
        yield reason("not-proven", "info" if waiting else "warning")


def _counts(level: str, word: Drilled) -> bool:
    return level in _RESTORABLE and word.last_pass is not None
