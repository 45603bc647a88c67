"""``guardian verify``."""

from math import ceil, isnan
from typing import TYPE_CHECKING, Any

import click

from guardian.cli.options import Session, verb
from guardian.errors import ExitCode, UsageError
from guardian.i18n import N_, _

if TYPE_CHECKING:
    from guardian.drill.run import Drill
    from guardian.errors import GuardianError
    from guardian.model.drill import Assurance, DrillCheck

PROVES = {
    "D0": N_("every expected snapshot is there, fresh, none rolled back"),
    "D1": N_("every tree, index entry and pack is there"),
    "D3": N_("files come back bit-exact"),
}


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
        "D0 holds receipts against snapshots; D1 looks whether every part of the repository is there; D3 brings a "
        "seeded sample of files back and compares it with digests taken at the source. Nothing is written to the "
        "repository."
    )
)
@click.argument("selectors", nargs=-1, metavar="[SYSTEM[/SOURCE]]...")
@click.option(
    "--level",
    type=click.Choice(["K", "D0", "D1", "D2", "D3", "D4", "D5"]),
    default="D3",
    show_default=True,
    help=_("How far to climb."),
)
@click.option("--confidence", type=_Bounded(0.5, 0.999999), help=_("Confidence of the bound; default 0.95."))
@click.option("--max-loss", type=_Bounded(0.000001, 0.5), help=_("Bad fraction to rule out; default 0.01."))
@click.option("--full", is_flag=True, help=_("Bring every file back and read every stored byte."))
@click.option("--seed-nonce", metavar="HEX", help=_("The auditor's share in the seed of the sample."))
@verb
def verify(session: Session, selectors: tuple[str, ...], **asked: Any) -> int:
    """Drill, and show what was proven and what was not."""
    from guardian.cli import frame, render, verdict
    from guardian.drill.run import Options
    from guardian.drill.run import verify as run_drills

    with frame.node(session) as node:
        defaults = node.loaded.config.verify
        options = Options(
            level=asked["level"],
            confidence=asked["confidence"] or defaults.confidence,
            max_loss=asked["max_loss"] or defaults.max_loss,
            full=asked["full"],
            nonce=_nonce(asked["seed_nonce"]),
        )
        drills = run_drills(node, node.loaded.targets(selectors), options)
    lines = [line for drill in drills for line in _lines(drill)]
    report = render.Report(
        schema="guardian.verify/v1",
        outcome=_worst(drills),
        exit_code=verdict.worst_code([_code(drill) for drill in drills]),
        body={"level": options.level, "drills": [_document(drill) for drill in drills]},
        lines=(*lines, "", *_limits(options.level, full=options.full)),
    )
    return render.show(session, report)


def _nonce(text: str | None) -> bytes:
    import secrets

    if text is None:
        return secrets.token_bytes(16)
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise UsageError(_("the nonce is not hexadecimal"), _("Give an even number of digits 0-9 and a-f.")) from None


def _worst(drills: "tuple[Drill, ...]") -> str:
    from guardian.model.drill import worst

    return worst([drill.outcome for drill in drills])


def _code(drill: "Drill") -> ExitCode:
    if any(reason.code.startswith("log-") for check in drill.checks for reason in check.reasons):
        return ExitCode.EVIDENCE_INVALID
    if drill.outcome == "FAIL":
        return ExitCode.BAD_ANSWER
    if drill.error is not None:
        return drill.error.exit_code
    return ExitCode.OK if drill.outcome == "PASS" else ExitCode.COULD_NOT_VERIFY


def _document(drill: "Drill") -> dict[str, Any]:
    from guardian.cli import verdict

    target = drill.target
    document: dict[str, Any] = {
        "drill_id": drill.drill_id,
        "system": target.system,
        "source": target.source,
        "repository": target.key,
        "outcome": drill.outcome,
        "checks": [
            {
                **check.model_dump(mode="json"),
                "reasons": verdict.reasons_document(check.reasons, _error_of(check, drill)),
            }
            for check in drill.checks
        ],
        "entry": drill.entry,
    }
    if drill.error is not None:
        document["error"] = verdict.error_document(drill.error)
    return document


def _lines(drill: "Drill") -> list[str]:
    from guardian.cli import sentences, verdict

    lines = [f"{drill.target.ref}: {sentences.outcome(drill.outcome)}"]
    for check in drill.checks:
        lines.append(f"  {check.level}  {sentences.outcome(check.outcome)}  {_proves(check)}".rstrip())
        lines += [f"    {line}" for line in verdict.reason_lines(check.reasons, _error_of(check, drill))]
    return lines


def _error_of(check: "DrillCheck", drill: "Drill") -> "GuardianError | None":
    """The drill's error, if it is why this level could not be climbed."""
    error = drill.error
    if error is None or check.outcome != "COULD_NOT_VERIFY":
        return None
    return error if any(reason.code == error.code for reason in check.reasons) else None


def _proves(check: "DrillCheck") -> str:
    from guardian.cli.render import human_bytes

    text = _(PROVES[check.level]) if check.outcome == "PASS" and check.level in PROVES else ""
    if check.level == "D3" and "bytes" in check.measured:
        text += " " + _("({files} file(s), {bytes} in {seconds} s)").format(
            files=check.measured["files"],
            bytes=human_bytes(float(check.measured["bytes"])),
            seconds=check.measured["seconds"],
        )
    for assurance in check.assurances[:1]:
        text += "; " + _bound(assurance)
    return text.strip()


def _bound(assurance: "Assurance") -> str:
    if assurance.drawn >= assurance.frame:
        return _("all {frame} files compared, {bad} bad").format(frame=assurance.frame, bad=assurance.bad)
    return _(
        "{drawn} of {frame} files compared, {bad} bad: with {confidence} confidence, fewer than {upper} are bad"
    ).format(
        drawn=assurance.drawn,
        frame=assurance.frame,
        bad=assurance.bad,
        confidence=f"{assurance.confidence * 100:.10g}%",
        # Rounded up: what is printed must not promise more than what was proven.
        upper=f"{ceil(assurance.upper * 10_000 - 1e-9) / 100:.2f}%",
    )


def _limits(level: str, *, full: bool) -> list[str]:
    """What was not proven, said every time."""
    open_questions = []
    if level in ("D0", "D1"):
        open_questions.append(_("not proven: that any file comes back (level D3)"))
    elif not full:
        open_questions.append(_("not proven: files that were not drawn, and stored bytes nobody read (use --full)"))
    open_questions.append(_("not proven: that applications start with the restored data, and anything written since"))
    return open_questions
