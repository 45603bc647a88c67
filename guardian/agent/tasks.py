"""The work that comes round on a host: every task of its configuration, with its rhythm. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final
from zoneinfo import ZoneInfo

from guardian.backup.slots import Rhythm, offset_of
from guardian.config.loaded import Loaded, ResolvedRepository
from guardian.config.localtime import host_zone, named
from guardian.config.schedule import parse_cadence
from guardian.config.windows import parse_window
from guardian.model.backup import Target
from guardian.model.border import format_duration
from guardian.model.job import JobKind, Task
from guardian.model.protection import Plan

SPREAD: Final = timedelta(hours=1)
"""Work on whole repositories and scans begin up to so much after their slot, each host by its own amount."""

_AFTER_BACKUPS: Final = 101
"""Taken off the priority of what is no backup and no copy: what was not saved can wait for nothing."""

_ORDINARY: Final = 50


@dataclass(frozen=True, slots=True)
class Planned:
    """A task and when it is due. Of tasks that are due, the higher ``priority`` is first.

    ``after``: the key of the task whose slot must have ended before this one's is begun: a copy follows its backup.
    """

    task: Task
    rhythm: Rhythm
    priority: int
    enabled: bool = True
    after: str | None = None


def zone_of(loaded: Loaded) -> ZoneInfo:
    """The zone of all schedules: the configured one, else this host's."""
    name = loaded.config.agent.time_zone
    return named(name) if name else host_zone()


def planned(loaded: Loaded, zone: ZoneInfo | None = None) -> tuple[Planned, ...]:
    """Every task of a configuration that was checked. Keys are different. Without ``zone`` it is :func:`zone_of`."""
    plans = _Plans(loaded, zone or zone_of(loaded))
    return (*plans.of_sources(), *plans.of_repositories(), *plans.scan())


@dataclass(frozen=True, slots=True)
class _Plans:
    loaded: Loaded
    zone: ZoneInfo

    def of_sources(self) -> Iterator[Planned]:
        """Backups, their copies, drills."""
        for target in self.loaded.targets():
            plan = self.loaded.config.systems[target.system].plan
            if plan.schedule:
                backup = self._backup(target, plan, plan.schedule)
                yield backup
                yield from self._copies(target, backup)
            yield from self._drills(target, plan)

    def of_repositories(self) -> Iterator[Planned]:
        """Maintenance of every repository in use, and a look at those in buckets."""
        for repository in self.loaded.repositories():
            if not repository.systems:
                continue
            yield self._repository("maintain", repository, repository.spec.maintain)
            if repository.s3 is not None:
                yield self._repository("posture", repository, repository.spec.posture)

    def scan(self) -> Iterator[Planned]:
        """The scan of this host, if one is asked for."""
        every = self.loaded.config.scan.every
        if every is not None:
            task = Task(key="scan", kind="scan")
            cadence = f"every {format_duration(every)}"
            yield Planned(task, self._rhythm("scan", cadence, None), _ORDINARY - _AFTER_BACKUPS)

    def _backup(self, target: Target, plan: Plan, schedule: str) -> Planned:
        task = _task(target, "backup", f"backup:{target.ref}")
        return Planned(task, self._rhythm(task.key, schedule, plan), plan.priority, plan.enabled)

    def _copies(self, target: Target, backup: Planned) -> Iterator[Planned]:
        for repository in self.loaded.copies(target):
            key = f"copy:{target.ref}:{repository.key}"
            task = _task(target, "copy", key, to=repository.key)
            # By the very rhythm of its backup: every slot of the one has its slot of the other.
            yield replace(backup, task=task, after=backup.task.key)

    def _drills(self, target: Target, plan: Plan) -> Iterator[Planned]:
        """Of the backup itself and of each of its copies, which are drilled like the first."""
        for level, cadence in plan.drills.items():
            tasks = [_task(target, "drill", f"drill:{level}:{target.ref}", level=level)]
            for there in self.loaded.copied(target) if level != "K" else ():
                key = f"drill:{level}:{target.ref}:{there.key}"
                tasks.append(_task(there, "drill", key, level=level, to=there.key))
            for task in tasks:
                rhythm = self._rhythm(task.key, cadence, plan)
                yield Planned(task, rhythm, plan.priority - _AFTER_BACKUPS, plan.enabled)

    def _repository(self, kind: JobKind, repository: ResolvedRepository, cadence: str) -> Planned:
        task = Task(key=f"{kind}:{repository.key}", kind=kind, repository=repository.key)
        plans = [self.loaded.config.systems[system].plan for system in repository.systems]
        # Who shares a repository cannot keep all others from it by a window of their own.
        rhythm = self._rhythm(task.key, cadence, plans[0] if len(plans) == 1 else None)
        enabled = any(plan.enabled for plan in plans)
        rhythm = replace(self._spread(rhythm, task.key, SPREAD), enabled=enabled)
        return Planned(task, rhythm, max(plan.priority for plan in plans) - _AFTER_BACKUPS, enabled)

    def _rhythm(self, key: str, cadence: str, plan: Plan | None) -> Rhythm:
        texts = (*self.loaded.config.agent.blackout, *(plan.blackout if plan else ()))
        windows = tuple(parse_window(text) for text in texts)
        rhythm = Rhythm(
            parse_cadence(cadence), self.zone, timedelta(0), windows, enabled=plan.enabled if plan else True
        )
        return self._spread(rhythm, key, plan.jitter if plan else SPREAD)

    def _spread(self, rhythm: Rhythm, key: str, jitter: timedelta | None) -> Rhythm:
        """Begin later by this host's part of ``jitter``, which is never longer than the time between two slots."""
        most = min(jitter, rhythm.cadence.shortest) if jitter else None
        host = f"{self.loaded.config.tenant.id}/{self.loaded.host}"
        return replace(rhythm, offset=offset_of(host, key, most))


def _task(target: Target, kind: JobKind, key: str, *, level: str | None = None, to: str | None = None) -> Task:
    return Task(
        key=key,
        kind=kind,
        system=target.system,
        source=target.source,
        repository=target.key,
        level=level,
        target=to,
    )
