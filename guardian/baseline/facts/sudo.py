"""Who may become whom: sudoers with everything it includes."""

import re

from guardian.baseline.facts.reading import Host, Tree, Unread, attempt
from guardian.baseline.facts.text import typed

_FILES, _DEPTH = 200, 16
_INCLUDE = re.compile(r"[#@](include|includedir)\s+(.+)")
_TAG = re.compile(
    r"\b(NOPASSWD|PASSWD|NOEXEC|EXEC|SETENV|NOSETENV|LOG_INPUT|LOG_OUTPUT|MAIL|NOMAIL|FOLLOW|NOFOLLOW)\s*:"
)
_ALIAS = re.compile(r"(User_Alias|Runas_Alias|Host_Alias|Cmnd_Alias|Cmd_Alias)\s")


def collect(host: Host) -> Tree:
    """``sudo``: rules, defaults and files; None where there is no sudo."""
    return {"sudo": attempt(_sudo, host)}


def _sudo(host: Host) -> Tree | None:
    if not host.exists("/usr/bin/sudo", "/etc/sudoers"):
        return None
    found: Tree = {"rules": [], "defaults": {}, "aliases": [], "files": []}
    _file(host, "/etc/sudoers", found, 0)
    return found


def _file(host: Host, path: str, found: Tree, depth: int) -> None:
    """Read one file and what it includes, in order. An unreadable one makes everything unread: it may say anything."""
    if depth > _DEPTH or len(found["files"]) >= _FILES:
        raise Unread("too many files included by sudoers")
    text = host.text(path)
    if text is None:
        return
    found["files"].append(path)
    for number, line in joined(text):
        include = _INCLUDE.fullmatch(line)
        if include is None:
            parse_line(line, {"file": path, "line": number}, found)
            continue
        target = include[2].strip().strip('"').replace("\\ ", " ")
        target = target if target.startswith("/") else f"{path.rsplit('/', 1)[0]}/{target}"
        if include[1] == "include":
            _file(host, target, found, depth + 1)
            continue
        for name in host.list(target):
            if "." not in name and not name.endswith("~"):  # as sudoers(5) leaves them out
                _file(host, f"{target.rstrip('/')}/{name}", found, depth + 1)


def joined(text: str) -> list[tuple[int, str]]:
    """The lines with continuations joined, comments gone, numbered by where they begin."""
    found: list[tuple[int, str]] = []
    held, start = "", 0
    for number, raw in enumerate(text.split("\n"), 1):
        start = start if held else number
        held += raw.rstrip("\r")
        if held.endswith("\\"):
            held = held[:-1]
            continue
        line, held = held.strip(), ""
        if not _INCLUDE.fullmatch(line):
            line = re.split(r"(?<!\\)#(?![0-9-])", line, maxsplit=1)[0].strip()
        if line:
            found.append((start, line))
    return found


def parse_line(line: str, origin: Tree, found: Tree) -> None:
    """Put one line of sudoers(5) where it belongs."""
    if line.startswith("Defaults"):
        scope, _space, options = line[len("Defaults") :].partition(" ")
        for option in re.split(r",(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)", options):
            name, value = _default(option.strip())
            if name and not scope.strip():
                found["defaults"][name] = value
    elif _ALIAS.match(line):
        found["aliases"].append({"text": line[:500], **origin})
    elif "=" in line:
        found["rules"].append({**parse_rule(line), **origin})


def _default(option: str) -> tuple[str, str | int | bool]:
    name, sign, value = option.partition("=")
    name = name.strip().rstrip("+-").lower()
    if sign:
        return name, typed(value.strip().strip('"'))
    return (name[1:].strip(), False) if name.startswith("!") else (name, True)


def parse_rule(line: str) -> Tree:
    """``who where = (as whom) tags: commands``: what a rule grants, in words that rules can compare."""
    left, _sign, right = line.partition("=")
    who, *hosts = left.split(None, 1) if left.split() else [""]
    runas = re.match(r"\s*\(([^)]*)\)", right)
    tags = sorted(set(_TAG.findall(right)))
    commands = _TAG.sub("", re.sub(r"\([^)]*\)", "", right))
    listed = [part.strip() for part in commands.split(",") if part.strip()]
    return {
        "who": who, "hosts": hosts[0].strip() if hosts else "ALL", "runas": runas[1].strip() if runas else "root",
        "tags": tags, "commands": listed[:100], "all": "ALL" in listed, "nopasswd": "NOPASSWD" in tags,
    }  # fmt: skip
