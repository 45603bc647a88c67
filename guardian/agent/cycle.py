"""What the agent says in its log: one sentence a cycle, when it changes, and one when a job has ended. Pure."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from guardian.agent.look import Seen
from guardian.i18n import N_, _, ngettext
from guardian.model.job import JobOutcome, JobResult
from guardian.model.reason import Reason
from guardian.model.status import JobNow

_OUTCOMES: Final[Mapping[JobOutcome, str]] = {
    "complete": N_("complete"),
    "partial": N_("PARTIAL"),
    "failed": N_("FAILED"),
    "skipped": N_("skipped"),
    "interrupted": N_("interrupted"),
}
_NAMED: Final = 3
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def cycle(seen: Seen, jobs: Sequence[JobNow], zone: ZoneInfo, *, draining: bool = False) -> str:
    """What goes on, what waits, what is next."""
    running = [job.task for job in jobs if job.state != "queued"]
    if draining:
        if not running:
            return _("ending: nothing is running")
        text = ngettext("ending: {count} job is being stopped", "ending: {count} jobs are being stopped", len(running))
        return text.format(count=len(running))
    parts = []
    if running:
        parts.append(_("running: {tasks}").format(tasks=_some(running)))
    late = len(seen.waiting) + len(seen.held)
    if late:
        parts.append(ngettext("{count} waits", "{count} wait", late).format(count=late))
    if coming := _next(seen):
        task, wake = coming
        parts.append(_("next is {task} at {time}").format(task=task, time=local(wake, zone)))
    return "; ".join(parts) or _("nothing comes round")


def ended(task: str, result: JobResult, seconds: float, why: Sequence[str]) -> str:
    """What came of a job, and the first reasons for it."""
    text = _("{task}: {outcome} after {seconds} s").format(
        task=task, outcome=_(_OUTCOMES[result.outcome]), seconds=f"{seconds:.1f}"
    )
    different = list(dict.fromkeys(why))
    told = "; ".join(different[:_NAMED])
    more = len(different) - _NAMED
    if more > 0:
        told += _(" (and {count} more)").format(count=more)
    return f"{text}: {told}" if told else text


def in_zone(why: Reason, zone: tzinfo | None) -> Reason:
    """``why`` with every moment in it as clocks in ``zone`` show it; those of this host for None."""
    args = {name: _text(value, zone) if isinstance(value, str) else value for name, value in why.args.items()}
    return why.model_copy(update={"args": args})


def _text(value: str, zone: tzinfo | None) -> str:
    if not _MOMENT.fullmatch(value):
        return value
    moment = datetime.fromisoformat(value).astimezone(zone)
    return f"{moment:%Y-%m-%d %H:%M:%S %Z}" if moment.second else f"{moment:%Y-%m-%d %H:%M %Z}"


def local(moment: datetime, zone: ZoneInfo) -> str:
    """A moment as clocks in ``zone`` show it."""
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def _next(seen: Seen) -> tuple[str, datetime] | None:
    wakes = [
        (decision.wake, key)
        for key, decision in seen.decisions.items()
        if decision.wake is not None and decision.action == "wait" and decision.why.code != "job-running"
    ]
    wake, key = min(wakes, default=(None, ""))
    return (key, wake) if wake else None


def _some(tasks: Sequence[str]) -> str:
    more = len(tasks) - _NAMED
    text = ", ".join(tasks[:_NAMED])
    return text + _(" (and {count} more)").format(count=more) if more > 0 else text
