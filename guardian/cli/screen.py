"""A terminal for secrets: an alternate screen that leaves nothing behind, and input that is not shown.

What is said goes to the terminal itself, never through standard output: a pipe or a log there must not catch a word.
"""

import getpass
import sys
from collections.abc import Iterable
from types import TracebackType
from typing import Self, TextIO

from guardian.errors import UsageError
from guardian.i18n import _

_ENTER, _LEAVE, _CLEAR = "\x1b[?1049h\x1b[H", "\x1b[2J\x1b[H\x1b[?1049l", "\x1b[2J\x1b[H"


def has_terminal() -> bool:
    """Whether a person sits there: input and errors both belong to a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


class Screen:
    """The terminal, taken over for a while and wiped at the end, however it ends. Use it in a ``with`` block."""

    def __init__(self) -> None:
        """Raises UsageError when there is no terminal."""
        try:
            if not has_terminal():
                raise OSError
            self._terminal: TextIO = open("/dev/tty", "w", encoding="utf-8", errors="backslashreplace")  # noqa: PTH123, SIM115
        except OSError:
            raise UsageError(_("this takes a terminal"), _("Run it where the holder sits.")) from None

    def __enter__(self) -> Self:
        """Switch to the alternate screen."""
        self._write(_ENTER + _CLEAR)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wipe it and go back."""
        self._write(_LEAVE)
        self._terminal.close()

    def clear(self) -> None:
        """Nothing is to be seen any more."""
        self._write(_CLEAR)

    def say(self, lines: Iterable[str]) -> None:
        """Show ``lines``, which are safe for a terminal."""
        self._write("".join(f"{line}\n" for line in lines))

    def ask(self, question: str) -> str:
        """What is typed, without its being shown. Raises KeyboardInterrupt; UsageError at the end of input."""
        try:
            return getpass.getpass(f"{question} ", self._terminal)
        except EOFError:
            raise UsageError(_("the input ended")) from None

    def _write(self, text: str) -> None:
        self._terminal.write(text)
        self._terminal.flush()
