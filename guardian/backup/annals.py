"""What the log says of one repository: all that maintenance has to know before it touches anything.

The log is read once, from its beginning, and only what is said of snapshots that the repository lists is kept: memory
goes by the repository and not by the years.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

from guardian.backup.retention import Point
from guardian.backup.suspicion import is_marked
from guardian.ledger.store import Log
from guardian.model.backup import RunOutcome, Snapshot
from guardian.model.evidence import (
    BackupReceipt,
    CopyReceipt,
    DrillResult,
    Entry,
    NoBackup,
    Removal,
    RemovalPlan,
)
from guardian.model.suspicion import Suspicion, SuspicionCleared

_LADDER: Final = ("D1", "D2", "D3", "D4", "D5", "D6")
_TIMES: Final = ("ended", "at", "planned", "started")

SourceName = tuple[str, str]
"""System and source."""


@dataclass(frozen=True, slots=True)
class Vouched:
    """What a receipt says of a snapshot here. ``original``: the snapshot it is a copy of, itself where it is none."""

    system: str
    source: str
    tree: str
    outcome: RunOutcome
    original: str


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold that was in force at an earlier maintenance."""

    why: str
    at: str


@dataclass(slots=True)
class Annals:
    """What the log says of the repository ``key`` and of the snapshots ``listed`` in it. Made by :func:`read`."""

    key: str
    listed: dict[str, Snapshot]
    vouched: dict[str, Vouched] = field(default_factory=dict)
    failed_runs: set[str] = field(default_factory=set)
    orphans: set[str] = field(default_factory=set)
    copies: dict[str, set[str]] = field(default_factory=dict)
    """Snapshots here -> keys of the repositories in which a statement calls their copy whole."""
    drilled: dict[str, str] = field(default_factory=dict)
    """Snapshots here -> the highest level at which they came back."""
    damaged: set[str] = field(default_factory=set)
    """Snapshots here whose newest drill failed."""
    suspected: dict[SourceName, set[str]] = field(default_factory=dict)
    """Sources -> snapshots under a suspicion that nobody cleared, by the ids they were backed up with."""
    marked: set[str] = field(default_factory=set)
    """Snapshots, by the same ids, that were found not to be harmless."""
    holds: dict[str, Hold] = field(default_factory=dict)
    """System -> the hold that was in force when it was last maintained here."""
    plans: dict[str, tuple[RemovalPlan, int]] = field(default_factory=dict)
    """Leaf hash -> a removal that was announced and of which nobody said what came of it, and its number."""
    newest: datetime | None = None
    days: dict[date, datetime] = field(default_factory=dict)
    """Of each day that the log knows, the latest moment."""
    trees: dict[str, str] = field(default_factory=dict)
    """Snapshots anywhere that something here says it is a copy of -> their trees."""

    @property
    def moments(self) -> tuple[datetime, ...]:
        """When the log was written to."""
        return tuple(self.days.values())

    def points(self, name: SourceName) -> tuple[Point, ...]:
        """The restore points of a source that are here, have a receipt, and hold the tree it names."""
        return tuple(Point(one, self.listed[one].time) for one in self.of(name))

    def of(self, name: SourceName) -> tuple[str, ...]:
        """Their ids."""
        return tuple(
            one
            for one, said in self.vouched.items()
            if (said.system, said.source) == name and self.listed[one].tree == said.tree
        )

    def good(self, name: SourceName) -> frozenset[str]:
        """Those of them that are complete, and that neither a drill nor a suspicion speaks against."""
        doubted = self.marked | self.suspected.get(name, set())
        return frozenset(
            one
            for one in self.of(name)
            if self.vouched[one].outcome == "complete"
            and one not in self.damaged
            and self.vouched[one].original not in doubted
        )

    def proven(self, name: SourceName) -> frozenset[str]:
        """Those of them that came back in a drill, at the highest level at which any of them did."""
        levels = {one: self.drilled[one] for one in self.of(name) if one in self.drilled and one not in self.damaged}
        highest = max(levels.values(), key=_LADDER.index, default=None)
        return frozenset(one for one, level in levels.items() if level == highest)

    def uncopied(self, name: SourceName, places: Iterable[str]) -> frozenset[str]:
        """Those of them that a copy in one of ``places`` (keys) still has to take."""
        wanted = set(places)
        return frozenset(one for one in self.of(name) if wanted - self.copies.get(one, set()))


