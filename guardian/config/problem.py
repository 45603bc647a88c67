"""What is wrong with a configuration: every fault has a place, a key, a sentence and a hint."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from guardian.errors import ConfigError
from guardian.i18n import _


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: the file as the reader knows it, line and column from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        """``guardian.yaml:12``."""
        return f"{self.file}:{self.line}"


Loc = tuple[str | int, ...]
"""The way to a value from the top: keys of mappings and indexes of lists."""


def dotted(loc: Loc) -> str:
    """``loc`` as people write it: ``systems.social.sources.docs.paths[0]``."""
    text = ""
    for step in loc:
        text += f"[{step}]" if isinstance(step, int) else f"{'.' if text else ''}{_printable(step)}"
    return text


def _printable(key: str) -> str:
    """A key that cannot disturb a terminal: what is not printable becomes an escape."""
    short = key if len(key) <= 64 else key[:63] + "…"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in short)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault at a way from the top, before its place in a file is looked up."""

    loc: Loc
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault as it is shown. ``str()`` is one line: ``guardian.yaml:12: systems.social.owner: text is expected``."""

    place: Place | None
    key: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        """One line: place, key, message."""
        return ": ".join(part for part in (str(self.place or ""), self.key, self.message) if part)


class InvalidConfigError(ConfigError):
    """Everything that is wrong with a configuration; the message is the first problem's line.

    ``problems`` holds all of them, in the order of the files, the first included.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        """``problems`` holds at least one."""
        first = problems[0]
        super().__init__(str(first), first.hint or _("'guardian config schema' tells what every key takes."))
        self.problems: tuple[Problem, ...] = tuple(problems)

    @classmethod
    def one(cls, place: Place | None, message: str, hint: str = "", key: str = "") -> "InvalidConfigError":
        """An error of a single problem."""
        return cls([Problem(place, key, message, hint)])


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """``; did you mean "…"?`` when one of ``known`` looks like ``word``, otherwise nothing."""
    near = get_close_matches(word[:64], known, n=1, cutoff=0.6)
    return _('; did you mean "{word}"?').format(word=near[0]) if near else ""
