"""One walk of the whole file system for every rule about files: counts, and the first of each kind of finding.

Memory is bounded whatever lies there. What could not be read stands in *each* list as an item ``$err``,
so that "none was
found" stays unknown while "one was found" is known.
"""

import re
import stat
from dataclasses import dataclass, field

from guardian.baseline.facts.names import Names
from guardian.baseline.facts.reading import Host, Tree, Unread, attempt, err, octal, shown
from guardian.baseline.facts.root import Found, Notes

FIRST = 50
"""So many of each kind are named; the rest are counted."""
SECONDS = 600.0
KINDS = ("world_writable", "open_folders", "no_owner", "setuid", "trust_files", "private_keys")
_TRUST = frozenset({".rhosts", ".shosts", "shosts.equiv", "hosts.equiv", ".netrc"})
# Keys that come with software are the same for everybody, and nobody's secret.
_SHIPPED = re.compile(r"/(site-packages|dist-packages|node_modules|testdata|tests?)/|\A/usr/(share|lib|src)/")
_KEY = re.compile(r"(id_(rsa|dsa|ecdsa|ed25519|sm2)|.*\.(key|pem|p12|pfx|jks))\Z", re.IGNORECASE)
_SAMPLES = 400  # candidates for private keys that are opened
_SPECIAL = stat.S_ISUID | stat.S_ISGID


@dataclass(slots=True)
class _Kind:
    """One kind of finding: the first ones, and how many there are."""

    first: list[Tree] = field(default_factory=list)
    count: int = 0

    def add(self, found: Found, **more: object) -> None:
        self.count += 1
        if len(self.first) < FIRST:
            self.first.append(
                {
                    "path": shown(found.path)[:1000],
                    "mode": octal(found.mode),
                    "uid": found.uid,
                    "gid": found.gid,
                    **more,
                }
            )


@dataclass(slots=True)
class _Tally:
    """What the walk has found so far."""

    kinds: dict[str, _Kind] = field(default_factory=lambda: {kind: _Kind() for kind in KINDS})
    entries: int = 0
    samples: int = 0


def collect(host: Host) -> Tree:
    """``walk``: a list for each of :data:`KINDS`, with ``entries``, ``counts`` and what was left out."""
    return {"walk": attempt(walk, host)}


def walk(host: Host, seconds: float = SECONDS) -> Tree:
    """Walk once. Raises Unread when not even the root can be walked."""
    names, notes, tally = Names(host), Notes(), _Tally()
    users, groups = names.known()
    start, stopped = host.clock.monotonic(), ""
    try:
        for found in host.root.walk(notes):
            tally.entries += 1
            mode = found.mode
            if mode & 0o6002 or found.uid not in users or found.gid not in groups or found.name in _TRUST:
                _sort(found, names, (users, groups), tally)
            if mode & 0o004 and stat.S_ISREG(mode) and _KEY.match(found.name) and not _SHIPPED.search(found.path):
                _key(host, found, notes, tally)
            if not tally.entries % 4096 and host.clock.monotonic() - start > seconds:
                stopped = f"timeout after {seconds:g} s"
                break
    except OSError as error:
        stopped = error.strerror or "unreadable"
    return _told(tally, notes, stopped)


def _sort(found: Found, names: Names, known: tuple[frozenset[int], frozenset[int]], tally: _Tally) -> None:
    mode, kinds = found.mode, tally.kinds
    if mode & 0o002:
        if stat.S_ISREG(mode):
            kinds["world_writable"].add(found)
        elif stat.S_ISDIR(mode) and not mode & stat.S_ISVTX:
            kinds["open_folders"].add(found)
    if mode & _SPECIAL and stat.S_ISREG(mode) and (mode & stat.S_ISUID or mode & stat.S_IXGRP):
        kinds["setuid"].add(found, owner=attempt(names.user, found.uid))
    if found.name in _TRUST and stat.S_ISREG(mode):
        kinds["trust_files"].add(found, name=found.name)
    if found.uid not in known[0] or found.gid not in known[1]:
        owner, group = attempt(names.user, found.uid), attempt(names.group, found.gid)
        if owner is None or group is None or isinstance(owner, dict) or isinstance(group, dict):
            kinds["no_owner"].add(found, owner=owner, group=group)


def _key(host: Host, found: Found, notes: Notes, tally: _Tally) -> None:
    """Note a private key that everybody may read. Only its first lines tell a key from a certificate."""
    if tally.samples >= _SAMPLES:
        notes.miss(found.path, f"more than {_SAMPLES} candidates for private keys")
        return
    tally.samples += 1
    try:
        data = host.bytes(found.path, 64 << 10) or b""
    except Unread as error:
        if not error.reason.startswith("too large"):
            notes.miss(found.path, error.reason)
        return
    if b"PRIVATE KEY-----" in data and b"ENCRYPTED" not in data:
        tally.kinds["private_keys"].add(found)


def _told(tally: _Tally, notes: Notes, stopped: str) -> Tree:
    missing = [err(stopped)] if stopped else []
    if notes.missed_count:
        path, why = notes.missed[0]
        missing.append(err(f"{notes.missed_count} not read, such as {shown(path)[:200]}: {why}"))
    lists: Tree = {}
    for kind, found in tally.kinds.items():
        more = [err(f"too many: {found.count - FIRST} more are not named")] if found.count > FIRST else []
        lists[kind] = found.first + more + missing
    return {
        **lists,
        "counts": {kind: found.count for kind, found in tally.kinds.items()},
        "entries": tally.entries,
        "complete": not missing,
        "missed": [{"path": shown(path)[:300], "why": why} for path, why in notes.missed],
        "left_out": [{"path": shown(path)[:300], "why": why} for path, why in notes.left_out],
    }
