"""The backup of a PostgreSQL server: every database by pg_dump, and the roles, as one archive.

Of each database the facts and the dump are of one moment: a session holds a transaction open, exports its snapshot,
counts in it, and pg_dump works in the same one. All that is asked of the server is read-only. Whether a program did its
work is decided before the archive goes on; a failure leaves an archive without its end, and no snapshot.
"""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guardian.errors import Interrupted
from guardian.i18n import _
from guardian.model.backup import StreamDigest
from guardian.model.protection import PostgresqlSource
from guardian.model.reason import reason
from guardian.proc import Command, Finished, Limits, Stop, produce, run
from guardian.scratch import remove, require_space
from guardian.sources.archive import ArchiveWriter, encoded
from guardian.sources.job import Pump, SourceContext, SourceFailed, Write
from guardian.sources.postgresql import facts as asking
from guardian.sources.postgresql.dsn import Dsn, parse
from guardian.sources.postgresql.programs import client, version
from guardian.sources.postgresql.session import Client, Refused, Session, TimedOut, once, words

GLOBALS = "globals.sql"
FACTS = "facts.json"
TRAILER = b"database cluster dump complete"
"""Stands near the end of what pg_dumpall wrote whole; behind it newer ones write one line more."""

_GRACE_SECONDS = 10.0
_CAUSE_SECONDS = 2.0
_CHUNK = 1 << 20
_SURVEY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Survey:
    """What the server says of itself: its version as a number and a text, and each database with what it is like."""

    version: int
    version_text: str
    databases: dict[str, dict[str, Any]]
    bytes: int
    reads_passwords: bool
    roles: tuple[str, ...]


