"""A SQLite database, by the online backup API: consistent while others write, never a copy of a live file.

The copy lands in a private scratch file first, since the API writes pages out of order; it is checked there,
streamed through the pump, and removed.
"""

import errno
import json
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from guardian.errors import Interrupted, StorageFull
from guardian.i18n import _
from guardian.model.backup import StreamDigest
from guardian.model.protection import SqliteSource
from guardian.model.reason import reason
from guardian.sources.job import Pump, SourceContext, SourceFailed, Write

CHUNK_BYTES = 1 << 20
PAGES_PER_STEP = 4096
"""Pages copied between two looks at the stop flag: 16 MiB at the usual page size."""

_PATIENCE = 0.2
"""Seconds that SQLite waits for a lock, deaf to everything; we ask again."""

_STEPS = 100_000
"""Steps of SQLite's machine between two looks at the stop flag."""

_COUNT_LIMIT = 1000
"""Tables whose rows are counted for the receipt."""

_NAMES_LIMIT = 8 << 10
"""Bytes of their names, as JSON: all the facts must fit an entry of the log."""


class SqliteJob:
    """One copy of one database."""

    def __init__(self, spec: SqliteSource, context: SourceContext) -> None:
        self.estimated_bytes = find(spec.path)
        self._spec = spec
        self._context = context
        self._digest: StreamDigest | None = None
        self._facts: dict[str, Any] = {}
        self.filename = f"/{Path(spec.path).name}"

    def feed(self, write: Write) -> None:
        """Copy the database, prove the copy is whole, and send it."""
        copy = self._context.scratch / "database.sqlite"
        try:
            with self._failures():
                self._copy(copy)
                self._facts = self._inspect(copy)
            pump = Pump(write)
            with copy.open("rb") as pages:
                while chunk := pages.read(CHUNK_BYTES):
                    pump(chunk)
            self._digest = pump.digest(self.filename)
        finally:
            copy.unlink(missing_ok=True)

    def _copy(self, copy: Path) -> None:
        # mode=ro: opening a source must never create or change it.
        source_uri = f"file:{quote(self._spec.path)}?mode=ro"
        copy.touch(mode=0o600)
        with (
            closing(sqlite3.connect(source_uri, uri=True, timeout=_PATIENCE)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.execute("pragma query_only = on")
            source.execute("begin")
            self._lock(source)
            source.backup(target, pages=PAGES_PER_STEP, progress=self._watch)
            # A copy of a database in WAL mode asks for a WAL of its own when opened: make it a single whole file.
            target.execute("pragma journal_mode = delete")

    def _lock(self, source: sqlite3.Connection) -> None:
        """Take the read lock: one moment for all pages. Waits for writers as long as is asked, but not for a stop."""
        clock = self._context.clock
        deadline = clock.monotonic() + self._spec.busy_timeout.total_seconds()
        while True:
            self._watch()
            try:
                source.execute("select count(*) from sqlite_schema").fetchone()
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or clock.monotonic() > deadline:
                    raise
            else:
                return

    def _watch(self, *_pages: int) -> None:
        if self._context.stop.requested:
            raise Interrupted(_("interrupted"))

    def _inspect(self, copy: Path) -> dict[str, Any]:
        with closing(sqlite3.connect(f"file:{quote(str(copy))}?mode=ro&immutable=1", uri=True)) as database:
            database.set_progress_handler(lambda: self._context.stop.requested, _STEPS)
            verdict = database.execute("pragma quick_check(1)").fetchone()[0]
            if verdict != "ok":
                raise SourceFailed(reason("sqlite-corrupt", path=self._spec.path, error=str(verdict)[:200]))
            return {
                "page_count": database.execute("pragma page_count").fetchone()[0],
                "page_size": database.execute("pragma page_size").fetchone()[0],
                "schema_version": database.execute("pragma schema_version").fetchone()[0],
                "user_version": database.execute("pragma user_version").fetchone()[0],
                "rows": dict(_row_counts(database)),
            }

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            self._watch()  # a check that was interrupted says so as an error
            if "disk is full" in str(error):
                raise StorageFull(
                    _("no space left for a copy of {path} in {folder}").format(
                        path=self._spec.path, folder=self._context.scratch
                    ),
                    _("Free some space there: the copy is as large as the database."),
                ) from error
            code = "sqlite-busy" if "locked" in str(error) else "source-unreadable"
            raise SourceFailed(reason(code, path=self._spec.path, error=str(error)[:200])) from error
        except (sqlite3.DatabaseError, UnicodeError) as error:  # a name that is no UTF-8, in a message about damage
            raise SourceFailed(reason("sqlite-corrupt", path=self._spec.path, error=str(error)[:200])) from error

    def digest(self) -> StreamDigest:
        """Length and SHA-256 of the copy that was sent."""
        assert self._digest is not None, "feed() has not returned"  # noqa: S101
        return self._digest

    def facts(self) -> dict[str, Any]:
        """Pages and row counts of the copy: the floors a later drill holds the restored database against."""
        return self._facts


def find(path: str) -> int:
    """The size in bytes of the database file ``path``.

    Raises :class:`SourceFailed` when it is missing, cannot be looked at, or is no file.
    """
    try:
        status = os.stat(path)  # noqa: PTH116  a plain call: the errno is the answer
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SourceFailed(reason("source-missing", path=path)) from error
    except OSError as error:
        raise SourceFailed(reason("source-unreadable", path=path, error=os.strerror(error.errno or 0))) from error
    if not stat.S_ISREG(status.st_mode):
        why = errno.EISDIR if stat.S_ISDIR(status.st_mode) else errno.EINVAL
        raise SourceFailed(reason("source-unreadable", path=path, error=os.strerror(why)))
    return status.st_size


def _row_counts(database: sqlite3.Connection) -> Iterator[tuple[str, int]]:
    names = database.execute(
        "select name from sqlite_schema where type = 'table' and name not like 'sqlite\\_%' escape '\\'"
        " order by name limit ?",
        (_COUNT_LIMIT,),
    ).fetchall()
    room = _NAMES_LIMIT
    for (name,) in names:
        room -= len(json.dumps(name)) + 8
        if room < 0:
            return
        quoted = str(name).replace('"', '""')
        try:
            # Quoted as an identifier, since it is one and cannot be a parameter.
            yield str(name), database.execute(f'select count(*) from "{quoted}"').fetchone()[0]  # noqa: S608
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                raise
            continue  # a virtual table whose module this host's SQLite lacks
