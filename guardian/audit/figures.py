"""From facts to what charts and tables draw. Pure; names and kinds become words of the language in use here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from guardian.audit import charts
from guardian.audit.charts import Bar, Detection, Point, Row
from guardian.audit.facts import AssuranceFact, PackFacts, Timing
from guardian.audit.marks import Mark, Span
from guardian.audit.summary import LEVELS
from guardian.audit.wording import FAULTS
from guardian.i18n import _


def drawings(facts: PackFacts) -> dict[str, str]:
    """Every chart of a pack as SVG; empty where there is nothing to draw."""
    span = Span(facts.period.start, facts.period.end)
    rpo, rto = facts.system.rpo_seconds, facts.system.rto_seconds
    days = max((point.coverage.days for point in facts.coverage), default=30)
    return {
        "backups": charts.backups(_backups(facts), span, timedelta(seconds=rpo) if rpo else None),
        "coverage": charts.coverage(_coverage(facts), span, days),
        "history": charts.history(_history(facts), span),
        "rto": charts.objective(_bars(facts.timings, "rto_seconds"), rto, _("Recovery time (RTO)")),
        "rpo": charts.objective(_rpo_bars(facts), rpo, _("Recovery point (RPO)")),
        "bounds": charts.bounds(_bounds(facts.assurances), span, _asked(facts)),
        "detection": charts.detection(
            [Detection(f"{score.level} · {_(FAULTS.get(score.kind, score.kind))}", score.planted, score.found)
             for score in facts.planted]
        ),
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A source in the table of receipts. Times, bytes and files are those of the newest backup."""

    name: str
    kind: str
    repository: str
    complete: int
    partial: int
    missed: int
    newest: datetime | None
    files: int
    bytes: int
    longest: float | None
    """Seconds between two recovery points, at worst."""
    proof: tuple[int, str] | None


def sources(facts: PackFacts) -> tuple[SourceRow, ...]:
    """One row for each source of the system."""
    rows = []
    for source in facts.system.sources:
        mine = [r for r in facts.receipts if r.said.source == source.id]
        last = max(mine, key=lambda r: r.at, default=None)
        rows.append(
            SourceRow(
                name=source.id,
                kind=source.kind,
                repository=source.repository,
                complete=sum(r.said.outcome == "complete" for r in mine),
                partial=sum(r.said.outcome == "partial" for r in mine),
                missed=sum(r.said.slots for r in facts.no_backups if r.said.source == source.id),
                newest=last.at if last else None,
                files=last.said.counts.files if last else 0,
                bytes=last.said.counts.bytes if last else 0,
                longest=max((i.seconds for i in facts.intervals if i.source == source.id), default=None),
                proof=(last.index, last.leaf_hash) if last else None,
            )
        )
    return tuple(rows)


def _backups(facts: PackFacts) -> list[Row]:
    names = list(dict.fromkeys([s.id for s in facts.system.sources] + [r.said.source for r in facts.receipts]))
    marks: dict[str, list[Mark]] = {name: [] for name in names}
    for done in facts.receipts:
        marks[done.said.source].append(Mark(done.at, done.said.outcome, f"#{done.index}"))
    for missed in facts.no_backups:
        marks.setdefault(missed.said.source, []).append(Mark(missed.at, missed.said.outcome, f"#{missed.index}"))
    return [Row(name, tuple(found)) for name, found in marks.items()]


def _history(facts: PackFacts) -> list[Row]:
    rows = []
    for level in reversed(LEVELS):
        found = tuple(
            Mark(drill.at, check.outcome, f"{drill.said.source} #{drill.index}")
            for drill in facts.drills
            for check in drill.said.checks
            if check.level == level
        )
        rows.append(Row(level, found))
    return rows


def _coverage(facts: PackFacts) -> list[Point]:
    return [Point(p.at, p.coverage.bytes_read / p.coverage.bytes, p.source) for p in facts.coverage if p.coverage.bytes]


def _bounds(assurances: Sequence[AssuranceFact]) -> list[Point]:
    # The headline of each drill: strata and second units would be other questions on the same curve.
    seen: set[tuple[int, str]] = set()
    points = []
    for fact in assurances:
        if (key := (fact.proof.index, fact.level)) not in seen:
            seen.add(key)
            points.append(Point(fact.at, fact.assurance.upper, f"{fact.source} {fact.level}"))
    return points


def _asked(facts: PackFacts) -> float | None:
    return max((plan.said.max_loss for plan in facts.plans[-1:]), default=None)


def _bars(timings: Sequence[Timing], what: str) -> list[Bar]:
    """The newest measurement of every source; a measured one goes before an extrapolated one."""
    newest: dict[str, Timing] = {}
    for timing in sorted(timings, key=lambda t: (not t.extrapolated, t.at)):
        if getattr(timing, what) is not None:
            newest[timing.source] = timing
    return [Bar(f"{name} ({t.level})", getattr(t, what), t.extrapolated) for name, t in sorted(newest.items())]


def _rpo_bars(facts: PackFacts) -> list[Bar]:
    """What drills measured, and the longest time between two recovery points that the receipts show."""
    measured = _bars(facts.timings, "rpo_seconds")
    worst: dict[str, float] = {}
    for interval in facts.intervals:
        worst[interval.source] = max(interval.seconds, worst.get(interval.source, 0.0))
    return measured + [Bar(_("{source}: at worst").format(source=name), s) for name, s in sorted(worst.items())]
