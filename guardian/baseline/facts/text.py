"""Small grammars that many files of a host share. Pure; nothing here raises for hostile text."""

import re
import shlex
from collections.abc import Iterator

_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")


def lines(text: str, comment: str = "#") -> Iterator[tuple[int, str]]:
    """The lines that say something, with their numbers from 1; only whole-line comments are taken away."""
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if stripped and not stripped.startswith(tuple(comment)):
            yield number, stripped


def typed(value: str) -> str | int:
    """A whole number as a number, anything else as it is."""
    return int(value) if _NUMBER.fullmatch(value) else value


def number(value: str) -> int | None:
    """A whole number in decimal; None for anything else."""
    return int(value) if _NUMBER.fullmatch(value) else None


def words(line: str) -> list[str]:
    """The words of a line as a shell would split them; split at blanks where its quotes do not match."""
    try:
        return shlex.split(line, comments=True)
    except ValueError:
        return line.split()


def assignments(text: str, comment: str = "#;") -> dict[str, str]:
    """``key = value`` lines: keys in lower case, a later one wins, quotes around a value gone, trailing comments
    too."""
    found: dict[str, str] = {}
    for _number, line in lines(text, comment):
        key, sign, value = line.partition("=")
        if sign:
            found[key.strip().lower()] = _bare(value.strip())
    return found


def settings(text: str) -> dict[str, str]:
    """``KEY value`` lines, as in login.defs: a later one wins; keys in lower case."""
    found: dict[str, str] = {}
    for _number, line in lines(text):
        key, _space, value = line.partition(" ") if "\t" not in line else line.replace("\t", " ").partition(" ")
        found[key.lower()] = _bare(value.strip())
    return found


def sections(text: str) -> dict[str, dict[str, str]]:
    """An ini file: section in lower case → assignments."""
    found: dict[str, dict[str, str]] = {}
    current = found.setdefault("", {})
    for _number, line in lines(text, "#;"):
        if line.startswith("[") and line.endswith("]"):
            current = found.setdefault(line[1:-1].strip().lower(), {})
            continue
        key, sign, value = line.partition("=")
        if sign:
            current[key.strip().lower()] = value.strip()
    return found


_SPANS = {
    "": 1, "s": 1, "sec": 1, "second": 1, "seconds": 1, "m": 60, "min": 60, "minute": 60, "minutes": 60,
    "h": 3600, "hr": 3600, "hour": 3600, "hours": 3600, "d": 86400, "day": 86400, "days": 86400,
    "w": 604800, "week": 604800, "weeks": 604800, "month": 2629800, "months": 2629800, "M": 2629800,
    "y": 31557600, "year": 31557600, "years": 31557600,
}  # fmt: skip
_SPAN = re.compile(r"([0-9]{1,12})\s*([A-Za-z]*)")


def seconds(span: str) -> int | None:
    """A time span as systemd and OpenSSH write it (``6month``, ``2h 30m``) in seconds; None for anything else."""
    total, at = 0, 0
    span = span.strip()
    while at < len(span):
        match = _SPAN.match(span, at)
        if match is None or match[2] not in _SPANS:
            return None
        total += int(match[1]) * _SPANS[match[2]]
        at = match.end()
        while at < len(span) and span[at] == " ":
            at += 1
    return total if span else None


def _bare(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    cut = re.split(r"\s[#;]", value, maxsplit=1)[0].strip()
    if len(cut) > 1 and cut[0] == cut[-1] and cut[0] in "\"'":
        return cut[1:-1]
    return cut
