"""Which folders below a root begin a file system that a walk leaves out."""

import re
from dataclasses import dataclass, field
from pathlib import Path

_PSEUDO = frozenset(
    [
        "proc",
        "sysfs",
        "devtmpfs",
        "devpts",
        "cgroup",
        "cgroup2",
        "securityfs",
        "debugfs",
        "tracefs",
        "configfs",
        "pstore",
        "bpf",
        "mqueue",
        "hugetlbfs",
        "autofs",
        "binfmt_misc",
        "efivarfs",
        "fusectl",
        "rpc_pipefs",
        "nsfs",
        "selinuxfs",
    ]
)
_NETWORK = frozenset(
    [
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "9p",
        "virtiofs",
        "ceph",
        "glusterfs",
        "lustre",
        "gpfs",
        "beegfs",
        "afs",
        "ncpfs",
        "ocfs2",
        "davfs",
        "gfs2",
        "orangefs",
        "fuse.sshfs",
        "fuse.s3fs",
        "fuse.goofys",
        "fuse.rclone",
        "fuse.glusterfs",
        "fuse.ceph",
        "fuse.juicefs",
        "juicefs",
    ]
)
_OCTAL = re.compile(rb"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mounts:
    """The mount points below a root that are left out, with the reason."""

    out: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, root: Path) -> "Mounts":
        """Of this machine. Where the table cannot be read, nothing is left out but ``/proc`` and ``/sys``."""
        try:
            table = Path("/proc/self/mountinfo").read_bytes()
        except OSError:
            table = b""
        return cls({"/proc": "proc", "/sys": "sysfs", **left_out(table, root)})


def left_out(table: bytes, root: Path) -> dict[str, str]:
    """The mount points of a ``mountinfo`` below ``root`` (paths as seen from it) that a walk leaves out.

    Lines are those of proc(5): id, parent, device, root in the file system, mount point, options, …, ``-``, type.
    """
    lines = [line for raw in table.splitlines() if (line := _line(raw)) is not None]
    seen: set[tuple[str, str]] = set()
    whole = {device for device, inside, point, _kind in lines if inside == "/" and _below(point, root) is not None}
    found: dict[str, str] = {}
    for device, inside, point, kind in lines:
        below = _below(point, root)
        if below is None:
            continue
        why = _why(kind)
        if not why and below != "/" and ((device, inside) in seen or (inside != "/" and device in whole)):
            why = "seen elsewhere"
        seen.add((device, inside))
        if why and below != "/":
            found[below] = why
        else:
            found.pop(below, None)  # what is mounted last lies on top
    return found


def _why(kind: str) -> str | None:
    if kind in _PSEUDO:
        return kind
    if kind in _NETWORK:
        return f"network: {kind}"
    return "container layers" if kind in ("overlay", "aufs", "squashfs", "fuse.lxcfs") else None


def _below(point: str, root: Path) -> str | None:
    base = str(root)
    if base == "/":
        return point
    if point == base:
        return "/"
    return point[len(base) :] if point.startswith(f"{base}/") else None


def _line(raw: bytes) -> tuple[str, str, str, str] | None:
    fields = raw.split(b" ")
    try:
        kind = fields[fields.index(b"-", 6) + 1]
        return fields[2].decode("ascii"), _plain(fields[3]), _plain(fields[4]), kind.decode("ascii")
    except (ValueError, IndexError, UnicodeDecodeError):
        return None


def _plain(field_: bytes) -> str:
    return _OCTAL.sub(lambda code: bytes([int(code[1], 8) & 0xFF]), field_).decode("utf-8", "surrogateescape")
