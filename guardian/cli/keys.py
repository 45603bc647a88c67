"""``guardian keys``."""

import click

from guardian.cli.options import Session, common, verb
from guardian.errors import ExitCode
from guardian.i18n import N_, _

KINDS = {"signing": N_("signing key"), "password": N_("repository password")}
ORIGINS = {"file": N_("file in the state directory"), "given": N_("given by the configuration")}


@click.group(help=_("Say which keys there are and how they are kept."))
@common
def keys() -> None:
    """Verbs about keys."""


@keys.command(help=_("List keys and passwords, without ever showing one."))
@verb
def status(session: Session) -> int:
    """Show every key this host has or should have."""
    from guardian.cli import frame, render

    with frame.node(session) as node:
        found = node.keys().status()
        expected = {repository.key for repository in node.loaded.repositories()}
    missing = sorted(expected - {s.name for s in found if s.kind == "password"})
    rows = [
        (
            _(KINDS[s.kind]),
            s.name,
            (s.key_id or "")[:16],
            _("there") if s.present else _("MISSING"),
            (_("private") if s.mode_ok else _("OPEN TO OTHERS")) if s.present else "",
            _(ORIGINS[s.origin]),
        )
        for s in found
    ] + [(_(KINDS["password"]), name, "", _("MISSING"), "", "") for name in missing]
    good = not missing and all(s.present and s.mode_ok for s in found)
    header = (_("kind"), _("name"), _("key id"), _("standing"), _("protection"), _("kept as"))
    report = render.Report(
        schema="guardian.keys/v1",
        outcome="good" if good else "bad",
        exit_code=ExitCode.OK if good else ExitCode.BAD_ANSWER,
        body={"keys": [s.model_dump(mode="json") for s in found], "missing": missing},
        lines=render.table(header, rows),
    )
    return render.show(session, report)
