"""Security updates that are known and not installed, how old that knowledge is, and where packages come from."""

import gzip
import lzma
import os
import re
import zlib
from collections.abc import Iterable, Iterator

from guardian.baseline.facts import lz4
from guardian.baseline.facts.debversion import newer
from guardian.baseline.facts.packages import STATUS, parse_status
from guardian.baseline.facts.reading import Host, Tree, Unread, attempt
from guardian.baseline.facts.text import lines, sections

_LISTS = "/var/lib/apt/lists"
_LIMIT = 64 << 20
_SECURITY = re.compile(r"security", re.IGNORECASE)
_PACKAGES = re.compile(r".*_Packages(\.(lz4|gz|xz))?$")
_RPM_LISTS = ("/var/cache/dnf", "/var/cache/yum")


def collect(host: Host) -> Tree:
    """``updates``: pending security updates, age of the lists in days, automatic, sources, reboot."""
    dpkg = attempt(host.exists, STATUS)
    if dpkg is not True:
        return {"updates": _rpm(host) if dpkg is False else dpkg}
    return {
        "updates": {
            "security": attempt(_pending, host),
            "lists_age_days": attempt(lambda: _age(host, _LISTS, ("_InRelease", "_Release"))),
            "automatic": attempt(_automatic, host),
            "unsigned": attempt(_unsigned, host),
            "reboot_required": attempt(host.exists, "/run/reboot-required", "/var/run/reboot-required"),
        }
    }


def _pending(host: Host) -> list[Tree]:
    """Of Debian and its children: the lists of security against what is installed. Raises Unread without such lists."""
    names = [name for name in host.list(_LISTS) if _PACKAGES.fullmatch(name) and _SECURITY.search(name)]
    if not names:
        raise Unread("no lists of security updates: apt update was never run, or no such source")
    have = {name: version for name, version, _source in parse_status(host.bytes(STATUS, _LIMIT) or b"")}
    if not have:
        raise Unread("the package database says nothing")
    best: dict[str, tuple[str, str]] = {}
    for name in names:
        data = host.bytes(f"{_LISTS}/{name}", _LIMIT) or b""
        for package, version in parse_list(content(name, data)):
            if package in have and newer(version, best.get(package, (have[package], ""))[0]):
                best[package] = (version, name.split("_dists_", 1)[-1].split("_")[0])
    return [
        {"name": name, "installed": have[name], "available": version, "suite": suite}
        for name, (version, suite) in sorted(best.items())
    ]


