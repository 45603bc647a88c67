"""The system account that the agent runs as: looked up, made, removed. In a staging root as on a running system."""

import grp
import pwd
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from guardian.durable import read_capped
from guardian.errors import ToolFailed, UsageError
from guardian.i18n import _
from guardian.proc import Command, capture

HOME: Final = Path("/var/lib/guardian")
_NAME: Final = re.compile(r"[a-z_][a-z0-9_-]{0,31}", re.ASCII)
_MAX_DATABASE: Final = 4 << 20


@dataclass(frozen=True, slots=True)
class Owner:
    """Numbers of a user and its group."""

    uid: int
    gid: int


def check_name(name: str) -> str:
    """``name`` if it can be that of a system account. Raises UsageError."""
    if not _NAME.fullmatch(name):
        raise UsageError(_("{name} cannot be the name of a system user").format(name=ascii(name)[:60]))
    return name


def look_up(root: Path, name: str) -> Owner | None:
    """The account and the group of that name on the system at ``root``, or None where one of them is missing."""
    if root == Path("/"):
        try:
            return Owner(pwd.getpwnam(name).pw_uid, grp.getgrnam(name).gr_gid)
        except KeyError:
            return None
    uid, gid = _number(root / "etc" / "passwd", name), _number(root / "etc" / "group", name)
    return Owner(uid, gid) if uid is not None and gid is not None else None


def can_make(root: Path) -> bool:
    """Whether there is an account database at ``root``; a bare staging directory has none."""
    return (root / "etc" / "passwd").is_file() and (root / "etc" / "group").is_file()


def make(root: Path, name: str) -> Owner:
    """Make a system account without a login. Raises ToolFailed when it is not there afterwards."""
    argv = ("useradd", *_prefix(root), "--system", "--user-group", "--no-create-home", "--home-dir", str(HOME))
    _run((*argv, "--shell", "/usr/sbin/nologin", "--comment", "Guardian agent", name))
    made = look_up(root, name)
    if made is None:
        raise ToolFailed(_("useradd made no user {name}").format(name=name))
    return made


def remove(root: Path, name: str) -> None:
    """Remove the account. Raises ToolFailed when it is still there afterwards."""
    _run(("userdel", *_prefix(root), name))
    if look_up(root, name) is not None:
        raise ToolFailed(_("userdel did not remove the user {name}").format(name=name))


def _prefix(root: Path) -> tuple[str, ...]:
    return () if root == Path("/") else ("--prefix", str(root))


def _run(argv: tuple[str, ...]) -> None:
    ended = capture(Command(argv))
    if ended.returncode != 0:
        said = ended.stderr[-1] if ended.stderr else str(ended.returncode)
        raise ToolFailed(_("{program} failed: {why}").format(program=argv[0], why=said))


def _number(database: Path, name: str) -> int | None:
    try:
        text = read_capped(database, _MAX_DATABASE).decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None
    for line in text.splitlines():
        fields = line.split(":")
        if fields[0] == name and len(fields) > 2 and fields[2].isdigit():
            return int(fields[2])
    return None
