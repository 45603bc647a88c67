"""The questions that clauses ask of the log, one pure function each: facts in, an answer with its proofs out.

Satisfied needs a statement that says so. What is only configured is called declared, what nobody could find out is
could-not-verify, and what no log can know is for a person.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise

from guardian.audit.derive import proof
from guardian.audit.facts import Answer, PackFacts, Proof, Recorded, State
from guardian.audit.gather import cadence_seconds
from guardian.audit.standards import Ask, Query
from guardian.model.drill import DrillLevel, DrillOutcome
from guardian.model.evidence import DrillResult
from guardian.model.ladder import is_thin, reached, says
from guardian.model.reason import Reason, reason

_ORDER: tuple[State, ...] = ("not-satisfied", "could-not-verify", "satisfied")
_PROOFS = 100
"""Proofs of one answer, the newest; the figures count all."""
_GRACE = 1.1
"""A weekly drill that begins a little later each week is still weekly."""


def combined(answers: Iterable[Answer]) -> Answer:
    """All of them hold, or the worst of what does not; could-not-verify when there are none."""
    parts = tuple(answers)
    reasons: list[Reason] = []
    for said in (said for part in parts for said in part.reasons):
        if said not in reasons:
            reasons.append(said)
    proofs = sorted({one for part in parts for one in part.proofs}, key=lambda one: one.index)
    states = [part.state for part in parts] or [_ORDER[1]]
    state = min(states, key=_ORDER.index)
    waiting = any(part.by == "person" for part in parts) and state == "could-not-verify"
    return Answer(state, tuple(reasons), tuple(proofs[-_PROOFS:]), "person" if waiting else "log")


def answer(facts: PackFacts, ask: Ask) -> Answer:
    """What the facts say to one question."""
    return QUERIES[ask.query](facts, ask)


def _each(facts: PackFacts, of: Callable[[str], Answer]) -> Answer:
    return combined(of(source.id) for source in facts.system.sources)


def day(when: datetime) -> str:
    """A day in UTC, for a reason's figures."""
    return f"{when:%Y-%m-%d}"


# backups


def _backed_up(facts: PackFacts, _ask: Ask) -> Answer:
    def of(source: str) -> Answer:
        kept = [one for one in facts.receipts if one.said.source == source and one.said.outcome == "complete"]
        if not kept:
            return Answer("not-satisfied", (reason("backups-none", source=source),))
        said = reason("backups-there", "info", source=source, count=len(kept), day=day(kept[-1].at))
        return Answer("satisfied", (said,), tuple(proof(one) for one in kept[-_PROOFS:]))

    return _each(facts, of)


def _within_rpo(facts: PackFacts, _ask: Ask) -> Answer:
    rpo = facts.system.rpo_seconds
    if rpo is None:
        return Answer("could-not-verify", (reason("rpo-not-set", "warning"),))

    def of(source: str) -> Answer:
        found = [one for one in facts.intervals if one.source == source]
        if not found:
            return Answer("not-satisfied", (reason("backups-none", source=source),))
        late = [one for one in found if one.seconds > rpo]
        longest, allowed = round(max(one.seconds for one in found)), round(rpo)
        if late:
            said = reason("rpo-exceeded", source=source, count=len(late), seconds=longest, rpo_seconds=allowed)
            return Answer("not-satisfied", (said,), tuple(one.proof for one in late[-_PROOFS:]))
        said = reason("rpo-kept", "info", source=source, seconds=longest, rpo_seconds=allowed)
        return Answer("satisfied", (said,), tuple(one.proof for one in found[-_PROOFS:]))

    return _each(facts, of)


def _offsite(facts: PackFacts, _ask: Ask) -> Answer:
    def of(source: str) -> Answer:
        about = next(one for one in facts.system.sources if one.id == source)
        if about.remote or facts.system.remote_copies:
            # The log knows where backups go, and nothing of walls and streets.
            said = reason("place-remote", "warning", source=source, storage=about.storage)
            return Answer("could-not-verify", (said,))
        return Answer("not-satisfied", (reason("place-local", source=source, storage=about.storage),))

    return _each(facts, of)


