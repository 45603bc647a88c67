"""Facts of a PostgreSQL server, asked by its own client in a session that can write nothing.

Every question has a limit of rows and the look a limit of time; a question that is refused costs no other one its
answer. A role with ``pg_monitor`` and ``EXECUTE`` on ``pg_hba_file_rules()`` can read all but the kinds of passwords.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Self

from guardian.baseline.fact import unreadable
from guardian.baseline.facts import postgresql_questions as asking
from guardian.baseline.facts import reach
from guardian.baseline.facts.reading import Tree, Unread, attempt, is_err, shown
from guardian.clock import Clock, SystemClock
from guardian.errors import ConfigError, ToolFailed, ToolMissing
from guardian.model.secret import Secret
from guardian.proc import Stop
from guardian.sources.postgresql.dsn import Dsn, parse
from guardian.sources.postgresql.facts import PLAIN, READ_ONLY
from guardian.sources.postgresql.programs import client
from guardian.sources.postgresql.session import Client, Refused, Session, TimedOut

NAME: Final = "postgresql"
VERSION: Final = 1
HOME: Final = "postgres"
"""The database that every server has."""
_QUESTION_SECONDS: Final = 10

Way = Callable[[str, str], Client]
"""Database and server settings (``-c name=value``) → a client."""


@dataclass(frozen=True, slots=True)
class Options:
    """A server and the bounds of a look at it: ``seconds`` for all of it, ``rows`` for each answer."""

    dsn: Secret = field(default_factory=lambda: Secret(b""))
    programs: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 60.0
    rows: int = 10_000
    databases: int = 64
    clock: Clock = field(default_factory=SystemClock)
    stop: Stop | None = None
    way: Way | None = None
    """The way to a server that no ``dsn`` leads to: a drill's scratch server."""


def collect(options: Options) -> Tree:
    """The facts below ``pg``. Raises Interrupted, and nothing else: what could not be read says so."""
    try:
        with _Asker(options) as asker:
            reader = asker.one(asking.READER)
            return {"pg": _server(asker, reader) | {"databases": _databases(asker)}}
    except Unread as error:
        return {"pg": unreadable(error.reason)}


def _server(asker: "_Asker", reader: Tree) -> Tree:
    whole = bool(reader["superuser"] or reader["reads_settings"])
    counts = bool(reader["superuser"] or reader["reads_statistics"])
    values = attempt(lambda: asking.settings(asker.many(asking.SETTINGS), complete=whole))
    settings, origins = (values, values) if is_err(values) else values
    standbys = attempt(lambda: asker.many(asking.STANDBYS))
    return {
        "version": asking.version(reader["number"], reader["text"]),
        "reader": {key: reader[key] for key in ("role", "superuser", "network", "reads_settings", "reads_passwords")},
        "recovering": reader["recovering"],
        "connection": attempt(lambda: asker.one(asking.CONNECTION)),
        "settings": settings,
        "origins": origins,
        "hba": attempt(lambda: asking.hba(asker.many(asking.HBA))),
        "roles": attempt(lambda: asker.many(asking.ROLES)),
        "superusers": attempt(lambda: [row["name"] for row in asker.many(asking.SUPERUSERS)]),
        "logins": attempt(lambda: _logins(asker, allowed=bool(reader["reads_passwords"]))),
        "overrides": attempt(lambda: asker.many(asking.OVERRIDES)),
        "archiver": attempt(lambda: asker.one(asking.ARCHIVER)),
        "standbys": standbys if counts else unreadable("denied: needs pg_read_all_stats"),
        "slots": attempt(lambda: asker.many(asking.SLOTS)),
    }


def _logins(asker: "_Asker", *, allowed: bool) -> list[Tree]:
    if not allowed:
        raise Unread("denied: needs SELECT on pg_authid")
    return asking.logins(asker.many(asking.LOGINS))


