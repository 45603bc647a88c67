"""``guardian suspicions``."""

from typing import TYPE_CHECKING, Any

import click

from guardian.cli.options import Group, Session, common, verb
from guardian.errors import ExitCode
from guardian.i18n import _

if TYPE_CHECKING:
    from guardian.backup.clear import Open


@click.group(cls=Group, help=_("Show backups that look like the trace of an attack; say that they are not."))
@common
def suspicions() -> None:
    """Verbs about suspicious backups."""


@suspicions.command("list", help=_("List suspicious backups and the last clean ones."))
@click.argument("selectors", nargs=-1, metavar="[SYSTEM[/SOURCE]]...")
@verb
def list_(session: Session, selectors: tuple[str, ...]) -> int:
    """List what is suspicious; exit code 3 when anything is."""
    from guardian.backup.clear import open_suspicions
    from guardian.cli import frame, render

    with frame.node(session) as node:
        found = open_suspicions(node, tuple(node.loaded.targets(selectors)))
    lines = [line for one in found for line in _lines(one)] or [_("nothing is suspicious")]
    return render.show(
        session,
        render.Report(
            schema="guardian.suspicions/v1",
            outcome="suspicious" if found else "clean",
            exit_code=ExitCode.BAD_ANSWER if found else ExitCode.OK,
            body={"suspicions": [_document(one) for one in found]},
            lines=tuple(lines),
        ),
    )


@suspicions.command(help=_("Say what it was; retention goes on."))
@click.argument("selector", metavar="SYSTEM/SOURCE")
@click.option("--reason", "why", required=True, metavar="TEXT", help=_("What was found; it goes into the signed log."))
@click.option(
    "--attack",
    is_flag=True,
    help=_("It was one, and the source has been put right. Otherwise it was harmless, and will be usual from now on."),
)
@verb
def clear(session: Session, selector: str, why: str, *, attack: bool) -> int:
    """Clear one source."""
    from guardian.backup.clear import clear as clear_source
    from guardian.cli import frame, render
    from guardian.errors import UsageError

    with frame.node(session) as node:
        targets = node.loaded.targets((selector,))
        if len(targets) != 1:
            raise UsageError(
                _("{selector} names several sources").format(selector=selector),
                _("Name one: {names}.").format(names=", ".join(target.ref for target in targets)),
            )
        said, index = clear_source(node, targets[0], why, harmless=not attack)
    line = _("{ref}: {count} snapshot(s) cleared by {by}, entry {entry} of the log").format(
        ref=targets[0].ref, count=len(said.snapshots), by=render.visible(said.by), entry=index
    )
    body = {**said.model_dump(mode="json"), "entry": index}
    return render.show(session, render.Report("guardian.suspicion-cleared/v1", "cleared", ExitCode.OK, body, (line,)))


def _document(one: "Open") -> dict[str, Any]:
    from guardian.cli import verdict

    said = one.statement
    return {
        "system": one.target.system,
        "source": one.target.source,
        "repository": one.target.key,
        "snapshot_id": one.snapshot_id,
        "at": one.at,
        "score": said.score if said else None,
        "reasons": verdict.reasons_document(said.signals if said else ()),
        "last_clean": one.clean.snapshot_id if one.clean else None,
        "last_clean_at": one.clean.started if one.clean else None,
    }


def _lines(one: "Open") -> list[str]:
    from guardian.cli import verdict

    clean = (
        _("last clean: snapshot {snapshot} of {time}").format(
            snapshot=one.clean.snapshot_id[:12], time=one.clean.started[:19].replace("T", " ")
        )
        if one.clean
        else _("there is no clean one")
    )
    head = _("{ref}: snapshot {snapshot} of {time} is suspicious; {clean}").format(
        ref=one.target.ref, snapshot=one.snapshot_id[:12], time=one.at[:19].replace("T", " "), clean=clean
    )
    return [head, *(verdict.reason_lines(one.statement.signals) if one.statement else ())]
