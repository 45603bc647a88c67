"""A dump of a server's databases as one stream of SQL, with the facts of the very instant it shows.

The dump program's exit code and the trailer it writes last are checked while restic still waits for more: a dump that
failed leaves no snapshot.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

from guardian.errors import Interrupted
from guardian.i18n import _
from guardian.model.backup import StreamDigest
from guardian.model.protection import MysqlSource
from guardian.model.reason import reason
from guardian.proc import Command, Finished, Limits, produce
from guardian.sources.job import Pump, SourceContext, SourceFailed, Write
from guardian.sources.mysql.dsn import option_file
from guardian.sources.mysql.instant import Hold, Marker
from guardian.sources.mysql.programs import CLIENT, DUMP, find
from guardian.sources.mysql.session import Login, Refused, Session, refusal
from guardian.sources.mysql.survey import Survey, failure

TRAILER = b"\n-- Dump completed"
"""What both engines' dump programs write last, when everything before was written."""

GRACE_SECONDS = 10.0
_WORDS = (
    "--single-transaction",
    "--quick",
    "--routines",
    "--events",
    "--triggers",
    "--hex-blob",
    "--comments",
    "--no-tablespaces",
    "--default-character-set=utf8mb4",
    "--max-allowed-packet=1G",
)
_MYSQL_WORDS = ("--loose-set-gtid-purged=OFF", "--loose-column-statistics=0")
"""Only MySQL's own program knows them; loose, since not all of its versions do."""


class MysqlJob:
    """One dump of one server."""

    estimated_bytes = 0

    def __init__(self, spec: MysqlSource, context: SourceContext) -> None:
        """Find the programs, connect, and look for the databases.

        Raises ToolMissing, ConfigError, Interrupted, and SourceFailed when the server refuses or lacks a database.
        """
        self._spec, self._context = spec, context
        self._dump = find(DUMP, spec.programs, "default-mysql-client")
        client = find(CLIENT, spec.programs, "default-mysql-client")
        self._login = Login(client, option_file(context.secrets["dsn"]))
        self._digest: StreamDigest | None = None
        self._facts: dict[str, Any] = {}
        self.filename = f"/{context.source}.sql"
        with self._session() as session:
            Survey(session, spec, context.clock).begin()

    def _session(self) -> Session:
        return Session(self._login, self._context.stop, self._context.clock, tolerant=True)

    def feed(self, write: Write) -> None:
        """Dump the databases, and ask for the facts of the same instant meanwhile."""
        pump = Pump(write)
        with self._session() as session:
            survey = Survey(session, self._spec, self._context.clock)
            survey.begin()
            survey.list_tables()
            with ThreadPoolExecutor(1, thread_name_prefix="facts") as pool:
                try:
                    self._facts = self._dump_and_count(pump, survey, pool)
                except BaseException:
                    session.abandon()  # the pool waits for what is being counted
                    raise
        self._digest = pump.digest(self.filename)

    def _dump_and_count(self, pump: Pump, survey: Survey, pool: ThreadPoolExecutor) -> dict[str, Any]:
        hold = Hold(self._login, self._context.stop, self._context.clock)
        try:
            survey.snapshot()
            seconds = self._spec.time_limit.total_seconds()
            delivery = _Delivery(pump, hold, lambda: pool.submit(survey.count, seconds))
            self._judge(pump, self._run(survey.databases, delivery))
        finally:
            hold.release()
        return self._await(survey, delivery)

    def _run(self, databases: tuple[str, ...], delivery: "_Delivery") -> Finished:
        return produce(
            self._command(databases),
            delivery,
            limits=Limits(
                stall_seconds=self._context.stall_seconds,
                stall_grace_seconds=GRACE_SECONDS,
                grace_seconds=GRACE_SECONDS,
                total_seconds=self._spec.time_limit.total_seconds(),
            ),
            stop=self._context.stop,
            clock=self._context.clock,
        )

    def _command(self, databases: tuple[str, ...]) -> Command:
        words = _WORDS if self._dump.mariadb else (*_WORDS, *_MYSQL_WORDS)
        return self._login.command(self._dump.path, *words, "--databases", "--", *databases)

    def _judge(self, pump: Pump, finished: Finished) -> None:
        program = self._dump.name
        if finished.interrupted:
            raise Interrupted(_("{program} was interrupted").format(program=program))
        if finished.overran:
            limit = int(self._spec.time_limit.total_seconds())
            raise SourceFailed(reason("producer-overran", program=program, seconds=limit))
        if finished.stalled:
            raise SourceFailed(reason("producer-stalled", program=program))
        if finished.returncode != 0:
            raise SourceFailed(reason("dump-failed", program=program, error=str(refusal(finished))))
        if TRAILER not in pump.tail:
            raise SourceFailed(reason("producer-trailer-missing", program=program, trailer=TRAILER.decode().strip()))

    def _await(self, survey: Survey, delivery: "_Delivery") -> dict[str, Any]:
        """The facts, once they are counted. A dump without them is a good dump all the same, and they say so."""
        try:
            while delivery.counting is not None and not delivery.counting.done():
                if self._context.stop.requested:
                    raise Interrupted(_("interrupted"))
                wait([delivery.counting], timeout=0.2)
            if delivery.counting is not None:
                delivery.counting.result()
            survey.settle()
        except Refused as refused:
            return {"server": survey.server[:200], "consistent": False, "error": failure(refused).reason.code}
        return survey.facts(consistent=delivery.consistent)

    def digest(self) -> StreamDigest:
        """Length and SHA-256 of the dump."""
        assert self._digest is not None, "feed() has not returned"  # noqa: S101
        return self._digest

    def facts(self) -> dict[str, Any]:
        """Row counts and the newest record at the instant of the dump; ``consistent`` says whether they are exact."""
        return self._facts


@dataclass(slots=True)
class _Delivery:
    """Passes the dump on; once its snapshot has begun, it lets the writers go and has the facts counted."""

    pump: Pump
    hold: Hold
    count: Callable[[], "Future[None]"]
    consistent: bool = False
    counting: "Future[None] | None" = None
    _marker: Marker = field(default_factory=Marker)

    def __call__(self, chunk: bytes) -> None:
        if self._marker(chunk):
            # Before anything that may wait, such as handing the chunk on.
            self.consistent = self.hold.release()
            self.counting = self.count()
        self.pump(chunk)
