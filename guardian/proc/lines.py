"""Lines out of chunks, with bounded memory whatever the program sends."""

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from guardian.model.redaction import redact

CUT = b" [cut]"
"""Stands at the end of a line that was longer than the limit."""

_CONTROLS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(slots=True)
class LineSplitter:
    """Gives whole lines, without their end, to ``on_line``; a line over ``limit`` bytes is cut and marked."""

    on_line: Callable[[bytes], None]
    limit: int = 1 << 20
    on_block: Callable[[bytes], bool] = lambda _block: False
    """Is given several whole lines at once, each with its end; when it says False they are given one by one."""
    _pieces: list[bytes] = field(default_factory=list)
    _held: int = 0

    def __call__(self, chunk: bytes) -> None:
        """Take the next bytes."""
        end = chunk.rfind(b"\n") + 1
        if not end:
            self._hold(chunk)
            return
        start = 0
        if self._held:
            start = chunk.index(b"\n") + 1
            self._hold(chunk[: start - 1])
            self._emit()
        block = chunk[start:end]
        if block and not self.on_block(block):
            on_line, limit = self.on_line, self.limit
            for line in block[:-1].split(b"\n"):
                on_line(line if len(line) <= limit else line[:limit] + CUT)
        self._hold(chunk[end:])

    def close(self) -> None:
        """The output has ended: give the last line, if it had no end."""
        if self._held:
            self._emit()

    def _hold(self, piece: bytes) -> None:
        if piece and self._held <= self.limit:
            self._pieces.append(piece[: self.limit + 1 - self._held])
        self._held += len(piece)

    def _emit(self) -> None:
        line = b"".join(self._pieces)
        over = self._held > self.limit
        self._pieces.clear()
        self._held = 0
        self.on_line(line[: self.limit] + CUT if over else line)


@dataclass(slots=True)
class Tail:
    """The last lines of an output: at most ``lines`` of them and ``size`` bytes, each at most 4 KiB."""

    lines: int = 200
    size: int = 65536
    _kept: deque[bytes] = field(default_factory=deque)
    _bytes: int = 0

    def __call__(self, line: bytes) -> None:
        """Take one line."""
        line = line if len(line) <= 4096 else line[:4096] + CUT
        self._kept.append(line)
        self._bytes += len(line)
        while len(self._kept) > self.lines or self._bytes > self.size:
            self._bytes -= len(self._kept.popleft())

    def text(self) -> tuple[str, ...]:
        """The lines, decoded, free of terminal codes, redacted; blank ones left out."""
        return tuple(text for line in self._kept if (text := clean(line)))


def plain(line: bytes) -> str:
    """``line`` as text to look at: undecodable bytes escaped, control codes gone."""
    return _CONTROLS.sub("", line.decode("utf-8", "backslashreplace")).strip()


def clean(line: bytes) -> str:
    """``line`` as text that may be shown: as :func:`plain`, and secrets masked."""
    return redact(plain(line))