def read(log: Log, key: str, listed: Iterable[Snapshot], heed: Callable[[], None]) -> Annals:
    """Go through the whole log. ``heed()`` is called for every entry, and may end it by raising.

    Raises EvidenceInvalid when the log does not hold together.
    """
    reading = _Reading(Annals(key, {snapshot.id: snapshot for snapshot in listed}))
    for entry in log.entries():
        heed()
        reading.take(entry)
    return reading.annals


class _Reading:
    """The reading, entry by entry."""

    def __init__(self, annals: Annals) -> None:
        self.annals = annals
        self._runs = {run for snapshot in annals.listed.values() if (run := snapshot.tag("run"))}
        self._originals = {snapshot.original for snapshot in annals.listed.values() if snapshot.original}
        self._outcomes: dict[str, RunOutcome] = {}

    def take(self, entry: Entry) -> None:
        """One entry of the log."""
        self._time(entry)
        match entry.predicate:
            case BackupReceipt() as said:
                self._backup(said)
            case CopyReceipt(outcome="complete", copy_id=str()) as said:
                self._copy(said)
            case NoBackup() as said:
                self.annals.failed_runs |= {said.run_id} & self._runs
                self.annals.orphans |= set(said.orphans) & self.annals.listed.keys()
            case DrillResult() as said:
                self._drill(said)
            case Suspicion() as said:
                self.annals.suspected.setdefault((said.system, said.source), set()).add(said.snapshot_id)
            case SuspicionCleared() as said:
                self._cleared(said)
            case RemovalPlan() as said if said.repository == self.annals.key:
                self.annals.plans[entry.leaf_hash.hex()] = (said, entry.index)
            case Removal() as said if said.repository == self.annals.key:
                self.annals.plans.pop(said.plan or "", None)
                if said.legal_hold is None:
                    self.annals.holds.pop(said.system, None)
                else:
                    self.annals.holds[said.system] = Hold(said.legal_hold, said.ended)
            case _:
                pass

    def _time(self, entry: Entry) -> None:
        text = next((t for name in _TIMES if isinstance(t := getattr(entry.predicate, name, None), str)), None)
        try:
            moment = datetime.fromisoformat(text) if text else None
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            return
        annals = self.annals
        annals.newest = max(moment, annals.newest or moment)
        annals.days[moment.date()] = max(moment, annals.days.get(moment.date(), moment))

    def _backup(self, said: BackupReceipt) -> None:
        annals, here = self.annals, said.repository == self.annals.key
        if is_marked(said):  # a crash may have come before the statement that says so as well
            annals.suspected.setdefault((said.system, said.source), set()).add(said.snapshot_id)
        if said.snapshot_id in self._originals:
            annals.trees[said.snapshot_id] = said.tree_id
            self._outcomes[said.snapshot_id] = said.outcome
        if here and said.snapshot_id in annals.listed:
            vouched = Vouched(said.system, said.source, said.tree_id, said.outcome, said.snapshot_id)
            annals.vouched[said.snapshot_id] = vouched

    def _copy(self, said: CopyReceipt) -> None:
        annals = self.annals
        if said.repository == annals.key and said.snapshot_id in annals.listed:
            annals.copies.setdefault(said.snapshot_id, set()).add(said.to)
        if (
            said.to == annals.key
            and said.copy_id in annals.listed
            and annals.trees.get(said.snapshot_id) == said.tree_id
        ):
            outcome = self._outcomes[said.snapshot_id]
            annals.vouched[said.copy_id] = Vouched(said.system, said.source, said.tree_id, outcome, said.snapshot_id)

    def _cleared(self, said: SuspicionCleared) -> None:
        """The source is free again; what was no harmless thing stays marked."""
        annals, name = self.annals, (said.system, said.source)
        annals.marked -= set(said.snapshots)
        if not said.harmless:
            annals.marked |= set(said.snapshots)
        open_ones = annals.suspected.get(name, set()) - set(said.snapshots)
        if open_ones:
            annals.suspected[name] = open_ones
        else:
            annals.suspected.pop(name, None)

    def _drill(self, said: DrillResult) -> None:
        annals, one = self.annals, said.snapshot_id
        if said.repository != annals.key or one is None or one not in annals.listed or said.level not in _LADDER:
            return
        if said.outcome == "PASS":
            annals.damaged.discard(one)
            annals.drilled[one] = max(said.level, annals.drilled.get(one, "D1"), key=_LADDER.index)
        elif said.outcome == "FAIL":
            annals.damaged.add(one)
