"""Maintaining one repository: retention is applied with its guard rails, and unused space is freed.

The order is the promise. The record is read and held against the repository before anything is judged; what is about to
go is put into the log before it goes; restic is given full ids and never a rule; the list is read again afterwards. Any
doubt about clock, log or identity of the repository ends it before the first step.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime

from guardian import telemetry
from guardian.backup import configuration
from guardian.backup.agreement import disagreements
from guardian.backup.annals import Annals, read
from guardian.backup.clockproof import Witnesses, doubts
from guardian.backup.guards import Decided, Standing, decide, undecided
from guardian.backup.lock_extension import extend_locks
from guardian.backup.maintained import Asked, Maintained, SourceMaintained
from guardian.backup.prune import Pruning
from guardian.backup.quarantine import Known, Quarantined, belongs, quarantine, tell
from guardian.backup.recover import recover
from guardian.backup.removing import Remover
from guardian.backup.retention import is_empty
from guardian.errors import EvidenceInvalid, GuardianError, Interrupted
from guardian.ledger.store import Log
from guardian.model.backup import Snapshot, Target
from guardian.model.events import Phase
from guardian.model.protection import Retention
from guardian.model.reason import Reason, reason
from guardian.model.removal import MaintenanceOutcome, Prune
from guardian.node import Node
from guardian.restic.client import Restic

_GRAVITY: tuple[MaintenanceOutcome, ...] = ("failed", "partial", "skipped", "complete")
_NAMED = 5


def run_maintenance(node: Node, key: str, asked: Asked | None = None) -> Maintained:
    """Maintain the repository ``key``. What happens to it is data; raises only when the log cannot be written.

    Under the repository's lease, but for a dry run, which changes nothing and takes no lock.
    """
    asked = asked or Asked()
    run = _Run(node, key, asked)
    with ExitStack() as held:
        try:
            log = node.read_log() if asked.dry_run else held.enter_context(node.log())
        except EvidenceInvalid as invalid:
            return run.end("failed", invalid)
        try:
            run.go(log, held)
        except EvidenceInvalid as invalid:
            return run.end("failed", invalid)
        except GuardianError as error:
            return run.end("failed", error)
        except Exception as fault:  # noqa: BLE001  what was done until then is to be told
            return run.end("failed", telemetry.unexpected(fault))
        return run.end()


@dataclass(slots=True)
class _Run:
    """One maintenance, while it goes on."""

    node: Node
    key: str
    asked: Asked
    _started: datetime = field(init=False)
    _begun: float = field(init=False)
    _reasons: list[Reason] = field(default_factory=list)
    _sources: list[SourceMaintained] = field(default_factory=list)
    _strangers: tuple[Quarantined, ...] = ()
    _pruned: Prune | None = None
    _entry: int | None = None
    _refused: bool = False

    def __post_init__(self) -> None:
        self._started, self._begun = self.node.clock.now(), self.node.clock.monotonic()

    def go(self, log: Log, held: ExitStack) -> None:
        """Do it. Raises what keeps it from going on."""
        node, key, dry = self.node, self.key, self.asked.dry_run
        node.report(Phase("probe", key))
        lease = None if dry else held.enter_context(node.lease(key, "maintain"))
        restic = node.restic(key, lease)
        if not dry:
            configuration.note(node, log)
            recover(node, restic, log, key)
        if not self._is_ours(restic):
            return
        listed = restic.snapshots(cache=False)
        self._reasons += [
            reason("snapshot-unreadable", "warning", detail=line[:200]) for line in listed.unreadable[:_NAMED]
        ]
        annals = read(log, key, listed.snapshots, node.heed)
        maintaining = restic if dry else node.restic(key, lease, maintenance=True)
        remover = Remover(node, key, log, maintaining, annals)
        if not dry:
            remover.settle()
        self._look_around(annals)
        self._refused = bool(self._clock(annals))
        for target in self._targets():
            node.heed()
            self._sources.append(self._source(target, annals, restic, remover))
        self._entry = remover.entry
        if self.asked.prune and not dry and not self._refused and not self.asked.systems:
            pruning = Pruning(node, key, log, maintaining, whole=not listed.unreadable)
            self._pruned, entry = pruning.go()
            self._entry = entry if entry is not None else self._entry
            if not pruning.refused:  # who may not delete has no right over locks either, as it should be
                self._lock_longer(log)

    def _lock_longer(self, log: Log) -> None:
        """Make the locks last of what live snapshots need. That it cannot be done keeps nothing else from counting."""
        try:
            done = extend_locks(self.node, self.key, log=log)
        except Interrupted:
            raise
        except GuardianError as error:
            self._reasons.append(reason("locks-not-looked-at", why=error.code))
            return
        if done is not None:
            self._reasons += done.extension.reasons
            self._entry = done.entry if done.entry is not None else self._entry

    def _is_ours(self, restic: Restic) -> bool:
        record, found = self.node.keys().record(self.key), restic.config().id
        if record is None:
            self._reasons.append(reason("repository-not-recorded", found=found))
        elif record.repository_id != found:
            self._reasons.append(reason("repository-changed", expected=record.repository_id, found=found))
        self._refused = record is None or record.repository_id != found
        return not self._refused

    def _look_around(self, annals: Annals) -> None:
        """Set apart what has no receipt."""
        known = Known(
            receipts=annals.vouched,
            failed_runs=annals.failed_runs,
            orphans=annals.orphans,
            unsettled=self.node.unsettled_runs(self.key),
            trees=annals.trees,
        )
        residents = self.node.loaded.residents(self.key)
        self._strangers = quarantine(annals.listed.values(), known, residents)
        self._reasons += tell(self._strangers, self.node.clock.now())
        for one, said in annals.vouched.items():
            if annals.listed[one].tree != said.tree:
                self._reasons.append(
                    reason("snapshot-altered", snapshot=one, expected=said.tree, found=annals.listed[one].tree)
                )

    def _clock(self, annals: Annals) -> tuple[Reason, ...]:
        clock = self.node.clock
        drift = (clock.now() - self._started).total_seconds() - (clock.monotonic() - self._begun)
        times = [annals.listed[one].time for one in annals.vouched]
        entries = (*annals.moments, *([annals.newest] if annals.newest else []))
        found = doubts(clock.now(), Witnesses(entries, times, drift))
        if not self.asked.clock_trusted:
            found = (*found, reason("clock-jump-seen", "warning"))
        self._reasons += found
        return found

    def _targets(self) -> Sequence[Target]:
        every = self.node.loaded.residents(self.key)
        return [t for t in every if not self.asked.systems or t.system in self.asked.systems]

    def _source(self, target: Target, annals: Annals, restic: Restic, remover: Remover) -> SourceMaintained:
        self.node.report(Phase("retention", target.ref))
        name = (target.system, target.source)
        policy = self.node.loaded.config.systems[target.system].plan.retention
        points = annals.points(name)
        quarantined = _counted(one for one in self._strangers if belongs(one.snapshot, target))
        if policy is None or is_empty(policy):
            return SourceMaintained(target, policy, points, undecided(points), "complete", quarantined=quarantined)
        standing = self._standing(target, policy, annals)
        decided, reasons = decide(standing), self._about_hold(target, annals)
        if decided.remove:
            said = disagreements(restic, target, annals.listed.values(), policy, standing.now)
            if said:
                decided, reasons = decide(replace(standing, agreed=False)), [*reasons, *said]
        found = SourceMaintained(
            target, policy, points, decided, "complete", (*reasons, *decided.reasons), quarantined=quarantined
        )
        if any(why.severity == "critical" for why in reasons):
            found = replace(found, outcome="failed")
        if self._refused:
            return replace(found, outcome="skipped", decided=decided)
        return found if self.asked.dry_run or not points else remover.apply(found)

    def _standing(self, target: Target, policy: Retention, annals: Annals) -> Standing:
        name = (target.system, target.source)
        system = self.node.loaded.config.systems[target.system]
        return Standing(
            points=annals.points(name),
            good=annals.good(name),
            policy=policy,
            now=self.node.clock.now(),
            uncopied=annals.uncopied(name, self._copies(target)),
            proven=annals.proven(name),
            suspicious=name in annals.suspected,
            legal_hold=system.legal_hold,
        )

    def _copies(self, target: Target) -> Iterator[str]:
        """Keys of the repositories that this target's points still have to reach: none where it is a copy itself."""
        (original,) = self.node.loaded.targets((target.ref,))
        if original.key == target.key:
            yield from (copy.key for copy in self.node.loaded.copied(original))

    def _about_hold(self, target: Target, annals: Annals) -> list[Reason]:
        system = self.node.loaded.config.systems[target.system]
        before = annals.holds.get(target.system)
        if system.legal_hold is None and before is not None:
            return [reason("legal-hold-lifted", "warning", system=target.system, why=before.why[:200], at=before.at)]
        return []

    def end(self, outcome: MaintenanceOutcome | None = None, error: GuardianError | None = None) -> Maintained:
        """What came of it."""
        reasons = [*self._reasons]
        if error is not None and not isinstance(error, Interrupted):
            reasons.append(reason(error.code))
        if outcome is None:
            outcome = self._outcome()
        return Maintained(
            repository=self.key,
            outcome=outcome,
            reasons=tuple(reasons),
            sources=tuple(self._sources),
            quarantined=self._strangers,
            pruned=self._pruned,
            seconds=round(self.node.clock.monotonic() - self._begun, 3),
            entry=self._entry,
            dry_run=self.asked.dry_run,
            error=error,
        )

    def _outcome(self) -> MaintenanceOutcome:
        if self._refused:
            return "failed"
        every = [one.outcome for one in self._sources] + ([self._pruned.outcome] if self._pruned else [])
        worst: MaintenanceOutcome = next((outcome for outcome in _GRAVITY if outcome in every), "complete")
        if worst == "skipped" and any(one.removed for one in self._sources):
            worst = "partial"
        if worst in ("complete", "skipped") and any(why.severity == "critical" for why in self._reasons):
            return "partial"  # done as far as it goes, and something was found that nobody put there for us
        return worst


def _counted(found: Iterator[Quarantined]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for one in found:
        counts[one.kind] = counts.get(one.kind, 0) + 1
    return counts


__all__ = ["Asked", "Decided", "Maintained", "Snapshot", "SourceMaintained", "run_maintenance"]
