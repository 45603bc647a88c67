"""What the newest samples say, in the words that may be said: one statement a source and level, with its proof."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from guardian.audit import wording
from guardian.audit.facts import PackFacts, Recorded
from guardian.audit.summary import Name, name_of, newest_checks, source_of
from guardian.i18n import _
from guardian.model.drill import Coverage, DrillCheck, DrillLevel, DrillOutcome, Frame, Planted
from guardian.model.evidence import BackupReceipt, DrillPlan, DrillResult

MOST = 40
"""Statements a report shows."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One check of one source in words. ``index`` and ``leaf_hash`` are its proof."""

    source: str
    level: DrillLevel
    outcome: DrillOutcome
    at: datetime
    sentences: tuple[str, ...]
    coverage: str
    planted: tuple[Planted, ...]
    not_covered: str
    index: int
    leaf_hash: str

    @classmethod
    def of(
        cls,
        recorded: Recorded[DrillResult],
        check: DrillCheck,
        known: tuple[DrillPlan | None, BackupReceipt | None] = (None, None),
        name: Name = name_of,
    ) -> "Sample":
        """The statement of ``check``. ``known``: its plan knows the frame, its receipt the moment of the snapshot."""
        plan, receipt = known
        frames: tuple[Frame, ...] = plan.frames if plan else ()
        return cls(
            source=name(recorded.said),
            level=check.level,
            outcome=check.outcome,
            at=recorded.at,
            sentences=tuple(wording.assurance(said, frames, recorded.at) for said in check.assurances),
            coverage=_covered(check.coverage) if check.coverage else "",
            planted=check.planted,
            not_covered=_not_covered(recorded.said, check, receipt),
            index=recorded.index,
            leaf_hash=recorded.leaf_hash,
        )


def samples(facts: PackFacts) -> tuple[Sample, ...]:
    """The newest statement of every source and level that drew a sample or kept a rotation, at most :data:`MOST`."""
    plans = {recorded.leaf_hash: recorded.said for recorded in facts.plans}
    receipts = {recorded.leaf_hash: recorded.said for recorded in facts.receipts}
    found: Sequence[Sample] = [
        Sample.of(
            recorded,
            check,
            (plans.get(recorded.said.plan or ""), receipts.get(recorded.said.receipt or "")),
            source_of,
        )
        for recorded, check in newest_checks(facts.drills, source_of).values()
        if check.assurances or check.coverage
    ]
    return tuple(sorted(found, key=lambda s: (s.source, s.level)))[:MOST]


def _covered(coverage: Coverage) -> str:
    share = wording.portion(coverage.bytes_read, coverage.bytes)
    said = _("Rotation: {share} of the stored bytes ({read} of {packs} packs) were read whole within {days} days.")
    return said.format(
        share=share,
        read=wording.grouped(coverage.packs_read),
        packs=wording.grouped(coverage.packs),
        days=coverage.days,
    )


def _not_covered(result: DrillResult, check: DrillCheck, receipt: BackupReceipt | None) -> str:
    since = wording.moment(datetime.fromisoformat(receipt.ended)) if receipt else _("that snapshot")
    gaps = [_("data written after {since}").format(since=since)]
    climbed = {done.level for done in result.checks if done.outcome == "PASS"}
    if "D4" not in climbed:
        gaps.append(_("whether the application works with the data (level D4)"))
    if "D3" not in climbed and check.level != "D3":
        gaps.append(_("whether files come back (level D3)"))
    return _("Not covered: {gaps}.").format(gaps=_("; ").join(gaps))
