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
from guardian.baseline.facts.root import Lain, Notes, below
from guardian.model.events import Progress

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
_ODD = _SPECIAL | stat.S_IWOTH
_KEY_ENDS = frozenset({".key", ".pem", ".p12", ".pfx", ".jks", "_rsa", "_dsa", "cdsa", "5519", "_sm2"})
"""How all names end that ``_KEY`` matches, in four letters: asking the pattern of a million names takes a second."""
_APART = 0.2  # seconds between two reports of progress


@dataclass(slots=True)
class _Kind:
    """One kind of finding: the first ones, and how many there are."""

    first: list[Tree] = field(default_factory=list)
    count: int = 0

    def add(self, folder: str, lain: Lain, **more: object) -> None:
        self.count += 1
        if len(self.first) < FIRST:
            name, mode, uid, gid = lain
            path = shown(below(folder, name))[:1000]
            self.first.append({"path": path, "mode": octal(mode), "uid": uid, "gid": gid, **more})


@dataclass(slots=True)
class _Tally:
    """What the walk has found so far."""

    kinds: dict[str, _Kind] = field(default_factory=lambda: {kind: _Kind() for kind in KINDS})
    entries: int = 0
    samples: int = 0


@dataclass(slots=True)
class _Watch:
    """How long a walk may go on, and when it next says how far it is."""

    host: Host
    seconds: float
    start: float
    quiet_until: float

    @classmethod
    def of(cls, host: Host, seconds: float) -> "_Watch":
        now = host.clock.monotonic()
        return cls(host, seconds, now, now + _APART)

    def over(self, folder: str, entries: int) -> bool:
        """Whether the time is over; says where the walk is, at most five times a second."""
        now = self.host.clock.monotonic()
        if now >= self.quiet_until:
            self.quiet_until = now + _APART
            self.host.report(Progress(entries, unit="entries", at=shown(folder)[:300]))
        return now - self.start > self.seconds


def collect(host: Host) -> Tree:
    """``walk``: a list for each of :data:`KINDS`, with ``entries``, ``counts`` and what was left out."""
    return {"walk": attempt(walk, host)}


def walk(host: Host, seconds: float = SECONDS) -> Tree:
    """Walk once. Raises Unread when not even the root can be walked."""
    names, notes, tally = Names(host), Notes(), _Tally()
    users, groups = names.known()
    watch, stopped = _Watch.of(host, seconds), ""
    try:
        for folder, entries in host.root.walk(notes):
            tally.entries += len(entries)
            # Almost all of a million entries pass these two lines without a call: they are the walk's own time.
            for lain in entries:
                name, mode, uid, gid = lain
                if mode & _ODD or uid not in users or gid not in groups or name in _TRUST:
                    _sort(folder, lain, names, (users, groups), tally)
                if mode & 0o004 and name[-4:].casefold() in _KEY_ENDS:
                    _key(host, folder, lain, notes, tally)
            if watch.over(folder, tally.entries):
                stopped = f"timeout after {seconds:g} s"
                break
    except OSError as error:
        stopped = error.strerror or "unreadable"
    return _told(tally, notes, stopped)


def _sort(folder: str, lain: Lain, names: Names, known: tuple[frozenset[int], frozenset[int]], tally: _Tally) -> None:
    (name, mode, uid, gid), kinds = lain, tally.kinds
    if mode & stat.S_IWOTH:
        if stat.S_ISREG(mode):
            kinds["world_writable"].add(folder, lain)
        elif stat.S_ISDIR(mode) and not mode & stat.S_ISVTX:
            kinds["open_folders"].add(folder, lain)
    if mode & _SPECIAL and stat.S_ISREG(mode) and (mode & stat.S_ISUID or mode & stat.S_IXGRP):
        kinds["setuid"].add(folder, lain, owner=attempt(names.user, uid))
    if name in _TRUST and stat.S_ISREG(mode):
        kinds["trust_files"].add(folder, lain, name=name)
    if uid not in known[0] or gid not in known[1]:
        owner, group = attempt(names.user, uid), attempt(names.group, gid)
        if owner is None or group is None or isinstance(owner, dict) or isinstance(group, dict):
            kinds["no_owner"].add(folder, lain, owner=owner, group=group)


def _key(host: Host, folder: str, lain: Lain, notes: Notes, tally: _Tally) -> None:
    """Note a private key that everybody may read. Only its first lines tell a key from a certificate."""
    name, mode, _uid, _gid = lain
    path = below(folder, name)
    if not stat.S_ISREG(mode) or not _KEY.match(name) or _SHIPPED.search(path):
        return
    if tally.samples >= _SAMPLES:
        notes.miss(path, f"more than {_SAMPLES} candidates for private keys")
        return
    tally.samples += 1
    try:
        data = host.bytes(path, 64 << 10) or b""
    except Unread as error:
        if not error.reason.startswith("too large"):
            notes.miss(path, error.reason)
        return
    if b"PRIVATE KEY-----" in data and b"ENCRYPTED" not in data:
        tally.kinds["private_keys"].add(folder, lain)


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
