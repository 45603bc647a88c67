"""``guardian agent status``."""

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import click

from guardian.cli.options import Session, verb
from guardian.errors import ExitCode, UsageError
from guardian.i18n import _

if TYPE_CHECKING:
    from guardian.cli.render import Report
    from guardian.model.status import HostStatus

_EVERY: Final = 2.0


@click.command(
    help=_(
        "Say what is protected and what is not, what runs and what is next.\n\n"
        "A running agent is asked; without one, its journal and the log are. Exit code 0: everything is protected, "
        "3: something is not, 4: it could not be found out."
    )
)
@click.option("--watch", is_flag=True, help=_("Show it again every two seconds, until Ctrl-C."))
@verb
def status(session: Session, watch: bool) -> int:
    """Show the status of this host once, or again and again."""
    from guardian.cli import render

    if not watch:
        return render.show(session, _report(session))
    if session.as_json:
        raise UsageError(_("--watch is for people, --json for programs"), _("Use one of them."))
    return _watch(session)


def _report(session: Session) -> "Report":
    from guardian.cli import agent_table, render

    found, running = _found(session)
    code = agent_table.exit_code(found)
    return render.Report(
        schema=found.schema_,
        outcome=agent_table.verdict(found),
        exit_code=code,
        body={"running": running, **found.model_dump(mode="json", by_alias=True, exclude={"schema_"})},
        lines=tuple(agent_table.lines(found, running=running)),
    )


def _found(session: Session) -> "tuple[HostStatus, bool]":
    """The host's status and whether it is the agent that says so. Raises Unavailable, and what the journal raises."""
    from pydantic import ValidationError

    from guardian.cli import frame
    from guardian.errors import Unavailable
    from guardian.model.status import HostStatus

    said = _said(session)
    if said is None:
        from guardian.agent.view import unattended

        with frame.node(session) as node:
            return unattended(node), False
    try:
        return HostStatus.model_validate_json(said), True
    except ValidationError as error:
        raise Unavailable(_("the agent says what cannot be understood"), _("Is it of another version?")) from error


def _said(session: Session) -> bytes | None:
    """What the agent says; None without one. Raises ConfigError when no agent answers and the configuration is wrong.

    An agent that runs goes on with the configuration it has: it is asked whatever became of the file since.
    """
    from guardian.agent.control import ask
    from guardian.agent.start import folder
    from guardian.config.load import find, load, states_of
    from guardian.errors import ConfigError, GuardianError

    try:
        return ask(folder(load(find(session.config)).state_dir))
    except ConfigError as wrong:
        for state in states_of(session.config):
            with suppress(GuardianError):
                if (said := ask(folder(state))) is not None:
                    return said
        raise wrong from None


def _watch(session: Session) -> int:
    from guardian.cli import render
    from guardian.clock import SystemClock

    code = int(ExitCode.OK)
    clock = SystemClock()
    try:
        while True:
            report = _report(session)
            if sys.stdout.isatty():
                click.clear()
            code = render.show(session, report)
            clock.sleep(_EVERY)
    except KeyboardInterrupt:
        return code
