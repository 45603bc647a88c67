"""D4 for SQLite: the restored database opens, is whole, holds the rows it held, and answers its owner.

The file is hostile until proven otherwise: it is opened read-only and immutable, its schema is not trusted, an
authorizer keeps other files, extensions and settings out of reach, sizes are bounded, and every query heeds the stop
flag and a time limit. A time without a zone is taken to be in the zone of the host that runs the drill, not in UTC:
read as UTC, the local times of an application east of Greenwich would look newer than they are and hide a loss.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from guardian.durable import explained, write_all
from guardian.errors import Interrupted, Stalled, Unavailable
from guardian.i18n import _
from guardian.model.protection import SqliteSource
from guardian.model.reason import Reason, reason
from guardian.scratch import require_space
from guardian.sources.answers import assertion_failed, compare_rows, expected_rows, is_true, moment, short
from guardian.sources.proof import Dump, Proof, ProofContext

CHECK_SECONDS = 24 * 3600.0
"""For the integrity checks and the counting of all rows."""

ASK_SECONDS = 600.0
"""For each of the owner's queries."""

_CHUNK = 1 << 20
_STEPS = 10_000
"""Steps of SQLite's machine between two looks at the stop flag and the clock."""

_LENGTH = 256 << 20
"""Bytes of the largest text, blob or row that is loaded into memory."""

_FINDINGS = 20
_ALLOWED = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
    sqlite3.SQLITE_PRAGMA,
    # Virtual tables (FTS, R-Tree) prepare what they would write as soon as they are read. It cannot be run: the
    # database is opened read-only, immutable and query_only.
    sqlite3.SQLITE_INSERT,
    sqlite3.SQLITE_UPDATE,
    sqlite3.SQLITE_DELETE,
}
_PRAGMAS = {"integrity_check", "foreign_key_check", "data_version", "page_size"}
_FORBIDDEN_FUNCTIONS = {"load_extension", "fts3_tokenizer"}


def prove(spec: SqliteSource, dump: Dump, facts: Mapping[str, Any], context: ProofContext) -> Proof:
    """Take the database out of the repository and ask it everything there is to ask.

    Damage, other rows than the receipt's, and assertions that do not hold are critical reasons. Raises StorageFull
    when ``context.folder`` is too small for it, Stalled when a check takes longer than a day, Interrupted, and what
    reading ``dump`` raises.
    """
    require_space(context.folder, dump.size)
    context.mark("target_ready")
    copy = context.folder / "database.sqlite"
    context.mark("fetch_start")
    taken = _take(dump, copy, context)
    if taken != dump.size:
        return Proof((reason("stream-length-differs", expected=dump.size, found=taken),), {"bytes": taken})
    context.mark("bytes_done")
    return _Examination(spec, facts, context, copy).run()


def _take(dump: Dump, copy: Path, context: ProofContext) -> int:
    taken = 0
    with explained(copy, writing=True):
        copy.touch(mode=0o600, exist_ok=False)
        target = copy.open("wb", buffering=0)
    with target, dump.open() as stream:
        while chunk := stream.read(_CHUNK):
            _heed(context)
            with explained(copy, writing=True):
                write_all(target.fileno(), chunk)
            taken += len(chunk)
    return taken


def _heed(context: ProofContext) -> None:
    if context.stop.requested:
        raise Interrupted(_("interrupted"))


class _Overrun(Exception):
    """A query took longer than it may."""


