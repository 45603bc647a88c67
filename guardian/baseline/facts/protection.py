"""How one system is protected, as facts: what is configured, what the log says came of it, what its levels ask. Pure.

What is configured is known without the log; what only the log can say is unread where that could not be read. Never
having happened is a value (null): "no drill" and "nobody knows whether there was one" are two different things.
``…_over`` is by how much something is beyond what is asked: 0 or less is good, null where there is nothing to compare.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from guardian.baseline.facts.protection_log import PlaceStory, StorageStory, Story
from guardian.baseline.facts.unread import unread
from guardian.baseline.protection_policy import Demands
from guardian.keys.standing import Standing
from guardian.model.protection import BucketLock, Retention, System

DATABASES: Final = frozenset({"postgresql", "mysql", "sqlite"})
"""Kinds of sources whose data a drill can load and ask (level D4)."""
_PERIODS: Final = {"hourly": 1, "daily": 24, "weekly": 168, "monthly": 720, "yearly": 8760}
"""Hours between two restore points of each rule."""


@dataclass(frozen=True, slots=True)
class Storage:
    """One repository that holds a system's backups. ``copy``: they are copied there from another one."""

    key: str
    kind: str
    remote: bool
    copy: bool
    lock: BucketLock | None
    apart: bool
    """Whether the identity that may delete is another than the one that backs up."""


@dataclass(frozen=True, slots=True)
class Protected:
    """The system as it is configured. ``seconds`` gives the longest time between two runs of a cadence."""

    id: str
    system: System
    storages: tuple[Storage, ...]
    configuration: str
    seconds: Callable[[str], float]


def facts(subject: Protected, story: Story | str, demands: Demands, now: datetime) -> dict[str, Any]:
    """The facts of ``subject``. ``story`` is the log's, or why that could not be read."""
    return {
        "system": _system(subject, demands),
        "demands": _demands(demands),
        "plan": _plan(subject, demands),
        "places": [
            _place(subject, source, storage, story, (demands, now))
            for storage in subject.storages
            for source in subject.system.sources
        ],
        "storages": [_storage(storage, story, (demands, now)) for storage in subject.storages],
        "log": unread(story)
        if isinstance(story, str)
        else {"readable": True, "configuration_on_record": story.configuration == subject.configuration},
    }


def _system(subject: Protected, demands: Demands) -> dict[str, Any]:
    objectives = subject.system.objectives
    rpo, rto = _seconds(objectives.rpo), _seconds(objectives.rto)
    return {
        "id": subject.id,
        "owner": subject.system.owner,
        "mlps_level": subject.system.mlps_level,
        "dr_level": objectives.dr_level,
        "rpo_seconds": rpo,
        "rto_seconds": rto,
        "rpo_over": _over(rpo, _seconds(demands.rpo)),
        "rto_over": _over(rto, _seconds(demands.rto)),
    }


def _demands(demands: Demands) -> dict[str, Any]:
    return {
        "rpo_seconds": _seconds(demands.rpo),
        "rto_seconds": _seconds(demands.rto),
        "places": demands.places,
        "remote_places": demands.remote_places,
        "keep_days": demands.keep.days if demands.keep else None,
        "immutable_days": demands.immutable_days,
        "drills": {level: most.days for level, most in demands.drills.items()},
        "escrow": demands.escrow.model_dump() if demands.escrow else None,
    }


def _plan(subject: Protected, demands: Demands) -> dict[str, Any]:
    plan, rpo = subject.system.plan, _rpo(subject, demands)
    interval = round(subject.seconds(plan.schedule)) if plan.schedule else None
    kept = keep_days(plan.retention)
    drills = {level: round(subject.seconds(cadence) / 86400) for level, cadence in plan.drills.items()}
    locks = [storage.lock.days if storage.lock else 0 for storage in subject.storages]
    remote = sum(storage.remote for storage in subject.storages)
    return {
        "enabled": plan.enabled,
        "interval_seconds": interval,
        "interval_over": _over(interval, rpo),
        "keep_days": kept,
        "keep_short": 0 if kept is None or demands.keep is None else demands.keep.days - kept,
        "kept_at_least": plan.retention.minimum if plan.retention else None,
        "most_removed": plan.retention.max_removal if plan.retention else None,
        "places": len(subject.storages),
        "places_short": demands.places - len(subject.storages),
        "remote_places": remote,
        "remote_places_short": demands.remote_places - remote,
        "immutable_days": max(locks, default=0),
        "immutable_days_short": demands.immutable_days - max(locks, default=0),
        "drills": [
            {"level": level, "days": days, "planned_days": planned, "over": _over(planned, days)}
            for level, days in _asked_drills(
                demands, {source.kind for source in subject.system.sources.values()}
            ).items()
            for planned in (_drilled(drills, level),)
        ],
    }


def _asked_drills(demands: Demands, kinds: Collection[str]) -> dict[str, int]:
    """The most days between drills, by level. What holds no database ends at D3: more is asked of nobody there."""
    asked: dict[str, int] = {}
    for level, most in demands.drills.items():
        reached = level if level != "D4" or DATABASES & set(kinds) else "D3"
        asked[reached] = min(most.days, asked.get(reached, most.days))
    return asked


