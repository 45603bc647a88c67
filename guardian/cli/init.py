"""``guardian init``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guardian.cli.options import Session, verb
from guardian.errors import ExitCode
from guardian.i18n import N_, _

if TYPE_CHECKING:
    from guardian.provision import Made

KINDS = {"signing-key": N_("signing key"), "log": N_("log"), "repository": N_("repository")}
STANDINGS = {"created": N_("made"), "existing": N_("already there"), "failed": N_("FAILED")}


@click.command(
    help=_(
        "Write a starter configuration, or make the keys and repositories it names.\n\n"
        "Without a configuration, a starter one is written. With one, keys, log and repositories that are missing are "
        "made. Nothing is ever overwritten."
    )
)
@click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    help=_("Where the configuration lies; default here."),
)
@click.option(
    "--repository",
    "repositories",
    multiple=True,
    metavar="URL",
    help=_("Where backups go; a second one is for copies."),
)
@verb
def init(session: Session, directory: Path | None, repositories: tuple[str, ...]) -> int:
    """Make a start."""
    from guardian.config.load import FILE_NAME
    from guardian.errors import UsageError

    path = session.config or (directory or Path()) / FILE_NAME
    if not path.exists() and session.config is None and directory is None:
        from guardian.config.load import SYSTEM_WIDE

        if (SYSTEM_WIDE / FILE_NAME).exists() and not repositories:
            path = SYSTEM_WIDE / FILE_NAME
    if not path.exists():
        return _write_starter(session, path, repositories)
    if repositories:
        raise UsageError(
            _("{path} exists already").format(path=path),
            _("Name repositories there; --repository is for a new configuration."),
        )
    session.config = path
    return _provision(session)


def _write_starter(session: Session, path: Path, repositories: tuple[str, ...]) -> int:
    from guardian.cli import render
    from guardian.config.load import load
    from guardian.config.starter import Starter, starter_text
    from guardian.durable import write_new
    from guardian.i18n import language

    folder = path.absolute().parent
    folder.mkdir(parents=True, exist_ok=True)
    text = starter_text(Starter(folder, repositories, "zh" if language() == "zh" else "en", base=folder))
    write_new(path, text.encode(), mode=0o600)
    load(path)
    lines = (
        _("wrote {path}").format(path=render.visible(str(path))),
        _("next: say in it what to protect and where backups go, then run 'guardian init' again"),
    )
    body = {
        "configuration": str(path.absolute()),
        "made": [{"kind": "configuration", "name": str(path), "standing": "created"}],
    }
    return render.show(session, render.Report("guardian.init/v1", "created", ExitCode.OK, body, lines))


def _provision(session: Session) -> int:
    from guardian.cli import frame, render, verdict
    from guardian.provision import provision

    with frame.node(session) as node:
        made = list(provision(node))
    codes = [m.error.exit_code if m.error else ExitCode.OK for m in made]
    failed = any(m.error for m in made)
    lines = [line for m in made for line in _lines(m)]
    if not failed and any(m.standing == "created" and m.kind == "repository" for m in made):
        lines.append(
            _("keep {keys} safe, and a copy elsewhere: without these passwords no backup can be read").format(
                keys=render.visible(str(node.keys().folder))
            )
        )
    report = render.Report(
        schema="guardian.init/v1",
        outcome="failed" if failed else "ready",
        exit_code=verdict.worst_code(codes),
        body={"configuration": str(node.loaded.path), "made": [_document(m) for m in made]},
        lines=tuple(lines),
    )
    return render.show(session, report)


def _document(made: "Made") -> dict[str, Any]:
    from guardian.cli import verdict

    document: dict[str, Any] = {"kind": made.kind, "name": made.name, "standing": made.standing, "key_id": made.key_id}
    if made.reasons:
        document["reasons"] = verdict.reasons_document(made.reasons)
    if made.error is not None:
        document["error"] = verdict.error_document(made.error)
    return document


def _lines(made: "Made") -> list[str]:
    from guardian.cli import verdict

    head = _("{kind} {name}: {standing}").format(
        kind=_(KINDS[made.kind]), name=made.name, standing=_(STANDINGS[made.standing])
    )
    return [head, *verdict.reason_lines(made.reasons, made.error)]
