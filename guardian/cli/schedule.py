"""``guardian schedule``."""

from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import click

from guardian.cli.options import Group, Session, common, verb
from guardian.errors import ExitCode, UsageError
from guardian.i18n import N_, _

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from guardian.agent.explain import Coming, Explained, History
    from guardian.agent.tasks import Planned
    from guardian.config.load import Loaded
    from guardian.model.reason import Reason

_MOST: Final = 5000
_RECENT: Final = 1000

PAST: Final = {
    "complete": N_("it ran at {started} and is complete"),
    "partial": N_("it ran at {started} and is PARTIAL"),
    "failed": N_("it ran at {started} and FAILED ({why})"),
    "skipped": N_("it was skipped at {started} ({why})"),
    "interrupted": N_("it ran at {started} and was interrupted ({why})"),
}


@click.group(cls=Group, help=_("Say when what comes round is due, and why it ran or did not."))
@common
def schedule() -> None:
    """Verbs about schedules."""


@schedule.command(help=_("Say of each task why it ran, did not run or waits, and when it runs next."))
@click.argument("selectors", nargs=-1, metavar="[SYSTEM[/SOURCE]]...")
@click.option("--at", "at", metavar="TIME", help=_("What was known until this time (ISO 8601; local unless it says)."))
@verb
def explain(session: Session, selectors: tuple[str, ...], at: str | None) -> int:
    """Explain every task, or those of some sources."""
    from guardian.agent.explain import explain as explain_now
    from guardian.agent.explain import explain_at
    from guardian.agent.tasks import planned, zone_of
    from guardian.cli import frame, render
    from guardian.clock import SystemClock, rfc3339
    from guardian.durable import Lease

    loaded = frame.loaded(session)
    zone = zone_of(loaded)
    tasks = planned(loaded, zone)
    histories, now = _histories(loaded, tasks), SystemClock().now()
    moment = _moment(at, zone) if at else now
    works = Lease.held(loaded.state_dir / "agent" / "agent.lease")
    chosen = _chosen(loaded, tasks, selectors)
    told = [
        explain_at(one, histories[one.task.key], moment) if at else explain_now(one, histories, now) for one in chosen
    ]
    body = {
        "at": rfc3339(moment),
        "zone": str(zone),
        "agent_runs": works,
        "tasks": [_document(one, zone) for one in told],
    }
    lines = [_sentence(one, zone) for one in told] or [_("nothing of these is scheduled")]
    if not works:
        lines.append(_("no agent runs on this host: nothing begins by itself until one does ('guardian agent run')"))
    return render.show(
        session, render.Report("guardian.schedule-explain/v1", "listed", ExitCode.OK, body, tuple(lines))
    )


@schedule.command("list", help=_("List the slots that come."))
@click.argument("selectors", nargs=-1, metavar="[SYSTEM[/SOURCE]]...")
@click.option("--days", type=click.IntRange(1, 3660), default=7, show_default=True, help=_("How many days ahead."))
@verb
def list_(session: Session, selectors: tuple[str, ...], days: int) -> int:
    """List coming slots, soonest first."""
    from guardian.agent.explain import coming
    from guardian.agent.tasks import planned, zone_of
    from guardian.cli import frame, render
    from guardian.clock import SystemClock, rfc3339

    loaded, now = frame.loaded(session), SystemClock().now()
    zone = zone_of(loaded)
    tasks = _chosen(loaded, planned(loaded, zone), selectors)
    found = list(islice(coming(tasks, now, days), _MOST + 1))
    whole, found = len(found) <= _MOST, found[:_MOST]
    body = {"zone": str(zone), "whole": whole, "slots": [_slot_document(one) for one in found]}
    header = (_("slot ({zone})").format(zone=zone), _("begins"), _("task"))
    lines = render.table(header, [_row(one, zone) for one in found]) if found else (_("no slot comes in that time"),)
    if not whole:
        lines += (_("there are more; the first {count} are shown").format(count=_MOST),)
    body["until"] = rfc3339(found[-1].slot) if found else None
    return render.show(session, render.Report("guardian.schedule-list/v1", "listed", ExitCode.OK, body, lines))


def _chosen(loaded: "Loaded", tasks: "tuple[Planned, ...]", selectors: tuple[str, ...]) -> "list[Planned]":
    """The tasks of the sources that are named; without names all, those of repositories too."""
    refs = {target.ref for target in loaded.targets(selectors)}
    return [one for one in tasks if not selectors or f"{one.task.system}/{one.task.source}" in refs]


