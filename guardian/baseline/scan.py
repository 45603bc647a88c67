"""One scan: look at every target, judge what was read, keep the facts, write down what came of it."""

import hashlib
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Protocol

from guardian.baseline.delta import Was, vanished
from guardian.baseline.judge import Judge
from guardian.baseline.outcome import Scanned
from guardian.baseline.places import providers
from guardian.baseline.policy import Library, Policy, library
from guardian.baseline.store import ScanStore, canonical
from guardian.baseline.tally import failing, tally, together, undecided
from guardian.baseline.targets import Looked, Provider
from guardian.baseline.view import View
from guardian.baseline.waivers import Waivers, read_waivers
from guardian.clock import Clock, rfc3339
from guardian.config.problem import did_you_mean
from guardian.durable import Lease, private_dir
from guardian.errors import UsageError
from guardian.i18n import _
from guardian.model.events import Phase, Reporter
from guardian.model.finding import BaselineResult, Finding, KindResult, Level, ScanResult, TargetResult
from guardian.model.reason import Reason, reason
from guardian.node import Node

TOLD_BYTES: Final = 30_000
"""So much of a statement tells of targets one by one; all of them are in the manifest."""
TOLD: Final = 40
"""So many unreachable targets a statement names."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a scan is to look at; without anything, all that the configuration says."""

    targets: tuple[str, ...] = ()
    baselines: tuple[str, ...] = ()
    fail_on: Level | None = None


@dataclass(slots=True)
class Gathered:
    """What came together so far. ``before`` is how findings stood; ``full``: all that is configured is looked at."""

    before: Mapping[str, Mapping[str, Was]]
    full: bool
    findings: list[Finding] = field(default_factory=list)
    targets: list[TargetResult] = field(default_factory=list)
    unreachable: dict[str, str] = field(default_factory=dict)
    now: dict[str, dict[str, Was]] = field(default_factory=dict)

    @property
    def standing(self) -> dict[str, Mapping[str, Was]]:
        """How findings stand now. A scan of a part says nothing of the rest: what was known of it stays known."""
        if self.full:
            return dict(self.now)
        return {
            name: {**self.before.get(name, {}), **self.now.get(name, {})}
            for name in (*self.before, *self.now)
        }  # fmt: skip

    @property
    def vanished(self) -> tuple[str, ...]:
        """Verdicts that were given before and are not any more: of targets that are gone, and of rules."""
        if not self.full:
            return ()
        gone = (
            (name, before[key].rule)
            for name, before in self.before.items()
            for key in vanished(before, self.now.get(name, {}))
        )
        return tuple(sorted(f"{name} {rule}" for name, rule in gone))


@dataclass(frozen=True, slots=True)
class Site:
    """Where a scan takes place: whose it is, and the way to the clock and to whoever watches."""

    tenant: str
    host: str
    clock: Clock
    heed: Callable[[], None] = lambda: None
    report: Reporter = lambda _event: None


class Keep(Protocol):
    """Where views and verdicts are kept."""

    def keep(self, data: bytes) -> str:
        """Keep ``data``; its SHA-256."""
        ...


class Nowhere:
    """For a scan that leaves nothing behind."""

    def keep(self, data: bytes) -> str:
        """Its SHA-256."""
        return hashlib.sha256(data).hexdigest()


def run_scan(node: Node, asked: Asked) -> Scanned:
    """Scan what is asked for, and put what was found into the log.

    What cannot be looked at is an outcome too. Raises UsageError for a target or baseline that does not exist,
    ConfigError for rules or waivers that are wrong, RepositoryLocked when another scan is going on, Interrupted, and
    what opening the log raises.
    """
    node.existing_log()
    started = node.clock.now()
    known = rules_of(node)
    waivers = waivers_of(node, known, started)
    places = chosen_places(providers(node), asked.targets)
    policy = chosen_policy(node, known, asked.baselines, places)
    store = ScanStore(node.state / "scans")
    with Lease.acquire(private_dir(store.folder) / "scan.lease", "scan"):
        site = Site(node.tenant, node.host, node.clock, node.heed, node.report)
        gathered = Gathered(store.standing(), full=not asked.targets and not asked.baselines)
        judge = Judge(node.tenant, policy, waivers, started)
        threshold = asked.fail_on or node.loaded.config.scan.fail_on
        with store.behind() as keep:
            scanned = scan_places(site, places, judge, gathered, (known, threshold, keep))
        entry = _recorded(node, scanned.result)
        store.stand(gathered.standing)
        store.sweep(started)
    return replace(scanned, entry=entry)


def scan_places(
    site: Site, places: Iterable[Provider], judge: Judge, gathered: Gathered, by: tuple[Library, Level, Keep]
) -> Scanned:
    """Look at ``places`` and judge; ``by`` is all rules, the threshold, and where to keep what was read.

    What is kept is complete before the statement that names it is made.
    """
    known, threshold, store = by
    store.keep(judge.policy.document)
    for place in places:
        if not any(judge.policy.of(kind) for kind in place.kinds):
            continue
        site.heed()
        site.report(Phase("scan", place.name))
        for looked in place.look(site.clock, judge.policy.needed(place.kinds)):
            site.heed()
            if judge.policy.of(looked.target.kind):
                _judge(looked, judge, store, gathered)
    store.keep(manifest(gathered.targets))
    return _stated(site, threshold, known, judge, gathered)


def rules_of(node: Node) -> Library:
    """Every rule there is on this host."""
    settings = node.loaded.config.scan
    return library(node.loaded.resolve(path) for path in settings.policies)


def waivers_of(node: Node, known: Library, now: datetime) -> Waivers:
    """The waivers that the configuration names."""
    paths = [node.loaded.resolve(path) for path in node.loaded.config.scan.waivers]
    return read_waivers(paths, tuple(known.rules), now)


