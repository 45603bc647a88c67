"""D4 for PostgreSQL: the dump loads into a server of its own, holds the rows it held, and answers its owner.

That pg_restore ended well proves nothing: rows do. Their counts stand in the signed receipt, and were taken in the
snapshot that was dumped, so they must be equal, not just alike.
"""

import json
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

from guardian.errors import Interrupted, Stalled
from guardian.i18n import _
from guardian.model.protection import Assertion, PostgresqlSource
from guardian.model.reason import Reason, reason
from guardian.proc import Streams
from guardian.scratch import require_space
from guardian.sources.answers import assertion_failed, capped, compare_rows, expected_rows, is_true, moment, short
from guardian.sources.archive import ArchiveBroken, ArchiveReader, decoded
from guardian.sources.postgresql import facts as asking
from guardian.sources.postgresql.dump import FACTS, GLOBALS
from guardian.sources.postgresql.load import Loader
from guardian.sources.postgresql.programs import server as find_server
from guardian.sources.postgresql.scratch import HOME, ScratchServer, scratch_server
from guardian.sources.postgresql.session import Refused, TimedOut, once
from guardian.sources.postgresql.session import words as say
from guardian.sources.proof import Dump, Proof, ProofContext, Restored

_FACTS_BYTES = 64 << 20
_GLOBALS_BYTES = 64 << 20
_ASK_SECONDS = 900.0
_SAID_BYTES = 64 << 10
_COUNTING = f"{asking.READ_ONLY} {asking.PLAIN}"
_ENTRY = re.compile(r"databases/([^/]+?)(?:\.dump|/[^/]+)")


def prove(spec: PostgresqlSource, dump: Dump, facts: Mapping[str, Any], context: ProofContext) -> Proof:
    """Load the archive ``dump`` and ask everything there is to ask. ``facts`` are those of the receipt.

    Raises ToolMissing without a server's programs of the dump's version, ToolFailed when the scratch server does not
    start or dies, Unavailable when it lacks an extension or locale, StorageFull, Stalled, Interrupted, and what reading
    ``dump`` raises.
    """
    with dump.open() as stream:
        try:
            archive = ArchiveReader(stream)
            return _Examination(spec, facts, context, archive).run()
        except ArchiveBroken as broken:
            return Proof((broken.reason,), {"bytes": dump.size})


