"""``guardian agent``: the daemon of this host. Its subcommands live in ``agent_*.py`` and load when they are used."""

import importlib
from typing import Final

import click

from guardian.cli.options import common
from guardian.i18n import N_, _

PARTS: Final[dict[str, tuple[str, str]]] = {
    "run": ("guardian.cli.agent_run", N_("Keep this host protected, for years: back up, drill, copy, maintain.")),
    "status": ("guardian.cli.agent_status", N_("Say what is protected and what is not, what runs and what is next.")),
    "install": ("guardian.cli.agent_install", N_("Make the agent's user, its directories and its systemd unit.")),
    "uninstall": ("guardian.cli.agent_install", N_("Take away what 'guardian agent install' made.")),
}
"""Subcommand -> (module with a command of that name, its line in the help)."""


class _Parts(click.Group):
    """A group that imports a subcommand only when it is used: the agent stays small."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        """The subcommands, in the order a newcomer meets them."""
        return list(PARTS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The subcommand, imported now."""
        if cmd_name not in PARTS:
            return None
        command: click.Command = getattr(importlib.import_module(PARTS[cmd_name][0]), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list of subcommands, without importing any of them."""
        with formatter.section(_("Commands")):
            formatter.write_dl([(name, _(text)) for name, (_module, text) in PARTS.items()])


@click.group(cls=_Parts, help=_("Run the daemon of this host, and ask it how things stand."))
@common
def agent(**_options: object) -> None:
    """The group; its common options are kept by :func:`common`."""
