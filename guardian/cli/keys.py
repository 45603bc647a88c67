"""``guardian keys``."""

from typing import TYPE_CHECKING, Any

import click

from guardian.cli.custody import escrow, escrows_of, recover, rotate
from guardian.cli.options import Group, Session, common, verb
from guardian.errors import ExitCode, GuardianError
from guardian.i18n import N_, _

if TYPE_CHECKING:
    from guardian.keys.standing import Standing
    from guardian.keys.store import KeyStatus

KINDS = {"signing": N_("signing key"), "password": N_("repository password")}
ORIGINS = {"file": N_("file in the state directory"), "given": N_("given by the configuration")}


@click.group(cls=Group, help=_("Say how keys are kept; split, recover and rotate repository passwords."))
@common
def keys() -> None:
    """Verbs about keys."""


for custody in (escrow, recover, rotate):
    keys.add_command(custody)


# status


@keys.command(help=_("List keys and passwords, and how they are escrowed, without ever showing one."))
@verb
def status(session: Session) -> int:
    """Show every key this host has or should have."""
    from guardian.cli import frame, render

    with frame.node(session) as node:
        found = node.keys().status()
        expected = {repository.key for repository in node.loaded.repositories()}
        escrows, unknown = escrows_of(node)
    missing = sorted(expected - {s.name for s in found if s.kind == "password"})
    rows = [_row(s, escrows.get(s.name)) for s in found]
    rows += [(_(KINDS["password"]), name, "", _("MISSING"), "", "", "") for name in missing]
    good = not missing and all(s.present and s.mode_ok for s in found)
    header = (_("kind"), _("name"), _("key id"), _("standing"), _("protection"), _("kept as"), _("escrow"))
    documents = [s.model_dump(mode="json") | {"escrow": _escrow_document(escrows.get(s.name))} for s in found]
    report = render.Report(
        schema="guardian.keys/v1",
        outcome="good" if good else "bad",
        exit_code=ExitCode.OK if good else ExitCode.BAD_ANSWER,
        body={"keys": documents, "missing": missing},
        lines=(*render.table(header, rows), *_custody_lines(escrows, unknown)),
    )
    return render.show(session, report)


def _row(s: "KeyStatus", escrow: "Standing | None") -> tuple[str, ...]:
    return (
        _(KINDS[s.kind]),
        s.name,
        (s.key_id or "")[:16],
        _("there") if s.present else _("MISSING"),
        (_("private") if s.mode_ok else _("OPEN TO OTHERS")) if s.present else "",
        _(ORIGINS[s.origin]),
        _escrow_text(escrow) if s.kind == "password" else "",
    )


def _escrow_text(escrow: "Standing | None") -> str:
    if escrow is None:
        return _("none")
    text = _("{threshold} of {shares}, {date}").format(
        threshold=escrow.threshold, shares=escrow.shares, date=escrow.escrowed[:10]
    )
    return _("STALE ({escrow})").format(escrow=text) if escrow.stale else text


def _escrow_document(escrow: "Standing | None") -> dict[str, Any] | None:
    if escrow is None:
        return None
    return {
        "threshold": escrow.threshold,
        "shares": escrow.shares,
        "escrowed": escrow.escrowed,
        "stale": escrow.stale,
        "drilled": escrow.drilled,
    }


def _custody_lines(escrows: "dict[str, Standing]", unknown: GuardianError | None) -> list[str]:
    from guardian.cli.render import visible

    if unknown is not None:
        return ["", _("escrows are not known: {why}").format(why=visible(unknown.message))]
    lines = []
    for name, standing in sorted(escrows.items()):
        if standing.stale:
            lines.append(_("{name}: the password was changed after it was escrowed").format(name=name))
            lines.append(
                "  " + _("hint: {hint}").format(hint=_("Run 'guardian keys escrow' and collect the old sheets."))
            )
        elif standing.drilled is None:
            lines.append(_("{name}: no drill has opened it by shares yet").format(name=name))
            lines.append("  " + _("hint: {hint}").format(hint=_("Run 'guardian verify --level K'.")))
        else:
            lines.append(_("{name}: last opened by shares on {date}").format(name=name, date=standing.drilled[:10]))
    return ["", *lines] if lines else []
