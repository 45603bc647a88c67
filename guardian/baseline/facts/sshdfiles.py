"""The files of sshd: Include and drop-ins followed, Match blocks kept apart, each setting with file and line."""

import fnmatch
import re

from guardian.baseline.facts.reading import Host, Tree, Unread

_QUOTED = re.compile(r"\"([^\"]*)\"\s*(#.*)?")
_MAIN, _DEPTH, _LINES = "/etc/ssh/sshd_config", 16, 5000


def read(host: Host) -> list[Tree]:
    """All settings in the order in which sshd meets them: ``option``, ``value``, ``file``, ``line``, ``match``."""
    found: list[Tree] = []
    _file(host, _MAIN, "", found, 0)
    return found


def parse(text: str) -> list[tuple[int, str, str]]:
    """Line number, option in lower case, value. ``Option=value`` and quotes are taken as sshd takes them."""
    found = []
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        end = next((at for at, letter in enumerate(line) if letter in " \t="), len(line))
        value = line[end:].lstrip(" \t")
        value = value[1:].lstrip(" \t") if value.startswith("=") else value
        quoted = _QUOTED.fullmatch(value)
        value = quoted[1] if quoted else re.split(r"\s#", value, maxsplit=1)[0].strip()
        found.append((number, line[:end].lower(), value))
    return found


def _file(host: Host, path: str, match: str, found: list[Tree], depth: int) -> None:
    if depth > _DEPTH:
        raise Unread("sshd_config includes itself")
    for number, option, value in parse(host.text(path) or ""):
        if option == "match":
            match = "" if value.lower() == "all" else value
        elif option == "include":
            for pattern in value.split():
                for included in _matching(host, pattern.strip('"')):
                    _file(host, included, match, found, depth + 1)
        else:
            found.append({"option": option, "value": value, "file": path, "line": number, "match": match})
        if len(found) > _LINES:
            raise Unread(f"too large: more than {_LINES} settings of sshd")


def _matching(host: Host, pattern: str) -> list[str]:
    """The files a pattern means; wild cards in the last part, as everybody writes them."""
    whole = pattern if pattern.startswith("/") else f"/etc/ssh/{pattern}"
    folder, _slash, last = whole.rpartition("/")
    if "*" in folder or "?" in folder:
        raise Unread("sshd_config: a pattern of folders is not understood")
    if not any(letter in last for letter in "*?["):
        return [whole]
    return [f"{folder}/{name}" for name in host.list(folder) if fnmatch.fnmatchcase(name, last) and name[0] != "."]
