"""What is gathered from the log's entries, one after another, for the status. Pure; bounded however long the log is."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime
from statistics import median
from typing import Any, Final, Literal

from guardian.agent.known import Bound, Drilled, Facts, Lack, Place, Point, Proof, Protected, Stored
from guardian.agent.trace import Trace, trace, when
from guardian.backup.suspicion import Trail
from guardian.keys.standing import Escrows
from guardian.model.drill import DrillCheck, DrillLevel
from guardian.model.evidence import (
    BackupReceipt,
    CopyReceipt,
    DrillResult,
    Entry,
    LockExtension,
    NoBackup,
    Predicate,
    Prune,
    Removal,
    RepositoryPosture,
    ScanResult,
    Suspicion,
    SuspicionCleared,
)
from guardian.model.ladder import LADDER, says

_POINTS: Final = 256
"""Restore points of a place that are remembered, the newest: an older one is proven no more, as far as is shown."""
_MEDIANS: Final = 14
_RESTORABLE: Final = LADDER[LADDER.index("D3") :]
"""Levels that bring data back; what is below only looks at it where it lies."""
_GONE: Final = frozenset({"snapshot-missing", "snapshot-altered"})
_UNACCOUNTED: Final = frozenset({"snapshot-foreign", "snapshot-orphan"})


@dataclass(slots=True)
class _Place:
    """One place, as far as the log was read."""

    points: deque[Point] = field(default_factory=lambda: deque(maxlen=_POINTS))
    newest: Point | None = None
    figures: deque[Mapping[str, float]] = field(default_factory=lambda: deque(maxlen=_MEDIANS))
    lack: Lack | None = None
    count: int = 0
    gone: frozenset[str] = frozenset()
    """Snapshots that the newest look at what is there did not find as they should be."""
    proofs: dict[str, Proof] = field(default_factory=dict)
    drills: dict[str, Drilled] = field(default_factory=dict)
    trail: Trail = field(default_factory=Trail)
    clean: Point | None = None
    """The last restore point that nothing spoke against."""
    missing: int | None = None
    unaccounted: int | None = None
    bound: Bound | None = None

    @property
    def held(self) -> int:
        """Restore points that are there, as far as is known: those of the log without what the newest look missed."""
        return max(0, self.count - (self.missing or 0))

    def backed_up(self, point: Point, figures: Mapping[str, float]) -> None:
        self.points.append(point)
        self.newest, self.lack = point, None
        self.count += 1
        self.figures.append(figures)

    def remove(self, snapshots: frozenset[str]) -> None:
        kept = [point for point in self.points if point.snapshot not in snapshots]
        # Most of what retention removes is older than what is remembered here.
        self.count = max(0, self.count - len(snapshots))
        self.points = deque(kept, maxlen=_POINTS)
        self.proofs = {name: proof for name, proof in self.proofs.items() if name not in snapshots}
        if self.clean is not None and self.clean.snapshot in snapshots:
            self.clean = None

    def looked_into(self, entry: Entry) -> None:
        """Take what is said of suspicious backups. What the next one is judged by is of no use here, and large."""
        after = self.trail.after(entry)
        self.trail = after.model_copy(update={"history": (), "waiting": ()})
        if self.clean is None or self.trail.clean != self.clean.entry:
            self.clean = next((point for point in self.points if point.entry == self.trail.clean), self.clean)

    def drilled(self, said: DrillResult, at: datetime) -> None:
        for level in {*self.drills, *(check.level for check in said.checks)}:
            self._word(said, at, level)
        for check in said.checks:
            if check.level == "D0" and check.outcome in ("PASS", "FAIL"):
                self.gone = frozenset(_named(check))
                if any(why.code == "repository-changed" for why in check.reasons):
                    self.gone |= {point.snapshot for point in self.points}
                self.missing = max(_tally(check, _GONE), sum(point.snapshot in self.gone for point in self.points))
                self.unaccounted = _tally(check, _UNACCOUNTED)
            for sample in check.assurances[:1]:
                # A few packs that a lower level drew say nothing against the many files that a higher one read.
                if self.bound is None or LADDER.index(check.level) >= LADDER.index(self.bound.level):
                    self.bound = Bound(at, check.level, sample.confidence, sample.upper)
        self._prove(said, at)

    def _word(self, said: DrillResult, at: datetime, level: Any) -> None:
        outcome = says(said, level)
        if outcome in (None, "NOT_RUN"):
            return
        before = self.drills.get(level)
        looked = [check for check in said.checks if check.level == level]
        last_pass = before.last_pass if before else None
        word = _measured(said, before, _looked(looked, before, Drilled(at, outcome, last_pass)))
        if outcome == "PASS":
            bound = next((a for check in said.checks if check.level == level for a in check.assurances), None)
            word = replace(
                word,
                last_pass=at,
                confidence=bound.confidence if bound else None,
                max_loss=bound.upper if bound else None,
            )
        self.drills[level] = word

    def _prove(self, said: DrillResult, at: datetime) -> None:
        snapshot = said.snapshot_id
        if snapshot is None:
            return
        if any(check.outcome == "FAIL" and check.level not in ("K", "D0") for check in said.checks):
            self.proofs.pop(snapshot, None)
            return
        level: DrillLevel | None = next((one for one in reversed(_RESTORABLE) if says(said, one) == "PASS"), None)
        point = next((point for point in self.points if point.snapshot == snapshot), None)
        if level is None or point is None:
            return
        before = self.proofs.get(snapshot)
        if before is None or LADDER.index(before.level) <= LADDER.index(level):
            self.proofs[snapshot] = Proof(snapshot, point.at, level, at)
        for old in list(self.proofs)[:-_POINTS]:
            del self.proofs[old]

    def known(self) -> Protected:
        there = [point for point in self.points if point.snapshot not in self.gone]
        standing = [proof for proof in self.proofs.values() if proof.snapshot not in self.gone]
        return Protected(
            newest=self.newest,
            good=next((point for point in reversed(there) if point.outcome == "complete"), None),
            points=self.count,
            figures=dict(self.figures[-1]) if self.figures else {},
            medians=_medians(self.figures),
            lack=self.lack,
            proof=max(standing, key=lambda proof: proof.at, default=None),
            drills=dict(self.drills),
            suspicious=tuple(one.snapshot_id for one in self.trail.marked),
            last_clean=self.clean if self.trail.marked else None,
            missing=self.missing,
            unaccounted=self.unaccounted,
            bound=self.bound,
        )


@dataclass(slots=True)
class Gathering:
    """Takes the entries of one log in their order; ``size`` of them were taken."""

    size: int = 0
    newest: datetime | None = None
    _places: dict[Place, _Place] = field(default_factory=dict)
    _copied: dict[Place, set[str]] = field(default_factory=dict)
    """Of a copy: the newest snapshots of its source that it holds."""
    _sources: dict[Place, Place] = field(default_factory=dict)
    """Of a copy: where it comes from."""
    _stored: dict[str, Stored] = field(default_factory=dict)
    _escrows: Escrows = field(default_factory=Escrows)
    _scan: ScanResult | None = None

    def take(self, entry: Entry) -> None:
        """Take one entry. What it says and this version does not know is passed over."""
        self.size = entry.index + 1
        said = entry.predicate
        if said is None:
            return
        self._escrows.take(entry)
        try:
            self._take(said, entry)
        except ValueError:
            return  # a time that is none: nothing of it can be shown

    def _take(self, said: Predicate, entry: Entry) -> None:
        at = _moment(said)
        self.newest = at if self.newest is None else max(self.newest, at)
        match said:
            case BackupReceipt() | NoBackup():
                found = trace(entry)
                if found is not None:
                    self._backup(said, found)
                if isinstance(said, BackupReceipt):
                    self._place(said.system, said.source, said.repository).looked_into(entry)
            case Suspicion() | SuspicionCleared():
                self._place(said.system, said.source, said.repository).looked_into(entry)
            case Removal():
                gone = frozenset(one.snapshot_id for one in said.removed)
                self._place(said.system, said.source, said.repository).remove(gone)
            case CopyReceipt():
                self._copy(said, entry)
            case DrillResult():
                self._place(said.system, said.source, said.repository).drilled(said, at)
                self._looked_through(said)
            case Prune() | RepositoryPosture() | LockExtension():
                self._stored[said.repository] = _storage(self._repository(said.repository), said, at)
            case ScanResult() if said.full:
                self._scan = said
            case _:
                pass

    def _place(self, system: str, source: str, repository: str) -> _Place:
        return self._places.setdefault((system, source, repository), _Place())

    def _backup(self, said: BackupReceipt | NoBackup, found: Trace) -> None:
        place, index = self._place(said.system, said.source, said.repository), found.result.entry or 0
        if isinstance(said, BackupReceipt):
            outcome: Literal["complete", "partial"] = "complete" if said.outcome == "complete" else "partial"
            place.backed_up(Point(said.snapshot_id, found.started, outcome, index), found.result.figures)
        else:
            place.lack = Lack(found.ended, found.result.outcome, said.reasons, index, found.ran)

    def _copy(self, said: CopyReceipt, entry: Entry) -> None:
        here, there = (said.system, said.source, said.repository), (said.system, said.source, said.to)
        self._sources[there] = here
        copy, source = self._place(*there), self._place(*here)
        if said.outcome != "complete" or said.copy_id is None:
            copy.lack = Lack(when(said.ended), said.outcome, said.reasons, entry.index, ran=True)
            return
        held = self._copied.setdefault(there, set())
        held.add(said.snapshot_id)
        if len(held) > 2 * _POINTS:
            held &= {point.snapshot for point in source.points}
        point = next((point for point in source.points if point.snapshot == said.snapshot_id), None)
        if point is None or any(known.snapshot == said.copy_id for known in copy.points):
            return
        # As old as what it is a copy of; older ones may be copied after newer ones.
        copied = replace(point, snapshot=said.copy_id, entry=entry.index)
        points = sorted((*copy.points, copied), key=lambda one: one.at)
        copy.points = deque(points, maxlen=_POINTS)
        copy.newest, copy.lack = copy.points[-1], None
        copy.count += 1

    def _looked_through(self, said: DrillResult) -> None:
        """What a drill says of the whole repository: how large it is, how much of it the rotation has read."""
        for check in said.checks:
            stored = self._repository(said.repository)
            if check.level == "D1" and isinstance(size := check.measured.get("stored_bytes"), int):
                stored = replace(stored, bytes=size)
            if check.coverage is not None and check.coverage.bytes:
                share = check.coverage.bytes_read / check.coverage.bytes
                stored = replace(stored, coverage=share, bytes=check.coverage.bytes)
            self._stored[said.repository] = stored

    def _repository(self, key: str) -> Stored:
        return self._stored.get(key, Stored())

    def facts(self, root: str) -> Facts:
        """What was gathered, under the root of the log it came from."""
        places = {key: place.known() for key, place in self._places.items()}
        for there, here in self._sources.items():
            places[there] = replace(places[there], behind=self._behind(there, here))
        counted: dict[str, int] = {}
        for (_system, _source, repository), place in self._places.items():
            counted[repository] = counted.get(repository, 0) + place.held
        custody = self._escrows.standings()
        stored = {
            key: replace(self._repository(key), snapshots=counted.get(key), custody=custody.get(key))
            for key in counted.keys() | self._stored.keys() | custody.keys()
        }
        return Facts(self.size, root, self.newest, intact=True, places=places, repositories=stored, scan=self._scan)

    def _behind(self, there: Place, here: Place) -> int:
        source, copied = self._places.get(here, _Place()), self._copied.get(there, set())
        count = 0
        for point in reversed(source.points):
            if point.snapshot in copied:
                break
            count += 1
        return count


def _storage(stored: Stored, said: Prune | RepositoryPosture | LockExtension, at: datetime) -> Stored:
    if isinstance(said, Prune):
        stored = replace(stored, maintained=said.reasons)
        if said.total_bytes is None:
            return stored
        return replace(stored, bytes=max(0, said.total_bytes - (said.freed_bytes or 0)))
    # Locks end when they do, whether anybody can look or not.
    until = said.locked.until if said.locked else stored.lock_until
    if isinstance(said, LockExtension):
        return replace(stored, lock_until=until)
    broken = next((one.code for one in said.reasons if one.severity == "critical"), "")
    # Storage that did not answer kept no promise and broke none: what is known of it stands until it is seen again.
    stored = replace(stored, broken=broken if said.facts else stored.broken)
    stored = replace(stored, posture=at, immutable=said.immutable, lock_until=until)
    return replace(stored, promised=bool(said.promised), found=said.reasons)


def _looked(checks: Sequence[DrillCheck], before: Drilled | None, word: Drilled) -> Drilled:
    """``word`` with what these checks of its level had planted and what they disagreed about.

    Where a drill climbed past the level without a check of it, what the one before said stands.
    """
    if not checks:
        if before is None:
            return word
        missed, differ = before.planted_missed, before.disagreements
        return replace(word, planted=before.planted, planted_missed=missed, disagreements=differ)
    faults = [fault for check in checks for fault in check.planted]
    return replace(
        word,
        planted=len(faults),
        planted_missed=sum(not fault.found for fault in faults),
        disagreements=sum(_tally(check, {"paths-disagree"}) for check in checks),
    )


def _measured(said: DrillResult, before: Drilled | None, word: Drilled) -> Drilled:
    """``word`` with the RTO and the RPO that the newest drill which measured them found, whatever its verdict: one that
    took too long failed by just that. What a partial drill extrapolates was not measured.
    """
    if said.rto_seconds is None:
        return replace(word, rto_seconds=before.rto_seconds, rpo_seconds=before.rpo_seconds) if before else word
    return word if said.extrapolated else replace(word, rto_seconds=said.rto_seconds, rpo_seconds=said.rpo_seconds)


def _tally(check: DrillCheck, codes: AbstractSet[str]) -> int:
    """How many things a check tells of by these codes, those among them that it only counts (``…-more``)."""
    named = [why for why in check.reasons if why.code in codes]
    more = [why for why in check.reasons if why.code.endswith("-more") and why.code.removesuffix("-more") in codes]
    return len(named) + sum(int(why.args.get("count", 0)) for why in more)


def _named(check: DrillCheck) -> Iterable[str]:
    for why in check.reasons:
        if why.code in _GONE:
            yield str(why.args.get("snapshot", ""))


def _medians(figures: Iterable[Mapping[str, float]]) -> dict[str, float]:
    columns: dict[str, list[float]] = {}
    for one in figures:
        for name, value in one.items():
            columns.setdefault(name, []).append(value)
    return {name: float(median(values)) for name, values in columns.items()}


def _moment(said: Predicate) -> datetime:
    """When what a statement tells was over. Raises ValueError."""
    text = next((found for name in ("ended", "at", "planned") if (found := getattr(said, name, None))), "")
    return when(str(text))
