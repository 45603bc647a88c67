"""Names of users and groups by number, as the looked-at host has them."""

import grp
import pwd
from collections.abc import Callable
from typing import Any

from guardian.baseline.facts.reading import Host, Unread, attempt
from guardian.baseline.facts.text import lines, number

_ELSEWHERE = frozenset({"ldap", "sss", "nis", "nisplus", "winbind", "hesiod", "extrausers"})


class Names:
    """Asks the files first; on the running host the system's own look-up for what they do not have.

    None means that nobody has this number. Where names come from a directory that cannot be asked (a tree), Unread is
    raised instead, since "nobody" would be a guess.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._users = attempt(_file, host, "/etc/passwd")
        self._groups = attempt(_file, host, "/etc/group")
        self._elsewhere = attempt(_sources, host)

    def user(self, uid: int) -> str | None:
        """The name of a user. Raises Unread."""
        return self._name(uid, self._users, "passwd", lambda: pwd.getpwuid(uid).pw_name)

    def group(self, gid: int) -> str | None:
        """The name of a group. Raises Unread."""
        return self._name(gid, self._groups, "group", lambda: grp.getgrgid(gid).gr_name)

    def known(self) -> tuple[frozenset[int], frozenset[int]]:
        """The numbers of users and of groups that the files have. Raises Unread."""
        for part in (self._users, self._groups):
            if "$err" in part:
                raise Unread(str(part["$err"]))
        return frozenset(self._users), frozenset(self._groups)

    def _name(self, number_: int, names: Any, base: str, ask: Callable[[], str]) -> str | None:
        if "$err" in names:
            raise Unread(str(names["$err"]))
        if number_ in names:
            return str(names[number_])
        if self._host.root.live:
            try:
                return ask()
            except KeyError:
                pass
        sources = self._elsewhere
        if "$err" in sources:
            raise Unread(str(sources["$err"]))
        if not self._host.root.live and sources.get(base, set()) & _ELSEWHERE:
            raise Unread("names come from a directory that is not asked")
        # The kernel's number for "somebody of another name space": owned, but not by anybody we can name.
        return "nobody" if number_ == 65534 else None


def _file(host: Host, path: str) -> dict[int, str]:
    found: dict[int, str] = {}
    for line in (host.text(path, 8 << 20) or "").split("\n"):
        field = line.split(":")
        key = number(field[2]) if len(field) > 2 else None
        if key is not None:
            found.setdefault(key, field[0])
    return found


def _sources(host: Host) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for _number, line in lines(host.text("/etc/nsswitch.conf") or ""):
        base, _colon, sources = line.partition(":")
        found[base.strip()] = set(sources.split())
    return found
