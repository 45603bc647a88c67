"""Installed packages, by the database of dpkg or the program rpm."""

import re

from guardian.baseline.facts.reading import Host, Tree, Unread, attempt

STATUS = "/var/lib/dpkg/status"
_LIMIT = 64 << 20


def collect(host: Host) -> Tree:
    """``packages``: name → version of everything installed; empty where no package manager is known."""
    return {"packages": attempt(installed, host)}


def installed(host: Host) -> dict[str, str]:
    """Of this host. Raises Unread."""
    found = _found(host)
    if not found:  # a host without a single package does not exist: the database is broken, or its program is
        raise Unread("the package database says nothing")
    return found


def _found(host: Host) -> dict[str, str]:
    data = host.bytes(STATUS, _LIMIT)
    if data is not None:
        return {name: version for name, version, _source in parse_status(data)}
    if host.exists("/var/lib/rpm", "/usr/lib/sysimage/rpm"):
        if not host.root.live:
            raise Unread("the rpm database is read on the running host only")
        return parse_rpm(
            host.ask("rpm", "-qa", "--qf", r"%{NAME}\t%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\n", seconds=30)
        )
    raise Unread("no package database that is understood")


_FIELD = re.compile(rb"^(Package|Status|Version|Architecture|Source):[ \t]*(.*)$", re.MULTILINE)


def parse_status(data: bytes) -> list[tuple[str, str, str]]:
    """Name, version and source of every package that dpkg has unpacked or set up."""
    found = []
    for paragraph in data.split(b"\n\n"):
        said = {key: value.decode("utf-8", "backslashreplace").strip() for key, value in _FIELD.findall(paragraph)}
        status = said.get(b"Status", "").split()
        if len(status) == 3 and status[2] not in ("not-installed", "config-files") and said.get(b"Package"):
            source = said.get(b"Source", said[b"Package"]).split(" ")[0]
            found.append((said[b"Package"], said.get(b"Version", ""), source))
    return found


def parse_rpm(text: str) -> dict[str, str]:
    """Lines of name, tab, version."""
    return {name: version for line in text.split("\n") if "\t" in line for name, version in [line.split("\t", 1)]}
