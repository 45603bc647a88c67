"""What people and programs see: one JSON document, or plain lines and tables; errors as one line and a hint."""

import json
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from guardian.cli.options import Session
from guardian.errors import ExitCode, Unavailable
from guardian.i18n import _
from guardian.model.visible import visible as visible  # noqa: PLC0414  the verbs take it from here


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a verb: for programs (``body``) and for people (``lines``)."""

    schema: str
    """Name and version of the document, such as ``guardian.backup/v1``."""
    outcome: str
    exit_code: ExitCode
    body: dict[str, Any] = field(default_factory=dict)
    lines: tuple[str, ...] = ()


def show(session: Session, report: Report) -> int:
    """Print ``report`` as the session asks, and give its exit code."""
    if session.as_json:
        document = {
            "schema": report.schema,
            "outcome": report.outcome,
            "exit_code": int(report.exit_code),
            **report.body,
        }
        _write_json(document)
    elif not session.quiet:
        for line in report.lines:
            _write(sys.stdout, line)
    return int(report.exit_code)


def show_error(
    code: str, texts: tuple[str, str], problems: Sequence[str] = (), *, as_json: bool, exit_code: ExitCode
) -> None:
    """Print an error: one line, further ``problems`` a line each, then the hint. ``texts`` is (message, hint)."""
    message, hint = texts
    if as_json:
        error: dict[str, Any] = {"code": code, "message": message, "hint": hint}
        if problems:
            error["problems"] = list(problems)
        document = {"schema": "guardian.error/v1", "outcome": "error", "exit_code": int(exit_code), "error": error}
        _write_json(document)
        return
    for line in problems or (message,):
        _write(sys.stderr, _("guardian: error: {message}").format(message=visible(line)))
    if hint:
        _write(sys.stderr, _("hint: {hint}").format(hint=visible(hint)))


def say(text: str) -> None:
    """A remark beside the result, on standard error."""
    _write(sys.stderr, visible(text))


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """``rows`` in aligned columns; Chinese characters count two columns, as terminals draw them."""
    cells = [tuple(header), *(tuple(visible(c) for c in row) for row in rows)]
    widths = [max(_width(row[i]) for row in cells) for i in range(len(header))]
    return tuple(
        "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def human_bytes(count: float) -> str:
    """``1536`` as ``1.5 KiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def _write_json(document: dict[str, Any]) -> None:
    # JSON is UTF-8 whatever the terminal speaks (RFC 8259, 8.1); a lone surrogate becomes its JSON escape.
    _write(sys.stdout, json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False), "utf-8")


def stream(pieces: Iterable[bytes]) -> None:
    """Print ``pieces`` as they are made, as they are."""
    sys.stdout.flush()
    for piece in pieces:
        _put(sys.stdout, piece)


def _write(stream: Any, text: str, encoding: str = "") -> None:
    # A path may hold bytes that are not UTF-8, and the terminal may not speak UTF-8 at all.
    _put(stream, (text + "\n").encode(encoding or stream.encoding or "utf-8", errors="backslashreplace"))


def _put(stream: Any, data: bytes) -> None:
    try:
        stream.flush()
        stream.buffer.write(data)
        stream.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        if stream is sys.stderr:
            return  # nobody is left to be told
        raise Unavailable(
            _("cannot write to standard output: {why}").format(why=error.strerror),
            _("What was done stays done; only its report is lost."),
        ) from error
