"""When somebody last logged in: lastlog(8), one record for each uid."""

import struct

from guardian.baseline.facts.reading import Host, Unread

_RECORD = struct.Struct("=i32s256s")  # seconds since 1970, terminal, host
_LIMIT = 32 << 20


def parse(data: bytes) -> dict[int, int]:
    """uid → day of the last login, counted from 1970-01-01; who never logged in is not in it."""
    return {
        uid: seconds // 86400
        for uid, (seconds, _terminal, _host) in enumerate(
            _RECORD.iter_unpack(data[: len(data) // _RECORD.size * _RECORD.size])
        )
        if seconds > 0
    }


def last_logins(host: Host) -> dict[int, int]:
    """Of this host. Raises Unread, also where logins are not noted this way (there "never" would be a guess)."""
    data = host.bytes("/var/log/lastlog", _LIMIT)
    if data is None:
        raise Unread("no /var/log/lastlog")
    return parse(data)
