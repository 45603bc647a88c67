"""Which snapshots of a repository are whose, while backups may be going on beside us."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from guardian.decoder.repository import Loaded
from guardian.drill import history, presence
from guardian.drill.history import History
from guardian.drill.job import Opened
from guardian.drill.opened import seen
from guardian.drill.points import belongs
from guardian.drill.presence import Found
from guardian.ledger.anchor import contradiction
from guardian.ledger.store import Log
from guardian.model.backup import Snapshot, Target
from guardian.model.drill import DrillCheck
from guardian.model.reason import Reason, reason
from guardian.node import Node

_ANCHORS = 8
"""Newest anchors in snapshots that the log is held against."""


@dataclass(frozen=True, slots=True)
class Shares:
    """The snapshots of one repository and the targets they are shared among."""

    node: Node
    past: History
    later: History
    """What came into the log while the repository was asked."""
    opened: Opened
    targets: tuple[Target, ...]
    under_way: frozenset[str]
    cut_off: frozenset[str]

    @classmethod
    def of(cls, node: Node, past: History, opened: Opened, targets: tuple[Target, ...]) -> "Shares":
        """Look what goes on beside us. To be called after the repository was asked."""
        # In this order: a backup beside us first makes its snapshot, then its receipt, then takes its intent away.
        unsettled = node.unsettled_runs(opened.key)
        nobody: frozenset[str] = frozenset()
        under_way, cut_off = (unsettled, nobody) if node.is_leased(opened.key) else (nobody, unsettled)
        later = history.read(node.read_log(), past.size, heed=node.heed)
        return cls(node, past, later, opened, targets, under_way, cut_off)

    def seen(self, loaded: Loaded) -> "Shares":
        """The same where the repository holds what ``loaded`` shows of it."""
        return replace(self, opened=seen(self.opened, loaded))

    def found(self, target: Target) -> Found:
        """The snapshots that are this target's, by its receipts or by their tags; strays go to the first target."""
        known = {kept.receipt.snapshot_id for kept in self.past.of(target)}
        mine = [s for s in self.opened.snapshots if s.id in known or belongs(s, target)]
        if target == self.targets[0]:
            mine += self._strays()
        return Found(tuple(mine), self.opened.unreadable, self.opened.repository_id)

    def _strays(self) -> list[Snapshot]:
        """Snapshots of nobody: not configured here, nor known from a source that was renamed or removed."""
        names = {(t.system, t.source) for t in self.node.loaded.residents(self.opened.key)}
        known = self.past.snapshots()
        return [
            s for s in self.opened.snapshots if (s.tag("system"), s.tag("source")) not in names and s.id not in known
        ]

    def presence(self, target: Target, log: Log) -> DrillCheck:
        """D0 of ``target``: receipts against snapshots, and both paths against each other."""
        expected = self.past.expectation(target)
        expected = replace(
            expected,
            removed=expected.removed | (self.later.removed & {r.snapshot_id for r in expected.receipts}),
            failed_runs=expected.failed_runs | self.later.failed_runs | self.cut_off,
            later=self.later.snapshots(),
            under_way=self.under_way - self.later.failed_runs,
        )
        found = self.found(target)
        rpo = self.node.loaded.config.systems[target.system].objectives.rpo
        check = presence.judge(expected, found, self.node.clock.now(), rpo)
        if bad := [*self.opened.disagreements, *_broken_anchors(log, found.snapshots)]:
            return check.model_copy(update={"outcome": "FAIL", "reasons": (*check.reasons, *bad)})
        return check


def _broken_anchors(log: Log, snapshots: Sequence[Snapshot]) -> list[Reason]:
    broken = []
    for snapshot in sorted(snapshots, key=lambda s: s.time)[-_ANCHORS:]:
        value = snapshot.tag("log") or ""
        if code := contradiction(log, value):
            size = value.split(":")[1]
            broken.append(reason(code, snapshot=snapshot.id, size=size, found=log.size))
    return broken