def _drilled(drills: Mapping[Any, int], level: str) -> int | None:
    """The most days between two drills at ``level`` or above; None: none is planned."""
    return min((days for planned, days in drills.items() if planned != "K" and planned >= level), default=None)


def keep_days(retention: Retention | None) -> int | None:
    """How many days back restore points reach by the rules alone; None: everything is kept."""
    if retention is None:
        return None
    spans = [hours * getattr(retention, rule) for rule, hours in _PERIODS.items() if getattr(retention, rule)]
    within = retention.within.total_seconds() / 3600 if retention.within else 0
    return int(max([within, *spans]) // 24)


def _place(
    subject: Protected, source: str, storage: Storage, story: Story | str, asked: tuple[Demands, datetime]
) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": f"{source}@{storage.key}",
        "source": source,
        "kind": subject.system.sources[source].kind,
        "repository": storage.key,
        "copy": storage.copy,
        "remote": storage.remote,
    }
    if isinstance(story, str):
        return told | dict.fromkeys(("backup", "drills", "restore", "suspicious"), unread(story))
    known = story.place((subject.id, source, storage.key))
    return told | _told(known, subject, told["kind"], asked)


def _told(known: PlaceStory, subject: Protected, kind: str, asked: tuple[Demands, datetime]) -> dict[str, Any]:
    demands, now = asked
    asked_of_it = _asked_drills(demands, {kind})
    age = _age(known.complete, now)
    rto = _seconds(subject.system.objectives.rto) or _seconds(demands.rto)
    measured = None if known.rto_seconds is None else round(known.rto_seconds)
    return {
        "backup": {
            "complete": _text(known.complete),
            "outcome": known.newest_outcome,
            "age_over": _over(age, _rpo(subject, demands)),
        },
        "drills": [_drill(known, level, days, now) for level, days in asked_of_it.items()],
        "restore": {
            "passed": _text(max((at for level, at in known.passed.items() if level >= "D3"), default=None)),
            "failed_since": any(
                at > known.passed.get(level, datetime.min.replace(tzinfo=at.tzinfo))
                for level, at in known.failed.items()
            ),
            "rto_seconds": measured,
            "rto_over": None if measured is None else _over(measured, rto),
        },
        "suspicious": len(known.suspicious),
    }


def _drill(known: PlaceStory, level: str, days: int, now: datetime) -> dict[str, Any]:
    passed = known.passed.get(level)
    age = _age(passed, now)
    return {"level": level, "passed": _text(passed), "over": _over(age, days * 86400)}


def _storage(storage: Storage, story: Story | str, asked: tuple[Demands, datetime]) -> dict[str, Any]:
    demands, now = asked
    lock = storage.lock
    told: dict[str, Any] = {
        "repository": storage.key,
        "kind": storage.kind,
        "copy": storage.copy,
        "remote": storage.remote,
        "lock_mode": lock.mode if lock else None,
        "lock_days": lock.days if lock else 0,
        "maintenance_apart": storage.apart,
    }
    if isinstance(story, str):
        return told | dict.fromkeys(("escrow", "trial"), unread(story))
    standing = story.escrows.standings().get(storage.key)
    return told | {"escrow": _escrow(standing, demands), "trial": _trial(story.storage(storage.key), now)}


def _escrow(standing: Standing | None, demands: Demands) -> dict[str, Any]:
    """Who holds shares of the password. Once that was changed, the shares there are open nothing."""
    asked = demands.escrow
    there = standing if standing and not standing.stale else None
    threshold, shares = (there.threshold, there.shares) if there else (0, 0)
    return {
        "escrowed": there.escrowed if there else None,
        "threshold": threshold,
        "shares": shares,
        "threshold_short": (asked.threshold if asked else 0) - threshold,
        "shares_short": (asked.shares if asked else 0) - shares,
        "spare": shares - threshold if there else None,
        "drilled": standing.drilled if standing else None,
    }


def _trial(known: StorageStory, now: datetime) -> dict[str, Any]:
    """What came of trying to delete and to overwrite. ``immutable`` null: that was never tried."""
    immutable: Any = known.immutable
    if known.looked is not None and known.immutable is None:
        immutable = unread("the trial could not tell")
    return {
        "at": _text(known.looked),
        "days": _days(known.looked, now),
        "immutable": immutable,
        "lock_until": known.lock_until,
    }


def _rpo(subject: Protected, demands: Demands) -> int | None:
    """What holds: the owner's own objective, or what the levels ask where that is stricter or there is none."""
    both: Sequence[timedelta | None] = (subject.system.objectives.rpo, demands.rpo)
    return min((round(one.total_seconds()) for one in both if one is not None), default=None)


def _over(value: int | None, most: int | None) -> int | None:
    """By how much ``value`` is beyond ``most``; 0 where nothing is asked, null where there is no value."""
    if most is None:
        return 0
    return None if value is None else value - most


def _age(moment: datetime | None, now: datetime) -> int | None:
    return None if moment is None else round((now - moment).total_seconds())


def _days(moment: datetime | None, now: datetime) -> int | None:
    return None if moment is None else (now - moment).days


def _seconds(duration: timedelta | None) -> int | None:
    return None if duration is None else round(duration.total_seconds())


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
