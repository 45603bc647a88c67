"""The sources: there, readable, and with what a backup needs to read them."""

import sqlite3
from contextlib import closing
from urllib.parse import quote

from guardian.config.secrets import resolve
from guardian.doctor.examination import About, Examination
from guardian.errors import GuardianError
from guardian.model.backup import Target
from guardian.model.protection import CommandSource, FilesSource, MysqlSource, PostgresqlSource, SqliteSource
from guardian.model.reason import Reason, reason
from guardian.node import Node
from guardian.proc import which
from guardian.sources import SourceContext, SourceFailed, files, prepare
from guardian.sources.sqlite import find

_BUSY_SECONDS = 2.0
_SERVER_SECONDS = 60.0


def examine_source(node: Node, target: Target) -> Examination:
    """Look at one source, as the first step of its backup would. Nothing is read but directories and headers."""
    about, spec = About("source", target.ref), node.loaded.source(target)
    try:
        match spec:
            case FilesSource():
                files.prepare(spec)
                found = reason("source-ready", path=spec.paths[0])
            case SqliteSource():
                _open_database(spec.path)
                found = reason("source-ready", path=spec.path)
            case CommandSource():
                program = which(spec.argv[0])
                for reference in spec.environment.values():
                    resolve(reference, node.loaded.base)
                found = reason("program-found", program=str(program))
            case PostgresqlSource() | MysqlSource():
                _ask_server(node, target, spec)
                found = reason("database-answers")
    except SourceFailed as failure:
        return about.bad(failure.reason, {"kind": spec.kind})
    except GuardianError as error:
        return about.failed(error, {"kind": spec.kind})
    return about.ok(found, {"kind": spec.kind})


def _ask_server(node: Node, target: Target, spec: PostgresqlSource | MysqlSource) -> None:
    """What a backup asks before it dumps: programs, connection, databases. Raises SourceFailed, GuardianError."""
    secrets = {"dsn": resolve(spec.dsn, node.loaded.base)}
    prepare(spec, SourceContext(target.source, node.state, node.clock, node.stop, _SERVER_SECONDS, secrets))


def _open_database(path: str) -> None:
    """Read the schema of the database, and never make or change it. Raises SourceFailed."""
    find(path)
    try:
        with closing(sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=_BUSY_SECONDS)) as database:
            database.execute("pragma query_only = on")
            database.execute("select count(*) from sqlite_schema").fetchone()
    except sqlite3.DatabaseError as error:
        raise SourceFailed(_why(path, error)) from error


def _why(path: str, error: sqlite3.DatabaseError) -> Reason:
    said = str(error)[:200]
    if isinstance(error, sqlite3.OperationalError):
        if "locked" in said:
            return reason("sqlite-busy", path=path, error=said)
        return reason("source-unreadable", path=path, error=said)
    return reason("sqlite-corrupt", path=path, error=said)
