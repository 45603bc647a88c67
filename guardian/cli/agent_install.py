"""``guardian agent install`` and ``guardian agent uninstall``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from guardian.cli.options import Session, verb
from guardian.errors import ConfigError, ExitCode
from guardian.i18n import N_, _

if TYPE_CHECKING:
    from guardian.agent.install import Done
    from guardian.cli.render import Report

WHAT = {"user": N_("user"), "directory": N_("directory"), "file": N_("file"), "service": N_("service")}
ACTIONS = {
    "made": N_("made"),
    "changed": N_("brought up to date"),
    "same": N_("as it should be"),
    "kept": N_("LEFT AS IT IS"),
    "removed": N_("removed"),
    "skipped": N_("not done here"),
}
_root = click.option(
    "--root", type=click.Path(path_type=Path, file_okay=False, exists=True), default=Path("/"),
    help=_("Work on the system below this directory, such as an image; default: this one."),
)  # fmt: skip
_dry_run = click.option("--dry-run", is_flag=True, help=_("Say what would be done, and change nothing."))


@click.command(help=_("Make the agent's user, its directories and its systemd unit."))
@click.option("--user", default="guardian", metavar="NAME", help=_("The system user to run as; made if missing."))
@_root
@click.option(
    "--program", type=click.Path(path_type=Path), help=_("The guardian that the unit starts; default: this one.")
)
@click.option("--no-unit", is_flag=True, help=_("Install no unit: a package brings it."))
@_dry_run
@verb
def install(  # noqa: PLR0913  one option each
    session: Session, *, user: str, root: Path, program: Path | None, no_unit: bool, dry_run: bool
) -> int:
    """Install the agent on this host; what is there already stays."""
    from guardian.agent.install import CONFIGURATION, InstallOptions, writable_paths
    from guardian.agent.install import install as work
    from guardian.agent.installed import staged
    from guardian.cli import render

    config = CONFIGURATION / "guardian.yaml"
    writable: tuple[Path, ...] = ()
    problem = ""
    configured = staged(root.absolute(), config)
    if configured.exists():
        from guardian.config.load import load

        try:
            writable = writable_paths(load(configured), root.absolute())
        except ConfigError as error:
            problem = _("{path} cannot be used yet: {why}").format(path=configured, why=error.message)
    options = InstallOptions(
        program=program or _this_program(),
        user=user,
        root=root.absolute(),
        config=config,
        writable=writable,
        with_unit=not no_unit,
        dry_run=dry_run,
    )
    done = work(options)
    lines = _lines(done, dry_run=dry_run)
    lines += ["", *([render.visible(problem)] if problem else _next_steps(configured, user))]
    return render.show(session, _report("guardian.agent-install/v1", done, lines, dry_run=dry_run))


@click.command(help=_("Take away what 'guardian agent install' made."))
@_root
@click.option(
    "--purge",
    is_flag=True,
    help=_("Take configuration, state and KEYS too: without the keys, backups can never be read again."),
)
@_dry_run
@verb
def uninstall(session: Session, *, root: Path, purge: bool, dry_run: bool) -> int:
    """Remove the agent from this host; configuration and state stay unless purged."""
    from guardian.agent.uninstall import UninstallOptions
    from guardian.agent.uninstall import uninstall as work
    from guardian.cli import render

    done = work(UninstallOptions(root.absolute(), purge, dry_run))
    nothing = _("the agent was not installed by this command: there is nothing to take away")
    lines = _lines(done, dry_run=dry_run) if done else [nothing]
    return render.show(session, _report("guardian.agent-uninstall/v1", done, lines, dry_run=dry_run))


def _this_program() -> Path:
    """The ``guardian`` that stands beside this interpreter, where installers put it."""
    import shutil
    import sys

    from guardian.errors import UsageError

    beside = Path(sys.executable).with_name("guardian")
    found = beside if beside.is_file() else shutil.which("guardian")
    if not found:
        raise UsageError(_("no program guardian was found"), _("Name it with --program."))
    return Path(found).absolute()


def _lines(done: "tuple[Done, ...]", *, dry_run: bool) -> list[str]:
    from guardian.cli.render import table

    header = (_("what"), _("name"), _("done"), "")
    lines = list(table(header, [(_(WHAT[d.what]), d.name, _(ACTIONS[d.action]), d.detail) for d in done]))
    return [_("nothing was changed; this would be done:"), "", *lines] if dry_run else lines


def _next_steps(configured: Path, user: str) -> list[str]:
    if not configured.exists():
        return [_("next: guardian init --dir /etc/guardian, edit /etc/guardian/guardian.yaml, and run this again")]
    return [
        _("next: runuser -u {user} -- guardian --config /etc/guardian/guardian.yaml init").format(user=user),
        _("then: systemctl enable --now guardian-agent"),
    ]


def _report(schema: str, done: "tuple[Done, ...]", lines: list[str], *, dry_run: bool) -> "Report":
    from dataclasses import asdict

    from guardian.cli.render import Report

    body = {"dry_run": dry_run, "done": [asdict(each) for each in done]}
    return Report(schema, "planned" if dry_run else "done", ExitCode.OK, body, tuple(lines))
