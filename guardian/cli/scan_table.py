"""A scan for people at a terminal: what is wrong first, then what nobody could find out, then two numbers."""

from collections.abc import Iterator, Sequence

from guardian.baseline.formats.said import CHANGES, SEVERITIES, STATUSES, deciding, ground
from guardian.baseline.outcome import Scanned
from guardian.baseline.tally import coverage, of_status, pass_rate
from guardian.cli import render
from guardian.i18n import _
from guardian.model.finding import LEVELS, Change, Finding, Status
from guardian.model.scan_status import ScanCount

TOLD: tuple[Change, ...] = ("new", "fixed", "became-unreadable", "became-readable")
"""The changes worth a line."""
GROUNDS = 3
"""So many grounds of a verdict are shown; --json has all."""


def lines(scanned: Scanned, *, verbose: bool = False) -> tuple[str, ...]:
    """The lines to print; ``verbose``: the good ones too."""
    return tuple(_lines(scanned, verbose=verbose))


def _lines(scanned: Scanned, *, verbose: bool) -> Iterator[str]:
    shown = ("fail", "unknown", "manual", "pass", "not_applicable") if verbose else ("fail", "unknown")
    by_target: dict[str, list[Finding]] = {f"{one.target.kind}:{one.target.id}": [] for one in scanned.targets}
    for finding in scanned.findings:
        by_target[f"{finding.target.kind}:{finding.target.id}"].append(finding)
    for target in scanned.targets:
        name = f"{target.target.kind}:{target.target.id}"
        yield f"{render.visible(name)}: {_counted(target.counts)}"
        if why := scanned.result.unreachable.get(name):
            yield "  " + _("could not be looked at: {why}").format(why=render.visible(why))
            continue
        for finding in sorted(by_target[name], key=_order):
            if finding.status in shown:
                yield from _finding(finding)
    yield from _summary(scanned)


def _order(finding: Finding) -> tuple[int, int, str]:
    statuses = ("fail", "unknown", "manual", "pass", "not_applicable")
    return statuses.index(finding.status), -LEVELS.index(finding.severity), finding.rule


def _finding(finding: Finding) -> Iterator[str]:
    title = finding.title.spoken
    marks = [_(CHANGES[finding.change])] if finding.change in TOLD else []
    if finding.waived:
        marks.append(
            _("waived until {time}, {ticket}").format(time=(finding.waived_until or "")[:10], ticket=finding.waiver)
        )
    said = f"  {_(STATUSES[finding.status])}  {_(SEVERITIES[finding.severity])}  {finding.rule}  {title}"
    yield render.visible(said + (f" ({'; '.join(marks)})" if marks else ""))
    if finding.status in ("fail", "unknown"):
        found = deciding(finding)
        for one in found[:GROUNDS]:
            yield "      " + ground(one)
        if len(found) > GROUNDS:
            yield "      " + _("and {count} more").format(count=len(found) - GROUNDS)


def _counted(counts: Sequence[ScanCount]) -> str:
    statuses: tuple[Status, ...] = ("fail", "unknown", "manual", "pass")
    parts = [(status, of_status(counts, status)) for status in statuses]
    return ", ".join(f"{count} {_(STATUSES[status])}" for status, count in parts if count) or _("nothing applies")


def _summary(scanned: Scanned) -> Iterator[str]:
    result = scanned.result
    decided, good = coverage(result.counts), pass_rate(result.counts)
    if decided is not None:
        yield _("decided: {share} of the verdicts that apply").format(share=_percent(decided))
    if good is not None:
        yield _("good: {share} of those").format(share=_percent(good))
    for change in TOLD:
        if count := result.changes.get(change):
            yield _("since the scan before: {count} {change}").format(count=count, change=_(CHANGES[change]))
    for name in scanned.vanished[:20]:
        yield _("no verdict any more: {name}").format(name=render.visible(name))
    for waiver in scanned.astray:
        yield _("a waiver speaks of nothing: {rule} for {target} ({ticket})").format(
            rule=waiver.rule, target=render.visible(waiver.target), ticket=render.visible(waiver.ticket)
        )
    if scanned.entry is None:
        yield _("not written into a log: this scan leaves nothing behind")
    else:
        yield _("entry {entry} of the log; 'guardian scan --replay {entry}' makes the verdicts again").format(
            entry=scanned.entry
        )


def _percent(share: float) -> str:
    """Never rounded up to 100 %."""
    return f"{int(share * 1000) / 10:g} %"
