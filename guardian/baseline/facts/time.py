"""The clock: what sets it, and whether the kernel takes it for synchronised."""

import ctypes
import re

from guardian.baseline.facts.audit import running_programs
from guardian.baseline.facts.reading import Host, Tree, Unread, attempt
from guardian.baseline.facts.text import lines, sections

_UNSYNCHRONISED = 5  # TIME_ERROR of adjtimex(2)
_TIMESYNCD = ("/etc/systemd/timesyncd.conf.d", "/run/systemd/timesyncd.conf.d", "/usr/lib/systemd/timesyncd.conf.d",
              "/lib/systemd/timesyncd.conf.d")  # fmt: skip
_DAEMONS = (
    # name, program, name of the process, files
    ("chrony", "/usr/sbin/chronyd", "chronyd", ("/etc/chrony/chrony.conf", "/etc/chrony.conf")),
    ("ntp", "/usr/sbin/ntpd", "ntpd", ("/etc/ntp.conf", "/etc/ntpsec/ntp.conf")),
    ("timesyncd", "/usr/lib/systemd/systemd-timesyncd", "systemd-timesyn", ("/etc/systemd/timesyncd.conf",)),
)


def collect(host: Host) -> Tree:
    """``time``: ``daemons`` that are installed, ``synchronised``, ``zone``."""
    return {
        "time": {
            "daemons": attempt(_daemons, host),
            "synchronised": attempt(_synchronised, host),
            "zone": attempt(_zone, host),
        }
    }


def parse_servers(text: str) -> list[str]:
    """The sources of a chrony or ntp configuration."""
    return [
        match[1]
        for _number, line in lines(text, "#!;%")
        if (match := re.match(r"(?:server|pool|peer|refclock)\s+(\S+)", line, re.IGNORECASE))
    ]


def _daemons(host: Host) -> list[Tree]:
    running = attempt(running_programs, host)
    found = []
    for name, program, process, files in _DAEMONS:
        if not host.exists(program):
            continue
        found.append(
            {
                "name": name,
                "running": running if isinstance(running, dict) else process in running,
                "servers": _timesyncd(host) if name == "timesyncd" else _servers(host, files),
            }
        )
    return found


def _servers(host: Host, files: tuple[str, ...]) -> list[str]:
    found: list[str] = []
    for path in files:
        found += parse_servers(host.text(path) or "")
    for path in host.drop_ins(("/etc/chrony/conf.d", "/etc/chrony.d"), ".conf"):
        found += parse_servers(host.text(path) or "")
    for path in host.drop_ins(("/etc/chrony/sources.d", "/run/chrony-dhcp"), ".sources"):
        found += parse_servers(host.text(path) or "")
    return found[:50]


def _timesyncd(host: Host) -> list[str]:
    """Without a setting it asks the servers its makers built in, so that list is never empty."""
    said: dict[str, str] = {}
    for path in ("/etc/systemd/timesyncd.conf", *host.drop_ins(_TIMESYNCD, ".conf")):
        said.update(sections(host.text(path) or "").get("time", {}))
    return (said.get("ntp", "") or said.get("fallbackntp", "built in")).split()[:50]


def _synchronised(host: Host) -> bool:
    """What the kernel says; asking changes nothing and needs no privilege."""
    host.must_live()
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))  # zeroes: no mode, only a question
    except (OSError, AttributeError) as error:
        raise Unread("no adjtimex in this system's library") from error
    if state < 0:
        raise Unread("adjtimex was refused")
    return bool(state != _UNSYNCHRONISED)


def _zone(host: Host) -> str | None:
    entry = host.stat("/etc/localtime", follow=False)
    if entry is not None and entry.target:
        return entry.target.split("zoneinfo/")[-1][:60]
    return (host.text("/etc/timezone") or "").strip()[:60] or None
