"""How collectors read: a value, or ``$err`` with the reason, and nothing in between.

``None`` and an empty list mean *known to be absent*. What could not be read raises :class:`Unread`, and becomes
``{"$err": reason}`` at the smallest part of the facts that depends on it (:func:`attempt`).
"""

import errno
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, ParamSpec

from guardian.baseline.facts.root import Entry, Root
from guardian.clock import Clock, SystemClock
from guardian.errors import GuardianError, Interrupted, Stalled, ToolMissing
from guardian.model.events import Reporter, silent
from guardian.proc import Command, capture

Tree = dict[str, Any]
"""A part of the facts: plain JSON, with ``{"$err": reason}`` where something could not be read."""

P = ParamSpec("P")

TEXT = 1 << 20
"""Bytes: no configuration file of ours is larger."""

NOT_LIVE = "not live: read from a tree"


class Unread(Exception):
    """Something could not be read; ``reason`` is a short English code or sentence without secrets."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def err(reason: str) -> Tree:
    """The form of a fact that could not be read."""
    return {"$err": reason}


def is_err(fact: object) -> bool:
    """Whether ``fact`` could not be read."""
    return isinstance(fact, dict) and "$err" in fact


def attempt(read: Callable[P, Any], *args: P.args, **named: P.kwargs) -> Any:
    """What ``read`` returns; ``$err`` if it could not be read."""
    try:
        return read(*args, **named)
    except Unread as error:
        return err(error.reason)


def shown(text: str) -> str:
    """A name or line from outside as text that any JSON can hold: bytes that are no UTF-8 as ``\\xNN``."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def octal(mode: int) -> str:
    """Permission bits as in ``chmod``: four digits."""
    return f"{mode & 0o7777:04o}"


@dataclass(frozen=True, slots=True)
class Said:
    """What a program said: its exit status, output, and the last line it complained with."""

    code: int
    out: str
    complaint: str


@dataclass(frozen=True, slots=True)
class Host:
    """One host to collect from, the moment it is looked at, and whoever is told how far that is."""

    root: Root
    clock: Clock = field(default_factory=SystemClock)
    report: Reporter = silent

    @property
    def today(self) -> int:
        """Whole days since 1970-01-01, as shadow(5) counts."""
        return int(self.clock.now().timestamp() // 86400)

    def stat(self, path: str, *, follow: bool = True) -> Entry | None:
        """What lies at ``path``; None for nothing. Raises Unread."""
        try:
            return self.root.stat(path, follow=follow)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            raise Unread(_reason(error, path)) from error

    def exists(self, *paths: str) -> bool:
        """Whether something lies at any of ``paths``. Raises Unread."""
        return any(self.stat(path) is not None for path in paths)

    def list(self, path: str) -> list[str]:
        """The names in a folder; none if it is not there. Raises Unread."""
        try:
            return self.root.list(path)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except (OSError, ValueError) as error:
            raise Unread(_reason(error, path)) from error

    def bytes(self, path: str, limit: int = TEXT) -> bytes | None:
        """The content of a file; None if it is not there. Raises Unread."""
        try:
            return self.root.read(path, limit)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            raise Unread(_reason(error, path)) from error

    def text(self, path: str, limit: int = TEXT) -> str | None:
        """The same as text; what is no UTF-8 is shown as ``\\xNN``."""
        data = self.bytes(path, limit)
        return None if data is None else data.decode("utf-8", "backslashreplace")

    def drop_ins(self, folders: tuple[str, ...], suffix: str) -> Iterator[str]:
        """The files of ``folders`` that end with ``suffix``: sorted by name, a name in an earlier folder hides
        others."""
        chosen: dict[str, str] = {}
        for folder in folders:
            for name in self.list(folder):
                if name.endswith(suffix) and not name.startswith("."):
                    chosen.setdefault(name, f"{folder}/{name}")
        return (chosen[name] for name in sorted(chosen) if not self._masked(chosen[name]))

    def _masked(self, path: str) -> bool:
        """Whether a file is taken out by a link to nothing, as systemd's tools have it."""
        entry = self.stat(path, follow=False)
        return entry is not None and entry.target == "/dev/null"

    def must_live(self) -> None:
        """Raises Unread where there is no running host to ask."""
        if not self.root.live:
            raise Unread(NOT_LIVE)

    def run(self, *argv: str, seconds: float = 10.0, limit: int = 4 << 20) -> Said:
        """Ask a program of the running host. Raises Unread when it cannot be asked or says too much."""
        self.must_live()
        try:
            said = capture(Command(argv), limit_bytes=limit, seconds=seconds)
        except ToolMissing as error:
            raise Unread(f"no such program: {argv[0]}") from error
        except Stalled as error:
            raise Unread(f"timeout after {seconds:g} s: {argv[0]}") from error
        except Interrupted:
            raise
        except GuardianError as error:
            raise Unread(f"could not run {argv[0]}") from error
        if said.truncated:
            raise Unread(f"too large: more than {limit} bytes from {argv[0]}")
        last = said.stderr[-1][:200] if said.stderr else ""
        return Said(said.returncode, said.stdout.decode("utf-8", "backslashreplace"), last)

    def ask(self, *argv: str, seconds: float = 10.0) -> str:
        """The output of a program that must end well. Raises Unread."""
        said = self.run(*argv, seconds=seconds)
        if said.code != 0:
            raise Unread(f"{argv[0]} ended with {said.code}: {said.complaint}".rstrip(": "))
        return said.out


def _reason(error: OSError | ValueError, path: str) -> str:
    number = getattr(error, "errno", None)
    where = shown(path)
    if number in (errno.EACCES, errno.EPERM):
        return f"denied: needs root: {where}"
    if number == errno.EFBIG:
        return f"too large: {where}"
    why = getattr(error, "strerror", None) or "not a path"
    return f"{why}: {where}"  # the path last: "passwd: x" would be taken for a secret, and masked
