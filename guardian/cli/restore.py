"""``guardian restore``."""

from pathlib import Path
from typing import Any

import click

from guardian.cli.options import Session, in_repository, moment, verb
from guardian.errors import ExitCode, UsageError
from guardian.i18n import _


@click.command(
    help=_(
        "Bring data back into an empty directory.\n\n"
        "Files lie below the target under their full path; a database or stream lies there under its name. Nothing is "
        "ever overwritten."
    )
)
@click.argument("selector", metavar="SYSTEM/SOURCE")
@click.option(
    "--snapshot",
    "snapshot",
    metavar="ID|latest",
    default="latest",
    show_default=True,
    help=_("The restore point, by the beginning of its id."),
)
@click.option(
    "--at", "at", metavar="TIME", help=_("The newest restore point not after this time (ISO 8601; UTC unless it says).")
)
@click.option("--target", required=True, type=click.Path(path_type=Path), help=_("An empty directory, or one to make."))
@click.option(
    "--include",
    "includes",
    multiple=True,
    metavar="P",
    help=_("Only this path and what lies below it, or a pattern such as '*.txt'."),
)
@in_repository
@verb
def restore(session: Session, selector: str, **asked: Any) -> int:
    """Restore one source, and say whether it is whole."""
    from guardian.cli import frame, render, sentences, verdict
    from guardian.drill.recall import Wanted, recall

    with frame.node(session) as node:
        targets = frame.places(node.loaded, (selector,), asked["repository"])
        if len(targets) != 1:
            raise UsageError(
                _("{selector} names several sources").format(selector=selector),
                _("Name one: {names}.").format(names=", ".join(target.ref for target in targets)),
            )
        point = moment(asked["at"]) if asked["at"] else asked["snapshot"]
        recalled = recall(node, targets[0], Wanted(point, asked["target"], asked["includes"]))
    done = recalled.restoration
    head = _("{ref}: {outcome}, snapshot {snapshot} of {time} into {target}: {files} file(s), {bytes}").format(
        ref=targets[0].ref,
        outcome=sentences.outcome(done.outcome),
        snapshot=recalled.point.snapshot_id[:12],
        time=f"{recalled.point.time:%Y-%m-%d %H:%M:%S} UTC",
        target=render.visible(str(asked["target"])),
        files=done.extent.files,
        bytes=render.human_bytes(done.extent.bytes),
    )
    report = render.Report(
        schema="guardian.restore/v1",
        outcome=done.outcome,
        exit_code=ExitCode.OK if done.outcome == "complete" else ExitCode.BAD_ANSWER,
        body={
            "system": targets[0].system,
            "source": targets[0].source,
            "repository": targets[0].key,
            "snapshot_id": recalled.point.snapshot_id,
            "target": str(asked["target"].absolute()),
            "files": done.extent.files,
            "bytes": done.extent.bytes,
            "reasons": verdict.reasons_document(done.reasons),
            "entry": recalled.entry,
        },
        lines=(head, *verdict.reason_lines(done.reasons)),
    )
    return render.show(session, report)
