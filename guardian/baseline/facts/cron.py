"""What root runs by the clock, and whether others can change it."""

import re

from guardian.baseline.facts.names import Names
from guardian.baseline.facts.reading import Host, Tree, attempt, octal
from guardian.baseline.facts.text import lines

_LINE = re.compile(r"(?:@\w+|(?:\S+\s+){4}\S+)\s+(.*)")
_FOLDERS = ("/etc/cron.hourly", "/etc/cron.daily", "/etc/cron.weekly", "/etc/cron.monthly")
_MOST = 500


def collect(host: Host) -> Tree:
    """``cron``: whether it is installed, and the programs of root with their modes."""
    return {
        "cron": {
            "installed": attempt(host.exists, "/usr/sbin/cron", "/usr/sbin/crond"),
            "programs": attempt(_programs, host),
        }
    }


def parse(text: str, *, with_user: bool) -> list[tuple[int, str, str]]:
    """Line, user and command of each job; the user is ``root`` where the table does not name one."""
    found = []
    for number, line in lines(text):
        if re.match(r"[A-Za-z_][A-Za-z0-9_]*\s*=", line):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        user, _space, command = match[1].partition(" ") if with_user else ("root", "", match[1])
        if command.strip():
            found.append((number, user.strip(), command.strip()))
    return found


def _programs(host: Host) -> list[Tree]:
    """Everything that cron starts as root by an absolute path, and everything in the folders of run-parts."""
    paths: dict[str, str] = {}
    for path in ("/etc/crontab", *host.drop_ins(("/etc/cron.d",), "")):
        _take(paths, path, parse(host.text(path) or "", with_user=True))
    for path in ("/var/spool/cron/crontabs/root", "/var/spool/cron/root"):
        _take(paths, path, parse(host.text(path) or "", with_user=False))
    for folder in _FOLDERS:
        for name in host.list(folder):
            if not name.startswith("."):
                paths.setdefault(f"{folder}/{name}", folder)
    names = Names(host)
    listed = sorted(paths.items())[:_MOST]
    return [about for path, origin in listed if (about := attempt(_about, host, names, path, origin))]


def _take(paths: dict[str, str], origin: str, jobs: list[tuple[int, str, str]]) -> None:
    for number, user, command in jobs:
        if user == "root":
            for path in re.findall(r"(?:^|[\s;&|])(/[A-Za-z0-9_./+-]+)", command)[:10]:
                paths.setdefault(path, f"{origin}:{number}")


def _about(host: Host, names: Names, path: str, origin: str) -> Tree | None:
    entry = host.stat(path)
    if entry is None or entry.kind == "other":
        return None
    return {
        "path": path,
        "kind": entry.kind,
        "mode": octal(entry.mode),
        "owner": attempt(names.user, entry.uid),
        "origin": origin,
    }
