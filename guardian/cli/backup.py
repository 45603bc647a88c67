"""``guardian backup``."""

from typing import TYPE_CHECKING, Any

import click

from guardian.cli.options import Session, verb
from guardian.errors import ExitCode
from guardian.i18n import _

if TYPE_CHECKING:
    from guardian.backup.run import Attempted


@click.command(
    help=_(
        "Back up sources, check what came of it, and sign a receipt.\n\n"
        "A source is named SYSTEM or SYSTEM/SOURCE; without a name everything configured is backed up."
    )
)
@click.argument("selectors", nargs=-1, metavar="[SYSTEM[/SOURCE]]...")
@verb
def backup(session: Session, selectors: tuple[str, ...]) -> int:
    """Back up, and show what came of each source."""
    from guardian.backup.run import back_up
    from guardian.cli import frame, render, verdict
    from guardian.errors import Interrupted

    attempted: list[Attempted] = []
    with frame.node(session) as node:
        for target in node.loaded.targets(selectors):
            attempted.append(back_up(node, target))
            if isinstance(attempted[-1].error, Interrupted):
                break
    report = render.Report(
        schema="guardian.backup/v1",
        outcome=verdict.run_outcome([a.run.outcome for a in attempted]),
        exit_code=verdict.worst_code([_code(a) for a in attempted]),
        body={"runs": [_document(a) for a in attempted]},
        lines=tuple(line for a in attempted for line in _lines(a)),
    )
    return render.show(session, report)


def _code(attempted: "Attempted") -> ExitCode:
    if attempted.error is not None:
        return attempted.error.exit_code
    return ExitCode.OK if attempted.run.is_good else ExitCode.BAD_ANSWER


def _document(attempted: "Attempted") -> dict[str, Any]:
    from guardian.cli import verdict

    document = attempted.run.model_dump(mode="json")
    document["reasons"] = verdict.reasons_document(attempted.run.reasons, attempted.error)
    if attempted.error is not None:
        document["error"] = verdict.error_document(attempted.error)
    return document


def _lines(attempted: "Attempted") -> list[str]:
    from guardian.cli import render, sentences, verdict

    run = attempted.run
    ref = f"{run.system}/{run.source}"
    if run.snapshot_id and run.outcome != "failed":
        head = _(
            "{ref}: {outcome}, snapshot {snapshot}, {files} file(s), {bytes}, {added} added in {seconds} s"
        ).format(
            ref=ref,
            outcome=sentences.outcome(run.outcome),
            snapshot=run.snapshot_id[:12],
            files=run.counts.files,
            bytes=render.human_bytes(run.counts.bytes),
            added=render.human_bytes(run.counts.added_bytes),
            seconds=f"{run.duration_seconds:.1f}",
        )
    else:
        head = _("{ref}: {outcome}").format(ref=ref, outcome=sentences.outcome(run.outcome))
    return [head, *verdict.reason_lines(run.reasons, attempted.error)]
