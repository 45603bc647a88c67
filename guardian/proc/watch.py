"""Whether a program still makes progress, judged by the bytes it moves."""

from dataclasses import dataclass
from pathlib import Path

NOISE = 16 * 1024
"""Bytes a hanging program may move in one stall window: wake-ups, keep-alives, a repeated request."""


def bytes_moved(pid: int) -> int | None:
    """Bytes that process ``pid`` has read and written by system calls so far; None when the kernel will not say."""
    try:
        text = Path(f"/proc/{pid}/io").read_bytes()
        fields = dict(line.split(b": ", 1) for line in text.splitlines())
        return int(fields[b"rchar"]) + int(fields[b"wchar"])
    except (OSError, ValueError, KeyError):
        return None


@dataclass(slots=True)
class StallWatch:
    """Remembers when progress was last seen. Times are seconds on the monotonic clock."""

    stall: float
    since: float
    _reference: int = 0

    def observe(self, moved: int, now: float) -> bool:
        """Take the count of bytes moved so far; True when there was no progress for ``stall`` seconds."""
        if moved - self._reference > NOISE:
            self._reference, self.since = moved, now
        return now - self.since >= self.stall
