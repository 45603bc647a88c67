"""What a job's process tells the agent: one JSON document a line on its standard output, the result last.

The agent trusts nothing it reads here: a line it does not know is passed over, texts and numbers are bounded.
"""

import json
import threading
from typing import Any, BinaryIO, Final

from pydantic import ValidationError

from guardian.clock import Clock
from guardian.model.events import Event, Notice, Phase, Progress, Remark
from guardian.model.job import JobResult
from guardian.model.reason import Reason
from guardian.model.redaction import redact

LIMIT: Final = 1 << 20
"""Bytes of a line at most."""
_APART: Final = 0.5
"""Seconds between two reports of progress at least: a hundred thousand files need no hundred thousand lines."""
_TEXT: Final = 2000
_NUMBER: Final = 1 << 62


class Teller:
    """The job's side: a reporter that writes lines. Events come from several threads; losing the agent is no error."""

    def __init__(self, out: BinaryIO, clock: Clock) -> None:
        """Write to ``out``, which nobody else writes to."""
        self._out, self._clock = out, clock
        self._lock = threading.Lock()
        self._quiet_until = float("-inf")

    def __call__(self, event: Event, /) -> None:
        """Tell of one event; progress at most twice a second."""
        match event:
            case Phase(phase, subject):
                self._write({"phase": phase, "subject": subject})
            case Progress(done, total, unit, at):
                now = self._clock.monotonic()
                if now >= self._quiet_until:
                    self._quiet_until = now + _APART
                    self._write({"done": done, "total": total, "unit": unit} | ({"at": at[:_TEXT]} if at else {}))
            case Notice(text):
                self._write({"notice": redact(text)[:_TEXT]})
            case Remark(why):
                self._write({"remark": why.model_dump(mode="json")})

    def result(self, result: JobResult) -> None:
        """The last line: what came of it."""
        self._write({"result": result.model_dump(mode="json")})

    def _write(self, document: dict[str, Any]) -> None:
        line = json.dumps(document, ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\n"
        with self._lock:
            try:
                self._out.write(line)
                self._out.flush()
            except OSError:
                pass  # the agent is gone; the guard will end us, and the log tells what was done


def understand(line: bytes) -> Event | JobResult | None:
    """What a line says; None when it says nothing that we know."""
    try:
        document = json.loads(line)
        return _event(document) if isinstance(document, dict) else None
    except (ValueError, ValidationError, RecursionError):
        return None


def _event(document: dict[str, Any]) -> Event | JobResult | None:
    if "result" in document:
        return JobResult.model_validate(document["result"])
    if "remark" in document:
        return Remark(Reason.model_validate(document["remark"]))
    if "phase" in document:
        return Phase(_text(document["phase"]), _text(document.get("subject")))
    if "notice" in document:
        return Notice(_text(document["notice"]))
    if "done" in document:
        done, total = _count(document["done"]), _count(document.get("total"))
        return Progress(done, total, _text(document.get("unit")), _text(document.get("at")))
    return None


def _text(value: object) -> str:
    return value[:_TEXT] if isinstance(value, str) else ""


def _count(value: object) -> int:
    return min(max(value, 0), _NUMBER) if isinstance(value, int) else 0
