"""What the log and the configuration say of one system in one period: one pass over the log, nothing judged."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from guardian import __version__
from guardian.audit import derive
from guardian.audit.facts import LogFacts, PackFacts, Period, Recorded, SourceFacts, SystemFacts
from guardian.config.schedule import parse_cadence
from guardian.errors import EvidenceInvalid, UsageError
from guardian.i18n import _
from guardian.ledger.envelope import unseal
from guardian.ledger.invalid import LogInvalid
from guardian.ledger.statement import dissect
from guardian.ledger.store import Log
from guardian.ledger.verify import Progress, verify_log
from guardian.model.evidence import (
    BackupReceipt,
    ConfigChange,
    CopyReceipt,
    DrillPlan,
    DrillResult,
    Entry,
    KeyEvent,
    NoBackup,
    ObjectListing,
    Predicate,
    Restored,
)
from guardian.model.protection import System
from guardian.node import Node

P = TypeVar("P", bound=Predicate)


def cadence_seconds(text: str) -> float:
    """The longest time between two of what happens so often, such as ``weekly``. Raises ValueError."""
    return parse_cadence(text).longest.total_seconds()


@dataclass(frozen=True, slots=True)
class Gathered:
    """The facts, and which entries of the log they come from.

    ``first`` to ``end`` (exclusive) are the entries of the period; ``indexes`` are all that belong into a pack: those
    about the system in the period, and earlier ones that these refer to or that were in force.
    """

    facts: PackFacts
    first: int
    end: int
    indexes: tuple[int, ...]


@dataclass(slots=True)
class _Reading:
    """The pass over the log."""

    system: str
    repositories: frozenset[str]
    period: Period
    statements: list[Recorded[Predicate]] = field(default_factory=list)
    unknown: list[int] = field(default_factory=list)
    earlier: dict[str, int] = field(default_factory=dict)
    """Receipts, plans and drills from before the period: leaf hash to index."""
    opening: dict[tuple[str, str], Recorded[BackupReceipt]] = field(default_factory=dict)
    """The last complete receipt of each source before the period."""
    config: Recorded[ConfigChange] | None = None
    """The configuration in force when the period began."""
    keys: list[Recorded[KeyEvent]] = field(default_factory=list)
    first: int | None = None
    end: int = 0

    def take(self, entry: Entry) -> None:
        """Take one entry into account, in the order of the log."""
        said = entry.predicate
        if said is None:
            if self.first is not None and _names(entry, self.system):
                self.unknown.append(entry.index)
            return
        recorded = Recorded(entry.index, entry.leaf_hash.hex(), moment(said), said)
        if self.first is None and recorded.at >= self.period.start:
            self.first = entry.index
        if recorded.at < self.period.end:
            self.end = entry.index + 1
        if not self._concerns(said):
            return
        if isinstance(said, KeyEvent):
            self.keys.append(_as(recorded, said))
        elif self.first is None:
            self._before(recorded)
        else:
            self.statements.append(recorded)

    def _concerns(self, said: Predicate) -> bool:
        if isinstance(said, KeyEvent):
            return said.repository is None or said.repository in self.repositories
        if isinstance(said, ObjectListing):
            return said.repository in self.repositories
        return isinstance(said, ConfigChange) or getattr(said, "system", None) == self.system

    def _before(self, recorded: Recorded[Predicate]) -> None:
        match recorded.said:
            case BackupReceipt() as receipt:
                self.earlier[recorded.leaf_hash] = recorded.index
                if receipt.outcome == "complete":
                    self.opening[receipt.source, receipt.repository] = _as(recorded, receipt)
            case CopyReceipt() | DrillPlan() | DrillResult():
                self.earlier[recorded.leaf_hash] = recorded.index
            case ConfigChange() as change:
                self.config = _as(recorded, change)
            case _:
                pass

    def of(self, noun: type[P]) -> tuple[Recorded[P], ...]:
        """The statements of one kind in the period."""
        return tuple(
            _as(one, one.said) for one in self.statements if isinstance(one.said, noun) and one.index < self.end
        )


@dataclass(frozen=True, slots=True)
class Verified:
    """A log that was verified whole, open for reading."""

    log: Log
    facts: LogFacts


def verified(node: Node, progress: Progress | None = None) -> Verified:
    """The log of this host, every entry of it checked. Raises LogInvalid when it does not hold together."""
    key = node.keys().verify_key()
    log = node.read_log()
    verdict = verify_log(node.log_folder, (key,), progress=progress)
    if verdict.problem is not None:
        raise LogInvalid(verdict.problem.code, **verdict.problem.figures)
    facts = LogFacts(
        origin=log.origin,
        size=log.size,
        root=log.checkpoint.root.hex(),
        key_id=log.key_id,
        vkey=key.vkey(log.origin),
        entries=verdict.entries,
        signatures=verdict.signatures,
        verified_at=node.clock.now(),
    )
    return Verified(log, facts)


def gather(node: Node, source: Verified, system: str, period: Period) -> Gathered:
    """Read from a verified log what concerns ``system`` in ``period``; nothing is answered yet.

    Raises UsageError for a system that is not configured.
    """
    if system not in node.loaded.config.systems:
        node.loaded.targets((system,))
        message = _("there is no system {name}").format(name=system)
        raise UsageError(message, _("Name the system alone, without a source."))
    log = source.log
    now = node.clock.now()
    period = Period(period.start, min(period.end, max(now, period.start)))
    about = system_facts(node, system)
    names = frozenset(source.repository for source in about.sources)
    reading = _Reading(system, names, period)
    for entry in log.entries():
        node.heed()
        reading.take(entry)
    first = log.size if reading.first is None else reading.first
    receipts, every, plans = reading.of(BackupReceipt), reading.of(DrillResult), reading.of(DrillPlan)
    # Drills of copies are in the pack; what is asked of a source is answered by where it is backed up to.
    copies = _copies(node, system) - names
    drills = tuple(one for one in every if one.said.repository not in copies)
    opening = [one for one in reading.opening.values() if one.index < first]
    before = (reading.config,) if reading.config else ()
    facts = PackFacts(
        generated=now,
        version=__version__,
        system=about,
        period=period,
        log=source.facts,
        receipts=receipts,
        no_backups=reading.of(NoBackup),
        plans=tuple(one for one in plans if one.said.repository not in copies),
        drills=drills,
        restores=reading.of(Restored),
        listings=reading.of(ObjectListing),
        key_events=tuple(one for one in reading.keys if one.index < reading.end),
        config_changes=(*before, *reading.of(ConfigChange)),
        coverage=derive.coverage(drills),
        assurances=derive.assurances(drills),
        planted=derive.scores(drills),
        timings=derive.timings(drills),
        intervals=derive.intervals((*opening, *receipts), period),
    )
    needed = {one.said.receipt for one in every} | {one.said.plan for one in every} | {p.said.receipt for p in plans}
    needed |= {one.said.previous for one in every} | {one.said.copy_of for one in every}
    shown = {one.index for one in (*facts.key_events, *facts.config_changes)}
    inside = {one.index for one in reading.statements if one.index < reading.end}
    indexes = shown | inside | {i for i in reading.unknown if i < reading.end}
    indexes |= {reading.earlier[leaf] for leaf in needed if leaf is not None and leaf in reading.earlier}
    return Gathered(facts, first, max(first, reading.end), tuple(sorted(indexes)))


def _copies(node: Node, system: str) -> frozenset[str]:
    """The keys of the repositories that backups of ``system`` are copied to."""
    loaded = node.loaded
    return frozenset(copy.key for target in loaded.targets((system,)) for copy in loaded.copied(target))


def system_facts(node: Node, name: str) -> SystemFacts:
    """The system as it is configured."""
    loaded = node.loaded
    config: System = loaded.config.systems[name]
    targets = loaded.targets((name,))
    plan = config.plan
    copies = {copy.name: copy for target in targets for copy in loaded.copies(target)}
    rpo, rto = config.objectives.rpo, config.objectives.rto
    return SystemFacts(
        id=name,
        tenant=node.tenant,
        host=node.host,
        sources=tuple(
            SourceFacts(
                id=target.source,
                kind=config.sources[target.source].kind,
                repository=target.key,
                storage=loaded.repository(target).kind,
                lock_days=lock.days if (lock := loaded.repository(target).spec.lock) else 0,
                remote=loaded.repository(target).remote,
            )
            for target in targets
        ),
        name=config.name,
        tenant_name=loaded.config.tenant.name,
        region=loaded.config.tenant.region,
        owner=config.owner,
        mlps_level=config.mlps_level,
        rpo_seconds=rpo.total_seconds() if rpo else None,
        rto_seconds=rto.total_seconds() if rto else None,
        dr_level=config.objectives.dr_level,
        schedule=plan.schedule,
        interval_seconds=cadence_seconds(plan.schedule) if plan.schedule else None,
        retention={k: v for k, v in (plan.retention.model_dump().items() if plan.retention else ()) if v},
        copies=tuple(copy.kind for copy in copies.values()),
        remote_copies=sum(copy.remote for copy in copies.values()),
        drills=dict(plan.drills),
        config_sha256=loaded.sha256,
    )


def moment(said: Predicate) -> datetime:
    """When what a statement tells was over. Raises EvidenceInvalid for a statement without a time."""
    texts = (getattr(said, name, None) for name in ("ended", "at", "planned"))
    try:
        found = datetime.fromisoformat(str(next(filter(None, texts), None)))
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise EvidenceInvalid(_("a statement of kind {kind} in the log has no time").format(kind=said.name))
    return found


def _as(recorded: Recorded[Predicate], said: P) -> Recorded[P]:
    return Recorded(recorded.index, recorded.leaf_hash, recorded.at, said)


def _names(entry: Entry, system: str) -> bool:
    """Whether a statement of a newer kind speaks of ``system``."""
    said = dissect(unseal(entry.envelope).payload)[2]
    return isinstance(said, dict) and said.get("system") == system
