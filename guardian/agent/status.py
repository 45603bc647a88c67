"""The status of this host: configuration, journal and log put together for people and metrics. Pure.

Where nothing is known there is None. Nothing is asked here: whoever calls gathers first, and gathering costs next to
nothing while nothing changes.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import itemgetter
from typing import Final

from guardian.agent.journal import Journal
from guardian.agent.known import Drilled, Facts, Protected, Stored
from guardian.agent.scanned import scan_statuses
from guardian.agent.tasks import Planned
from guardian.agent.verdict import Case, Copied, judge
from guardian.clock import rfc3339
from guardian.config.loaded import Loaded
from guardian.model.backup import Target
from guardian.model.job import TaskRecord
from guardian.model.ladder import LADDER
from guardian.model.reason import Reason
from guardian.model.status import (
    AgentNow,
    Assured,
    CopyStatus,
    CustodyStatus,
    DrillStatus,
    HostStatus,
    JobNow,
    LogStatus,
    Ran,
    RepositoryStatus,
    ScanStatus,
    SourceStatus,
)

_ENDS_AT_D3: Final = frozenset({"files", "command"})
"""Kinds of sources that no drill climbs higher with: what is asked of D4 is answered by D3."""


@dataclass(frozen=True, slots=True)
class Sight:
    """All that a status is made of. Mappings are by the key of the task.

    ``counts`` are the slots missed and skipped ever, ``due`` when a task begins next.
    """

    loaded: Loaded
    planned: tuple[Planned, ...]
    facts: Facts
    agent: AgentNow
    records: Mapping[str, TaskRecord] = field(default_factory=dict)
    counts: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    due: Mapping[str, datetime | None] = field(default_factory=dict)
    jobs: tuple[JobNow, ...] = ()
    paused: Mapping[str, datetime] = field(default_factory=dict)
    """Since when tasks are paused that are."""


def counts(journal: Journal, planned: Iterable[Planned]) -> dict[str, tuple[int, int]]:
    """Of every task the slots that were missed and skipped, ever. Raises as the journal does."""
    return {one.task.key: journal.counts(one.task.key) for one in planned}


def status(sight: Sight, now: datetime) -> HostStatus:
    """Everything an operator sees of this host, as of ``now``."""
    loaded, view = sight.loaded, _View(sight, now)
    tenant = loaded.config.tenant
    return HostStatus(
        tenant=tenant.id,
        host=loaded.host,
        region=tenant.region,
        at=rfc3339(now),
        agent=sight.agent,
        log=_log(sight.facts),
        sources=tuple(view.source(target) for target in loaded.targets()),
        drills=tuple(view.drills()),
        copies=tuple(view.copies()),
        repositories=tuple(view.repositories()),
        scans=tuple(view.scans()),
        jobs=sight.jobs,
    )


def _log(facts: Facts) -> LogStatus:
    return LogStatus(entries=facts.size, intact=facts.intact, root=facts.root, newest=_text(facts.newest))


def _text(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None


@dataclass(frozen=True, slots=True)
class _View:
    sight: Sight
    now: datetime

    def _planned(self, key: str) -> Planned | None:
        return next((one for one in self.sight.planned if one.task.key == key), None)

    def ran(self, key: str) -> Ran:
        """A task's newest attempt and next slot; one that is not planned is not enabled."""
        planned, record = self._planned(key), self.sight.records.get(key)
        missed, skipped = self.sight.counts.get(key, (0, 0))
        enabled = planned is not None and planned.enabled
        due = self.sight.due.get(key) if enabled else None
        if record is None:
            return Ran(task=key, missed=missed, skipped=skipped, next_due=_text(due), enabled=enabled)
        result = record.last_result
        return Ran(
            task=key,
            last_started=_text(record.last_started),
            last_ended=_text(record.last_ended),
            last_outcome=result.outcome if result else None,
            last_exit_code=result.exit_code if result else None,
            last_reasons=result.reasons if result else (),
            last_seconds=record.last_seconds,
            last_success=_text(record.last_success),
            failures_in_a_row=record.failures_in_a_row,
            missed=missed,
            skipped=skipped,
            next_due=_text(due),
            enabled=enabled,
        )

    # sources

    def _protected(self, target: Target) -> Protected | None:
        """What the log says; None when it cannot be asked. A source it does not name was never backed up."""
        facts = self.sight.facts
        if facts.intact is not True:
            return None
        return facts.places.get((target.system, target.source, target.key), Protected())

    def _problem(self) -> Reason | None:
        """That the log is only being read is nothing wrong; whatever else is in the way has one name."""
        found = self.sight.facts.problem
        return found if found is not None and found.code == "log-being-read" else None

    def source(self, target: Target) -> SourceStatus:
        """One source: the verdict, and what it rests on."""
        system = self.sight.loaded.config.systems[target.system]
        key = f"backup:{target.ref}"
        record, known = self.sight.records.get(key), self._protected(target)
        verdict, reasons = judge(self._case(target, known))
        shown = known or Protected()
        rpo, rto, bound = system.objectives.rpo, system.objectives.rto, shown.bound
        return SourceStatus(
            system=target.system,
            source=target.source,
            kind=system.sources[target.source].kind,
            repository=target.key,
            verdict=verdict,
            reasons=reasons,
            backup=self.ran(key),
            rpo_seconds=rpo.total_seconds() if rpo else None,
            rto_seconds=rto.total_seconds() if rto else None,
            known_since=_text(record.since) if record else None,
            restore_point=_text(shown.good.at) if shown.good else None,
            restore_point_snapshot=shown.good.snapshot if shown.good else None,
            verified=_text(shown.proof.at) if shown.proof else None,
            verified_level=shown.proof.level if shown.proof else None,
            figures=dict(shown.figures),
            medians=dict(shown.medians),
            suspicious=shown.suspicious,
            last_clean=shown.last_clean.snapshot if shown.last_clean else None,
            paused_since=_text(self.sight.paused.get(key)),
            missing=shown.missing,
            unaccounted=shown.unaccounted,
            assured=Assured(
                level=bound.level, confidence=bound.confidence, max_loss=bound.max_loss, at=rfc3339(bound.at)
            )
            if bound
            else None,
        )

    def _case(self, target: Target, known: Protected | None) -> Case:
        system = self.sight.loaded.config.systems[target.system]
        key = f"backup:{target.ref}"
        drills = tuple(
            one
            for one in self._drills_of(target)
            if one.task.level in LADDER and LADDER.index(self._as_far(one.task.level, target)) >= LADDER.index("D3")
        )
        records = self.sight.records
        return Case(
            protected=known,
            problem=self._problem(),
            broken=self._stored(target.key).broken,
            now=self.now,
            rpo=system.objectives.rpo,
            enabled=system.plan.enabled,
            backup=self._planned(key),
            record=records.get(key),
            drills=drills,
            copies=tuple(self._copied(target)),
            known_since={one.task.key: records[one.task.key].since for one in drills if one.task.key in records},
        )

    def _copied(self, target: Target) -> Iterator[Copied]:
        for repository in self.sight.loaded.copies(target):
            there = Target(target.system, target.source, repository.name, repository.key)
            known = self._protected(there) or Protected()
            record = self.sight.records.get(f"copy:{target.ref}:{repository.key}")
            yield Copied(repository.key, known.good.at if known.good else None, record)

    # drills and copies

    def _drills_of(self, target: Target) -> Iterator[Planned]:
        for one in self.sight.planned:
            task = one.task
            if task.kind == "drill" and (task.system, task.source, task.repository) == (
                target.system,
                target.source,
                target.key,
            ):
                yield one

    def _as_far(self, level: str, target: Target) -> str:
        """The level at which drills of such a source end when ``level`` is asked for."""
        kind = self.sight.loaded.source(target).kind
        return "D3" if kind in _ENDS_AT_D3 and level in ("D4", "D5", "D6") else level

    def drills(self) -> Iterator[DrillStatus]:
        """Every level that is planned for a source, or that a drill said something of."""
        for target in self.sight.loaded.targets():
            yield from self._drilled(target)

    def _drilled(self, place: Target, key: str = "") -> Iterator[DrillStatus]:
        """The drills of a backup, or of its copy in the repository ``key``."""
        words = (self._protected(place) or Protected()).drills
        levels = dict.fromkeys([*(one.task.level or "" for one in self._drills_of(place)), *sorted(words)])
        for level in levels:
            task = f"drill:{level}:{place.ref}" + (f":{key}" if key else "")
            yield self._drill(place, (level, task), words.get(self._as_far(level, place)))

    def _drill(self, target: Target, what: tuple[str, str], word: Drilled | None) -> DrillStatus:
        level, task = what
        planned, record = self._planned(task), self.sight.records.get(task)
        return DrillStatus(
            system=target.system,
            source=target.source,
            level=level,
            ran=self.ran(task),
            last_pass=_text(word.last_pass) if word else None,
            outcome=word.outcome if word else None,
            rto_seconds=word.rto_seconds if word else None,
            rpo_seconds=word.rpo_seconds if word else None,
            confidence=word.confidence if word else None,
            max_loss=word.max_loss if word else None,
            interval_seconds=planned.rhythm.cadence.longest.total_seconds() if planned else None,
            known_since=_text(record.since) if record and planned else None,
            planted=word.planted if word else None,
            planted_missed=word.planted_missed if word else None,
            disagreements=word.disagreements if word else None,
        )

    def copies(self) -> Iterator[CopyStatus]:
        """Every copy that is asked for."""
        for target in self.sight.loaded.targets():
            for repository in self.sight.loaded.copies(target):
                there = Target(target.system, target.source, repository.name, repository.key)
                known = self._protected(there) or Protected()
                yield CopyStatus(
                    system=target.system,
                    source=target.source,
                    repository=repository.key,
                    ran=self.ran(f"copy:{target.ref}:{repository.key}"),
                    restore_point=_text(known.good.at) if known.good else None,
                    behind=self._behind(target, known),
                    verified=_text(known.proof.at) if known.proof else None,
                    verified_level=known.proof.level if known.proof else None,
                    drills=tuple(self._drilled(there, there.key)),
                )

    def _behind(self, target: Target, copy: Protected) -> int | None:
        source = self._protected(target)
        if source is None:
            return None
        return source.points if copy.behind is None else copy.behind

    # repositories

    def repositories(self) -> Iterator[RepositoryStatus]:
        """Every repository in use."""
        for repository in self.sight.loaded.repositories():
            if not repository.systems:
                continue
            stored = self._stored(repository.key)
            locks, oldest = self._locks(repository.key)
            yield RepositoryStatus(
                key=repository.key,
                maintain=self.ran(f"maintain:{repository.key}"),
                posture=self.ran(f"posture:{repository.key}"),
                snapshots=stored.snapshots,
                bytes=stored.bytes,
                locks=locks,
                oldest_lock=oldest,
                coverage=stored.coverage,
                lock_until=stored.lock_until,
                immutable=stored.immutable,
                promised=stored.promised,
                quota_bytes=repository.spec.quota,
                reasons=(*stored.found, *stored.maintained),
                custody=self._custody(repository.key, stored) if self.sight.facts.intact else None,
            )

    def _stored(self, key: str) -> Stored:
        facts = self.sight.facts
        return facts.repositories.get(key, Stored()) if facts.intact else Stored()

    def _locks(self, key: str) -> tuple[int | None, str | None]:
        """How many of restic's locks the newest job that looked found in the repository ``key``; the oldest's time."""
        results = (
            (record.last_ended, record.last_result.figures)
            for one in self.sight.planned
            if one.task.repository == key and (record := self.sight.records.get(one.task.key)) is not None
            if record.last_result is not None and record.last_ended is not None
        )
        seen = max(((ended, found) for ended, found in results if "locks" in found), key=itemgetter(0), default=None)
        if seen is None:
            return None, None
        oldest = seen[1].get("oldest_lock")
        return int(seen[1]["locks"]), rfc3339(datetime.fromtimestamp(oldest, UTC)) if oldest is not None else None

    def _custody(self, key: str, stored: Stored) -> CustodyStatus:
        """Who can open the repository beside this host: what was handed out, and what holders proved."""
        drills = [one for one in self.sight.planned if one.task.level == "K" and one.task.repository == key]
        interval = min((one.rhythm.cadence.longest.total_seconds() for one in drills), default=None)
        standing = stored.custody
        if standing is None:
            return CustodyStatus(interval_seconds=interval)
        return CustodyStatus(
            threshold=standing.threshold,
            shares=standing.shares,
            escrowed=standing.escrowed,
            stale=standing.stale,
            proven=standing.drilled,
            interval_seconds=interval,
        )

    # scans

    def scans(self) -> Iterator[ScanStatus]:
        """The newest scan, by baseline and target; before the first one, every baseline that is asked for."""
        if not any(one.task.kind == "scan" for one in self.sight.planned):
            return
        ran, facts = self.ran("scan"), self.sight.facts
        if facts.scan is not None and facts.intact:
            yield from scan_statuses(facts.scan, ran)
        else:
            for baseline in self.sight.loaded.config.scan.baselines or ("",):
                yield ScanStatus(baseline=baseline, ran=ran)
