"""D4 for MySQL and MariaDB: the dump loads whole into a scratch server, and what came back is what was there."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from guardian.clock import rfc3339
from guardian.errors import ToolFailed
from guardian.i18n import _
from guardian.model.protection import Assertion, MysqlSource
from guardian.model.reason import Reason, reason
from guardian.sources.answers import (
    assertion_failed,
    capped,
    compare_rows,
    expected_rows,
    is_true,
    moment,
    short,
)
from guardian.sources.mysql.load import load, trailer
from guardian.sources.mysql.server import ScratchServer
from guardian.sources.mysql.session import Refused, Session, discreet, first_field
from guardian.sources.mysql.survey import zone_offset
from guardian.sources.mysql.tables import (
    LIST_SCHEMAS,
    LIST_TABLES,
    Table,
    quoted,
    schemas,
    tables,
)
from guardian.sources.proof import Dump, Proof, ProofContext, Restored

ASK_SECONDS = 600
"""For each of the owner's queries."""

_SHORT = 120.0


def prove(spec: MysqlSource, dump: Dump, facts: Mapping[str, Any], context: ProofContext) -> Proof:
    """Load ``dump`` into a scratch server, check every table, and ask everything there is to ask.

    A dump that is cut short or does not load, damaged or missing tables, other counts than the receipt's (where it
    says that they are exact), and assertions that do not hold are critical reasons. Raises ToolMissing and ToolFailed
    when no scratch server runs, Interrupted, and what reading ``dump`` raises.
    """
    if cut := trailer(dump):
        return Proof((cut,), {"bytes": dump.size})
    with ScratchServer(spec, context) as server:
        context.mark("target_ready")
        context.mark("fetch_start")
        began = context.clock.monotonic()
        failed = load(dump, server, context, spec.time_limit.total_seconds())
        took = round(context.clock.monotonic() - began, 3)
        measured: dict[str, int | float | str] = {"bytes": dump.size, "load_seconds": took}
        if failed:
            return Proof((failed,), measured)
        context.mark("bytes_done")
        found = examine(server, spec, facts, context)
    return replace(found, measured={**measured, **found.measured})


def examine(server: ScratchServer, spec: MysqlSource, facts: Mapping[str, Any], context: ProofContext) -> Proof:
    """Look at what was loaded into ``server``. Raises ToolFailed when it does not answer any more, Interrupted."""
    with Session(server.login, context.stop, context.clock, tolerant=True) as session:
        try:
            return _Examination(spec, facts, context, server).run(session)
        except Refused as refused:
            server.look()  # it died of a question
            why = discreet(str(refused))
            raise ToolFailed(_("the scratch server did not answer: {why}").format(why=why)) from refused