class _Examination:
    """One archive, everything found of it so far."""

    def __init__(
        self, spec: PostgresqlSource, facts: Mapping[str, Any], context: ProofContext, archive: ArchiveReader
    ) -> None:
        self._spec, self._context, self._archive = spec, context, archive
        self._inside = _facts_inside(archive)
        known = isinstance(facts.get("databases"), Mapping)
        self._facts: Mapping[str, Any] = facts if known else self._inside
        self._reasons: list[Reason] = []
        self._measured: dict[str, int | float | str] = {}
        self._newest: datetime | None = None
        self._over = False
        self._fetching: Future[Path]
        self._globals = archive.read(GLOBALS, _GLOBALS_BYTES) if GLOBALS in archive.names() else None
        self._seconds = spec.time_limit.total_seconds()

    def run(self) -> Proof:
        dumps = self._dumps()
        self._reasons += capped(self._missing(dumps), "databases-missing-more")
        versions = (self._facts.get("server_version"), self._facts.get("dump_version"))
        server_version, dump_version = (number if isinstance(number, int) else 0 for number in versions)
        programs = find_server(self._spec.programs, max(server_version // 10000, dump_version))
        self._require_space(dumps)
        with ExitStack() as held:
            pool = held.enter_context(ThreadPoolExecutor(1, thread_name_prefix="fetch"))
            held.callback(self._end)
            # While the scratch server is being made, the first dump comes out of the repository.
            self._context.mark("fetch_start")
            loader = Loader(self._archive, self._context.folder / "dump", self._spec, self._heed, seconds=self._seconds)
            if dumps:
                self._fetching = pool.submit(loader.fetch, 0, next(iter(dumps.values())))
            server = held.enter_context(scratch_server(programs, self._context))
            self._context.mark("target_ready")
            loaded = self._load(server, loader, dumps, pool)
            self._context.mark("bytes_done")
            self._measured |= {
                "bytes": loader.taken,
                "databases": len(loaded),
                "server_major": programs.major,
                "network": "none" if server.isolated else "sockets",
            }
            self._examine(server, loaded, pool)
        self._answered()
        return Proof(tuple(self._reasons), self._measured, self._newest)

    def _end(self) -> None:
        self._over = True

    def _answered(self) -> None:
        """All that was asked was answered well, if it was."""
        if not any(found.severity == "critical" for found in self._reasons):
            self._context.mark("assertions_ok")

    def _heed(self) -> None:
        if self._over or self._context.stop.requested:
            raise Interrupted(_("interrupted"))

    # what there is

    def _about(self, database: str) -> Mapping[str, Any]:
        # Of a server with many databases the receipt has the first ones. What travels in the archive is signed as well:
        # it is part of the tree that the receipt names.
        about = self._facts["databases"].get(database) or self._inside["databases"].get(database)
        return about if isinstance(about, Mapping) else {}

    def _dumps(self) -> dict[str, tuple[str, ...]]:
        """The entries of each database."""
        found: dict[str, list[str]] = {}
        for name in self._archive.names():
            if name in (GLOBALS, FACTS):
                continue
            match = _ENTRY.fullmatch(name)
            if match is None:
                raise ArchiveBroken("there is an entry of a kind that is not known")
            found.setdefault(decoded(match[1]), []).append(name)
        return {database: tuple(names) for database, names in found.items()}

    def _missing(self, dumps: Mapping[str, object]) -> Iterator[Reason]:
        expected = self._facts["databases"]
        for database in expected:
            if database not in dumps:
                yield reason("database-not-in-dump", database=short(database))
        count = self._facts.get("database_count", len(expected))
        if len(dumps) != count and all(database in dumps for database in expected):
            yield reason("count-differs", unit="databases", expected=count, found=len(dumps))
        if self._facts.get("globals") is True and GLOBALS not in self._archive.names():
            yield reason("globals-cut")

    def _require_space(self, dumps: Mapping[str, tuple[str, ...]]) -> None:
        """For what is loaded, and for two dumps: one being loaded, one coming."""
        sizes = sorted(sum(self._archive.size(name) for name in names) for names in dumps.values())
        loaded = [about.get("bytes") for about in map(self._about, dumps)]
        require_space(self._context.folder, sum(sizes[-2:]) + sum(size for size in loaded if isinstance(size, int)))

    # loading

    def _load(
        self,
        server: ScratchServer,
        loader: Loader,
        dumps: Mapping[str, tuple[str, ...]],
        pool: ThreadPoolExecutor,
    ) -> list[str]:
        """Load everything; the databases that came back."""
        self._load_roles(server, loader)
        loaded = []
        upcoming = list(dumps.values())[1:]
        for number, database in enumerate(dumps):
            dump = self._fetching.result()
            if upcoming:
                self._fetching = pool.submit(loader.fetch, number + 1, upcoming.pop(0))
            found = loader.load(server, database, dump, self._about(database))
            self._reasons += found
            if not any(each.severity == "critical" for each in found):
                loaded.append(database)
        return loaded

    def _load_roles(self, server: ScratchServer, loader: Loader) -> None:
        if self._globals is not None:
            self._reasons += loader.load_globals(server, self._globals)
            return
        try:
            loader.make_roles(server, self._inside.get("roles"))
        except Refused as error:
            self._reasons.append(reason("globals-error", "warning", error=short(error)))

    # asking

    def _examine(self, server: ScratchServer, databases: list[str], pool: ThreadPoolExecutor) -> None:
        checking = pool.submit(self._integrity, server)
        self._admit(server, databases)
        for database in databases:
            self._count(server, database)
        self._context.mark("app_started")
        self._ask(server, databases)
        self._reasons += checking.result()
        self._answered()  # what is looked at after that is no part of a recovery
        own = (server.superuser, server.prover)
        self._reasons += self._context.inspect(
            Restored("postgresql", lambda name, settings: server.client(name, options=settings), own)
        )

    def _admit(self, server: ScratchServer, databases: list[str]) -> None:
        """Let the role that asks in, where others are kept out."""
        if server.prover == server.superuser:
            return
        with server.session(HOME, _ASK_SECONDS) as session:
            for database in databases:
                quoted = database.replace('"', '""')
                session.do(f'grant connect on database "{quoted}" to {server.prover}')

    def _count(self, server: ScratchServer, database: str) -> None:
        about = self._about(database)
        expected = expected_rows(about)
        if expected is None:
            self._reasons.append(reason("rows-unknown", "warning"))
            return
        there, found = self._found_rows(server, database, expected)
        self._measured["tables"] = int(self._measured.get("tables", 0)) + there
        self._measured["tables_compared"] = int(self._measured.get("tables_compared", 0)) + len(expected)
        self._measured["rows"] = int(self._measured.get("rows", 0)) + sum(count or 0 for count in found.values())
        prefixed = {f"{database}.{table}": count for table, count in expected.items()}
        differ = list(compare_rows(prefixed, {f"{database}.{table}": count for table, count in found.items()}))
        self._reasons += differ
        tables = about.get("tables")
        if isinstance(tables, int) and tables != there and not differ:
            self._reasons.append(reason("count-differs", unit="tables", expected=tables, found=there))
        if isinstance(tables, int) and tables > len(expected):
            self._reasons.append(reason("tables-not-counted", "info", count=tables - len(expected)))

    def _found_rows(
        self, server: ScratchServer, database: str, expected: Mapping[str, int]
    ) -> tuple[int, dict[str, int | None]]:
        """How many tables there are, and the rows of those that are expected."""
        found: dict[str, int | None] = {}
        there: list[str] | None = None
        pending = list(expected)
        while pending or there is None:
            try:
                with server.session(database, self._seconds, user=server.prover, options=_COUNTING) as session:
                    there = asking.tables(session) if there is None else there
                    known = set(there)
                    while pending:
                        # A name is SQL here: only one that the server itself has just said is asked for.
                        if (table := pending[0]) in known:
                            found[table] = asking.count(session, table)
                        pending.pop(0)
            except TimedOut as error:
                raise Stalled(_("the rows of {database} were not counted in time").format(database=database)) from error
            except Refused as error:
                server.heed_end()
                table = pending.pop(0) if pending and there is not None else ""
                self._reasons.append(reason("table-unreadable", table=short(f"{database}.{table}"), error=short(error)))
                found[table] = expected.get(table)  # said once is enough
                there = [] if there is None else there
        return len(there), found

    def _ask(self, server: ScratchServer, databases: list[str]) -> None:
        default = asking.default_database(self._spec.databases, databases)
        if self._spec.newest:
            self._ask_newest(server, databases, self._spec.newest, default)
        for assertion in self._spec.assertions:
            why = self._falsity(server, databases, assertion, default)
            if why:
                self._reasons.append(assertion_failed(assertion.sql, why))
        self._measured["assertions"] = len(self._spec.assertions)

    def _falsity(self, server: ScratchServer, databases: list[str], assertion: Assertion, default: str | None) -> str:
        database = assertion.database or default
        where = f"{database}: "
        try:
            answer = self._answer(server, databases, assertion, database)
        except LookupError:
            return f"{where}no row"
        except Refused as error:
            server.heed_end()
            return f"{where}{error}"
        return "" if is_true(answer) else f"{where}answered {answer!r}"

    def _answer(
        self, server: ScratchServer, databases: list[str], asked: Assertion, database: str | None
    ) -> str | None:
        if database not in databases:
            raise Refused("no such database came back")
        client = server.client(str(database), user=server.prover, options=asking.OWNERS)
        return once(client, (asked.sql,), self._context.stop, self._context.clock, _ASK_SECONDS)

    def _ask_newest(self, server: ScratchServer, databases: list[str], asked: Assertion, default: str | None) -> None:
        database = asked.database or default
        zone = self._context.clock.now().astimezone().tzinfo
        assert zone is not None  # noqa: S101  astimezone() gives one
        try:
            answer = self._answer(server, databases, asked, database)
            self._newest = moment(answer, zone)
        except LookupError:
            why = "no row"
        except (Refused, ValueError) as error:
            server.heed_end()
            why = str(error)
        else:
            why = "" if self._newest else "NULL"
        if why:
            self._reasons.append(reason("newest-unknown", sql=short(asked.sql), why=short(f"{database}: {why}")))
            return
        before = _moment(self._about(str(database)).get("newest"), zone)
        if before and self._newest and self._newest < before:
            self._reasons.append(reason("newest-older", expected=before.isoformat(), found=self._newest.isoformat()))

    def _integrity(self, server: ScratchServer) -> list[Reason]:
        """What pg_amcheck says of every table and index that was loaded; the system's own are this host's."""
        program = server.programs.pg_amcheck
        if program is None:
            return [reason("integrity-not-checked", "warning", why="pg_amcheck")]
        said = bytearray()
        which = ("--all", f"--exclude-database={HOME}", "--exclude-schema=pg_catalog")
        how = ("--no-password", "--install-missing", f"--jobs={self._spec.jobs}")
        home = f"--maintenance-db={server.conninfo(HOME, options='-c search_path=pg_catalog')}"
        keep = Streams(stdout=lambda chunk: said.extend(chunk[: _SAID_BYTES - len(said)]))
        finished = server.run((program, *which, *how, home), self._seconds, keep)
        if finished.returncode == 0:
            return []
        lines = said.decode("utf-8", "backslashreplace").splitlines()
        if finished.returncode == 2:  # it did its work, and there is something
            damaged = (reason("integrity-damaged", error=short(line)) for line in lines if not line.startswith(" "))
            return list(capped(damaged, "integrity-more")) or [reason("integrity-damaged", error="")]
        return [reason("integrity-not-checked", "warning", why=short(say(finished.stderr)))]


def _facts_inside(archive: ArchiveReader) -> dict[str, Any]:
    """The facts that travel in the archive itself. Raises ArchiveBroken when they are not there."""
    if FACTS not in archive.names():
        raise ArchiveBroken(f"{FACTS} is not in it")
    try:
        facts = json.loads(archive.read(FACTS, _FACTS_BYTES))
    except (ValueError, RecursionError) as error:
        raise ArchiveBroken(f"{FACTS}: {error}") from error
    if not isinstance(facts, dict) or not isinstance(facts.get("databases"), dict):
        raise ArchiveBroken(f"{FACTS} holds no facts")
    return facts


def _moment(text: object, zone: tzinfo) -> datetime | None:
    try:
        return moment(text, zone)
    except ValueError:
        return None
