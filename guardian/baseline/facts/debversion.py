"""Which of two Debian versions is newer, as deb-version(7) has it."""

import re

_PARTS = re.compile(r"([^0-9]*)([0-9]*)")


def newer(one: str, other: str) -> bool:
    """Whether ``one`` is newer than ``other``."""
    return key(one) > key(other)


def key(version: str) -> tuple[int, list[tuple[list[int], int]], list[tuple[list[int], int]]]:
    """A key that sorts versions: epoch, upstream, revision."""
    epoch, colon, rest = version.partition(":")
    if not colon or not epoch.isdigit():
        epoch, rest = "0", version
    upstream, dash, revision = rest.rpartition("-")
    return int(epoch[:18]), _part(upstream if dash else rest), _part(revision if dash else "0")


def _part(text: str) -> list[tuple[list[int], int]]:
    """Runs of other characters and of digits, in turn; a run's end sorts before letters and after ``~``."""
    runs = [
        ([_order(letter) for letter in other] + [0], int(digits or 0)) for other, digits in _PARTS.findall(text[:500])
    ]
    while runs and runs[-1] == ([0], 0):
        runs.pop()
    return [*runs, ([0], 0)]


def _order(letter: str) -> int:
    if letter == "~":
        return -1
    return ord(letter) if letter.isalpha() else ord(letter) + 0x110000