def _real_time(_facts: PackFacts, _ask: Ask) -> Answer:
    said = (reason("real-time-never", "warning"), reason("for-a-person", "info"))
    return Answer("could-not-verify", said, by="person")


# drills


def attempts(facts: PackFacts, source: str, level: DrillLevel) -> list[tuple[Recorded[DrillResult], DrillOutcome]]:
    """The drills of a source that say something of ``level`` or above, newest first, and what.

    A pass by a sample that says next to nothing is none (COULD_NOT_VERIFY): what a drill asks of itself is for whoever
    runs it to choose, and what proves a clause is not.
    """
    mine = [one for one in reversed(facts.drills) if one.said.source == source]
    return [(one, outcome) for one in mine if (outcome := says(one.said, level)) not in (None, "NOT_RUN")]


def _drill_passed(facts: PackFacts, ask: Ask) -> Answer:
    level, days = ask.level or "D0", ask.days or 0

    def of(source: str) -> Answer:
        tried = attempts(facts, source, level)
        # A drill that found nothing out takes nothing away from one before that did.
        decided = next(((one, outcome) for one, outcome in tried if outcome in ("PASS", "FAIL")), None)
        if decided is None:
            if not tried:
                return Answer("not-satisfied", (reason("drill-none", source=source, level=level),))
            newest = tried[0][0]
            code = "drill-thin" if is_thin(newest.said) else "drill-inconclusive"
            said = reason(code, "warning", source=source, level=level, day=day(newest.at))
            return Answer("could-not-verify", (said,), (proof(newest),))
        one, outcome = decided
        figures: dict[str, str | int] = {"source": source, "level": level, "day": day(one.at)}
        if outcome == "FAIL":
            return Answer("not-satisfied", (reason("drill-failed", "critical", **figures),), (proof(one),))
        if (facts.period.end - one.at).total_seconds() > days * 86400:
            return Answer("not-satisfied", (reason("drill-stale", "critical", days=days, **figures),), (proof(one),))
        return Answer("satisfied", (reason("drill-proves", "info", **figures),), (proof(one),))

    return _each(facts, of)


def _drill_run(facts: PackFacts, ask: Ask) -> Answer:
    level, days = ask.level or "D0", ask.days or 0

    def of(source: str) -> Answer:
        tried = [one for one, _outcome in attempts(facts, source, level) if reached(one.said, level)]
        recent = [one for one in tried if (facts.period.end - one.at).total_seconds() <= days * 86400]
        if not recent:
            return Answer("not-satisfied", (reason("drill-none", source=source, level=level),))
        said = reason("drills-seen", "info", source=source, level=level, count=len(tried), day=day(tried[0].at))
        return Answer("satisfied", (said,), tuple(proof(one) for one in recent[:_PROOFS]))

    return _each(facts, of)


def _cadence(facts: PackFacts, _ask: Ask) -> Answer:
    asked = facts.system.drills
    if not asked:
        return Answer("not-satisfied", (reason("cadence-not-set"),))
    return combined(_kept_pace(facts, source.id, level) for level in asked for source in facts.system.sources)


def _kept_pace(facts: PackFacts, source: str, level: DrillLevel) -> Answer:
    """Whether drills of ``level`` came as often as asked, from the first backup in the period on."""
    cadence = facts.system.drills[level]
    began = min((one.at for one in facts.receipts if one.said.source == source), default=facts.period.start)
    mine = [one for one, _outcome in attempts(facts, source, level) if reached(one.said, level)][::-1]
    moments = [max(began, facts.period.start), *(one.at for one in mine), facts.period.end]
    longest = max((later - earlier).total_seconds() for earlier, later in pairwise(moments))
    proofs = tuple(proof(one) for one in mine[-_PROOFS:])
    figures: dict[str, str | int] = {"source": source, "level": level, "cadence": cadence}
    if longest > cadence_seconds(cadence) * _GRACE:
        missed = reason("cadence-missed", "critical", days=round(longest / 86400), **figures)
        return Answer("not-satisfied", (missed,), proofs)
    if not mine:  # a period shorter than the cadence says nothing
        return Answer("could-not-verify", (reason("drill-none", "warning", source=source, level=level),))
    return Answer("satisfied", (reason("cadence-met", "info", **figures),), proofs)