def content(name: str, data: bytes) -> Iterable[bytes]:
    """A list in pieces, unpacked by what its name says. Raises Unread for what cannot be unpacked."""
    try:
        if name.endswith(".lz4"):
            yield from lz4.blocks(data)
        elif name.endswith((".gz", ".xz")):
            text = gzip.decompress(data) if name.endswith(".gz") else lzma.decompress(data)
            yield text
        else:
            yield data
    except (lz4.BadFrame, OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise Unread(f"cannot unpack {name}") from error


def parse_list(pieces: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """Package and version of each paragraph of a Packages list."""
    held = b""
    for piece in pieces:
        *whole, held = (held + piece).split(b"\n\n")
        yield from filter(None, map(_paragraph, whole))
    if last := _paragraph(held):
        yield last


_FIELD = re.compile(rb"^(Package|Version):[ \t]*(\S+)", re.MULTILINE)


def _paragraph(data: bytes) -> tuple[str, str] | None:
    said = dict(_FIELD.findall(data))
    if b"Package" not in said or b"Version" not in said:
        return None
    return said[b"Package"].decode("utf-8", "backslashreplace"), said[b"Version"].decode("utf-8", "backslashreplace")


def _age(host: Host, folder: str, ends: tuple[str, ...]) -> int | None:
    """Days since the newest list was fetched; None where none was."""
    times = [
        entry.mtime for name in host.list(folder) if name.endswith(ends) and (entry := host.stat(f"{folder}/{name}"))
    ]
    return max(0, host.today - max(times) // 86400) if times else None


def _automatic(host: Host) -> bool:
    said: dict[str, str] = {}
    for path in host.drop_ins(("/etc/apt/apt.conf.d",), ""):
        for match in re.finditer(
            r"^\s*APT::Periodic::([A-Za-z-]+)\s+\"([^\"]*)\"", host.text(path) or "", re.MULTILINE
        ):
            said[match[1].lower()] = match[2]
    upgrades = said.get("unattended-upgrade", "0") not in ("", "0")
    return upgrades and host.exists("/usr/bin/unattended-upgrade", "/usr/bin/unattended-upgrades")


def _unsigned(host: Host) -> list[Tree]:
    """Sources whose packages are taken without a signature."""
    found = []
    for path in ("/etc/apt/sources.list", *host.drop_ins(("/etc/apt/sources.list.d",), "")):
        text = host.text(path) or ""
        for number, line in lines(text):
            one = line.startswith("deb") and re.search(r"\[[^\]]*(trusted|allow-insecure)=yes", line)
            if one or re.match(r"(trusted|allow-insecure):\s*yes", line, re.IGNORECASE):
                found.append({"file": path, "line": number})
    found += [
        {"file": path, "line": 0}
        for path in host.drop_ins(("/etc/apt/apt.conf.d",), "")
        if re.search(r"AllowUnauthenticated\s+\"?(true|1|yes)", host.text(path) or "", re.IGNORECASE)
    ]
    return found


def _rpm(host: Host) -> Tree:
    return {
        "security": attempt(_advisories, host),
        "lists_age_days": attempt(_rpm_age, host),
        "automatic": attempt(_dnf_automatic, host),
        "unsigned": attempt(_yum_unsigned, host),
        "reboot_required": attempt(_older_kernel, host),
    }


def _older_kernel(host: Host) -> bool:
    """Whether a newer kernel is installed than runs."""
    host.must_live()
    running, there = os.uname().release, host.list("/lib/modules")
    if running not in there:
        raise Unread("the running kernel is not installed here")
    return any(newer(name, running) for name in there if host.exists(f"/lib/modules/{name}/modules.dep"))


def _advisories(host: Host) -> list[Tree]:
    """What dnf's or yum's own cache knows (``-C``: nothing is fetched)."""
    program = "dnf" if host.exists("/usr/bin/dnf") else "yum"
    return parse_advisories(host.ask(program, "-q", "-C", "updateinfo", "list", "security", seconds=60))


def parse_advisories(text: str) -> list[Tree]:
    """Lines of advisory, kind, package with version and architecture."""
    found = []
    for _number, line in lines(text):
        field = line.split()
        match = re.fullmatch(r"(.+)-([^-]+-[^-]+)\.[a-z0-9_]+", field[2]) if len(field) >= 3 else None
        if match:
            found.append({"name": match[1], "available": match[2], "suite": field[0], "installed": None})
    return found


def _rpm_age(host: Host) -> int | None:
    ages = [
        entry.mtime
        for base in _RPM_LISTS
        for repository in host.list(base)
        if (entry := host.stat(f"{base}/{repository}/repodata/repomd.xml"))
    ]
    return max(0, host.today - max(ages) // 86400) if ages else None


def _dnf_automatic(host: Host) -> bool:
    said = sections(host.text("/etc/dnf/automatic.conf") or "").get("commands", {})
    started = {"dnf-automatic.timer", "dnf-automatic-install.timer"} & set(
        host.list("/etc/systemd/system/timers.target.wants")
    )
    return bool(started) and (
        "dnf-automatic-install.timer" in started or said.get("apply_updates", "no").lower() == "yes"
    )


def _yum_unsigned(host: Host) -> list[Tree]:
    found = []
    for path in host.drop_ins(("/etc/yum.repos.d",), ".repo"):
        for name, said in sections(host.text(path) or "").items():
            if name and said.get("enabled", "1") != "0" and said.get("gpgcheck") in ("0", "no", "false"):
                found.append({"file": path, "line": 0, "repository": name})
    found += [
        {"file": path, "line": 0}
        for path in ("/etc/dnf/dnf.conf", "/etc/yum.conf")
        if sections(host.text(path) or "").get("main", {}).get("gpgcheck", "1") in ("0", "no", "false")
    ]
    return found
