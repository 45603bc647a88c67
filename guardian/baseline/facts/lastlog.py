"""When somebody last logged in: lastlog(8), one record for each uid, or its successor lastlog2, a table by name."""

import sqlite3
import struct
from contextlib import closing

from guardian.baseline.facts.reading import Host, Unread

_RECORD = struct.Struct("=i32s256s")  # seconds since 1970, terminal, host
_LIMIT = 32 << 20
_DAY = 86400


def parse(data: bytes) -> dict[int, int]:
    """uid → day of the last login, counted from 1970-01-01; who never logged in is not in it."""
    whole = data[: len(data) // _RECORD.size * _RECORD.size]
    records = enumerate(_RECORD.iter_unpack(whole))
    return {uid: seconds // _DAY for uid, (seconds, _terminal, _host) in records if seconds > 0}


def parse_table(data: bytes) -> dict[str, int]:
    """Name → day of the last login, out of lastlog2's database. Raises Unread for what is none."""
    try:
        with closing(sqlite3.connect(":memory:")) as database:
            database.deserialize(data)
            rows = database.execute("SELECT Name, Time FROM Lastlog2 LIMIT 100000").fetchall()
    except (sqlite3.Error, OverflowError, MemoryError) as error:
        raise Unread("not a table of lastlog2") from error
    return {name: time // _DAY for name, time in rows if isinstance(name, str) and isinstance(time, int) and time > 0}


def last_logins(host: Host) -> dict[int | str, int]:
    """By uid and by name, whatever this host notes.

    Raises Unread where logins are noted neither way: there "never" would be a guess.
    """
    old = host.bytes("/var/log/lastlog", _LIMIT)
    new = host.bytes("/var/lib/lastlog/lastlog2.db", _LIMIT)
    if old is None and new is None:
        raise Unread("no /var/log/lastlog and no lastlog2")
    by_uid, by_name = parse(old or b""), parse_table(new) if new is not None else {}
    return {**dict[int | str, int](by_uid.items()), **dict[int | str, int](by_name.items())}
