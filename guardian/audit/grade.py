"""The level of GB/T 20988 that evidence supports, for the data backup element alone. Pure.

Snapshots made on a schedule can never support a level that asks for real-time copies: nothing above 4 is ever said.
"""

from typing import Literal

from guardian.audit.answers import attempts, day
from guardian.audit.derive import proof
from guardian.audit.facts import Criterion, Element, Grade, PackFacts, Proof
from guardian.audit.standards import DataBackup, Level, Levels
from guardian.model.reason import Reason, reason


def grade(facts: PackFacts, levels: Levels) -> Grade:
    """The level, the criteria it comes from, and which of them keep it from the next."""
    edition, cap = levels.claimed, levels.highest_from_snapshots
    ladder = tuple(level for level in edition.levels if level.level <= cap)
    criteria = (
        _frequency(facts, ladder),
        _place(facts, ladder),
        _validity(facts, cap),
        _recovery_time(facts, ladder),
        Criterion("snapshots", cap, "declared", (reason("snapshots-cap", "info", level=cap),)),
    )
    reached = min(criterion.level for criterion in criteria)
    declared = facts.system.dr_level
    return Grade(
        edition=edition.name,
        superseded=edition.status == "superseded",
        level=reached,
        declared=declared,
        criteria=criteria,
        limited_by=tuple(criterion.code for criterion in criteria if criterion.level == reached),
        elements=tuple(
            Element(one.id, one.title, reached if one.judged_by == "log" else None) for one in levels.elements
        ),
        refused=declared is not None and declared > cap,
    )


def _asks(level: Level) -> DataBackup:
    # The file's schema makes sure that an edition used for claims says what it asks.
    assert level.data_backup is not None  # noqa: S101
    return level.data_backup


def _highest(ladder: tuple[Level, ...], holds: list[bool]) -> int:
    """The highest level up to which every one holds."""
    reached = 0
    for level, good in zip(ladder, holds, strict=True):
        if not good:
            break
        reached = level.level
    return reached


def _frequency(facts: PackFacts, ladder: tuple[Level, ...]) -> Criterion:
    """How often there really was a backup: every snapshot is a full restore point, so its intervals count as full."""
    worst: list[float] = []
    reasons: list[Reason] = []
    proofs: list[Proof] = []
    for source in facts.system.sources:
        mine = [one for one in facts.intervals if one.source == source.id]
        if not mine or not any(one.said.source == source.id for one in facts.receipts):
            return Criterion("backup-frequency", 0, "proven", (reason("backups-none", source=source.id),))
        longest = max(mine, key=lambda one: one.seconds)
        worst.append(longest.seconds)
        proofs.append(longest.proof)
        reasons.append(reason("interval-seen", "info", source=source.id, seconds=round(longest.seconds)))
    limits = [
        min(_asks(level).full_every, level.rpo.most or _asks(level).full_every).total_seconds() for level in ladder
    ]
    level = _highest(ladder, [max(worst, default=float("inf")) <= limit for limit in limits])
    return Criterion("backup-frequency", level, "proven", tuple(reasons), tuple(proofs))


def _place(facts: PackFacts, ladder: tuple[Level, ...]) -> Criterion:
    """Where backups go, as configured. That it is another site nobody has signed."""
    reasons = []
    remote = True
    for source in facts.system.sources:
        away = source.remote or facts.system.remote_copies > 0
        reasons.append(
            reason("place-remote", "info", source=source.id, storage=source.storage)
            if away
            else reason("place-local", source=source.id, storage=source.storage)
        )
        remote = remote and away
    holds = [remote or not (_asks(level).off_site or _asks(level).network_transfer) for level in ladder]
    return Criterion("off-site", _highest(ladder, holds), "declared", tuple(reasons))


def _validity(facts: PackFacts, cap: int) -> Criterion:
    """Whether content was read back: a backup nobody ever read is worth no level."""
    reasons, proofs = [], []
    good = True
    for source in facts.system.sources:
        tried = attempts(facts, source.id, "D2")
        decided = next(((one, said) for one, said in tried if said in ("PASS", "FAIL")), None)
        if decided is not None:
            proofs.append(proof(decided[0]))
        if decided is None:
            reasons.append(reason("bytes-not-verified", source=source.id))
        elif decided[1] == "FAIL":
            reasons.append(reason("drill-failed", source=source.id, level="D2", day=day(decided[0].at)))
        else:
            figures = {"level": decided[0].said.level, "day": day(decided[0].at)}
            reasons.append(reason("bytes-verified", "info", source=source.id, **figures))
        good = good and decided is not None and decided[1] == "PASS"
    return Criterion("validity-verified", cap if good else 0, "proven", tuple(reasons), tuple(proofs))


def _recovery_time(facts: PackFacts, ladder: tuple[Level, ...]) -> Criterion:
    """The time to recover, as drills measured it; unmeasured, no level that has a limit is supported."""
    reasons, proofs = [], []
    longest: float | None = 0.0
    for source in facts.system.sources:
        measured = [
            one
            for one in facts.timings
            if one.source == source.id and one.rto_seconds is not None and not one.extrapolated
        ]
        if not measured:
            reasons.append(reason("rto-not-measured", "warning", source=source.id))
            longest = None
            continue
        newest = measured[-1]
        seconds = newest.rto_seconds or 0.0
        reasons.append(reason("rto-measured", "info", source=source.id, seconds=round(seconds), day=day(newest.at)))
        proofs.append(newest.proof)
        longest = None if longest is None else max(longest, seconds)
    limits = [level.rto.most for level in ladder]
    holds = [limit is None or (longest is not None and longest <= limit.total_seconds()) for limit in limits]
    basis: Literal["proven", "unknown"] = "proven" if longest is not None else "unknown"
    return Criterion("recovery-time", _highest(ladder, holds), basis, tuple(reasons), tuple(proofs))
