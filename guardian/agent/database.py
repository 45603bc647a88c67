"""The journal's file: made whole or not at all, opened with care, and its errors put into words."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Final
from urllib.parse import quote

from guardian import durable
from guardian.agent import schema
from guardian.errors import NotPermitted, StorageFull, Unavailable
from guardian.i18n import _

SIDE_FILES: Final = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database: it belongs to it, and to no other."""
_BUSY_SECONDS: Final = 10.0
_WAL_BYTES: Final = 4 << 20


class JournalCorrupt(Unavailable):
    """The journal's file is no journal that this version can use: damaged, not a database, or a newer version's.

    The log knows what matters of it: :mod:`guardian.agent.rebuild` makes a new one.
    """

    code = "journal-corrupt"


class JournalBusy(Unavailable):
    """Somebody else holds the journal for too long."""

    code = "journal-busy"
    retryable = True


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors about ``path`` into JournalCorrupt, StorageFull, NotPermitted, JournalBusy, Unavailable."""
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.NotSupportedError):
        raise  # a fault of our own
    except sqlite3.Error as error:
        raise _in_words(path, error) from error


def _in_words(path: Path, error: sqlite3.Error) -> Unavailable:
    why = str(error)
    match (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF:
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_FORMAT | sqlite3.SQLITE_ERROR:
            return corrupt(path, why)
        case sqlite3.SQLITE_FULL:
            hint = _("Free some space and run the same command again.")
            return StorageFull(_("cannot write {path}: {why}").format(path=path, why=why), hint)
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_AUTH:
            return NotPermitted(_("cannot open the journal {path}: {why}").format(path=path, why=why))
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return JournalBusy(_("the journal {path} is held by another process").format(path=path))
        case _:
            return Unavailable(_("cannot use the journal {path}: {why}").format(path=path, why=why))


def corrupt(path: Path, why: str) -> JournalCorrupt:
    """The error for a file that is no journal; ``why`` is SQLite's word or ours."""
    hint = _("The agent makes a new one from the log when it starts.")
    return JournalCorrupt(_("the journal {path} cannot be used: {why}").format(path=path, why=why), hint)


def make(path: Path, fill: Callable[[sqlite3.Connection], None] = lambda _db: None) -> None:
    """Make a journal at ``path``, filled by ``fill`` in one transaction; it is there whole, or not at all.

    Raises FileExistsError when there is one already, StorageFull, NotPermitted, Unavailable.
    """
    for side in SIDE_FILES:  # of a journal that is gone: they would be taken for this one's
        with durable.explained(path, writing=True):
            path.with_name(path.name + side).unlink(missing_ok=True)
    temporary = path.with_name(f".{path.name}.{token_hex(8)}.tmp")
    with durable.explained(path, writing=True):
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        with explained(path), closing(_connect(temporary, "rw")) as db:
            # The file counts only once it has its name: till then nothing of it need be safe.
            db.executescript("PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF; PRAGMA foreign_keys=ON")
            db.execute("BEGIN IMMEDIATE")
            schema.create(db)
            fill(db)
            db.execute("COMMIT")
        with durable.explained(path, writing=True):
            _sync(temporary)
            os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    with durable.explained(path, writing=True):
        durable.sync_folder(path.parent)


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def open_writing(path: Path) -> sqlite3.Connection:
    """The journal for reading and writing, checked and brought to this version's form.

    Every commit is on disk when it returns. Raises FileNotFoundError, and as :func:`explained`.
    """
    _look(path)
    with explained(path):
        db = _connect(path, "rw")
        try:
            _check(path, db)
            db.execute("PRAGMA foreign_keys=ON")
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            db.execute(f"PRAGMA journal_size_limit={_WAL_BYTES}")
            schema.migrate(db)
        except BaseException:
            db.close()
            raise
    return db


def open_reading(path: Path) -> sqlite3.Connection:
    """The journal for reading only, also while another process writes to it. Raises as :func:`open_writing`."""
    _look(path)
    with explained(path):
        try:
            return _reading(path, "ro")
        except sqlite3.OperationalError:
            # A reader of a journal in WAL mode makes an index beside it. Where it may not, and nobody writes, the file
            # alone is the truth.
            if any(path.with_name(path.name + side).exists() for side in SIDE_FILES):
                raise
            return _reading(path, "ro&immutable=1")


def read_whole(path: Path) -> None:
    """Read the file as it lies there, by a connection of its own, and hold it against itself. Raises JournalCorrupt,
    JournalBusy, NotPermitted, Unavailable."""
    with explained(path), closing(_connect(path, "ro")) as db:
        _check(path, db)


def _reading(path: Path, mode: str) -> sqlite3.Connection:
    db = _connect(path, mode)
    try:
        schema.version(db)
        _is_ours(path, db)
    except BaseException:
        db.close()
        raise
    return db


def _look(path: Path) -> None:
    """SQLite makes an empty database of an empty file, and of a missing one: both are told here instead."""
    with durable.explained(path):
        if path.stat().st_size == 0:
            raise corrupt(path, _("it is empty"))


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    # Only absolute paths make URIs; what is special in one is escaped.
    address = f"file:{quote(os.fsencode(path.absolute()))}?mode={mode}"
    db = sqlite3.connect(address, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False, uri=True)
    db.text_factory = lambda data: data.decode("utf-8", "backslashreplace")
    return db


def _check(path: Path, db: sqlite3.Connection) -> None:
    _is_ours(path, db)
    said = [str(row[0]) for row in db.execute("PRAGMA quick_check(1)")]
    if said != ["ok"]:
        raise corrupt(path, said[0][:200] if said else "quick_check")


def _is_ours(path: Path, db: sqlite3.Connection) -> None:
    found = schema.version(db)
    if found is None:
        raise corrupt(path, _("it is another program's database"))
    if found > schema.VERSION:
        raise corrupt(path, _("it is of a newer version of Guardian ({version})").format(version=found))
