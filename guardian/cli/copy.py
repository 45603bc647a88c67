"""``guardian copy``."""

from typing import TYPE_CHECKING, Any

import click

from guardian.cli.options import Session, verb
from guardian.errors import ExitCode, UsageError
from guardian.i18n import _

if TYPE_CHECKING:
    from guardian.backup.copied import Copied
    from guardian.config.loaded import Loaded, ResolvedRepository
    from guardian.model.backup import Target


@click.command(
    help=_(
        "Copy restore points to further repositories, and check what arrived.\n\n"
        "What is copied where stands in the plan of each system: copy_to. The newest restore point goes first. A copy "
        "counts once all of it was found in the repository it went to."
    )
)
@click.argument("selectors", nargs=-1, metavar="[SYSTEM[/SOURCE]]...")
@click.option("--to", "to", metavar="NAME", help=_("Only to this repository."))
@verb
def copy(session: Session, selectors: tuple[str, ...], to: str | None) -> int:
    """Copy, and show what came of each source and repository."""
    from guardian.backup.copy import run_copy
    from guardian.cli import frame, render, verdict
    from guardian.errors import Interrupted

    done: list[Copied] = []
    with frame.node(session) as node:
        for target, repository in _pairs(node.loaded, selectors, to):
            done.append(run_copy(node, target, repository))
            if isinstance(done[-1].error, Interrupted):
                break
    report = render.Report(
        schema="guardian.copy/v1",
        outcome=verdict.run_outcome([one.outcome for one in done]),
        exit_code=verdict.worst_code([_code(one) for one in done]),
        body={"copies": [_document(one) for one in done]},
        lines=tuple(line for one in done for line in _lines(one)),
    )
    return render.show(session, report)


def _pairs(loaded: "Loaded", selectors: tuple[str, ...], to: str | None) -> "list[tuple[Target, ResolvedRepository]]":
    targets = loaded.targets(selectors)
    pairs = [
        (target, repository)
        for target in targets
        for repository in loaded.copies(target)
        if to is None or to in {repository.name, repository.key}
    ]
    if not pairs:
        raise UsageError(
            _("nothing is to be copied: no plan of these systems names such a repository"),
            _("Write copy_to: [NAME] into the plan of a system, and run 'guardian init'."),
        )
    return pairs


def _code(copied: "Copied") -> ExitCode:
    if copied.error is not None:
        return copied.error.exit_code
    return {"complete": ExitCode.OK, "skipped": ExitCode.SKIPPED}.get(copied.outcome, ExitCode.BAD_ANSWER)


def _document(copied: "Copied") -> dict[str, Any]:
    from guardian.cli import verdict

    document: dict[str, Any] = {
        "system": copied.target.system,
        "source": copied.target.source,
        "repository": copied.target.key,
        "to": copied.to,
        "outcome": copied.outcome,
        "copied": copied.copied,
        "lacking": copied.lacking,
        "added_bytes": copied.added_bytes,
        "seconds": copied.seconds,
        "snapshots": [
            {"snapshot_id": one.snapshot_id, "copy_id": one.copy_id, "tree_id": one.tree_id, "outcome": one.outcome}
            for one in copied.receipts
        ],
        "reasons": verdict.reasons_document(copied.reasons, copied.error),
        "entry": copied.entry,
    }
    if copied.error is not None:
        document["error"] = verdict.error_document(copied.error)
    return document


def _lines(copied: "Copied") -> list[str]:
    from guardian.cli import render, sentences, verdict

    head = _("{ref} to {repository}: {outcome}, {copied} restore point(s) copied, {lacking} lacking").format(
        ref=copied.target.ref,
        repository=copied.to,
        outcome=sentences.outcome(copied.outcome),
        copied=copied.copied,
        lacking=copied.lacking,
    )
    if copied.added_bytes is not None:
        head += _(", {added} added in {seconds} s").format(
            added=render.human_bytes(copied.added_bytes), seconds=f"{copied.seconds:.1f}"
        )
    return [head, *verdict.reason_lines(copied.reasons, copied.error)]
