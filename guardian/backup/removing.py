"""Removing what is to be removed: announced in the log, done by full ids, and looked at again afterwards."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from uuid import uuid4

from guardian import __version__
from guardian.backup.annals import Annals
from guardian.backup.intent import Intent, settle, watch
from guardian.backup.maintained import SourceMaintained
from guardian.backup.retention import counts, within_hours
from guardian.backup.rights import Right, may_delete, refused
from guardian.clock import rfc3339
from guardian.errors import GuardianError, Interrupted, StorageRefused
from guardian.ledger.store import Log
from guardian.model.backup import Target
from guardian.model.evidence import Removal, RemovalPlan
from guardian.model.protection import Retention
from guardian.model.reason import Reason, reason
from guardian.model.removal import HeldPoint, MaintenanceOutcome, RemovedPoint
from guardian.node import Node
from guardian.restic.client import Restic
from guardian.restic.removal import forget

BATCH = 100
"""Restore points that one announcement names, so that statements fit the log and no lock is held for long."""
_HELD = 40
_MOVED = 600.0


@dataclass(frozen=True, slots=True)
class _Gone:
    """What one batch came to: what is gone for certain, and what is wrong with that."""

    ids: tuple[str, ...]
    outcome: MaintenanceOutcome
    reasons: tuple[Reason, ...] = ()
    error: GuardianError | None = None


@dataclass(slots=True)
class Remover:
    """Removes from one repository. ``restic`` is the identity that may delete, with the repository's lease in hand."""

    node: Node
    key: str
    log: Log
    restic: Restic
    annals: Annals
    entry: int | None = None
    """The index of the last statement."""
    _right: Right | None = field(default=None, init=False)

    def settle(self) -> None:
        """Say what became of removals that were announced by a run that was cut off."""
        there = self.annals.listed.keys()
        for leaf, (plan, _index) in tuple(self.annals.plans.items()):
            gone = [one for one in plan.snapshots if one not in there]
            points = tuple(RemovedPoint(snapshot_id=one, time="", rule="announced") for one in gone)
            why = reason("removal-cut-off", "warning", removed=len(gone), left=len(plan.snapshots) - len(gone))
            now = rfc3339(self.node.clock.now())
            said = Removal(
                removal_id=plan.removal_id,
                tenant=self.node.tenant,
                host=self.node.host,
                system=plan.system,
                source=plan.source,
                repository=self.key,
                repository_id=plan.repository_id,
                outcome="complete" if len(gone) == len(plan.snapshots) else "partial",
                reasons=(why,),
                plan=leaf,
                removed=points,
                started=plan.planned,
                ended=now,
                tools=self._tools,
            )
            self._append(said, gone)

    def apply(self, found: SourceMaintained) -> SourceMaintained:
        """Remove what ``found`` decided, batch by batch, and put on record what came of it."""
        doomed = [*found.decided.remove][::-1]  # the oldest first
        if not doomed:
            return replace(found, entry=self._state(found, None, _Gone((), found.outcome)))
        right = self._rights()
        if right.allowed is False:
            nothing = _Gone((), "skipped", (refused(right),))
            return self._after(found, nothing, self._state(found, None, nothing))
        for at in range(0, len(doomed), BATCH):
            self.node.heed()
            batch = doomed[at : at + BATCH]
            plan = self._announce(found.target, batch)
            gone = self._remove(found.target, batch)
            entry = self._state(found, plan, gone)
            found = self._after(found, gone, entry)
            if isinstance(gone.error, Interrupted):
                raise gone.error
            if gone.outcome != "complete":
                break
        return found

    def _after(self, found: SourceMaintained, gone: _Gone, entry: int) -> SourceMaintained:
        for one in gone.ids:
            self.annals.listed.pop(one, None)
            self.annals.vouched.pop(one, None)
        worse = found.outcome if gone.outcome == "complete" else gone.outcome
        reasons = (*found.reasons, *gone.reasons)
        return replace(found, outcome=worse, reasons=reasons, removed=(*found.removed, *gone.ids), entry=entry)

    def _rights(self) -> Right:
        if self._right is None:
            self._right = may_delete(self.node, self.key)
        return self._right

    def _announce(self, target: Target, batch: Sequence[str]) -> str:
        """Put into the log what is about to go; the leaf hash of that."""
        plan = RemovalPlan(
            removal_id=uuid4().hex,
            tenant=self.node.tenant,
            host=self.node.host,
            system=target.system,
            source=target.source,
            repository=self.key,
            repository_id=self._repository_id,
            snapshots=tuple(batch),
            planned=rfc3339(self.node.clock.now()),
        )
        return self.log.append(plan, [("snapshot", one) for one in batch]).leaf_hash.hex()

    def _remove(self, target: Target, batch: Sequence[str]) -> _Gone:
        """Have restic remove ``batch``, and see from the list what is gone. Raises when the list cannot be had."""
        node, folder = self.node, self.node.state / "runs" / self.key
        began = rfc3339(node.clock.now())
        intent = Intent(
            run_id=uuid4().hex, system=target.system, source=target.source, repository=self.key, started=began
        )
        watch(folder, intent)
        failure: GuardianError | None = None
        try:
            forget(self.restic, batch)
        except GuardianError as error:
            failure = error
        # restic is asked again though it was interrupted: what is gone is to be on record.
        if isinstance(failure, Interrupted):
            return _Gone((), "partial", (), failure)
        after = {snapshot.id for snapshot in self.restic.snapshots(cache=False).snapshots}
        before = self.annals.listed.keys()
        gone = [one for one in batch if one not in after]
        others = sorted(before - after - set(batch))
        if failure is None:
            settle(folder, intent)
        return _Gone(tuple(gone), *_judged(batch, gone, others, failure), failure)

    def _state(self, found: SourceMaintained, plan: str | None, gone: _Gone) -> int:
        """Put the removal on record; its index. One that was interrupted is settled by the next run."""
        if isinstance(gone.error, Interrupted):
            return self.entry if self.entry is not None else -1
        target, decided = found.target, found.decided
        system = self.node.loaded.config.systems[target.system]
        now = rfc3339(self.node.clock.now())
        said = Removal(
            removal_id=uuid4().hex,
            tenant=self.node.tenant,
            host=self.node.host,
            system=target.system,
            source=target.source,
            repository=self.key,
            repository_id=self._repository_id,
            outcome=found.outcome if gone.outcome == "complete" else gone.outcome,
            reasons=(*found.reasons, *gone.reasons)[:_HELD],
            plan=plan,
            policy=_policy(found.policy),
            legal_hold=system.legal_hold[:200] if system.legal_hold is not None else None,
            points=len(found.points) - len(found.removed),
            kept=len(decided.kept),
            removed=tuple(self._removed(gone.ids, decided.remove)),
            held=tuple(HeldPoint(snapshot_id=one, guards=by) for one, by in [*decided.held.items()][:_HELD]),
            held_count=len(decided.held),
            quarantined=dict(found.quarantined),
            identity=self._right.identity if self._right else "backup",
            started=now,
            ended=now,
            tools=self._tools,
        )
        return self._append(said, gone.ids)

    def _removed(self, ids: Iterable[str], why: "dict[str, str] | object") -> Iterable[RemovedPoint]:
        rules = why if isinstance(why, dict) else {}
        for one in ids:
            time = self.annals.listed[one].time.isoformat()
            yield RemovedPoint(snapshot_id=one, time=time, rule=rules.get(one, "expired"))

    def _append(self, said: Removal, gone: Iterable[str]) -> int:
        self.entry = self.log.append(said, [("snapshot", one) for one in gone]).index
        return self.entry

    @property
    def _repository_id(self) -> str:
        record = self.node.keys(given=False).record(self.key)
        return record.repository_id if record else ""

    @property
    def _tools(self) -> dict[str, str]:
        return {"guardian": __version__, "restic": self.restic.capability.version_text}


def _judged(
    batch: Sequence[str], gone: Sequence[str], others: Sequence[str], failure: GuardianError | None
) -> tuple[MaintenanceOutcome, tuple[Reason, ...]]:
    """What to think of a removal, by what the list shows afterwards. Pure."""
    reasons: list[Reason] = []
    if others:
        reasons.append(reason("removal-took-others", count=len(others), first=others[0]))
    left = len(batch) - len(gone)
    if isinstance(failure, StorageRefused) and not gone and not others:
        return "skipped", (reason("delete-refused", "warning"),)
    if failure is not None:
        reasons.append(reason(failure.code))
    if left:
        reasons.append(reason("removal-incomplete", left=left, removed=len(gone)))
    return ("complete" if not reasons else "failed"), tuple(reasons)


def _policy(policy: Retention | None) -> dict[str, int | float]:
    if policy is None:
        return {}
    rules: dict[str, int | float] = {name: count for name, count in counts(policy).items()}  # noqa: C416  another type
    if hours := within_hours(policy):
        rules["within_hours"] = hours
    return {**rules, "minimum": policy.minimum, "max_removal": policy.max_removal}
