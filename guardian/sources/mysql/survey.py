"""The facts of a server at the instant of its dump, for the receipt."""

from dataclasses import dataclass, field
from typing import Any

from guardian.clock import Clock, rfc3339
from guardian.model.protection import MysqlSource
from guardian.model.reason import reason
from guardian.sources.answers import moment, names_that_fit
from guardian.sources.job import SourceFailed
from guardian.sources.mysql.session import Refused, Session, TimedOut
from guardian.sources.mysql.tables import (
    LIST_SCHEMAS,
    LIST_TABLES,
    LIST_TRANSACTIONAL,
    Table,
    engines,
    quoted,
    schemas,
    tables,
)

_SHORT = 120.0
_NEWEST_SECONDS = 600.0
_UNREACHABLE = frozenset({2002, 2003, 2005, 2006, 2013, 1040, 1129, 1130, 1203})


def failure(refused: Refused) -> SourceFailed:
    """What a server's refusal means for a backup."""
    code = "database-unreachable" if refused.number in _UNREACHABLE else "database-refused"
    if isinstance(refused, TimedOut):
        code = "database-slow"
    return SourceFailed(reason(code, error=str(refused)))


@dataclass(slots=True)
class Survey:
    """Asks one session, tolerant of single failures, about everything a receipt should hold."""

    session: Session
    spec: MysqlSource
    clock: Clock
    server: str = ""
    databases: tuple[str, ...] = ()
    _transactional: frozenset[str] = frozenset()
    _tables: tuple[Table, ...] = ()
    _rows: dict[str, int] = field(default_factory=dict)
    _newest: str | None = None

    def begin(self) -> None:
        """Which server it is, and what there is to dump. Raises SourceFailed."""
        try:
            self._begin()
        except Refused as refused:
            raise failure(refused) from refused

    def _begin(self) -> None:
        # Whatever the owner set, hours of dumping lie between the first question and the last.
        for setting, value in (
            ("wait_timeout", 604800),
            ("idle_transaction_timeout", 0),
            ("idle_readonly_transaction_timeout", 0),
        ):
            self.session.ask(f"set session {setting} = {value}", _SHORT)
        self.session.ask(f"set session time_zone = '{zone_offset(self.clock)}'", _SHORT)
        self.server = self._one("select version()")
        there = schemas(self.session.ask(LIST_SCHEMAS, _SHORT))
        self._transactional = frozenset(row[0] for row in self.session.ask(LIST_TRANSACTIONAL, _SHORT))
        folded = {name.casefold() for name in there}
        for name in self.spec.databases:
            if name.casefold() not in folded:
                raise SourceFailed(reason("database-missing", database=name[:200]))
        self.databases = self.spec.databases or there
        if not self.databases:
            raise SourceFailed(reason("database-none"))

    def list_tables(self) -> None:
        """Find the tables. Before the lock, since it opens every one of them. Raises SourceFailed."""
        try:
            self._tables = self._list()
        except Refused as refused:
            raise failure(refused) from refused

    def snapshot(self) -> None:
        """From now on the session sees the server as it is at this instant. Raises SourceFailed."""
        try:
            self.session.ask("set session transaction isolation level repeatable read", _SHORT)
            self.session.ask("start transaction with consistent snapshot, read only", _SHORT)
        except Refused as refused:
            raise failure(refused) from refused

    def count(self, seconds: float) -> None:
        """Count the rows, ask for the newest record, both as of the snapshot. What cannot be counted is left out."""
        deadline = self.clock.monotonic() + seconds
        exact = [table for table in self._tables if table.engine in self._transactional]
        fitting = set(names_that_fit(table.quoted for table in exact))
        for table in exact:
            if table.quoted in fitting and (left := deadline - self.clock.monotonic()) > 0:
                rows = self.session.ask(table.count, left)
                if len(rows) == 1 and rows[0][0].isdecimal():
                    self._rows[table.quoted] = int(rows[0][0])
        if self.spec.newest:
            self._ask_newest()

    def settle(self) -> None:
        """After the dump: tables that were altered, emptied or dropped meanwhile have no exact count."""
        self.session.ask("commit", _SHORT)
        now = {(table.quoted, table.made) for table in self._list()}
        for table in self._tables:
            if (table.quoted, table.made) not in now:
                self._rows.pop(table.quoted, None)

    def facts(self, *, consistent: bool) -> dict[str, Any]:
        """For the receipt. ``inexact`` counts the tables whose engine knows no snapshot."""
        found: dict[str, Any] = {
            "server": self.server[:200],
            "consistent": consistent,
            "databases": list(names_that_fit(self.databases, 100, 2048)),
            "tables": len(self._tables),
            "engines": dict(list(engines(self._tables).items())[:20]),
            "inexact": sum(table.engine not in self._transactional for table in self._tables),
            "rows": self._rows,
        }
        if self._newest:
            found["newest"] = self._newest
        return found

    def _list(self) -> tuple[Table, ...]:
        return tables(self.session.ask(LIST_TABLES, 3600.0), self.databases)

    def _one(self, sql: str) -> str:
        rows = self.session.ask(sql, _SHORT)
        return rows[0][0] if rows else ""

    def _ask_newest(self) -> None:
        assert self.spec.newest  # noqa: S101  count() has looked
        database = self.spec.newest.database or self.databases[0]
        self.session.ask(f"use {quoted(database)}", _SHORT)
        rows = self.session.ask(f"{self.spec.newest.sql}\n", _NEWEST_SECONDS)
        zone = self.clock.now().astimezone().tzinfo
        assert zone is not None  # noqa: S101  astimezone() gives one
        answer = rows[0][0] if rows else "NULL"
        try:
            newest = moment(None if answer == "NULL" else answer, zone)
        except ValueError:  # the drill will say so
            return
        self._newest = rfc3339(newest) if newest else None


def zone_offset(clock: Clock) -> str:
    """The zone of this host as a session's ``time_zone``: what TIMESTAMP columns are then shown in."""
    return clock.now().astimezone().isoformat()[-6:]
