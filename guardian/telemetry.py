"""Logs: one line an event, every line with the run it belongs to, no line with a secret.

People get a short console line; machines get JSON lines. Secrets are masked in the formatter, the last step before the
bytes leave, so that an argument, an exception and a child's output all pass it.
"""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO

from guardian.clock import rfc3339
from guardian.errors import GuardianError
from guardian.i18n import _
from guardian.model.redaction import hide, redact

_ROOT = "guardian"
_run_id: ContextVar[str] = ContextVar("run_id", default="")


def log(name: str = "") -> logging.Logger:
    """The logger of a room (``name``), or Guardian's own."""
    return logging.getLogger(f"{_ROOT}.{name}" if name else _ROOT)


@contextmanager
def bound(run_id: str) -> Iterator[None]:
    """While inside, in this thread or task, every log line carries ``run_id``."""
    token = _run_id.set(run_id)
    try:
        yield
    finally:
        _run_id.reset(token)


def configure(*, verbose: int | bool = 0, as_json: bool = False, stream: TextIO | None = None) -> None:
    """Send Guardian's logs to ``stream`` (default: standard error).

    Warnings and worse; from ``verbose`` 1 on, everything that happens; from 2 on, every detail. Calling it again
    replaces what was set up before.
    """
    logger = logging.getLogger(_ROOT)
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if as_json else Console())
    logger.addHandler(handler)
    logger.propagate = False
    logger.setLevel((logging.WARNING, logging.INFO, logging.DEBUG)[min(int(verbose), 2)])


class Console(logging.Formatter):
    """``14:03:27 warning restic: text``; times in UTC, tracebacks below."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as one line, and its traceback if it has one."""
        moment = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        room = record.name.removeprefix(_ROOT).removeprefix(".")
        text = f"{moment} {record.levelname.lower()} {room + ': ' if room else ''}{_one_line(record.getMessage())}"
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return redact(text)


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, room, message, and run and traceback when there are any."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as one line of JSON."""
        fields = {
            "time": rfc3339(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "room": record.name,
            "message": redact(record.getMessage()),
        }
        if run_id := _run_id.get():
            fields["run_id"] = run_id
        if record.exc_info:
            fields["traceback"] = redact(self.formatException(record.exc_info))
        return json.dumps(fields, ensure_ascii=False)


def told(error: GuardianError) -> str:
    """An error and its hint as one line of a log."""
    return f"{error.message}. {error.hint}" if error.hint else error.message


def unexpected(error: Exception) -> GuardianError:
    """A fault of our own as an error that may be shown and put on record; its traceback goes to the log."""
    log().info("unexpected error", exc_info=error)
    return GuardianError(
        _("unexpected error: {error}").format(error=_one_line(redact(f"{type(error).__name__}: {error}"))),
        _("This is a fault of Guardian's; run again with -v and report what it says."),
    )


def _one_line(text: str) -> str:
    """Line ends and terminal codes in a message are shown, not obeyed: a file name must not forge a log line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


__all__ = ["Console", "JsonLines", "bound", "configure", "hide", "log", "redact", "told", "unexpected"]
