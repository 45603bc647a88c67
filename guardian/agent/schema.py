"""The journal's tables, and the steps from every older form of them to this one.

Attempts and results lie apart: an attempt is written before its job begins and never changed, its result is added when
there is one. How a slot ended has the task and the slot as its key, so that it can end once only. ``task`` keeps
which attempt of it is under way, and figures that must not change when old rows are thinned out.
"""

import sqlite3
from typing import Final

APPLICATION: Final = 0x47524A4C
"""Tells a journal from any other SQLite file: ``GRJL``."""

_DIGITS: Final = "[0-9]" * 2
_MOMENT: Final = f"'{_DIGITS * 2}-{_DIGITS}-{_DIGITS}T{_DIGITS}:{_DIGITS}:{_DIGITS}.{_DIGITS * 3}Z'"
"""The one form of a moment, which sorts as text: RFC 3339 in UTC with microseconds."""

_FIRST: Final = f"""
CREATE TABLE task (
  key TEXT PRIMARY KEY NOT NULL,
  since TEXT NOT NULL CHECK (since GLOB {_MOMENT}),
  accounted TEXT CHECK (accounted GLOB {_MOMENT}),
  last_success TEXT CHECK (last_success GLOB {_MOMENT}),
  running INTEGER UNIQUE,
  failures INTEGER NOT NULL DEFAULT 0,
  missed INTEGER NOT NULL DEFAULT 0,
  skipped INTEGER NOT NULL DEFAULT 0
) @;
CREATE TABLE attempt (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  task TEXT NOT NULL REFERENCES task (key),
  slot TEXT CHECK (slot GLOB {_MOMENT}),
  started TEXT NOT NULL CHECK (started GLOB {_MOMENT})
) @;
CREATE INDEX attempts_of ON attempt (task);
CREATE TABLE result (
  attempt INTEGER PRIMARY KEY NOT NULL REFERENCES attempt (id) ON DELETE CASCADE,
  ended TEXT NOT NULL CHECK (ended GLOB {_MOMENT}),
  outcome TEXT NOT NULL CHECK (outcome IN ('complete', 'partial', 'failed', 'skipped', 'interrupted')),
  said TEXT NOT NULL
) @;
CREATE TABLE slot (
  task TEXT NOT NULL REFERENCES task (key),
  slot TEXT NOT NULL CHECK (slot GLOB {_MOMENT}),
  state TEXT NOT NULL CHECK (state IN ('run', 'skipped', 'missed')),
  reasons TEXT NOT NULL,
  entry INTEGER,
  owed INTEGER NOT NULL CHECK (owed IN (0, 1)),
  PRIMARY KEY (task, slot)
) @;
CREATE TABLE note (name TEXT PRIMARY KEY NOT NULL, said TEXT NOT NULL) @;
CREATE INDEX slots_owed ON slot (task, slot) WHERE owed
"""

STEPS: Final = (_FIRST,)
"""What makes version N + 1 of version N, as SQL; ``@`` stands for the options of a table. Only ever added to."""

VERSION: Final = len(STEPS)


def version(db: sqlite3.Connection) -> int | None:
    """The version of the journal in ``db``; None when it is not one. Raises sqlite3.Error."""
    application, found = (
        int(db.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("application_id", "user_version")
    )
    return found if application == APPLICATION and found > 0 else None


def create(db: sqlite3.Connection) -> None:
    """All tables in an empty database, within the caller's transaction."""
    db.execute(f"PRAGMA application_id={APPLICATION}")
    _step(db, 0)


def migrate(db: sqlite3.Connection) -> None:
    """Bring an older journal to this version, in one transaction: it has the old form or the new one."""
    if version(db) == VERSION:
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        _step(db, version(db) or 0)
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _step(db: sqlite3.Connection, found: int) -> None:
    # STRICT keeps a column's type as declared; SQLite has it since 3.37.
    options = "STRICT" if sqlite3.sqlite_version_info >= (3, 37) else ""
    for step in STEPS[found:]:
        for statement in step.replace("@", options).split(";\n"):
            db.execute(statement)
    db.execute(f"PRAGMA user_version={VERSION}")
