"""``guardian scan --inside`` and ``--history``: rules over the files of a host as backups hold them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from guardian.baseline.formats.said import CHANGES, SEVERITIES, STATUSES
from guardian.baseline.outcome import Scanned
from guardian.baseline.policy import Library, Policy
from guardian.baseline.scan import Asked, rules_of
from guardian.baseline.timetravel import Inside, Moment, Past, changed, chosen, history, looked_into
from guardian.baseline.unrecorded import default_baselines, scan_inside
from guardian.cli import frame, render
from guardian.cli.options import Session, moment
from guardian.clock import rfc3339
from guardian.errors import ExitCode, UsageError
from guardian.i18n import _, language
from guardian.node import Node


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose backup, which restore point of it, and where in it the host's root lies."""

    selector: str
    snapshot: str | None
    at: str | None
    below: str | None


def inside(session: Session, wanted: Wanted, asked: Asked) -> Scanned:
    """Scan the host inside one restore point."""
    point = moment(wanted.at) if wanted.at else wanted.snapshot or "latest"
    with frame.node(session) as node, _opened(node, wanted) as (look, moments):
        return scan_inside(node, look, chosen(moments, point), wanted.selector, asked)


def told(session: Session, wanted: Wanted, asked: Asked) -> render.Report:
    """Since when each rule holds or is broken. Exit code 3 when something is broken now, else 0."""
    with frame.node(session) as node, _opened(node, wanted) as (look, moments):
        known = rules_of(node)
        policy = known.chosen(asked.baselines or default_baselines(known))
        line = history(node, look, moments, policy)
    broken = any(one.status == "fail" for one in line)
    return render.Report(
        "guardian.scan-history/v1",
        "failed" if broken else "passed",
        ExitCode.BAD_ANSWER if broken else ExitCode.OK,
        {
            "source": wanted.selector,
            "restore_points": [
                {"snapshot_id": one.snapshot.id, "time": rfc3339(one.at), "whole": one.whole} for one in moments
            ],
            "rules": [_document(one) for one in line],
        },
        tuple(_lines(known, policy, line, moments)),
    )


@contextmanager
def _opened(node: Node, wanted: Wanted) -> Iterator[tuple[Inside, tuple[Moment, ...]]]:
    targets = node.loaded.targets((wanted.selector,))
    if len(targets) != 1:
        raise UsageError(
            _("{selector} names several sources").format(selector=wanted.selector),
            _("Name one: {names}.").format(names=", ".join(target.ref for target in targets)),
        )
    with looked_into(node, targets[0]) as (loaded, moments):
        yield Inside(loaded, node.clock, wanted.below or "/"), moments


def _document(one: Past) -> dict[str, Any]:
    before = {"time": rfc3339(one.before[0]), "status": one.before[1]} if one.before else None
    return {
        "rule": one.rule,
        "status": one.status,
        "since": rfc3339(one.since),
        "before": before,
        "unknown_between": one.unknown,
    }


def _lines(known: Library, policy: Policy, line: Sequence[Past], moments: Sequence[Moment]) -> Iterator[str]:
    first, last = moments[0].at, moments[-1].at
    yield _("{count} restore points from {first} to {last} UTC, judged by {baselines}").format(
        count=len(moments), first=_day(first), last=_day(last), baselines=", ".join(policy.baselines)
    )
    broken = sorted((one for one in line if one.status == "fail"), key=lambda one: one.since)
    for one in broken:
        rule, _family = known.rules[one.rule]
        title = rule.title.zh if language().startswith("zh") else rule.title.en
        said = (
            _("broken since {time}; good on {before}").format(time=_day(one.since), before=_day(one.before[0]))
            if one.before
            else _("broken in every restore point, since {time} or longer").format(time=_day(one.since))
        )
        yield render.visible(f"  {_(STATUSES['fail'])}  {_(SEVERITIES[rule.severity])}  {one.rule}  {title}")
        yield "      " + said
    for one in changed(line):
        if one.status == "pass" and one.before and one.before[1] == "fail":
            yield f"  {_(CHANGES['fixed'])}  {one.rule}  {_day(one.since)}"
    unknown = sum(one.status == "unknown" for one in line)
    yield _("{bad} rules are broken, {unknown} cannot be decided from these files, {all} in all").format(
        bad=len(broken), unknown=unknown, all=len(line)
    )


def _day(time: Any) -> str:
    return f"{time:%Y-%m-%d %H:%M}"