class _Examination:
    """One database, everything found of it so far."""

    def __init__(self, spec: SqliteSource, facts: Mapping[str, Any], context: ProofContext, copy: Path) -> None:
        self._spec, self._facts, self._context, self._copy = spec, facts, context, copy
        self._deadline = 0.0
        self._reasons: list[Reason] = []
        self._measured: dict[str, int | float | str] = {"bytes": copy.stat().st_size}
        self._newest: datetime | None = None

    def run(self) -> Proof:
        """All checks, as far as the database lets itself be read."""
        try:
            with closing(self._open()) as database:
                self._check(database)
                self._context.mark("app_started")
                self._count(database)
                self._ask(database)
        except (sqlite3.DatabaseError, UnicodeError) as error:  # not even its schema can be read
            self._reasons.append(self._corrupt(error))
        except _Overrun as error:
            raise Stalled(
                _("checking {path} did not end within {seconds:g} seconds").format(
                    path=self._spec.path, seconds=CHECK_SECONDS
                )
            ) from error
        except MemoryError as error:
            raise Unavailable(_("not enough memory to check {path}").format(path=self._spec.path)) from error
        if not any(found.severity == "critical" for found in self._reasons):
            self._context.mark("assertions_ok")
        return Proof(tuple(self._reasons), self._measured, self._newest)

    def _corrupt(self, error: object) -> Reason:
        return reason("sqlite-corrupt", path=self._spec.path, error=short(error))

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(f"file:{quote(str(self._copy))}?mode=ro&immutable=1", uri=True, isolation_level=None)
        database.text_factory = lambda text: text.decode("utf-8", "backslashreplace")
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LENGTH)
        database.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        database.execute("pragma trusted_schema = off")
        database.execute("pragma cell_size_check = on")
        database.execute("pragma query_only = on")
        database.set_authorizer(_authorize)
        database.set_progress_handler(self._watch, _STEPS)
        return database

    def _watch(self) -> bool:
        return self._context.stop.requested or self._context.clock.monotonic() > self._deadline

    @contextmanager
    def _within(self, seconds: float) -> Iterator[None]:
        self._deadline = self._context.clock.monotonic() + seconds
        try:
            yield
        except sqlite3.OperationalError as error:
            _heed(self._context)
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                raise _Overrun from error
            raise
        _heed(self._context)  # the check of SQLite 3.40 ends early, without an error, when it is told to stop

    def _check(self, database: sqlite3.Connection) -> None:
        with self._within(CHECK_SECONDS):
            verdicts = [str(row[0]) for row in database.execute(f"pragma integrity_check({_FINDINGS})")]
        if verdicts != ["ok"]:
            # A check that was cut short says no word at all.
            self._reasons += [self._corrupt(verdict) for verdict in verdicts or ["integrity_check gave no answer"]]
            return
        with self._within(CHECK_SECONDS):
            violations = sum(1 for _row in database.execute("pragma foreign_key_check"))
        self._measured["foreign_key_violations"] = violations
        if violations and violations != self._facts.get("foreign_key_violations"):
            self._reasons.append(reason("foreign-keys-violated", "warning", count=violations))

    def _count(self, database: sqlite3.Connection) -> None:
        expected = expected_rows(self._facts)
        if expected is None:
            self._reasons.append(reason("rows-unknown", "warning"))
            return
        with self._within(CHECK_SECONDS):
            there = {str(name) for (name,) in database.execute("select name from sqlite_schema where type = 'table'")}
        self._measured["tables"] = len(there)
        found: dict[str, int | None] = {}
        for name in expected.keys() & there:
            quoted = name.replace('"', '""')
            try:
                with self._within(CHECK_SECONDS):
                    found[name] = database.execute(f'select count(*) from "{quoted}"').fetchone()[0]  # noqa: S608
            except sqlite3.DatabaseError as error:
                self._reasons.append(reason("table-unreadable", table=short(name), error=short(error)))
                found[name] = expected[name]  # said once is enough
        self._measured["tables_compared"] = len(expected)
        self._reasons += compare_rows(expected, found)

    def _ask(self, database: sqlite3.Connection) -> None:
        if self._spec.newest:
            self._ask_newest(database, self._spec.newest.sql)
        for assertion in self._spec.assertions:
            if why := self._first(database, assertion.sql, _falsity):
                self._reasons.append(assertion_failed(assertion.sql, why))
        self._measured["assertions"] = len(self._spec.assertions)

    def _ask_newest(self, database: sqlite3.Connection, sql: str) -> None:
        zone = self._context.clock.now().astimezone().tzinfo
        assert zone is not None  # noqa: S101  astimezone() gives one

        def read(row: tuple[Any, ...] | None) -> str:
            try:
                self._newest = moment(row[0] if row else None, zone)
            except ValueError:
                return f"not a time: {row[0] if row else None!r}"
            return "" if self._newest else "no row, or NULL"

        if why := self._first(database, sql, read):
            self._reasons.append(reason("newest-unknown", sql=short(sql), why=short(why)))

    def _first(self, database: sqlite3.Connection, sql: str, read: Callable[[tuple[Any, ...] | None], str]) -> str:
        """What ``read`` says of the first row of ``sql``, or why there is none; empty when all is well."""
        try:
            with self._within(ASK_SECONDS):
                return read(database.execute(sql).fetchone())
        except _Overrun:
            return f"no answer within {ASK_SECONDS:g} seconds"
        # A second statement is a Warning in 3.11 and a ProgrammingError later.
        except (sqlite3.Error, sqlite3.Warning, MemoryError, ValueError) as error:
            return str(error) or type(error).__name__


def _falsity(row: tuple[Any, ...] | None) -> str:
    if row is None:
        return "no row"
    return "" if is_true(row[0]) else f"answered {row[0]!r}"


def _authorize(action: int, first: str | None, second: str | None, _database: str | None, _by: str | None) -> int:
    if action not in _ALLOWED:
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_PRAGMA and str(first).lower() not in _PRAGMAS:
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_FUNCTION and str(second).lower() in _FORBIDDEN_FUNCTIONS:
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK
