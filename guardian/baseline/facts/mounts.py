"""What is mounted, and what will be after the next start."""

import re

from guardian.baseline.facts.reading import Host, Tree, attempt
from guardian.baseline.facts.text import lines

_OCTAL = re.compile(r"\\([0-7]{3})")
_MOST = 5000


def collect(host: Host) -> Tree:
    """``mounts``: ``now`` and ``fstab``: mount point → type, source, options."""
    return {
        "mounts": {
            "now": attempt(_now, host),
            "fstab": attempt(lambda: parse(host.text("/etc/fstab") or "")),
        }
    }


def _now(host: Host) -> Tree:
    host.must_live()
    return parse(host.text("/proc/self/mounts", 8 << 20) or "")


def parse(text: str) -> Tree:
    """The lines of fstab(5) or of proc's mounts; what is mounted last on a point counts. Swap has no point."""
    found: Tree = {}
    for _number, line in lines(text):
        field = line.split()
        if len(field) >= 4 and field[1].startswith("/") and len(found) < _MOST:
            found[_plain(field[1])] = {
                "type": field[2],
                "source": _plain(field[0])[:200],
                "options": field[3].split(",")[:60],
            }
    return found


def _plain(text: str) -> str:
    return _OCTAL.sub(lambda code: chr(int(code[1], 8) & 0xFF), text)
