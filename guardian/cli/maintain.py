"""``guardian maintain``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guardian.cli.options import Session, verb
from guardian.errors import ExitCode
from guardian.i18n import N_, _

if TYPE_CHECKING:
    from guardian.backup.maintained import Maintained, SourceMaintained
    from guardian.cli.render import Report
    from guardian.node import Node

SHOWN = 40
"""Restore points of one source in the table of a dry run."""
RULES = {
    "last": N_("last"),
    "hourly": N_("hourly"),
    "daily": N_("daily"),
    "weekly": N_("weekly"),
    "monthly": N_("monthly"),
    "yearly": N_("yearly"),
    "within": N_("within"),
    "expired": N_("no rule reaches it"),
}
GUARDS = {
    "legal-hold": N_("legal hold"),
    "disagreement": N_("restic disagrees"),
    "suspicion": N_("suspicion"),
    "not-copied": N_("not copied yet"),
    "newest-good": N_("newest good one"),
    "last-proven": N_("only one proven"),
    "good-of-its-time": N_("good one of its time"),
    "floor": N_("least number"),
    "share": N_("share of one run"),
}


@click.command(
    help=_(
        "Apply retention with its guard rails, and free space.\n\n"
        "A restore point is removed only when no rule keeps it, restic reckons the same, and no guard rail holds it. "
        "What is about to go is put into the signed log first. With --dry-run nothing changes: it shows what would go, "
        "what is kept by which rule, what a guard rail holds, and which restore points there will be on later days."
    )
)
@click.argument("selectors", nargs=-1, metavar="[SYSTEM]...")
@click.option("--dry-run", is_flag=True, help=_("Only show what would be done."))
@click.option("--no-prune", is_flag=True, help=_("Free no space."))
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help=_("With --dry-run: write a page (.html) with the restore points of later days too."),
)
@verb
def maintain(
    session: Session, selectors: tuple[str, ...], *, dry_run: bool, no_prune: bool, report: Path | None
) -> int:
    """Maintain every repository, and show what came of it."""
    from guardian.backup.maintain import run_maintenance
    from guardian.backup.maintained import Asked
    from guardian.cli import frame, render
    from guardian.errors import Interrupted, UsageError

    if report is not None and (not dry_run or report.suffix.lower() != ".html"):
        raise UsageError(_("a report is an HTML file, and goes with --dry-run"))
    with frame.node(session) as node:
        systems = frozenset(_systems(node, selectors))
        asked = Asked(dry_run=dry_run, prune=not no_prune, systems=systems)
        done = []
        for key in _keys(node, systems):
            done.append(run_maintenance(node, key, asked))
            if isinstance(done[-1].error, Interrupted):
                break
        return render.show(session, _report(node, done, report))


def _systems(node: "Node", selectors: tuple[str, ...]) -> list[str]:
    from guardian.errors import UsageError

    if any("/" in selector for selector in selectors):
        raise UsageError(_("retention is a system's: name systems"))
    return [target.system for target in node.loaded.targets(selectors)] if selectors else []


def _keys(node: "Node", systems: frozenset[str]) -> list[str]:
    every = node.loaded.repositories()
    return [one.key for one in every if one.systems and (not systems or systems & set(one.systems))]


def _report(node: "Node", done: "list[Maintained]", page: Path | None) -> "Report":
    from guardian.cli import future, render, verdict

    foretold = [future.foretell(node, one) for one in done if one.dry_run]
    if page is not None:
        future.write(page, node, [pair for pairs in foretold for pair in pairs])
    documents = [_document(one) for one in done]
    for document, pairs in zip(documents, foretold, strict=False):
        document["future"] = [future.document(source, days) for source, days in pairs]
    lines = [line for one in done for line in _lines(one)]
    lines += [line for pairs in foretold for source, days in pairs for line in future.lines(source, days)]
    return render.Report(
        schema="guardian.maintain/v1",
        outcome=_outcome([one.outcome for one in done]),
        exit_code=verdict.worst_code([code_of(one) for one in done]),
        body={"repositories": documents},
        lines=tuple(lines),
    )


def code_of(done: "Maintained") -> ExitCode:
    """The exit code of one repository's maintenance."""
    if done.error is not None:
        return done.error.exit_code
    codes = {"complete": ExitCode.OK, "skipped": ExitCode.SKIPPED}
    return codes.get(done.outcome, ExitCode.BAD_ANSWER)


