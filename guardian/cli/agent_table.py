"""A host's status as people read it: problems first, then what is protected, what runs, what is next."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from guardian.agent.cycle import in_zone
from guardian.cli.phases import PHASES
from guardian.cli.render import human_bytes, table, visible
from guardian.cli.sentences import outcome, sentence
from guardian.cli.verdict import mark
from guardian.errors import ExitCode
from guardian.i18n import N_, _
from guardian.model.reason import Reason, gravest_first, reason
from guardian.model.scan_status import ScanStatus
from guardian.model.status import HostStatus, JobNow, Ran, SourceStatus, Verdict

VERDICTS: Final[dict[Verdict, str]] = {
    "unprotected": N_("UNPROTECTED"),
    "at-risk": N_("AT RISK"),
    "unknown": N_("not known"),
    "protected": N_("protected"),
}
"""From the worst to the best; the bad ones are in capitals so that they are seen without colours."""

STATES: Final = {"running": N_("running"), "queued": N_("waits"), "stopping": N_("is being stopped")}

_GRAVITY: Final = tuple(VERDICTS)
_MOST: Final = 3
"""Reasons of one run that are shown."""
_BEHIND: Final = 5
"""Minutes by which a moment may lie ahead and still be now: clocks are set."""


def verdict(status: HostStatus) -> Verdict:
    """The host's verdict: the worst of its sources. Nothing at all is not known."""
    return min((source.verdict for source in status.sources), key=_GRAVITY.index, default="unknown")


def exit_code(status: HostStatus) -> ExitCode:
    """0 when all is well, 3 when something is not protected, 4 when that could not be found out."""
    codes = {"protected": ExitCode.OK, "unknown": ExitCode.COULD_NOT_VERIFY}
    return codes.get(verdict(status), ExitCode.BAD_ANSWER)


def lines(status: HostStatus, *, running: bool) -> Iterator[str]:
    """The lines to show."""
    now = datetime.fromisoformat(status.at)
    yield _head(status, running=running)
    if status.agent.config_problem:
        problem = _("a newer configuration is refused: {why}").format(why=status.agent.config_problem)
        yield f"  ! {visible(problem)}"
    yield from (f"  ! {sentence(in_zone(one, None))}" for one in status.agent.problems)
    if status.log is not None and status.log.intact is False:
        yield "  ! " + _("the signed log does not hold together; 'guardian ledger verify' says where")
    yield ""
    yield from _sources(status, now)
    yield from _scans(status, now)
    yield from _jobs(status, now)
    yield from _others(status, now)


def _head(status: HostStatus, *, running: bool) -> str:
    host = f"{status.tenant}/{status.host}"
    if not running:
        return _("{host}: the agent is NOT RUNNING; this is what its journal and the log tell").format(host=host)
    agent = status.agent
    text = _("{host}: the agent runs as process {pid} since {since}").format(
        host=host, pid=agent.pid, since=_local(agent.started)
    )
    return text + (", " + _("and is ending") if agent.draining else "")


def _sources(status: HostStatus, now: datetime) -> Iterator[str]:
    if not status.sources:
        yield _("no source is configured")
        return
    header = (_("verdict"), _("source"), _("restore point"), _("proved restorable"), _("last run"), _("next run"))
    ordered = sorted(status.sources, key=lambda s: (_GRAVITY.index(s.verdict), s.system, s.source))
    first, *rest = table(header, (_source(one, now) for one in ordered))
    yield first
    for source, line in zip(ordered, rest, strict=True):
        yield line
        against = source.reasons if source.verdict != "protected" else ()
        yield from dict.fromkeys([*map(_marked, against), *_lacking(source.backup)])


def _lacking(ran: Ran) -> list[str]:
    """What kept the newest run from being complete: the gravest few reasons, each once."""
    if ran.last_outcome not in ("failed", "partial"):
        return []
    return list(dict.fromkeys(_marked(why) for why in gravest_first(ran.last_reasons)))[:_MOST]


def _marked(why: Reason) -> str:
    """A reason below the line it belongs to, by how bad it is."""
    return f"    {mark(why)} {sentence(in_zone(why, None))}"


