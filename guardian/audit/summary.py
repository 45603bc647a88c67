"""What a report says first: the ladder with what is proven on each rung, the findings, and one verdict. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from guardian.audit.facts import Interval, PackFacts, Recorded
from guardian.audit.wording import PROVES, bound, duration, is_census
from guardian.i18n import _
from guardian.model.drill import Assurance, DrillCheck, DrillLevel, DrillOutcome, worst
from guardian.model.evidence import BackupReceipt, DrillResult, NoBackup
from guardian.model.reason import Reason, Severity

LEVELS: tuple[DrillLevel, ...] = get_args(DrillLevel)
NEEDED: tuple[DrillLevel, ...] = ("D0", "D1", "D3")
"""Levels without which nobody may say that data comes back."""

Say = Callable[[Reason], str]
"""Turns a reason into a sentence of the language in use."""
Light = Literal["pass", "unsure", "fail"]


@dataclass(frozen=True, slots=True)
class Rung:
    """One level of the ladder over several sources: the worst of each source's newest result.

    ``at`` is the oldest of those results, None when there is none; ``assurance`` the weakest headline among them.
    ``sources`` are (name, outcome), those never drilled ``NOT_RUN``.
    """

    level: DrillLevel
    outcome: DrillOutcome
    at: datetime | None
    sources: tuple[tuple[str, DrillOutcome], ...]
    assurance: Assurance | None = None

    @property
    def proves(self) -> str:
        """What a pass of it proves."""
        return _(PROVES[self.level])

    @property
    def bound(self) -> str:
        """The weakest bound, in short; empty without a sample."""
        said = self.assurance
        if said is None:
            return ""
        if is_census(said):
            return _("all of it read, {bad} bad").format(bad=said.bad)
        return _("less than {upper} bad").format(upper=bound(said.upper))

    @property
    def passed(self) -> int:
        """Sources with a pass."""
        return sum(outcome == "PASS" for _name, outcome in self.sources)

    @property
    def part(self) -> str:
        """How many sources it is proven for, where there are several and some are; else empty."""
        if not self.passed or len(self.sources) < 2:
            return ""
        return _("{passed} of {count} sources proven").format(passed=self.passed, count=len(self.sources))

    @property
    def mixed(self) -> bool:
        """Whether the sources must be told apart: they differ, or something is wrong with one."""
        outcomes = {outcome for _name, outcome in self.sources}
        return len(outcomes) > 1 or not outcomes <= {"PASS", "NOT_RUN"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong or worth knowing, and how often it was seen."""

    severity: Severity
    sentence: str
    where: str
    count: int = 1
    newest: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer in one look: a light, its word, one sentence, and the causes for not being better."""

    light: Light
    word: str
    sentence: str
    causes: tuple[str, ...] = ()


Name = Callable[[DrillResult], str]
Newest = Mapping[tuple[str, DrillLevel], tuple[Recorded[DrillResult], DrillCheck]]


def name_of(result: DrillResult) -> str:
    """The source of a drill as a report names it."""
    return f"{result.system}/{result.source}"


def source_of(result: DrillResult) -> str:
    """The source of a drill where only one system is spoken of."""
    return result.source


def newest_checks(drills: Iterable[Recorded[DrillResult]], name: Name = name_of) -> Newest:
    """The newest check of every (source, level). One that was not run never hides an older one that was."""
    found: dict[tuple[str, DrillLevel], tuple[Recorded[DrillResult], DrillCheck]] = {}
    for recorded in sorted(drills, key=lambda r: (r.at, r.index)):
        for check in recorded.said.checks:
            key = (name(recorded.said), check.level)
            if check.outcome != "NOT_RUN" or key not in found or found[key][1].outcome == "NOT_RUN":
                found[key] = (recorded, check)
    return found


def ladder(
    drills: Iterable[Recorded[DrillResult]], sources: Mapping[str, DrillLevel], name: Name = name_of
) -> tuple[Rung, ...]:
    """The rungs from K up. Every source must be proven up to its own last level, which ``sources`` says.

    The keys (K) are proven where they were tried.
    """
    newest = newest_checks(drills, name)
    return tuple(_rung(level, newest, [s for s, last in sources.items() if _applies(level, last)]) for level in LEVELS)


def _applies(level: DrillLevel, last: DrillLevel) -> bool:
    """Whether a source that ends at ``last`` has that level; D5 and D6 are of systems and plans, so of all sources."""
    return level in ("D5", "D6") or LEVELS.index(level) <= LEVELS.index(last)


def _rung(level: DrillLevel, newest: Newest, sources: Sequence[str]) -> Rung:
    tried = sorted({source for source, at_level in newest if at_level == level})
    names = tried if level == "K" else sorted({*sources, *tried})
    outcomes: list[tuple[str, DrillOutcome]] = [
        (name, newest[name, level][1].outcome if (name, level) in newest else "NOT_RUN") for name in names
    ]
    ran = [newest[name, level] for name in tried if newest[name, level][1].outcome != "NOT_RUN"]
    headlines = [check.assurances[0] for _recorded, check in ran if check.assurances]
    return Rung(
        level,
        worst([outcome for _name, outcome in outcomes]),
        min((recorded.at for recorded, _check in ran), default=None),
        tuple(outcomes),
        max(headlines, key=lambda a: a.upper, default=None),
    )


def findings(seen: Iterable[tuple[datetime, str, Reason]], say: Say) -> tuple[Finding, ...]:
    """(when, where, reason) as sentences: the same one once, with a count; the grave first, then the newest."""
    counted: Counter[tuple[Severity, str, str]] = Counter()
    latest: dict[tuple[Severity, str, str], datetime] = {}
    for at, where, reason in seen:
        key = (reason.severity, say(reason), where)
        counted[key] += 1
        latest[key] = max(at, latest.get(key, at))
    order: dict[Severity, int] = {"critical": 0, "warning": 1, "info": 2}
    keys = sorted(counted, key=lambda k: (order[k[0]], -latest[k].timestamp(), k))
    return tuple(Finding(*key, count=counted[key], newest=latest[key]) for key in keys)


def reasons(facts: PackFacts) -> list[tuple[datetime, str, Reason]]:
    """Every reason of the period: of backups that were partial or did not happen, and of drills."""
    runs: list[Recorded[BackupReceipt] | Recorded[NoBackup]] = [*facts.receipts, *facts.no_backups]
    seen = [(run.at, run.said.source, why) for run in runs for why in run.said.reasons]
    for recorded in facts.drills:
        for check in recorded.said.checks:
            where = f"{recorded.said.source} {check.level}"
            seen += [(recorded.at, where, why) for why in check.reasons]
    return seen


def judge(rungs: Sequence[Rung], bad: Sequence[str] = (), weak: Sequence[str] = ()) -> Verdict:
    """The verdict on the ladder. ``bad`` are further causes for red, ``weak`` for amber, each one sentence."""
    failed = [_("level {level} failed").format(level=r.level) for r in rungs if r.outcome == "FAIL"]
    proven = [r.level for r in rungs if r.outcome == "PASS"]
    open_ = [
        _("level {level} ({proves}): {passed} of {count} sources proven").format(
            level=r.level, proves=r.proves, passed=r.passed, count=len(r.sources)
        )
        for r in rungs
        if (r.level in NEEDED and r.outcome in ("NOT_RUN", "COULD_NOT_VERIFY")) or r.outcome == "COULD_NOT_VERIFY"
    ]
    if failed or bad:
        return Verdict("fail", _("RED: not assured"), _("Recovery is not assured."), (*failed, *bad, *open_, *weak))
    if not set(proven) - {"K"}:
        return Verdict("unsure", _("AMBER: not proven"), _("Nothing is proven about recovery."), (*open_, *weak))
    if open_ or weak:
        sentence = _("Recovery is only partly proven: {levels}.").format(levels=levels_text(proven))
        return Verdict("unsure", _("AMBER: partly proven"), sentence, (*open_, *weak))
    sentence = _("What was backed up comes back: proven at {levels} for every source.").format(
        levels=levels_text(proven)
    )
    return Verdict("pass", _("GREEN: proven"), sentence)


def levels_text(levels: Sequence[str]) -> str:
    """``D0, D1, D3``, or that there is none."""
    return ", ".join(levels) or _("no level")


def verdict(facts: PackFacts, rungs: Sequence[Rung]) -> Verdict:
    """The verdict on the whole period of a pack."""
    bad, weak = [], []
    for source in facts.system.sources:
        mine = [r for r in facts.receipts if r.said.source == source.id]
        missed = [r for r in facts.no_backups if r.said.source == source.id and r.said.outcome == "failed"]
        newest = max(mine, key=lambda r: r.at, default=None)
        if newest is None:
            bad.append(_("source {source}: no backup in this period").format(source=source.id))
        elif missed and max(r.at for r in missed) > newest.at:
            bad.append(_("source {source}: the newest backup failed").format(source=source.id))
        elif newest.said.outcome != "complete":
            weak.append(_("source {source}: the newest backup is partial").format(source=source.id))
    weak += _gap_causes(facts.intervals, facts.system.rpo_seconds)
    lost = [score for score in facts.planted if score.found < score.planted]
    bad += [_("drills missed planted faults: the drills themselves are in doubt")] if lost else []
    unmet = [answer for answer in facts.questions if answer.answer.state == "not-satisfied"]
    weak += [_("assessor's question {number}: not satisfied").format(number=answer.number) for answer in unmet]
    return judge(rungs, bad, weak)


def _gap_causes(intervals: Sequence[Interval], rpo: float | None) -> list[str]:
    if rpo is None:
        return []
    long = [interval for interval in intervals if interval.seconds > rpo]
    if not long:
        return []
    longest = max(interval.seconds for interval in long)
    said = _("recovery points further apart than the RPO of {rpo}: {count}, the longest {longest}")
    return [said.format(rpo=duration(rpo), count=len(long), longest=duration(longest))]


def not_proven(rungs: Sequence[Rung], *, sampled: bool) -> tuple[str, ...]:
    """What nobody may read out of the report, said every time."""
    gaps = [
        _("level {level}, that {proves}: {passed} of {count} sources").format(
            level=r.level, proves=r.proves, passed=r.passed, count=len(r.sources)
        )
        if r.sources
        else _("level {level}, that {proves}: never tried").format(level=r.level, proves=r.proves)
        for r in rungs
        if r.outcome != "PASS"
    ]
    if sampled:
        gaps.append(_("files and stored bytes that were not drawn are proven only within the stated bound"))
    gaps.append(_("anything written after the newest snapshot"))
    gaps.append(_("that a host which was already compromised told the truth when it made its backups"))
    return tuple(gaps)


def worth_showing(drills: Sequence[Recorded[DrillResult]], most: int) -> tuple[Recorded[DrillResult], ...]:
    """The newest drills, at most so many, newest first; daily looks at D0 that passed make room for all others."""
    ranked = sorted(drills, key=lambda r: (_routine(r.said), -r.at.timestamp(), -r.index))[:most]
    return tuple(sorted(ranked, key=lambda r: (r.at, r.index), reverse=True))


def _routine(result: DrillResult) -> bool:
    return result.outcome == "PASS" and all(check.level == "D0" for check in result.checks)
