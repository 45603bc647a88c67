"""``guardian verify``."""

from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guardian.cli import farm, keyless
from guardian.cli.options import Session, verb
from guardian.errors import UsageError
from guardian.i18n import _

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor

    from guardian.cli.render import Report
    from guardian.drill.custody import ShareSource
    from guardian.drill.record import Drill
    from guardian.drill.run import Options
    from guardian.model.backup import Target
    from guardian.node import Node

MOST_DRAWS = 200_000
"""More are asked of nobody: reading everything is quicker then."""


class _Bounded(click.FloatRange):
    """A number between bounds. ``nan`` is none, though it is not outside of any."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        if isnan(number):
            self.fail(_("{value} is not a number").format(value=value), param, ctx)
        return number


@click.command(
    help=_(
        "Prove by restore drills that data comes back.\n\n"
        "D0 holds receipts against snapshots; D1 looks whether every part of the repository is there; D2 reads stored "
        "packs; D3 brings a seeded sample of files back; D4 loads a database and asks it. Our own decoder reads, the "
        "restic program reads a part of it again. K, apart from these, opens the repository by its holders' shares. "
        "Nothing is written to the repository or to the source."
    )
)
@click.argument("selectors", nargs=-1, metavar="[SYSTEM[/SOURCE]]...")
@click.option(
    "--level",
    type=click.Choice(["K", "D0", "D1", "D2", "D3", "D4", "D5", "D6"]),
    default="D3",
    show_default=True,
    help=_("How far to climb."),
)
@click.option("--confidence", type=_Bounded(0.5, 0.999999), help=_("Confidence of the bound; default 0.95."))
@click.option("--max-loss", type=_Bounded(0.000001, 0.5), help=_("Bad fraction to rule out; default 0.01."))
@click.option("--full", is_flag=True, help=_("Bring every file back and read every stored byte."))
@click.option(
    "--scan", is_flag=True, help=_("Level D4: hold restored databases against the baselines, beside the originals.")
)
@click.option("--seed-nonce", metavar="HEX", help=_("The auditor's share in the seed of the sample."))
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help=_("Write a report too: .html, .pdf, or .json with the signed statements."),
)
@click.option(
    "--replay",
    metavar="PROOF",
    help=_("Draw and read the sample of a drill again: its id, or a report in JSON."),
)
@click.option(
    "--share",
    "shares",
    multiple=True,
    metavar="FILE",
    help=_("Level K: a holder's share, or - for standard input; without any, holders type theirs."),
)
@keyless.options
@farm.options
@verb
def verify(session: Session, selectors: tuple[str, ...], **asked: Any) -> int:
    """Drill, and show what was proven and what was not."""
    from guardian.cli import frame, render

    farm.check(asked)
    if keyless.is_asked(asked):
        return keyless.verify(session, selectors, asked)
    report_file = _report_file(asked["report"])
    shares = _brought(session, selectors, asked)
    with frame.node(session) as node:
        if asked["replay"]:
            return render.show(session, _replayed(node, asked["replay"]))
        options = _with_scan(node, _options(node, asked), asked)
        with farm.executor(node, asked) as executor:
            targets = frame.places(node.loaded, selectors, asked["repository"])
            drills = _drills(node, targets, (options, executor), shares)
        report = _report(drills, options)
        if report_file is not None:
            _write(report_file, node, drills, report)
    return render.show(session, report)


def _with_scan(node: "Node", options: "Options", asked: dict[str, Any]) -> "Options":
    """``options`` with a look at restored databases, where one is asked for. Raises UsageError below D4."""
    if not asked["scan"]:
        return options
    if asked["level"] != "D4":
        raise UsageError(_("--scan needs --level D4: only there a database is restored"))
    from dataclasses import replace

    from guardian.baseline.restored import RestoredScan

    return replace(options, inspect=RestoredScan(node))


def _options(node: "Node", asked: dict[str, Any]) -> "Options":
    from guardian.drill import bounds
    from guardian.drill.run import Options

    defaults = node.loaded.config.verify
    options = Options(
        level=asked["level"],
        confidence=asked["confidence"] or defaults.confidence,
        max_loss=asked["max_loss"] or defaults.max_loss,
        full=asked["full"],
        nonce=_nonce(asked["seed_nonce"]),
    )
    if bounds.needed(options.max_loss, options.confidence) > MOST_DRAWS:
        raise UsageError(
            _("to be that sure, more than {count} chunks would have to be drawn").format(count=MOST_DRAWS),
            _("Use --full, which reads everything."),
        )
    return options


def _drills(
    node: "Node", targets: "Sequence[Target]", how: "tuple[Options, Executor | None]", shares: "ShareSource"
) -> "tuple[Drill, ...]":
    options, executor = how
    if options.level == "K":
        from guardian.drill.custody import drill

        return drill(node, targets, shares)
    from guardian.drill.run import verify as run_drills

    return run_drills(node, targets, options, executor)


def _brought(session: Session, selectors: tuple[str, ...], asked: dict[str, Any]) -> "ShareSource":
    """What holders bring for level K: their files, or what they type before anything else is done."""
    from guardian.cli import frame, holders, screen
    from guardian.drill.custody import Brought

    if asked["shares"]:
        if asked["level"] != "K":
            raise UsageError(_("shares are for level K alone"), _("Give --level K too."))
        given = holders.brought(asked["shares"])
        return lambda _key: given
    if asked["level"] != "K" or asked["replay"] or not screen.has_terminal():
        return lambda _key: Brought()
    places = frame.places(frame.loaded(session), selectors, asked["repository"])
    keys = sorted({target.key for target in places})
    with screen.Screen() as terminal:
        typed = {key: Brought(holders.typed(terminal, key)) for key in keys}
    return typed.__getitem__


def _report(drills: "Sequence[Drill]", options: "Options") -> "Report":
    from guardian.cli import drills as shown
    from guardian.cli import render, verdict

    lines = [line for drill in drills for line in shown.lines(drill)]
    return render.Report(
        schema="guardian.verify/v1",
        outcome=shown.outcome(drills),
        exit_code=verdict.worst_code([shown.exit_code(drill) for drill in drills]),
        body={"level": options.level, "drills": [shown.document(drill) for drill in drills]},
        lines=(*lines, "", *shown.limits(options.level, full=options.full)),
    )


def _replayed(node: "Node", proof: str) -> "Report":
    from guardian.cli import drills as shown
    from guardian.cli import render, verdict
    from guardian.drill.replay import replay
    from guardian.errors import ExitCode
    from guardian.model.drill import worst

    codes = {"PASS": ExitCode.OK, "FAIL": ExitCode.BAD_ANSWER}
    done = replay(node, proof)
    return render.Report(
        schema="guardian.replay/v1",
        outcome=worst([one.outcome for one in done]),
        exit_code=verdict.worst_code([codes.get(one.outcome, ExitCode.COULD_NOT_VERIFY) for one in done]),
        body={"replays": [shown.replayed(one) for one in done]},
        lines=tuple(line for one in done for line in shown.replay_lines(one)),
    )


def _report_file(path: Path | None) -> Path | None:
    if path is not None and path.suffix.lower() not in (".html", ".pdf", ".json"):
        raise UsageError(
            _("a report ends in .html, .pdf or .json, not in '{suffix}'").format(suffix=path.suffix),
            _("The ending says which kind of report is written."),
        )
    return path


def _write(path: Path, node: "Node", drills: "Sequence[Drill]", report: "Report") -> None:
    if path.suffix.lower() != ".json":
        from guardian.audit.report import write_drills
        from guardian.cli.sentences import sentence

        write_drills(path, node, drills, say=sentence)
        return
    import json

    from guardian.cli import drills as shown
    from guardian.durable import write_atomic

    document = {
        "schema": report.schema,
        "outcome": report.outcome,
        "exit_code": int(report.exit_code),
        **report.body,
        "drills": [shown.evidence(drill) for drill in drills],
    }
    write_atomic(path, json.dumps(document, ensure_ascii=True, indent=2, allow_nan=False).encode() + b"\n")


def _nonce(text: str | None) -> bytes:
    """The auditor's nonce; empty where there is none, and Guardian makes its own."""
    try:
        given = bytes.fromhex(text) if text is not None else b""
    except ValueError:
        given = b""
    if text is not None and not 1 <= len(given) <= 1024:
        raise UsageError(_("the nonce is not hexadecimal"), _("Give an even number of digits 0-9 and a-f."))
    return given
