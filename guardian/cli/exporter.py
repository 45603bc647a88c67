"""``guardian-exporter``: metrics of a host or a fleet from beside whoever knows how it stands."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from guardian.cli.options import Session, verb
from guardian.errors import ExitCode, Unavailable, UsageError
from guardian.i18n import N_, _

if TYPE_CHECKING:
    from guardian.endpoint.site import Site
    from guardian.endpoint.watch import Watched
    from guardian.model.status import HostStatus
    from guardian.proc import Stop

NAME: Final = "guardian-exporter"
LISTEN: Final = "127.0.0.1:9788"
_WRITE_SECONDS: Final = 15.0
_PATH: Final = click.Path(path_type=Path, dir_okay=False)

HELP: Final = N_(
    "Serve metrics of this host, or of a fleet, to Prometheus.\n\n"
    "Without --status and --fleet the agent of this host is asked; while none runs, its journal and its log are read. "
    "A scrape is answered from memory: it starts no program and reaches no network."
)


def build() -> click.Command:
    """The command, in the language in use."""

    @click.command(NAME, help=_(HELP))
    @click.option("--status", type=_PATH, help=_("A file with a host's status, as JSON."))
    @click.option("--fleet", type=_PATH, help=_("A file with a fleet, as a hub writes it."))
    @click.option("--listen", default=LISTEN, show_default=True, help=_("Address and port to serve at."))
    @click.option("--web-config", type=_PATH, help=_("TLS and users, a file as Prometheus' own exporters take it."))
    @click.option("--insecure", is_flag=True, help=_("Allow an address that others reach without TLS."))
    @click.option(
        "--textfile", type=_PATH, help=_("Write a file for node_exporter, ending in .prom, and serve nothing.")
    )
    @click.option("--once", is_flag=True, help=_("With --textfile: write it once and end."))
    @verb
    def exporter(session: Session, **options: Any) -> int:
        return _run(session, Wanted(**options))

    return exporter


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run ``guardian-exporter`` and leave with an exit code as ``guardian`` does."""
    from guardian.cli import main as program

    program.main(argv, build, NAME)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for, as the options have it."""

    status: Path | None
    fleet: Path | None
    listen: str
    web_config: Path | None
    insecure: bool
    textfile: Path | None
    once: bool

    def __post_init__(self) -> None:
        """Raises UsageError for what does not go together."""
        if self.status is not None and self.fleet is not None:
            raise UsageError(_("--status is of one host and --fleet of many"), _("Use one of them."))
        if self.once and self.textfile is None:
            raise UsageError(_("--once writes a file: it needs --textfile"))
        if self.textfile is not None and self.fleet is not None:
            hint = _("Let Prometheus read it: leave --textfile out.")
            raise UsageError(_("a fleet is too large for a text file"), hint)


def _run(session: Session, wanted: Wanted) -> int:
    from guardian.clock import SystemClock
    from guardian.endpoint.watch import Watched
    from guardian.proc import Stop, handle_signals

    stop = Stop()
    with handle_signals(stop), ExitStack() as held:
        if wanted.fleet is not None:
            return _serve(_fleet(wanted.fleet, held), wanted, stop)
        watched = Watched(_look(session, wanted.status, stop), SystemClock())
        if wanted.textfile is not None:
            return _write(watched, wanted.textfile, stop, once=wanted.once)
        watched.once()
        watched.start()
        held.callback(watched.stop)
        return _serve(_host(watched), wanted, stop)


def _look(session: Session, path: Path | None, stop: "Stop") -> "Callable[[], HostStatus]":
    """How one learns how the host stands. Raises ConfigError without a configuration to go by."""
    from guardian.endpoint.watch import status_file, status_of

    if path is not None:
        return lambda: status_file(path)
    from guardian.agent.control import ask
    from guardian.agent.start import folder
    from guardian.agent.view import unattended
    from guardian.clock import SystemClock
    from guardian.config.load import find, load
    from guardian.model.events import silent
    from guardian.node import Node

    where = find(session.config)
    load(where)

    def look() -> "HostStatus":
        loaded = load(where)
        said = ask(folder(loaded.state_dir))
        return status_of(said) if said is not None else unattended(Node(loaded, SystemClock(), silent, stop))

    return look


def _host(watched: "Watched") -> "Site":
    from guardian.clock import SystemClock
    from guardian.endpoint.exposition import Exposition

    return Exposition(watched.status, SystemClock())


def _fleet(path: Path, held: ExitStack) -> "Site":
    from guardian.clock import SystemClock
    from guardian.endpoint.fleet import FleetSite
    from guardian_exporters.fleet_feed import FleetFile
    from guardian_exporters.fleet_page import FleetPage

    file = FleetFile(path, FleetPage(SystemClock()))
    site = FleetSite(file.page, file.refreshed, SystemClock())
    site.start()
    held.callback(site.stop)
    return site


def _serve(site: "Site", wanted: Wanted, stop: "Stop") -> int:
    """Serve until a signal. Raises UsageError and ConfigError for what was asked wrongly, Unavailable for a port."""
    import select

    from guardian.config.metrics import listen_address
    from guardian.endpoint.access import read_access
    from guardian.endpoint.server import Listen, MetricsServer

    try:
        host, port = listen_address(wanted.listen)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if wanted.web_config is not None:
        read_access(wanted.web_config)
    server = MetricsServer(Listen(host, port, wanted.web_config, wanted.insecure), site)
    server.start()
    try:
        if server.problem is not None:
            text = _("metrics are not served at {address}: {error}")
            raise Unavailable(text.format(**server.problem.args))
        click.echo(_("serving metrics at {address}").format(address=server.listen), err=True)
        select.select([stop], [], [])
    finally:
        server.stop()
    return int(ExitCode.OK)


def _write(watched: "Watched", path: Path, stop: "Stop", *, once: bool) -> int:
    """Write the file once, or until a signal. What is known of the host or not: the file says so, the exit code too."""
    import select

    from guardian.clock import SystemClock
    from guardian.endpoint.exposition import Exposition
    from guardian.endpoint.textfile import write_textfile

    exposition = Exposition(watched.status, SystemClock())
    while True:
        known = watched.once()
        problem = write_textfile(path, exposition)
        if problem is not None:
            text = _("metrics could not be written to {path}: {error}")
            raise Unavailable(text.format(**problem.args))
        if once:
            return int(ExitCode.OK if known else ExitCode.COULD_NOT_VERIFY)
        select.select([stop], [], [], _WRITE_SECONDS)
        if stop.requested:
            return int(ExitCode.OK)