def chosen_places(known: Sequence[Provider], names: Sequence[str]) -> tuple[Provider, ...]:
    """The providers called ``names``; all without any. Raises UsageError for one that does not exist."""
    by_name = {provider.name: provider for provider in known}
    for name in names:
        if name not in by_name:
            raise UsageError(
                _("there is no target {name}").format(name=name) + did_you_mean(name, tuple(by_name)),
                _("Known are: {names}.").format(names=", ".join(by_name)),
            )
    return tuple(by_name[name] for name in names) or tuple(known)


def chosen_policy(node: Node, known: Library, baselines: Sequence[str], places: Sequence[Provider]) -> Policy:
    """The rules of the baselines asked for, else of the configured ones, else of every family that fits."""
    settings = node.loaded.config.scan
    kinds = {kind for place in places for kind in place.kinds}
    fitting = tuple(name for name, family in known.families.items() if family.target in kinds)
    return known.chosen(tuple(baselines) or settings.baselines or fitting, settings.params)


def _judge(looked: Looked, judge: Judge, store: Keep, gathered: Gathered) -> None:
    """Judge one target and keep what was read and found."""
    name = f"{looked.target.kind}:{looked.target.id}"
    view = View(target=looked.target, at=looked.at, collectors=looked.collectors, facts=looked.facts)
    found = list(judge.findings(view, gathered.before.get(name)))
    gathered.findings += found
    gathered.now[name] = {
        finding.id: Was(status=finding.status, since=finding.first_seen or view.at, rule=finding.rule)
        for finding in found
    }
    if looked.unreachable:
        gathered.unreachable[name] = looked.unreachable[:200]
    gathered.targets.append(
        TargetResult(
            target=looked.target,
            facts=store.keep(view.canonical()),
            findings=store.keep(canonical([finding.model_dump(mode="json") for finding in found])),
            counts=tally(found),
            baselines=tuple(_by_baseline(judge.policy, found)),
            read_at=looked.at,
        )
    )


def _by_kind(targets: Sequence[TargetResult]) -> Iterator[KindResult]:
    parts = [(target.target.kind, one) for target in targets for one in target.baselines]
    for kind, baseline in sorted({(kind, one.baseline) for kind, one in parts}):
        mine = [one.counts for found, one in parts if (found, one.baseline) == (kind, baseline)]
        counts = together(count for some in mine for count in some)
        yield KindResult(kind=kind, baseline=baseline, targets=len(mine), counts=counts)


def _by_baseline(policy: Policy, found: Sequence[Finding]) -> Iterator[BaselineResult]:
    for name, rules in policy.members.items():
        mine = [finding for finding in found if finding.rule in rules]
        if mine:
            yield BaselineResult(baseline=name, counts=tally(mine))


def _stated(site: Site, threshold: Level, known: Library, judge: Judge, gathered: Gathered) -> Scanned:
    policy, waivers, started = judge.policy, judge.waivers, judge.at
    counts = together(count for target in gathered.targets for count in target.counts)
    bad, open_ = failing(counts, threshold), undecided(counts, threshold)
    astray = waivers.astray([(finding.rule, finding.target) for finding in gathered.findings]) if gathered.full else ()
    result = ScanResult(
        tenant=site.tenant,
        host=site.host,
        baselines=policy.baselines,
        fail_on=threshold,
        outcome="failed" if bad else "unknown" if open_ or not gathered.targets else "passed",
        reasons=tuple(_reasons(bad, open_, len(astray), gathered)),
        policy=policy.digest,
        manifest=hashlib.sha256(manifest(gathered.targets)).hexdigest(),
        counts=counts,
        kinds=tuple(_by_kind(gathered.targets)),
        changes=dict(Counter(finding.change for finding in gathered.findings)),
        targets=tuple(_told(gathered.targets)),
        targets_in_all=len(gathered.targets),
        unreachable=dict(itertools.islice(gathered.unreachable.items(), TOLD)),
        waivers=sum(waiver.holds(started) for waiver in waivers.known),
        waivers_astray=len(astray),
        next_waiver_end=rfc3339(end) if (end := waivers.next_end(started)) else None,
        full=gathered.full,
        started=rfc3339(started),
        ended=rfc3339(site.clock.now()),
    )
    return Scanned(
        result,
        tuple(gathered.findings),
        known,
        tuple(gathered.targets),
        waivers=waivers.known,
        astray=astray,
        vanished=gathered.vanished,
    )


def manifest(targets: Sequence[TargetResult]) -> bytes:
    """The list of all targets' results, as it is kept and digested."""
    return canonical([target.model_dump(mode="json") for target in targets])


def _reasons(bad: int, open_: int, astray: int, gathered: Gathered) -> Iterator[Reason]:
    if bad:
        yield reason("findings", count=bad)
    if open_:
        yield reason("findings-undecided", "warning", count=open_)
    if astray:
        yield reason("waivers-astray", "warning", count=astray)
    if gathered.unreachable:
        yield reason("scan-targets-unreachable", "warning", count=len(gathered.unreachable))
    if not gathered.targets:
        yield reason("nothing-scanned")


def _told(targets: Sequence[TargetResult]) -> Iterator[TargetResult]:
    """As many of the first targets as a statement has room for."""
    room = TOLD_BYTES
    for target in targets:
        room -= len(target.model_dump_json())
        if room < 0:
            return
        yield target


def _recorded(node: Node, result: ScanResult) -> int:
    subjects = [(f"{one.target.kind}:{one.target.id}", one.facts) for one in result.targets]
    with node.log() as log:
        return log.append(result, subjects or [("policy", result.policy)]).index
