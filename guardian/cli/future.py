"""What ``guardian maintain --dry-run`` shows of later days: a table for each source, and a page with charts."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from guardian.i18n import N_, _

if TYPE_CHECKING:
    from guardian.backup.future import Day
    from guardian.backup.maintained import Maintained, SourceMaintained
    from guardian.backup.retention import Point
    from guardian.node import Node

Foretold = tuple["SourceMaintained", "tuple[Day, ...]"]

LABELS = {
    "now": N_("after this run"),
    "week": N_("in a week"),
    "month": N_("in a month"),
    "quarter": N_("in a quarter"),
    "year": N_("in a year"),
    "two-years": N_("in two years"),
}


def foretell(node: "Node", done: "Maintained") -> list[Foretold]:
    """The restore points of later days, of every source of a dry run."""
    from guardian.backup.future import foresee

    now = node.clock.now()
    return [(one, foresee(_staying(one), _course(node, one), now)) for one in done.sources]


def _staying(found: "SourceMaintained") -> list["Point"]:
    return [point for point in found.points if point.id not in found.decided.remove]


def _course(node: "Node", found: "SourceMaintained") -> Any:
    from guardian.backup.future import Course
    from guardian.backup.slots import Rhythm
    from guardian.config.localtime import host_zone, named
    from guardian.config.schedule import parse_cadence

    config = node.loaded.config
    schedules = named(config.agent.time_zone) if config.agent.time_zone else host_zone()
    plan = config.systems[found.target.system].plan
    maintain = node.loaded.repository(found.target.key).spec.maintain
    return Course(
        policy=found.policy,
        backups=Rhythm(parse_cadence(plan.schedule), schedules) if plan.schedule and plan.enabled else None,
        maintenance=Rhythm(parse_cadence(maintain), schedules),
        zone=host_zone(),
    )


def document(found: "SourceMaintained", days: "tuple[Day, ...]") -> dict[str, Any]:
    """For programs."""
    from guardian.clock import rfc3339

    return {
        "system": found.target.system,
        "source": found.target.source,
        "repository": found.target.key,
        "days": [
            {"label": day.label, "at": rfc3339(day.at), "points": len(day.points), "by_age": day.by_age()}
            for day in days
        ],
    }


def lines(found: "SourceMaintained", days: "tuple[Day, ...]") -> list[str]:
    """For people."""
    from guardian.cli import render

    header = (
        _("restore points of {ref} in {repository}").format(ref=found.target.ref, repository=found.target.key),
        _("date"),
        _("all"),
        _("≤ 1 day old"),
        _("≤ 1 week"),
        _("≤ 1 month"),
        _("≤ 1 year"),
        _("older"),
    )
    rows = [
        (_(LABELS[day.label]), f"{day.at:%Y-%m-%d}", str(len(day.points)), *map(str, day.by_age().values()))
        for day in days
    ]
    return ["", *render.table(header, rows)]


def write(path: Path, node: "Node", foretold: list[Foretold]) -> None:
    """Write the page; an existing file is replaced."""
    from guardian import durable
    from guardian.audit.forecast import Outlook, page

    outlooks = [
        Outlook(
            name=f"{found.target.ref} · {found.target.key}",
            rules=_rules(found),
            days=tuple((_(LABELS[day.label]), day.at, tuple(point.time for point in day.points)) for day in days),
            goes=len(found.decided.remove),
            held=len(found.decided.held),
        )
        for found, days in foretold
    ]
    durable.write_atomic(path, page(node.host, node.clock.now(), outlooks).encode())


def _rules(found: "SourceMaintained") -> str:
    from guardian.backup.retention import counts, within_hours

    if found.policy is None:
        return _("everything is kept")
    named = [f"{rule} {count}" for rule, count in counts(found.policy).items()]
    if hours := within_hours(found.policy):
        named.append(_("all of the last {hours} hours").format(hours=hours))
    return ", ".join([*named, _("never fewer than {count} good ones").format(count=found.policy.minimum)])
