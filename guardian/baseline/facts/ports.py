"""What listens, and whose it is: from the tables of the kernel, without a program."""

import ipaddress
import re

from guardian.baseline.facts.reading import Host, Tree, Unread, attempt, err, is_err

_TABLES = ("tcp", "tcp6", "udp", "udp6")
_LISTEN, _UNCONNECTED = "0A", "07"
_SOCKET = re.compile(r"socket:\[([0-9]+)\]")
_LIMIT = 64 << 20


def collect(host: Host) -> Tree:
    """``ports``: a list of listening sockets."""
    return {"ports": attempt(listening, host)}


def parse(table: str, proto: str) -> list[Tree]:
    """The listening sockets of one table of proc(5); a UDP socket listens that is bound and has no peer."""
    found = []
    for line in table.split("\n")[1:]:
        field = line.split()
        if len(field) < 10 or field[3] != (_LISTEN if proto.startswith("tcp") else _UNCONNECTED):
            continue
        host, _colon, port = field[1].partition(":")
        address = _address(host)
        if address is None or not re.fullmatch(r"[0-9A-Fa-f]{4}", port):
            continue
        found.append(
            {"proto": proto[:3], "address": str(address), "port": int(port, 16), "scope": scope(address),
             "uid": int(field[7]) if field[7].isdigit() else None, "inode": field[9]}
        )  # fmt: skip
    return found


def scope(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """``loopback``, ``any`` or ``address``."""
    mapped = getattr(address, "ipv4_mapped", None) or address
    if mapped.is_loopback:
        return "loopback"
    return "any" if mapped.is_unspecified else "address"


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address as the kernel prints it: words of 32 bits in the order of a little-endian machine."""
    if not re.fullmatch(r"([0-9A-Fa-f]{8}){1,4}", text):
        return None
    data = b"".join(int(text[at : at + 8], 16).to_bytes(4, "little") for at in range(0, len(text), 8))
    return ipaddress.ip_address(data) if len(data) in (4, 16) else None


def listening(host: Host) -> list[Tree]:
    """Of the running host. Raises Unread."""
    host.must_live()
    found: list[Tree] = []
    for proto in _TABLES:
        text = host.text(f"/proc/net/{proto}", _LIMIT)
        if text is None and proto in ("tcp", "udp"):
            raise Unread(f"no /proc/net/{proto}")
        found += parse(text or "", proto)
    owners, complete = _owners(host, {socket["inode"] for socket in found})
    for socket in found:
        unknown = None if complete else err("denied: needs root")
        socket["process"] = owners.get(socket.pop("inode"), unknown)
    return sorted(found, key=lambda s: (s["proto"], s["port"], s["address"]))


def _owners(host: Host, inodes: set[str]) -> tuple[dict[str, str], bool]:
    """inode → name of the program that holds it, and whether every process could be looked into."""
    owners: dict[str, str] = {}
    complete = True
    for pid in (name for name in host.list("/proc") if name.isdigit()):
        names = attempt(_sockets, host, pid, inodes)
        if is_err(names):
            complete = False
            continue
        for inode in names:
            owners.setdefault(inode, (host.text(f"/proc/{pid}/comm", 4096) or "").strip())
    return owners, complete


def _sockets(host: Host, pid: str, inodes: set[str]) -> list[str]:
    found = []
    for fd in host.list(f"/proc/{pid}/fd"):
        entry = host.stat(f"/proc/{pid}/fd/{fd}", follow=False)
        match = _SOCKET.fullmatch(entry.target or "") if entry else None
        if match and match[1] in inodes:
            found.append(match[1])
    return found
