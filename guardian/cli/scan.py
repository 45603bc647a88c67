"""``guardian scan``: hold what is configured against security baselines."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guardian.cli.options import Session, configured, verb
from guardian.errors import ExitCode, UsageError
from guardian.i18n import _
from guardian.model.finding import LEVELS

if TYPE_CHECKING:
    from guardian.baseline.outcome import Scanned
    from guardian.baseline.scan import Asked
    from guardian.cli.render import Report

FORMATS = ("table", "json", "csv", "html", "xlsx", "ocsf", "oscal", "sarif", "junit")
"""``table`` is for terminals, ``html`` for people with a browser, the rest for programs."""


@click.command(
    help=_(
        "Hold configurations against security baselines.\n\n"
        "Without a target: this host, and every database, bucket and service that the configuration names. A fact that"
        " cannot be read makes a verdict unknown, never good."
    )
)
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@click.option("--baseline", "baselines", multiple=True, metavar="ID", help=_("Judge by this baseline; repeatable."))
@click.option(
    "--root",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help=_("Scan the tree in this directory, a mounted image or a restored system, instead of this host."),
)
@click.option(
    "--inside",
    metavar="SYSTEM/SOURCE",
    help=_("Scan the host whose files a backup holds, as it was then; with --snapshot or --at."),
)
@click.option("--snapshot", metavar="ID|latest", help=_("The restore point, by the beginning of its id."))
@click.option(
    "--at", metavar="TIME", help=_("The newest restore point not after this time (ISO 8601; UTC unless it says).")
)
@click.option(
    "--history", metavar="SYSTEM/SOURCE", help=_("Say since which restore point each rule holds or is broken.")
)
@click.option(
    "--below", metavar="DIR", help=_("With --inside or --history: the folder in the backup that is the host's root.")
)
@click.option("--format", "form", type=click.Choice(FORMATS), default=None, help=_("How to write the result."))
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help=_("Write it into this file."))
@click.option(
    "--level",
    type=click.Choice(["2", "3"]),
    help=_("With --format xlsx: the MLPS level of its clauses; default: that of the systems, else 3."),
)
@click.option("--fail-on", type=click.Choice(LEVELS), default=None, help=_("The mildest severity that counts."))
@click.option("--list", "listing", is_flag=True, help=_("List the rules and baselines."))
@click.option("--explain", metavar="RULE", help=_("Say what a rule asks, why, and how to put it right."))
@click.option("--replay", metavar="ENTRY", help=_("Make the verdicts of an earlier scan again from what it kept."))
@click.option(
    "--survival",
    is_flag=True,
    help=_("Say whether any one or two principals can destroy every restorable copy of a system, and how."),
)
@click.option("--days", type=click.IntRange(0, 3660), default=30, help=_("With --survival: within so many days."))
@verb
def scan(session: Session, **options: Any) -> int:
    """Scan, or show rules, or replay."""
    from guardian.baseline.scan import Asked
    from guardian.cli import render

    _one_thing(options)
    if options["listing"] or options["explain"]:
        from guardian.cli.scan_rules import explained, listed

        return render.show(session, explained(session, options["explain"]) if options["explain"] else listed(session))
    if options["replay"]:
        from guardian.cli.scan_replay import replayed

        return render.show(session, replayed(session, options["replay"], options["targets"]))
    if options["survival"]:
        from guardian.cli import frame
        from guardian.cli.scan_survival import survived

        with frame.node(session) as node:
            return render.show(session, survived(node, options["days"]))
    asked = Asked(options["targets"], options["baselines"], options["fail_on"])
    if options["inside"] or options["history"]:
        from guardian.cli.scan_past import Wanted, inside, told

        selector = options["inside"] or options["history"]
        wanted = Wanted(selector, options["snapshot"], options["at"], options["below"])
        if options["history"]:
            return render.show(session, told(session, wanted, asked))
        scanned = inside(session, wanted, asked)
    else:
        scanned = _scanned(session, asked, options["root"])
    return _shown(session, scanned, options)


def _one_thing(options: dict[str, Any]) -> None:
    """Raise UsageError for options that do not go together."""
    alone = [
        name for name in ("root", "inside", "history", "survival", "listing", "explain", "replay") if options[name]
    ]
    if len(alone) > 1:
        raise UsageError(_("these do not go together: {options}").format(options=", ".join(map(_written, alone))))
    if alone and options["targets"] and alone != ["replay"]:
        raise UsageError(_("{option} is a target of its own: name no other").format(option=_written(alone[0])))
    for name, with_ in (("snapshot", ("inside",)), ("at", ("inside",)), ("below", ("inside", "history"))):
        if options[name] and not any(options[other] for other in with_):
            raise UsageError(
                _("{option} needs {other}").format(option=_written(name), other=" / ".join(map(_written, with_)))
            )
    if options["snapshot"] and options["at"]:
        raise UsageError(_("these do not go together: {options}").format(options="--snapshot, --at"))
    if options["output"] is not None and options["form"] in (None, "table"):
        raise UsageError(_("--output needs a --format to write"), _("Such as --format html."))
    if options["form"] == "xlsx" and options["output"] is None:
        raise UsageError(_("xlsx is no text: name a file by --output"))
    if options["level"] and options["form"] != "xlsx":
        raise UsageError(_("{option} needs {other}").format(option="--level", other="--format xlsx"))


def _written(name: str) -> str:
    return "--list" if name == "listing" else f"--{name}"


def _scanned(session: Session, asked: "Asked", root: Path | None) -> "Scanned":
    from guardian.baseline.scan import run_scan
    from guardian.baseline.unrecorded import scan_tree, scan_unconfigured
    from guardian.cli import frame
    from guardian.cli.progress import reporter

    if root is not None or (not asked.targets and not configured(session)):
        with reporter(session) as report:
            return scan_unconfigured(asked, report) if root is None else scan_tree(root, asked, report)
    with frame.node(session) as node:
        return run_scan(node, asked)


def _shown(session: Session, scanned: "Scanned", options: dict[str, Any]) -> int:
    if options["form"] in (None, "table"):
        from guardian.cli import render
        from guardian.cli.scan_table import lines

        return render.show(session, _report(scanned, lines(scanned, verbose=session.verbose > 0)))
    from guardian.cli.scan_output import Form, put

    put(session, Form(options["form"], options["level"]), scanned, options["output"])
    return int(scanned.exit_code)


def _report(scanned: "Scanned", lines: tuple[str, ...]) -> "Report":
    from guardian.baseline.formats.document import document
    from guardian.cli import render

    body = document(scanned)
    return render.Report("guardian.scan/v1", scanned.result.outcome, ExitCode(scanned.exit_code), body, lines)
