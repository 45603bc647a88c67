"""Facts of a MySQL or MariaDB server, asked by its own client.

Every question has a limit of rows and of time; one that is refused costs no other its answer. ``SELECT`` on the schema
``mysql`` and ``SHOW DATABASES`` are all the privileges it needs.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from guardian.baseline.fact import unreadable
from guardian.baseline.facts import mysql_questions as asking
from guardian.baseline.facts import reach
from guardian.baseline.facts.reading import Tree, Unread, attempt, is_err, shown
from guardian.clock import Clock, SystemClock
from guardian.errors import ConfigError, ToolFailed, ToolMissing
from guardian.model.secret import Secret
from guardian.proc import Stop
from guardian.sources.mysql.dsn import option_file
from guardian.sources.mysql.programs import CLIENT, find
from guardian.sources.mysql.session import Login, Refused, Session, TimedOut, discreet

NAME: Final = "mysql"
VERSION: Final = 1
_QUESTION_SECONDS: Final = 10.0
_HOST: Final = re.compile(r"""^\s*host\s*=\s*["']?([^"'\s#]+)""", re.MULTILINE)
_DENIED: Final = frozenset({1044, 1142, 1143, 1227, 1370})


@dataclass(frozen=True, slots=True)
class Options:
    """A server and the bounds of a look at it: ``seconds`` for all of it, ``rows`` for each answer."""

    dsn: Secret = field(default_factory=lambda: Secret(b""))
    programs: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 60.0
    rows: int = 10_000
    clock: Clock = field(default_factory=SystemClock)
    stop: Stop | None = None
    login: Login | None = None
    """The way to a server that no ``dsn`` leads to: a drill's scratch server."""


def collect(options: Options) -> Tree:
    """The facts below ``my``. Raises Interrupted, and nothing else: what could not be read says so."""
    try:
        with _Asker(options) as asker:
            return {"my": _server(asker)}
    except Unread as error:
        return {"my": unreadable(error.reason)}


def _server(asker: "_Asker") -> Tree:
    reader = asker.many(asking.READER)[0]
    version = asking.version(str(reader["version"]), str(reader["comment"]))
    dialect = asking.MARIADB if version["vendor"] == "mariadb" else asking.MYSQL
    users = attempt(_users, asker, dialect)
    return {
        "version": version,
        "connection": attempt(lambda: _connection(asker.many(dialect.status), str(reader["host"] or ""))),
        "variables": attempt(lambda: asking.variables(asker.many(dialect.variables))),
        "users": users,
        "administrators": users if is_err(users) else asking.administrators(users),
        "database_grants": attempt(lambda: asking.grants(asker.many(asking.DATABASE_GRANTS))),
        "plugins": attempt(lambda: asker.many(asking.PLUGINS)),
        "databases": _databases(asker, users, str(reader["user"])),
    }


def _users(asker: "_Asker", dialect: asking.Dialect) -> list[Tree]:
    """Every account, with what it holds by roles. One that may hold more than can be seen says so."""
    users = [_user(row) for row in asker.many(dialect.users)]
    try:
        dynamic = asker.many(dialect.dynamic) if dialect.dynamic else []
        asking.with_grants(users, dynamic, asker.many(dialect.roles))
    except Unread as error:
        for user in users:
            user["roles"] = unreadable(error.reason)
            user["administers"] = user["administers"] or unreadable(error.reason)
    return users


def _user(row: Tree) -> Tree:
    if isinstance(raw := row.get("raw"), str):
        row["raw"] = json.loads(raw)
    return asking.user(row)


def _connection(status: list[Tree], host: str) -> Tree:
    said = {str(row["name"]).lower(): str(row["value"] or "") for row in status}
    return {
        "tls": bool(said.get("ssl_cipher")),
        "cipher": said.get("ssl_cipher") or None,
        "version": said.get("ssl_version") or None,
        "network": ":" in host,
    }


def _databases(asker: "_Asker", users: Any, me: str) -> Any:
    """The names of all databases: only who may SHOW DATABASES sees those that are not his."""
    if is_err(users):
        return users
    mine: list[str] = next((user["privileges"] for user in users if user["name"] == me), [])
    if "SHOW_DB" not in mine:
        return unreadable("denied: needs SHOW DATABASES")
    return attempt(lambda: [row["name"] for row in asker.many(asking.SCHEMAS)])


def _by_dsn(options: Options) -> Login:
    """The way that the owner wrote. Raises Unread where it leads to an address that is refused."""
    file = option_file(options.dsn)
    for host in _HOST.findall(file.reveal().decode("utf-8", "backslashreplace")):
        reach.resolve(f"[{host}]:3306")
    return Login(find(CLIENT, options.programs, "mariadb-client"), file)


class _Asker:
    """Asks a server, in a new session after each refusal: one that was refused a question takes no more."""

    def __init__(self, options: Options) -> None:
        """Raises Unread when there is no way to ask at all."""
        self.options = options
        self._deadline = options.clock.monotonic() + options.seconds
        self._stop = options.stop or Stop()
        self._session: Session | None = None
        try:
            self._login = options.login or _by_dsn(options)
        except ToolMissing as error:
            raise Unread("no such program: mariadb") from error
        except ConfigError as error:
            raise Unread("the dsn leads to no server") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._end(lambda session: session.close())
        if self.options.stop is None:
            self._stop.close()

    def many(self, question: str) -> list[Tree]:
        """All rows of ``question``: pairs for a JSON object, and where from.

        Raises Unread when it was refused, late, or there are more rows than are taken.
        """
        most = self.options.rows
        pairs, start, rest = question.partition("\nfrom ")
        left = self._deadline - self.options.clock.monotonic()
        try:
            if left <= 0:
                raise TimedOut("late")
            sql = f"select hex(json_object({pairs})){start}{rest} limit {most + 1}"
            answer = self._open().ask(sql, min(left, _QUESTION_SECONDS))
            rows = [json.loads(bytes.fromhex(line[0]).decode("utf-8", "backslashreplace")) for line in answer]
        except TimedOut as error:
            self._end(lambda session: session.abandon())
            self._deadline = 0.0  # one that hangs once is not asked again
            raise Unread(f"timeout after {min(self.options.seconds, _QUESTION_SECONDS):g} s") from error
        except Refused as error:
            self._end(lambda session: session.close())
            why = shown(discreet(str(error)))
            raise Unread(f"denied: {why}" if error.number in _DENIED else f"refused: {why}") from error
        except (ValueError, ToolFailed) as error:
            self._end(lambda session: session.close())
            raise Unread("the answer makes no sense") from error
        if len(rows) > most:
            raise Unread(f"too large: more than {most} rows")
        return rows

    def _open(self) -> Session:
        if self._session is None:
            self._session = Session(self._login, self._stop, self.options.clock)
        return self._session

    def _end(self, how: Callable[[Session], None]) -> None:
        if self._session is not None:
            how(self._session)
            self._session = None