# the log, the configuration, the keys


def _log(facts: PackFacts, _ask: Ask) -> Answer:
    # Facts are only ever gathered from a log that was verified whole.
    said = reason("log-proven", "info", entries=facts.log.entries, size=facts.log.size)
    return Answer("satisfied", (said,))


def _config(facts: PackFacts, _ask: Ask) -> Answer:
    known = facts.config_changes[-1] if facts.config_changes else None
    if known is None or known.said.sha256 != facts.system.config_sha256:
        proofs = (Proof(known.index, known.leaf_hash),) if known else ()
        return Answer("not-satisfied", (reason("configuration-not-on-record"),), proofs)
    said = reason("configuration-on-record", "info", day=day(known.at))
    return Answer("satisfied", (said,), (Proof(known.index, known.leaf_hash),))


def _declared(what: Mapping[str, object], code: str, there: Reason) -> Answer:
    if missing := [name for name, value in what.items() if not value]:
        return Answer("not-satisfied", (reason(code, what=", ".join(missing)),))
    return Answer("satisfied", (there,))


def _plan(facts: PackFacts, _ask: Ask) -> Answer:
    about = facts.system
    there = reason("plan-there", "info", schedule=about.schedule or "")
    return _declared({"schedule": about.schedule, "retention": about.retention}, "plan-lacks", there)


def _objectives(facts: PackFacts, _ask: Ask) -> Answer:
    about = facts.system
    what = {"mlps_level": about.mlps_level, "objectives.rpo": about.rpo_seconds, "objectives.rto": about.rto_seconds}
    figures = {"mlps": about.mlps_level or 0, "rpo_seconds": round(about.rpo_seconds or 0)}
    there = reason("objectives-there", "info", rto_seconds=round(about.rto_seconds or 0), **figures)
    return _declared(what, "objectives-lack", there)


def _escrow(facts: PackFacts, _ask: Ask) -> Answer:
    def of(repository: str) -> Answer:
        mine = [one for one in facts.key_events if one.said.repository == repository]
        told = [one for one in mine if one.said.event in ("password-escrowed", "password-rotated")]
        # Rotating the password makes the old shares worthless.
        if not told or told[-1].said.event != "password-escrowed":
            return Answer("not-satisfied", (reason("escrow-none", repository=repository),))
        newest = told[-1]
        figures: dict[str, str | int] = {"threshold": newest.said.threshold or 0, "shares": newest.said.shares or 0}
        said = reason("escrow-there", "info", repository=repository, day=day(newest.at), **figures)
        return Answer("satisfied", (said,), (Proof(newest.index, newest.leaf_hash),))

    return combined(of(one) for one in sorted({source.repository for source in facts.system.sources}))


def _manual(_facts: PackFacts, _ask: Ask) -> Answer:
    return Answer("could-not-verify", (reason("for-a-person", "info"),), by="person")


QUERIES: Mapping[Query, Callable[[PackFacts, Ask], Answer]] = {
    "sources-backed-up": _backed_up,
    "receipts-within-rpo": _within_rpo,
    "drill-passed": _drill_passed,
    "drill-run": _drill_run,
    "drill-cadence-met": _cadence,
    "log-verified": _log,
    "config-known": _config,
    "plan-declared": _plan,
    "objectives-declared": _objectives,
    "offsite-copy": _offsite,
    "realtime-copy": _real_time,
    "key-escrow": _escrow,
    "manual": _manual,
}
"""Every query a standard may name."""


def worst(answers: Sequence[Answer]) -> State:
    """The state of a whole, as far as the log is asked: what is for a person does not count."""
    asked = [one.state for one in answers if one.by == "log"]
    return min(asked, key=_ORDER.index, default="satisfied")
