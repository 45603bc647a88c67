"""What the demonstration protects: real files with real names, and a live database that is written all the time."""

import hashlib
import os
import shutil
import sqlite3
import sysconfig
import threading
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

_ROWS = 20_000
_PACKAGES = ("asyncio", "email", "encodings", "html", "http", "importlib", "json", "logging", "unittest", "xml")
"""Directories of Python's standard library: some hundred real files that every machine has."""


def make_documents(folder: Path) -> None:
    """Fill ``folder`` with copies of real files, and a few whose names are not easy."""
    library = Path(sysconfig.get_path("stdlib"))
    for name in _PACKAGES:
        if (library / name).is_dir():
            shutil.copytree(library / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "公文").mkdir(parents=True)
    (folder / "公文" / "关于加强灾备工作的通知.txt").write_text("数据必须能够恢复。\n" * 500, "utf-8")
    (folder / "line\nbreak.txt").write_text("a name with a line break\n", "utf-8")
    (folder / "link").symlink_to("公文")


def fingerprint(folder: Path) -> dict[str, str]:
    """SHA-256 of every regular file below ``folder``, by its relative path: Guardian is not asked for these."""
    found = {}
    for directory, _folders, names in os.walk(folder):
        for name in names:
            path = Path(directory, name)
            if path.is_file() and not path.is_symlink():
                found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def make_database(path: Path) -> None:
    """A SQLite database of payments, in WAL mode as applications run it."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("pragma journal_mode = wal")
        database.execute(
            "create table payments (id integer primary key, person text not null, cents integer not null,"
            " paid_at text not null default (strftime('%Y-%m-%dT%H:%M:%SZ')))"
        )
        database.executemany(
            "insert into payments (person, cents) values (?, ?)",
            ((hashlib.sha256(str(n).encode()).hexdigest(), n * 7 % 100_003) for n in range(_ROWS)),
        )
        database.commit()


def rows_in(path: Path) -> int:
    """The number of payments in a database that came back, after SQLite's own full check of it.

    Raises sqlite3.DatabaseError when the check finds anything.
    """
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        verdict = database.execute("pragma integrity_check").fetchone()[0]
        if verdict != "ok":
            raise sqlite3.DatabaseError(str(verdict))
        return int(database.execute("select count(*) from payments").fetchone()[0])


class Writer:
    """An application that goes on writing while it is backed up."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._write, name="demo-writer")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    def _write(self) -> None:
        with closing(sqlite3.connect(self._path, timeout=10)) as database:
            while not self._done.wait(0.01):
                database.execute("insert into payments (person, cents) values ('new', 1)")
                database.commit()