class PostgresqlJob:
    """One backup of one server."""

    def __init__(self, spec: PostgresqlSource, context: SourceContext) -> None:
        """Ask the server what there is. Raises SourceFailed when it does not answer, or lacks a database."""
        self.filename = f"/{context.source}.zip"
        self._spec, self._context = spec, context
        self._dsn = parse(context.secrets["dsn"])
        programs = {name: client(name, spec.programs) for name in ("psql", "pg_dump", "pg_dumpall")}
        self._psql, self._pg_dump, self._pg_dumpall = (programs[name] for name in ("psql", "pg_dump", "pg_dumpall"))
        self._deadline = context.clock.monotonic() + spec.time_limit.total_seconds()
        self._home = self._dsn.settings.get("dbname") or next(iter(spec.databases), "postgres")
        self._survey = self._look()
        self.estimated_bytes = self._survey.bytes
        self._names = tuple(spec.databases) or tuple(self._survey.databases)
        if missing := [name for name in self._names if name not in self._survey.databases]:
            raise SourceFailed(reason("database-missing", database=missing[0]))
        if not self._names:
            raise SourceFailed(reason("database-none"))
        self._facts: dict[str, Any] = {}
        self._room = asking.Room()
        self._digest: StreamDigest | None = None

    def feed(self, write: Write) -> None:
        """Dump everything into one archive."""
        self._deadline = self._context.clock.monotonic() + self._spec.time_limit.total_seconds()
        pump = Pump(write)
        survey = self._survey
        databases: dict[str, Any] = {}
        known = {
            "format": asking.FORMAT,
            "server_version": survey.version,
            "server": survey.version_text[:200],
            "dump_version": version(self._pg_dump),
            "dump_format": self._spec.format,
            "globals": self._spec.globals,
            "role_passwords": self._spec.globals and survey.reads_passwords,
            "roles": list(survey.roles),
            "databases": databases,
        }
        with ArchiveWriter(pump, self._context.clock.now()) as archive:
            if self._spec.globals:
                self._dump_globals(archive)
            for name in self._names:
                databases[name] = {**survey.databases[name], **self._dump_database(archive, name)}
            with archive.entry(FACTS) as put:
                put(json.dumps(known, ensure_ascii=True, indent=1).encode())
        self._facts = asking.for_receipt(known)
        self._digest = pump.digest(self.filename)

    def digest(self) -> StreamDigest:
        """Length and SHA-256 of the archive."""
        assert self._digest is not None, "feed() has not returned"  # noqa: S101
        return self._digest

    def facts(self) -> dict[str, Any]:
        """Of the server and of each database: version, encoding, rows of each table, newest business record."""
        return self._facts

    # asking

    def _client(self, database: str, options: str) -> Client:
        dsn = self._at(database, options)
        return Client(self._psql, dsn.conninfo(), dsn.secrets())

    def _at(self, database: str, options: str = asking.READ_ONLY) -> Dsn:
        return self._dsn.to(database).with_options(options)

    @contextmanager
    def _session(self, database: str, seconds: float, *stops: Stop) -> Iterator[Session]:
        settings = f"{asking.READ_ONLY} {asking.PLAIN}"
        session = Session(self._client(database, settings), (self._context.stop, *stops), self._context.clock, seconds)
        try:
            with session:
                yield session
        except TimedOut as late:
            raise SourceFailed(reason("database-slow")) from late
        except Refused as refused:
            said = str(refused)
            unreachable = "connection" in said and "FATAL" not in said
            code = "database-unreachable" if unreachable else "database-refused"
            raise SourceFailed(reason(code, error=f"{database}: {said}"[:300])) from refused

    def _look(self) -> Survey:
        with self._session(self._home, _SURVEY_SECONDS) as session:
            number, text, reads = session.ask(
                "select pg_catalog.current_setting('server_version_num'), pg_catalog.version(),"
                " pg_catalog.has_table_privilege('pg_catalog.pg_authid', 'SELECT')",
                3,
            )[0]
            rows = session.ask(asking.DATABASES, 5)
            roles = tuple(str(name) for (name,) in session.ask(asking.ROLES))
        chosen = [row for row in rows if not self._spec.databases or row[0] in self._spec.databases]
        return Survey(
            version=int(number or 0),
            version_text=str(text),
            databases={
                str(n): {"encoding": e, "collate": c, "ctype": t, "bytes": int(s or 0)} for n, e, c, t, s in chosen
            },
            bytes=sum(int(row[4] or 0) for row in chosen),
            reads_passwords=reads == "t",
            roles=roles,
        )

    # dumping

    def _dump_globals(self, archive: ArchiveWriter) -> None:
        options = ["--globals-only", "--no-password", f"--database={self._home}"]
        if not self._survey.reads_passwords:
            options.append("--no-role-passwords")
        with archive.entry(GLOBALS) as put:
            pump = Pump(put)
            self._produce((self._pg_dumpall, *options), self._home, pump)
            if TRAILER not in pump.tail:
                raise SourceFailed(
                    reason("producer-trailer-missing", program=Path(self._pg_dumpall).name, trailer=TRAILER.decode())
                )

    def _dump_database(self, archive: ArchiveWriter, name: str) -> dict[str, Any]:
        halt = Stop()
        try:
            with self._session(name, self._left(), halt) as session, ThreadPoolExecutor(1) as pool:
                session.do("begin isolation level repeatable read read only")
                snapshot = str(session.ask("select pg_catalog.pg_export_snapshot()")[0][0])
                # The rows are counted while the dump runs: both see the same snapshot, and share what is read.
                counting = pool.submit(self._count, session, name, snapshot)
                try:
                    self._dump(archive, name, snapshot)
                except SourceFailed:
                    # A question that was refused ends the transaction, and the dump with it: then it is the cause.
                    wait([counting], _CAUSE_SECONDS)
                    halt.set()
                    with suppress(Interrupted):
                        counting.result()
                    raise
                except BaseException:
                    halt.set()
                    raise
                return counting.result()
        finally:
            halt.close()

    def _count(self, session: Session, name: str, snapshot: str) -> dict[str, Any]:
        there = asking.tables(session)
        known: dict[str, Any] = {"tables": len(there)}
        prefix = f"{name}."
        names = [full.removeprefix(prefix) for full in self._room.take(f"{prefix}{table}" for table in there)]
        known["rows"] = {table: asking.count(session, table) for table in names}
        newest = self._spec.newest
        if newest and (newest.database or asking.default_database(self._spec.databases, self._names)) == name:
            known |= self._newest(name, newest.sql, snapshot)
        return known

    def _newest(self, name: str, sql: str, snapshot: str) -> dict[str, str]:
        """The newest business record as the server writes it. A question that fails must not cost the backup."""
        begin = f"begin isolation level repeatable read read only; set transaction snapshot '{snapshot}'"
        context = self._context
        try:
            answer = once(self._client(name, asking.OWNERS), (begin, sql), context.stop, context.clock, self._left())
        except (Refused, LookupError) as error:
            return {"newest_unknown": str(error)[:200] or "no row"}
        return {"newest_unknown": "NULL"} if answer is None else {"newest": answer[:64]}

    def _dump(self, archive: ArchiveWriter, name: str, snapshot: str) -> None:
        options = ("--no-password", "--compress=0", f"--snapshot={snapshot}")
        path = f"databases/{encoded(name)}"
        if self._spec.format == "custom":
            with archive.entry(f"{path}.dump") as put:
                pump = Pump(put)
                self._produce((self._pg_dump, "--format=custom", *options), name, pump)
                if not pump.bytes:
                    raise SourceFailed(reason("producer-short", program=self._pg_dump, bytes=0, expected=1))
            return
        folder = self._context.scratch / "dump"
        require_space(self._context.scratch, self._survey.databases[name]["bytes"])
        more = ("--format=directory", f"--jobs={self._spec.jobs}", "--no-sync", f"--file={folder}")
        try:
            command = self._command((self._pg_dump, *more, *options), name)
            # Its workers do the work: of the one process that is looked at nothing moves.
            limits = Limits(stall_seconds=None, grace_seconds=_GRACE_SECONDS, total_seconds=self._left())
            finished = run(command, limits=limits, stop=self._context.stop, clock=self._context.clock)
            self._judge(finished, self._pg_dump, name)
            self._pack(archive, folder, path)
        finally:
            if folder.exists():
                remove(folder)

    def _pack(self, archive: ArchiveWriter, folder: Path, path: str) -> None:
        files = sorted(folder.iterdir())
        if folder / "toc.dat" not in files:
            raise SourceFailed(reason("producer-short", program=self._pg_dump, bytes=0, expected=1))
        for file in files:
            with archive.entry(f"{path}/{file.name}") as put, file.open("rb") as content:
                while chunk := content.read(_CHUNK):
                    if self._context.stop.requested:
                        raise Interrupted(_("interrupted"))
                    put(chunk)
            file.unlink()

    def _produce(self, argv: tuple[str, ...], database: str, put: Callable[[bytes], None]) -> None:
        limits = Limits(
            stall_seconds=self._context.stall_seconds,
            stall_grace_seconds=_GRACE_SECONDS,
            grace_seconds=_GRACE_SECONDS,
            total_seconds=self._left(),
        )
        command = self._command(argv, database)
        finished = produce(command, put, limits=limits, stop=self._context.stop, clock=self._context.clock)
        self._judge(finished, argv[0], database)

    def _command(self, argv: tuple[str, ...], database: str) -> Command:
        dsn = self._at(database)
        return Command((*argv, f"--dbname={dsn.conninfo()}"), secrets=dsn.secrets())

    def _judge(self, finished: Finished, path: str, database: str) -> None:
        program = Path(path).name
        # Asked first: what a stopped program wrote is cut short, whatever it ends with.
        if finished.interrupted:
            raise Interrupted(_("{program} was interrupted").format(program=program))
        if finished.overran:
            limit = int(self._spec.time_limit.total_seconds())
            raise SourceFailed(reason("producer-overran", program=program, seconds=limit))
        if finished.stalled:
            raise SourceFailed(reason("producer-stalled", program=program))
        if finished.returncode != 0:
            raise SourceFailed(
                reason("dump-failed", program=program, error=f"{database}: {words(finished.stderr)}"[:400])
            )

    def _left(self) -> float:
        """Seconds left of the time limit, at least one."""
        return max(1.0, self._deadline - self._context.clock.monotonic())