def _histories(loaded: "Loaded", tasks: "tuple[Planned, ...]") -> "dict[str, History]":
    """What the journal tells of each task; nothing where no agent has worked yet."""
    from guardian.agent.explain import History
    from guardian.agent.journal import Journal
    from guardian.clock import SystemClock
    from guardian.model.job import TaskRecord

    clock = SystemClock()
    try:
        journal = Journal.read(loaded.state_dir / "agent", clock)
    except FileNotFoundError:
        return {one.task.key: History(TaskRecord(one.task.key, since=clock.now())) for one in tasks}
    with journal:
        records = journal.records(one.task for one in tasks)
        return {
            key: History(record, journal.attempts(key, _RECENT), journal.slot_ends(key, _RECENT))
            for key, record in records.items()
        }


def _moment(text: str, zone: "ZoneInfo") -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            _("{text} is not a time").format(text=text), _("Write it like 2026-11-20T14:00 or 2026-11-20T14:00+08:00.")
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _sentence(told: "Explained", zone: "ZoneInfo") -> str:
    """One line for people: what was, and what is or comes."""
    past = "; ".join(_past(told, zone))
    return _("{task}: {past}; {now}.").format(task=told.planned.task.key, past=past, now=_now(told, zone))


def _past(told: "Explained", zone: "ZoneInfo") -> list[str]:
    attempt, end = told.attempt, told.end
    parts = []
    if attempt is not None and attempt.result is not None:
        why = ", ".join(_local_sentence(one, zone) for one in attempt.result.reasons) or _("no reason given")
        text = _(PAST[attempt.result.outcome])
        parts.append(text.format(started=_local(attempt.started, zone), why=why))
    if end is not None and end.state != "run" and (attempt is None or attempt.slot is None or end.slot > attempt.slot):
        text = (
            _("its slot of {slot} was skipped ({why})")
            if end.state == "skipped"
            else _("its slot of {slot} was missed ({why})")
        )
        why = ", ".join(_local_sentence(one, zone) for one in end.reasons)
        parts.append(text.format(slot=_local(end.slot, zone), why=why))
    return parts or [_("it has not been run yet")]


def _now(told: "Explained", zone: "ZoneInfo") -> str:
    if told.decision is None:
        if told.slot is None or told.begins is None:
            return _("no slot comes after that")
        text = _("its next slot after that is {slot}, to begin at {begins}")
        return text.format(slot=_local(told.slot, zone), begins=_local(told.begins, zone))
    return _local_sentence(told.decision.why, zone)


def _local_sentence(why: "Reason", zone: "ZoneInfo") -> str:
    """A reason as a sentence whose times are local ones."""
    from guardian.agent.cycle import in_zone
    from guardian.cli.sentences import sentence

    return sentence(in_zone(why, zone))


def _local(moment: datetime, zone: "ZoneInfo") -> str:
    """``2026-11-24 02:30 CST``; with seconds where there are any."""
    local = moment.astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M:%S %Z}" if local.second else f"{local:%Y-%m-%d %H:%M %Z}"


def _row(one: "Coming", zone: "ZoneInfo") -> tuple[str, str, str]:
    return _local(one.slot, zone), _local(one.begins, zone), one.planned.task.key


def _slot_document(one: "Coming") -> dict[str, Any]:
    from guardian.clock import rfc3339

    return {"task": one.planned.task.key, "slot": rfc3339(one.slot), "begins": rfc3339(one.begins)}


def _document(told: "Explained", zone: "ZoneInfo") -> dict[str, Any]:
    from guardian.clock import rfc3339

    planned, decision, attempt, end = told.planned, told.decision, told.attempt, told.end

    def text(moment: datetime | None) -> str | None:
        return rfc3339(moment) if moment else None

    document: dict[str, Any] = {
        "task": planned.task.key,
        "kind": planned.task.kind,
        "schedule": planned.rhythm.cadence.text,
        "offset_seconds": int(planned.rhythm.offset.total_seconds()),
        "enabled": planned.enabled,
        "priority": planned.priority,
        "after": planned.after,
        "next_slot": text(told.slot),
        "next_begins": text(told.begins),
        "sentence": _sentence(told, zone),
        "decision": None,
        "last_attempt": None,
        "last_slot": None,
    }
    if decision is not None:
        document["decision"] = {
            "action": decision.action,
            "slot": text(decision.slot),
            "wake": text(decision.wake),
            "why": decision.why.model_dump(mode="json"),
            "ends": len(decision.ends),
        }
    if attempt is not None:
        document["last_attempt"] = {
            "slot": text(attempt.slot),
            "started": rfc3339(attempt.started),
            "ended": text(attempt.ended),
            "outcome": attempt.result.outcome if attempt.result else None,
        }
    if end is not None:
        reasons = [one.model_dump(mode="json") for one in end.reasons]
        document["last_slot"] = {"slot": rfc3339(end.slot), "state": end.state, "reasons": reasons}
    return document
