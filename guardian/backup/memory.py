"""How much memory there is, and how much a prune will want: asked before, since none should die halfway for it."""

from pathlib import Path
from typing import Final

BASE: Final = 100 << 20
"""Bytes that restic takes for the smallest repository, with room to spare."""
FACTOR: Final = 12
"""restic wants three times its index, and its garbage collector as much again; index files are stored compressed, to
about half."""
_CGROUPS: Final = Path("/sys/fs/cgroup")


def wanted(index_bytes: int) -> int:
    """Bytes of memory that a prune may take, given how long the index files of the repository are."""
    return BASE + FACTOR * index_bytes


def available(proc: Path = Path("/proc"), cgroups: Path = _CGROUPS) -> int | None:
    """Bytes that may still be taken: by the machine, and by each control group above us. None when nobody tells."""
    found = [_machine(proc), *_groups(proc, cgroups)]
    return min((one for one in found if one is not None), default=None)


def _machine(proc: Path) -> int | None:
    try:
        lines = (proc / "meminfo").read_text("ascii", "replace").splitlines()
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    amount = fields.get("MemAvailable", "").split()
    return int(amount[0]) << 10 if amount and amount[0].isdecimal() else None


def _groups(proc: Path, cgroups: Path) -> list[int | None]:
    """What is left in every group of version 2 from ours up."""
    try:
        lines = (proc / "self" / "cgroup").read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
    ours = next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), None)
    if ours is None:
        return []
    parts = [part for part in ours.split("/") if part not in ("", "..")]
    return [_left(cgroups.joinpath(*parts[:depth])) for depth in range(len(parts), -1, -1)]


def _left(group: Path) -> int | None:
    limit, used = _number(group / "memory.max"), _number(group / "memory.current")
    if limit is None or used is None:
        return None
    return max(0, limit - used + _reclaimable(group))


def _reclaimable(group: Path) -> int:
    """What the kernel gives back before anything is killed: file pages that nobody uses."""
    try:
        lines = (group / "memory.stat").read_text("ascii", "replace").splitlines()
    except OSError:
        return 0
    found = (line.split() for line in lines)
    return next((int(words[1]) for words in found if words[:1] == ["inactive_file"] and words[1].isdecimal()), 0)


def _number(path: Path) -> int | None:
    try:
        text = path.read_text("ascii", "replace").strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None