class _Examination:
    """One loaded server, and what was found of it so far."""

    def __init__(
        self, spec: MysqlSource, facts: Mapping[str, Any], context: ProofContext, server: ScratchServer
    ) -> None:
        self._spec, self._facts, self._context, self._server = spec, facts, context, server
        self._exact = facts.get("consistent") is True
        inexact = facts.get("inexact")
        self._without_snapshot = inexact if isinstance(inexact, int) else 0
        self._seconds = spec.time_limit.total_seconds()
        self._reasons: list[Reason] = []
        self._newest: datetime | None = None
        self._default = ""

    def run(self, session: Session) -> Proof:
        """All checks. Raises Refused when the server does not answer any more."""
        there = schemas(session.ask(LIST_SCHEMAS, _SHORT))
        found = tables(session.ask(LIST_TABLES, self._seconds), there)
        self._default = self._spec.databases[0] if self._spec.databases else next(iter(there), "")
        self._context.mark("app_started")
        self._reasons += self._schemas(there)
        self._reasons += capped(self._check(session, found), "integrity-more")
        self._compare(session, found)
        if self._spec.newest:
            self._ask_newest(self._spec.newest)
        for assertion in self._spec.assertions:
            if why := self._falsity(assertion):
                self._reasons.append(assertion_failed(assertion.sql, why))
        measured: dict[str, int | float | str] = {
            "tables": len(found),
            "assertions": len(self._spec.assertions),
            "server": self._server.version,
            "network": "none" if self._server.isolated else "sockets",
        }
        if not any(each.severity == "critical" for each in self._reasons):
            self._context.mark("assertions_ok")
        self._reasons += self._context.inspect(Restored("mysql", self._server.login))
        return Proof(tuple(self._reasons), measured, self._newest)

    def _schemas(self, there: tuple[str, ...]) -> Iterator[Reason]:
        wanted = self._facts.get("databases")
        asked = [str(name) for name in wanted] if isinstance(wanted, list | tuple) else list(self._spec.databases)
        folded = {name.casefold() for name in there}
        missing = (reason("database-not-in-dump", database=short(n)) for n in asked if n.casefold() not in folded)
        yield from capped(missing, "databases-missing-more")

    def _check(self, session: Session, found: tuple[Table, ...]) -> Iterator[Reason]:
        for table in found:
            for row in session.ask(f"check table {table.quoted}", self._seconds)[-5:]:
                # Table, Op, Msg_type, Msg_text. An engine that cannot check says so in a note.
                if len(row) >= 4 and (row[2] == "error" or (row[2] == "status" and row[3] != "OK")):
                    yield reason("integrity-damaged", error=short(f"{table.quoted}: {row[3]}"))
                    break

    def _compare(self, session: Session, found: tuple[Table, ...]) -> None:
        expected = expected_rows(self._facts)
        if self._without_snapshot:
            self._reasons.append(reason("tables-without-snapshot", "warning", count=self._without_snapshot))
        if expected is None:
            self._reasons.append(reason("rows-unknown", "warning"))
            return
        counted = {t.quoted: self._count(session, t) for t in found if t.quoted in expected}
        differences = list(compare_rows(expected, counted))
        if not self._exact:
            self._reasons.append(reason("rows-not-exact", "info"))
            differences = [
                each if each.code == "table-missing" else each.model_copy(update={"severity": "info"})
                for each in differences
            ]
        self._reasons += differences
        total = self._facts.get("tables")
        if isinstance(total, int):
            if total != len(found) and not differences:
                self._reasons.append(
                    reason("count-differs", "warning", unit="tables", expected=total, found=len(found))
                )
            if left := max(0, total - len(expected) - self._without_snapshot):
                self._reasons.append(reason("tables-not-counted", "info", count=left))

    def _count(self, session: Session, table: Table) -> int | None:
        rows = session.ask(table.count, self._seconds)
        return int(rows[0][0]) if len(rows) == 1 and rows[0][0].isdecimal() else None

    def _ask(self, question: Assertion) -> str | None:
        statements = [
            f"set session max_statement_time = {ASK_SECONDS}" if "MariaDB" in self._server.version else "do 0",
            f"set session time_zone = '{zone_offset(self._context.clock)}'",
            f"use {quoted(question.database or self._default)}",
            "start transaction read only",
            question.sql,
        ]
        return first_field(self._server.login, statements, self._context.stop, self._context.clock, ASK_SECONDS)

    def _falsity(self, assertion: Assertion) -> str:
        try:
            answer = self._ask(assertion)
        except Refused as refused:
            self._server.look()
            return str(refused)
        if answer is None:
            return "no row"
        return "" if is_true(answer) else f"answered {answer!r}"

    def _ask_newest(self, question: Assertion) -> None:
        zone = self._context.clock.now().astimezone().tzinfo
        assert zone is not None  # noqa: S101  astimezone() gives one
        why = "no row, or NULL"
        try:
            answer = self._ask(question)
            self._newest = moment(None if answer in (None, "NULL") else answer, zone)
        except Refused as refused:
            self._server.look()
            why = str(refused)
        except ValueError:
            why = f"not a time: {answer!r}"
        if self._newest is None:
            self._reasons.append(reason("newest-unknown", sql=short(question.sql), why=short(why)))
            return
        before = _recorded(self._facts.get("newest"))
        if before and self._exact and self._newest < before:
            found = rfc3339(self._newest)
            self._reasons.append(reason("newest-older", expected=rfc3339(before), found=found))


def _recorded(newest: object) -> datetime | None:
    try:
        return moment(newest, UTC)
    except ValueError:
        return None