def _databases(asker: "_Asker") -> Any:
    """Every database with its grants to everybody, and what is inside those that can be entered."""
    rows = attempt(lambda: asker.many(asking.DATABASES))
    if is_err(rows):
        return rows
    looked = 0
    for row in rows:
        if not row["connectable"]:
            row["inside"] = None
        elif not row.pop("readable", False):
            row["inside"] = unreadable("denied: needs CONNECT on the database")
        elif looked >= asker.options.databases:
            row["inside"] = unreadable(f"not read: more than {asker.options.databases} databases")
        else:
            looked += 1
            row["inside"] = attempt(partial(_inside, asker, str(row["name"])))
        row.pop("readable", None)
    return rows


def _inside(asker: "_Asker", database: str) -> Tree:
    asker.enter(database)
    asks: dict[str, Callable[[str], Any]] = {"one": asker.one, "many": asker.many}
    return {key: attempt(partial(asks[form], sql)) for key, (sql, form) in asking.INSIDE.items()}


def _by_dsn(options: Options) -> tuple[str, Way]:
    """The database that the dsn leads to, and the way to any. Raises Unread when there is none."""
    try:
        psql = client("psql", options.programs)
        dsn = parse(options.dsn)
    except ToolMissing as error:
        raise Unread("no such program: psql") from error
    except ConfigError as error:
        raise Unread("the dsn is no connection string") from error
    for host in (*dsn.settings.get("host", "").split(","), *dsn.settings.get("hostaddr", "").split(",")):
        if host and not host.startswith(("/", "@")):
            reach.resolve(f"[{host}]:5432")
    whole = Dsn({"connect_timeout": str(_QUESTION_SECONDS), **dsn.settings}, dsn.password)

    def reached(database: str, settings: str) -> Client:
        there = whole.to(database).with_options(settings)
        return Client(psql, there.conninfo(), there.secrets())

    return dsn.settings.get("dbname", HOME), reached


class _Asker:
    """Asks a server, in a new session after each refusal: one that was refused a question takes no more."""

    def __init__(self, options: Options) -> None:
        """Raises Unread when there is no way to ask at all."""
        self.options = options
        self._deadline = options.clock.monotonic() + options.seconds
        self._session: Session | None = None
        self._database, self._client = (HOME, options.way) if options.way is not None else _by_dsn(options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._close()

    def enter(self, database: str) -> None:
        """Ask in ``database`` from now on."""
        self._close()
        self._database = database.encode("utf-8").decode("utf-8", "surrogateescape")

    def one(self, sql: str) -> Tree:
        """The only row. Raises Unread."""
        rows = self.many(sql)
        if len(rows) != 1:
            raise Unread(f"{len(rows)} rows where one is expected")
        return rows[0]

    def many(self, sql: str) -> list[Tree]:
        """All rows. Raises Unread when it was refused, late, or there are more than is taken."""
        most = self.options.rows
        bounded = f"select row_to_json(q) from ({sql}) q limit {most + 1}"  # noqa: S608  our own questions
        try:
            answer = self._open().ask(bounded)
            rows = [json.loads(str(text)) for (text,) in answer]
        except TimedOut as error:
            self._close()
            raise Unread(f"timeout after {self.options.seconds:g} s") from error
        except Refused as error:
            self._close()
            raise Unread(_why(str(error))) from error
        except (ValueError, ToolFailed) as error:
            self._close()
            raise Unread("the answer makes no sense") from error
        if len(rows) > most:
            raise Unread(f"too large: more than {most} rows")
        return rows

    def _open(self) -> Session:
        if self._session is None:
            left = self._deadline - self.options.clock.monotonic()
            if left <= 0:
                raise TimedOut
            patience = f"-c statement_timeout={_QUESTION_SECONDS * 1000}"
            client = self._client(self._database, f"{READ_ONLY} {PLAIN} {patience}")
            stops = (self.options.stop,) if self.options.stop else ()
            self._session = Session(client, stops, self.options.clock, left)
        return self._session

    def _close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None


def _why(said: str) -> str:
    said = shown(said)
    if "permission denied" in said:
        return f"denied: {said[said.index('permission denied') :]}"[:200]
    if "statement timeout" in said:
        return f"timeout after {_QUESTION_SECONDS} s"
    return f"refused: {said}"[:200]