def _outcome(outcomes: list[str]) -> str:
    return next((outcome for outcome in ("failed", "partial", "skipped") if outcome in outcomes), "complete")


def _document(done: "Maintained") -> dict[str, Any]:
    from guardian.cli import verdict

    document: dict[str, Any] = {
        "repository": done.repository,
        "outcome": done.outcome,
        "dry_run": done.dry_run,
        "reasons": verdict.reasons_document(done.reasons, done.error),
        "sources": [_source(one) for one in done.sources],
        "quarantined": [{"snapshot_id": q.snapshot.id, "kind": q.kind} for q in done.quarantined[-1000:]],
        "quarantined_count": len(done.quarantined),
        "prune": done.pruned.model_dump(mode="json") if done.pruned else None,
        "figures": done.figures,
        "entry": done.entry,
    }
    if done.error is not None:
        document["error"] = verdict.error_document(done.error)
    return document


def _source(found: "SourceMaintained") -> dict[str, Any]:
    from guardian.cli import verdict

    decided = found.decided
    return {
        "system": found.target.system,
        "source": found.target.source,
        "outcome": found.outcome,
        "reasons": verdict.reasons_document(found.reasons),
        "points": len(found.points),
        "kept": {one: list(rules) for one, rules in decided.kept.items()},
        "held": {one: list(guards) for one, guards in decided.held.items()},
        "remove": dict(decided.remove),
        "removed": list(found.removed),
        "quarantined": dict(found.quarantined),
        "entry": found.entry,
    }


def _lines(done: "Maintained") -> list[str]:
    from guardian.cli import render, sentences, verdict

    head = _("{ref}: {outcome}").format(ref=done.repository, outcome=sentences.outcome(done.outcome))
    lines = [head, *verdict.reason_lines(done.reasons, done.error)]
    for one in done.sources:
        lines += _source_lines(one, dry=done.dry_run)
    if done.pruned is not None and done.pruned.freed_bytes is not None:
        lines.append("  " + _("{bytes} freed").format(bytes=render.human_bytes(done.pruned.freed_bytes)))
    if done.pruned is not None:
        lines += verdict.reason_lines(done.pruned.reasons)
    return lines


def _source_lines(found: "SourceMaintained", *, dry: bool) -> list[str]:
    from guardian.cli import render, verdict

    decided = found.decided
    if found.policy is None:
        said = _("{ref}: {count} restore point(s), all of them kept: no retention is configured")
        return ["  " + said.format(ref=found.target.ref, count=len(found.points))]
    counts = {"kept": len(decided.kept), "held": len(decided.held)}
    if dry:
        said = _("{ref}: {remove} would go, {kept} kept by rules, {held} held by guard rails")
        lines = ["  " + said.format(ref=found.target.ref, remove=len(decided.remove), **counts)]
    else:
        said = _("{ref}: {removed} removed, {kept} kept by rules, {held} held by guard rails")
        lines = ["  " + said.format(ref=found.target.ref, removed=len(found.removed), **counts)]
    lines += ["  " + line for line in verdict.reason_lines(found.reasons)]
    if dry and found.points:
        header = (_("snapshot"), _("time"), _("what"), _("why"))
        lines += ["    " + line for line in render.table(header, _rows(found))]
        if len(found.points) > SHOWN:
            lines.append("    " + _("… and {count} more").format(count=len(found.points) - SHOWN))
    return lines


def _rows(found: "SourceMaintained") -> list[tuple[str, str, str, str]]:
    decided = found.decided
    rows = []
    for point in sorted(found.points, key=lambda one: one.time, reverse=True)[:SHOWN]:
        if point.id in decided.remove:
            what, why = _("GOES"), _why(decided.remove[point.id])
        elif point.id in decided.held:
            what, why = _("held"), ", ".join(_(GUARDS[guard]) for guard in decided.held[point.id])
        else:
            what, why = _("kept"), ", ".join(_(RULES[rule]) for rule in decided.kept.get(point.id, ()))
        rows.append((point.id[:12], f"{point.time:%Y-%m-%d %H:%M:%S%z}", what, why))
    return rows


def _why(rule: str) -> str:
    if rule == "expired":
        return _(RULES[rule])
    return _("a newer one stands for its period ({rule})").format(rule=_(RULES[rule]))
