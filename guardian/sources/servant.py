"""Scratch servers never run as root, and without a network where the kernel lets us. The chown is the caller's."""

import os
import pwd
from collections.abc import Sequence
from dataclasses import dataclass

from guardian.errors import GuardianError
from guardian.proc import Command, capture, which


@dataclass(frozen=True, slots=True)
class Servant:
    """Who runs a scratch server, and the words to put before its command line."""

    name: str
    uid: int
    gid: int
    prefix: tuple[str, ...] = ()


def servant(preferred: Sequence[str] = ()) -> Servant:
    """Ourselves; when we are root, the first of ``preferred`` users that exists, else ``nobody``.

    ``setpriv`` (util-linux) becomes that user and is replaced by the server: the process stays the same. Raises
    ToolMissing when we are root and it is not installed.
    """
    if os.geteuid() != 0:
        entry = pwd.getpwuid(os.geteuid())
        return Servant(entry.pw_name, entry.pw_uid, entry.pw_gid)
    entry = next(entry for entry in map(_user, (*preferred, "nobody")) if entry is not None)
    words = (str(which("setpriv")), f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups", "--")
    return Servant(entry.pw_name, entry.pw_uid, entry.pw_gid, words)


def without_network() -> tuple[str, ...]:
    """The words, before all others, that take the network away from a program; none where the system does not let us.

    ``unshare`` (util-linux) gives it a network name space of its own, with nothing in it; Unix sockets still work.
    """
    more = () if os.geteuid() == 0 else ("--user", "--map-current-user")
    try:
        tried = capture(Command(("unshare", *more, "--net", "--", "true")), seconds=10.0)
    except GuardianError:
        return ()
    return ("unshare", *more, "--net", "--") if tried.returncode == 0 else ()


def _user(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None
