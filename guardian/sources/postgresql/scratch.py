"""A PostgreSQL server for one drill: a directory and a socket of its own, no network, gone when the drill ends.

What it will hold is somebody else's, and loading a dump means to run what stands in it with all rights inside the
server. So the server, and every program that reads the dump, runs as a user who owns nothing else (when we are root),
in a network name space without a network (where the system lets us), and listens on a socket in a directory that only
this user can enter. Clients reach it through their working directory: the limit of 107 bytes for the path of a socket
never matters.
"""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex

from guardian.errors import GuardianError, Interrupted, Stalled, StorageFull, ToolFailed
from guardian.i18n import _
from guardian.proc import Command, Finished, Limits, Stop, Streams, capture, run
from guardian.proc.service import Service
from guardian.sources.postgresql.dsn import Dsn
from guardian.sources.postgresql.programs import Server
from guardian.sources.postgresql.session import Client, Refused, Session, words
from guardian.sources.proof import ProofContext
from guardian.sources.servant import Servant, servant, without_network

HOME = "template1"
"""The database that is always there: one named postgres may have to come out of the dump."""

NO_ROOM = "No space left on device"
_START_SECONDS = 120.0
_INITDB_SECONDS = 300.0
_QUESTION_SECONDS = 60.0
_TICK = 0.05
_PORT = "5432"

_SETTINGS = {
    "listen_addresses": "",
    "port": _PORT,  # of the socket's name; relatives have other defaults
    "unix_socket_directories": "../s",  # as seen from the data directory: short, wherever that is
    "unix_socket_permissions": "0700",
    # It is thrown away: nothing in it has to outlive a power cut.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "1d",
    "autovacuum": "off",
    "dynamic_shared_memory_type": "mmap",  # files in its own directory, and none left in /dev/shm
    "shared_buffers": "256MB",
    "maintenance_work_mem": "256MB",
    "max_locks_per_transaction": "1024",
    "password_encryption": "scram-sha-256",
}


@dataclass(slots=True)
class ScratchServer:
    """A server that answers. ``isolated`` says whether it is in a network name space of its own."""

    programs: Server
    folder: Path
    servant: Servant
    isolated: bool
    prefix: tuple[str, ...]
    stop: Stop
    context: ProofContext
    superuser: str = field(default_factory=lambda: f"guardian_drill_{token_hex(4)}")
    prover: str = field(default_factory=lambda: f"guardian_prover_{token_hex(4)}")
    service: Service | None = None

    @property
    def sockets(self) -> Path:
        """Where its socket lies: the working directory of every client."""
        return self.folder / "s"

    def conninfo(self, database: str, *, user: str = "", options: str = "") -> str:
        """How a client that runs in :attr:`sockets` reaches ``database``."""
        place = {"host": "/proc/self/cwd", "port": _PORT}
        return Dsn({**place, "user": user or self.superuser, "dbname": database, "options": options}).conninfo()

    def client(self, database: str, *, user: str = "", options: str = "") -> Client:
        """The command-line client for ``database``."""
        conninfo = self.conninfo(database, user=user, options=options)
        return Client(self.programs.psql, conninfo, prefix=self.prefix, cwd=self.sockets)

    def session(self, database: str, seconds: float, *, user: str = "", options: str = "") -> Session:
        """A conversation with ``database``."""
        client = self.client(database, user=user, options=options)
        return Session(client, (self.context.stop, self.stop), self.context.clock, seconds)

    def run(self, argv: Sequence[str], seconds: float, streams: Streams | None = None) -> Finished:
        """Run one of the engine's programs as its servant. Raises Interrupted, StorageFull, and Stalled after a time.

        No stall is looked for: a client that waits for an index to be built moves nothing.
        """
        limits = Limits(stall_seconds=None, total_seconds=seconds, grace_seconds=10.0, linger_seconds=1.0)
        command = Command((*self.prefix, *argv), cwd=self.sockets)
        stops = (self.context.stop, self.stop)
        finished = run(command, streams or Streams(), limits=limits, stop=stops, clock=self.context.clock)
        name = Path(argv[0]).name
        if finished.interrupted:
            raise Interrupted(_("{program} was interrupted").format(program=name))
        if finished.overran:
            raise Stalled(_("{program} did not end within {seconds:g} seconds").format(program=name, seconds=seconds))
        if finished.returncode != 0:
            self.heed_end(finished.stderr)
        return finished

    def heed_end(self, stderr: Sequence[str] = ()) -> None:
        """Raise what explains why the server no longer serves: no space left, or that it is gone."""
        log = self.service.last_lines(50) if self.service else ()
        if any(NO_ROOM in line for line in (*stderr, *log)):
            raise _full(self.folder)
        if self.service and self.service.returncode is not None:
            raise ToolFailed(_("the scratch server ended: {why}").format(why=words(log)))


