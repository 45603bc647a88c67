"""What is started: units of systemd with their enablement and state, scripts of SysV, inetd."""

import re

from guardian.baseline.facts.reading import Host, Tree, Unread, attempt
from guardian.baseline.facts.text import lines

_UNITS = ("/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
          "/lib/systemd/system")  # fmt: skip
_KINDS = (".service", ".socket", ".timer", ".target")


def collect(host: Host) -> Tree:
    """``services``: ``units`` and ``inetd``."""
    return {"services": {"units": attempt(units, host), "inetd": attempt(_inetd, host)}}


def units(host: Host) -> list[Tree]:
    """Every unit that is installed: ``enabled`` (something starts it), ``masked``, ``active`` (None: not loaded)."""
    installed: dict[str, str] = {}
    masked: set[str] = set()
    wanted: set[str] = set()
    for folder in _UNITS:
        for name in host.list(folder):
            if name.endswith((".wants", ".requires")):
                wanted.update(host.list(f"{folder}/{name}"))
            elif name.endswith(_KINDS):
                installed.setdefault(name, f"{folder}/{name}")
    for name, path in installed.items():
        entry = host.stat(path, follow=False)
        if entry is not None and (entry.target == "/dev/null" or (entry.kind == "file" and entry.size == 0)):
            masked.add(name)
    wanted.update(_aliases(host, set(installed)))
    scripts = _scripts(host)
    wanted.update(scripts)
    states = attempt(_states, host)
    return [
        {
            "name": name,
            "enabled": name in wanted and name not in masked,
            "masked": name in masked,
            "active": states if isinstance(states, dict) and "$err" in states else states.get(name) == "active",
        }
        for name in sorted({*installed, *scripts})
    ]


def _aliases(host: Host, installed: set[str]) -> set[str]:
    """Units that a link in /etc starts under another name (``dbus-org.freedesktop.timesync1.service``)."""
    found = set()
    for name in host.list("/etc/systemd/system"):
        if name.endswith(_KINDS):
            entry = host.stat(f"/etc/systemd/system/{name}", follow=False)
            target = (entry.target or "").rsplit("/", 1)[-1] if entry else ""
            if target in installed and target != name:
                found.add(target)
    return found


def _scripts(host: Host) -> set[str]:
    """Scripts that the multi-user levels of SysV start."""
    return {
        f"{match[1]}.service"
        for level in ("2", "3", "5")
        for folder in (f"/etc/rc{level}.d", f"/etc/rc.d/rc{level}.d")
        for name in host.list(folder)
        if (match := re.fullmatch(r"S[0-9]{2}(.+)", name))
    }


def _states(host: Host) -> dict[str, str]:
    if not host.exists("/run/systemd/system"):
        host.must_live()
        raise Unread("systemd does not run here")
    said = host.ask("systemctl", "list-units", "--all", "--plain", "--no-legend", "--no-pager", "--full", seconds=15)
    states = parse_states(said)
    if not states:
        raise Unread("systemctl said nothing that is understood")
    return states


def parse_states(text: str) -> dict[str, str]:
    """Unit → active, inactive, failed, …"""
    found = {}
    for line in text.split("\n"):
        word = line.split()
        if len(word) >= 4:
            found[word[0]] = word[2]
    return found


def _inetd(host: Host) -> list[Tree]:
    """Services that inetd or xinetd start on demand."""
    found = [
        {"name": line.split()[0], "file": "/etc/inetd.conf", "enabled": True}
        for _at, line in lines(host.text("/etc/inetd.conf") or "")
    ]
    for name in host.list("/etc/xinetd.d"):
        said = parse_xinetd(host.text(f"/etc/xinetd.d/{name}") or "")
        found += [{"name": service, "file": f"/etc/xinetd.d/{name}", "enabled": on} for service, on in said]
    return found


def parse_xinetd(text: str) -> list[tuple[str, bool]]:
    """Service → whether it is on."""
    return [
        (match[1], not re.search(r"^\s*disable\s*=\s*yes\b", match[2], re.MULTILINE | re.IGNORECASE))
        for match in re.finditer(r"^\s*service\s+(\S+)\s*\{([^}]*)\}", text, re.MULTILINE)
    ]