def _source(source: SourceStatus, now: datetime) -> tuple[str, ...]:
    proved = _ago(source.verified, now)
    if source.verified_level:
        proved = _("{what}, {when}").format(what=source.verified_level, when=proved)
    return (
        _(VERDICTS[source.verdict]),
        f"{source.system}/{source.source}",
        _ago(source.restore_point, now),
        proved,
        _last(source.backup, now),
        _("not planned") if _is_unscheduled(source) else _next(source.backup, now),
    )


def _is_unscheduled(source: SourceStatus) -> bool:
    return any(why.code == "no-schedule" for why in source.reasons)


def _scans(status: HostStatus, now: datetime) -> Iterator[str]:
    """What the newest scan found, by baseline and target."""
    known = [scan for scan in status.scans if scan.evaluated is not None]
    if known:
        yield ""
        header = (
            _("baseline"),
            _("target"),
            _("fail"),
            _("waived"),
            _("unknown"),
            _("pass"),
            _("decided"),
            _("looked at"),
        )
        yield from table(header, (_scan(scan, now) for scan in known))


def _scan(scan: ScanStatus, now: datetime) -> tuple[str, ...]:
    def count(status: str) -> int:
        return sum(one.count for one in scan.counts if one.status == status)

    waived = sum(one.waived for one in scan.counts)
    decided = "" if scan.coverage is None else f"{int(100 * scan.coverage)} %"
    figures = (count("fail") - waived, waived, count("unknown"), count("pass"))
    return scan.baseline, scan.target, *map(str, figures), decided, _ago(scan.evaluated, now)


def _jobs(status: HostStatus, now: datetime) -> Iterator[str]:
    if status.jobs:
        yield ""
        header = (_("job"), _("state"), _("phase"), _("done"), _("begun"))
        yield from table(header, (_job(job, now) for job in status.jobs))


def _job(job: JobNow, now: datetime) -> tuple[str, ...]:
    done = human_bytes(job.done) if job.done else ""
    if job.done and job.total:
        done = f"{done} / {human_bytes(job.total)} ({min(100, 100 * job.done // job.total)} %)"
    if job.state == "queued":
        return job.task, _(STATES[job.state]), sentence(reason(job.phase)) if job.phase else "", "", ""
    return job.task, _(STATES[job.state]), _(PHASES.get(job.phase, job.phase)), done, _ago(job.since, now)


def _others(status: HostStatus, now: datetime) -> Iterator[str]:
    """Drills, copies, maintenance and the rest: a line each, problems with their reasons."""
    rans = [
        *(drill.ran for drill in status.drills),
        *(ran for copy in status.copies for ran in (copy.ran, *(drill.ran for drill in copy.drills))),
        *(ran for repository in status.repositories for ran in (repository.maintain, repository.posture)),
        *{scan.ran.task: scan.ran for scan in status.scans}.values(),
    ]
    rans = [ran for ran in rans if ran.enabled and (ran.next_due or ran.last_started)]
    if not rans:
        return
    yield ""
    first, *rest = table(
        (_("also"), _("last run"), _("next run")), [(r.task, _last(r, now), _next(r, now)) for r in rans]
    )
    yield first
    for ran, line in zip(rans, rest, strict=True):
        yield line
        yield from _lacking(ran)


def _last(ran: Ran, now: datetime) -> str:
    if ran.last_outcome is None:
        return _("never") if ran.last_started is None else _("under way")
    return _("{what}, {when}").format(what=outcome(ran.last_outcome), when=_ago(ran.last_ended, now))


def _next(ran: Ran, now: datetime) -> str:
    if not ran.enabled:
        return _("paused")
    if ran.next_due is None:
        return "-"
    moment = datetime.fromisoformat(ran.next_due)
    return _("now") if moment <= now else _local(ran.next_due)


def _ago(moment: str | None, now: datetime) -> str:
    if moment is None:
        return _("none")
    minutes = int((now - datetime.fromisoformat(moment)).total_seconds() / 60)
    if minutes < -_BEHIND:
        return _("{count} min ahead").format(count=-minutes)
    if minutes < 1:
        return _("just now")
    if minutes < 120:
        return _("{count} min ago").format(count=minutes)
    if minutes < 48 * 60:
        return _("{count} h ago").format(count=minutes // 60)
    return _("{count} days ago").format(count=minutes // 1440)


def _local(moment: str) -> str:
    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M")