@contextmanager
def scratch_server(programs: Server, context: ProofContext) -> Iterator[ScratchServer]:
    """Make a server in ``context.folder``, start it, and stop it on every exit.

    Raises ToolFailed when it will not start, StorageFull when there is no room, Interrupted.
    """
    user = servant()
    isolation = without_network()
    stop = Stop()
    prefix = (*isolation, *user.prefix)
    server = ScratchServer(programs, context.folder / "server", user, bool(isolation), prefix, stop, context)
    try:
        _initialise(server)
        log = context.folder / "server.log"
        settings = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
        command = Command((*server.prefix, programs.postgres, "-D", "data", *settings), cwd=server.folder)
        with Service.start(command, log, clock=context.clock) as service:
            server.service = service
            try:
                _await(server, service)
                _prepare(server)
                yield server
            finally:
                # Immediate shutdown: what is thrown away need not be written first.
                with suppress(ProcessLookupError):
                    if service.returncode is None:
                        os.kill(service.pid, signal.SIGQUIT)
    finally:
        stop.close()


def _initialise(server: ScratchServer) -> None:
    for folder in (server.folder, server.sockets):
        folder.mkdir(mode=0o700)
        if server.servant.uid != os.geteuid():
            os.chown(folder, server.servant.uid, server.servant.gid)
    words_ = ("-D", "data", "-U", server.superuser, "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C")
    said = capture(
        Command((*server.prefix, server.programs.initdb, *words_), cwd=server.folder),
        seconds=_INITDB_SECONDS,
        stop=server.context.stop,
        clock=server.context.clock,
    )
    if said.returncode != 0 or not (server.folder / "data" / "PG_VERSION").exists():
        why = words(said.stderr)
        if NO_ROOM in " ".join(said.stderr):
            raise _full(server.folder)
        raise ToolFailed(_("{program} made no scratch server: {why}").format(program="initdb", why=why))


def _full(folder: Path) -> GuardianError:
    return StorageFull(
        _("no space left for a scratch server in {folder}").format(folder=folder.parent),
        _("Free some space there, or name another disk as scratch_dir: the whole database is loaded."),
    )


def _await(server: ScratchServer, service: Service) -> None:
    clock = server.context.clock
    deadline = clock.monotonic() + _START_SECONDS
    while clock.monotonic() < deadline:
        if server.context.stop.requested:
            raise Interrupted(_("interrupted"))
        server.heed_end()
        if any(path.is_socket() for path in server.sockets.iterdir()):
            try:
                with server.session(HOME, _QUESTION_SECONDS) as session:
                    session.do("select 1")
            except Refused:
                pass  # not yet
            else:
                return
        clock.sleep(_TICK)
    raise ToolFailed(_("the scratch server does not answer: {why}").format(why=words(service.last_lines(5))))


def _prepare(server: ScratchServer) -> None:
    """Make the role that asks, which may read everything and write nothing, and room for a database named postgres."""
    with server.session(HOME, _QUESTION_SECONDS) as session:
        session.do("drop database if exists postgres")
        number = int(session.ask("select pg_catalog.current_setting('server_version_num')")[0][0] or 0)
        if number >= 140000:
            session.do(f"create role {server.prover} login nosuperuser bypassrls")
            session.do(f"grant pg_read_all_data to {server.prover}")
        else:
            server.prover = server.superuser
