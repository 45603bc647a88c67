"""``guardian agent run``."""

import click

from guardian.cli.options import Session, verb
from guardian.errors import ExitCode
from guardian.i18n import _


@click.command(
    help=_(
        "Keep this host protected until a signal ends it.\n\n"
        "SIGHUP reads the configuration anew; SIGTERM and SIGINT stop its jobs cleanly, and then the agent. "
        "It stays in the foreground, logs to standard error and tells systemd how it is."
    )
)
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help=_("Form of the log's lines."),
)
@verb
def run(session: Session, log_format: str) -> int:
    """Run the agent in this process; exit 0 once it was asked to end and has."""
    from guardian import telemetry
    from guardian.agent import reload
    from guardian.agent.daemon import Agent, Manner
    from guardian.agent.notify import Notifier
    from guardian.cli.sentences import sentence
    from guardian.clock import SystemClock
    from guardian.config.load import find

    verbose = 0 if session.quiet else max(1, session.verbose)
    telemetry.configure(verbose=verbose, as_json=log_format == "json")
    clock = SystemClock()
    force = reload.first(find(session.config), clock)
    Agent(force, clock, Manner(sentence, Notifier.of(), verbose)).run()
    return int(ExitCode.OK)
