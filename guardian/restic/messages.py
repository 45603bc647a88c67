"""What restic says, line by line: JSON of known shape, JSON of unknown shape, or plain text. No line ever raises."""

import json
import re
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from guardian.model.backup import Counts
from guardian.model.border import Heard

_ITEM = b'{"message_type":"verbose_status","action":"'
_ACTIONS = {name.encode(): name for name in ("new", "modified", "unchanged")}

_ITEMS = re.compile(
    rb'^\{"message_type":"verbose_status","action":"(new|modified|unchanged)","item":"([^"\\]+)".*\n', re.MULTILINE
)

REPLACEMENT = "\ufffd"
"""Stands in a path for each byte that was not UTF-8: such a path cannot be opened."""


class Status(Heard):
    """How far a backup or a restore is. Zero fields are left out by restic."""

    percent_done: float = 0.0
    total_files: int = 0
    files_done: int = 0
    files_restored: int = 0
    total_bytes: int = 0
    bytes_done: int = 0
    bytes_restored: int = 0
    error_count: int = 0


class Summary(Heard):
    """The end of a backup. ``snapshot_id`` has 8 digits before 0.15 and is None when nothing was saved."""

    files_new: int = 0
    files_changed: int = 0
    files_unmodified: int = 0
    dirs_new: int = 0
    dirs_changed: int = 0
    dirs_unmodified: int = 0
    data_added: int = 0
    total_files_processed: int = 0
    total_bytes_processed: int = 0
    snapshot_id: str | None = Field(None, pattern=r"^[0-9a-f]{8,64}$")
    dry_run: bool = False

    def counts(self) -> Counts:
        """The figures for the receipt."""
        return Counts(
            files=self.total_files_processed,
            directories=self.dirs_new + self.dirs_changed + self.dirs_unmodified,
            bytes=self.total_bytes_processed,
            added_bytes=self.data_added,
            files_new=self.files_new,
            files_changed=self.files_changed,
            files_unmodified=self.files_unmodified,
        )


class RestoreSummary(Heard):
    """The end of a restore. ``files_restored`` counts directories too, ``total_files`` counts files only or both."""

    total_files: int = 0
    files_restored: int = 0
    total_bytes: int = 0
    bytes_restored: int = 0


class CheckSummary(Heard):
    """The end of a check. ``num_errors`` is 1 as well when the check could not run at all."""

    num_errors: int
    broken_packs: tuple[str, ...] | None = None


class Trouble(Heard):
    """An error that did not end the run. Its text lies elsewhere in each version, and 0.14 may give none."""

    error: Any = None
    message: str = ""
    during: str = ""
    item: str = ""

    @property
    def text(self) -> str:
        """What went wrong; empty when restic did not say."""
        if isinstance(self.error, dict):
            if message := self.error.get("message"):
                return str(message)
            named = [str(self.error[key]) for key in ("Op", "Path", "Err") if key in self.error]
            return " ".join(named)
        return self.message or (str(self.error) if self.error else "")


class Initialized(Heard):
    """A repository was made."""

    id: str


class ExitError(Heard):
    """Why restic ended (0.18 and newer)."""

    code: int
    message: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """A file or directory (its path ends in ``/``) that was dealt with: new, modified, unchanged."""

    action: str
    path: str


@dataclass(frozen=True, slots=True)
class Other:
    """JSON of a kind we do not know: restic may grow."""

    kind: str


@dataclass(frozen=True, slots=True)
class Said:
    """A line that is no JSON message."""

    text: bytes


Message = Status | Summary | RestoreSummary | CheckSummary | Trouble | Initialized | ExitError | Item | Other | Said

_KINDS: dict[str, type[Heard]] = {
    "status": Status,
    "error": Trouble,
    "initialized": Initialized,
    "exit_error": ExitError,
}


def item(line: bytes) -> tuple[str, str] | None:
    """``(action, path)`` when ``line`` tells of a file: the quick way, since there is one line for every file.

    None for everything else, ends of scans included.
    """
    if not line.startswith(_ITEM):
        return None
    # One cut at the quotes: 7 is the action, 11 the path, as long as neither has an escape in it.
    parts = line.split(b'"', 12)
    if len(parts) < 13 or parts[9] != b"item":
        return None
    action, name = parts[7], parts[11]
    if b"\\" in name or b"\\" in action:
        return _slow_item(line)
    return (
        (_ACTIONS.get(action) or action.decode("ascii", "replace"), name.decode("utf-8", "replace")) if name else None
    )


def items(block: bytes) -> list[tuple[bytes, bytes]] | None:
    """``(action, path)`` of every line of ``block``; None when one of them is something else, or has to be looked at.

    A line for every file of a source is the most that restic says: this takes a tenth of the time of :func:`item`.
    """
    found: list[tuple[bytes, bytes]] = _ITEMS.findall(block)
    return found if len(found) == block.count(b"\n") and _is_utf8(block) else None


def _is_utf8(block: bytes) -> bool:
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return True


def _slow_item(line: bytes) -> tuple[str, str] | None:
    document = _load(line)
    path = document.get("item") if document else None
    return (str(document.get("action")), path) if document and isinstance(path, str) and path else None


def parse(line: bytes) -> Message:
    """One line of either output. Never raises."""
    if found := item(line):
        return Item(*found)
    document = _load(line)
    if document is None or not isinstance(kind := document.get("message_type"), str):
        return Said(line)
    model = _summary(document) if kind == "summary" else _KINDS.get(kind)
    if model is None or document.get("action"):  # 0.14 ends its scan with a status that has an action
        return Other(kind)
    try:
        return model.model_validate({k: v for k, v in document.items() if v is not None})  # type: ignore[return-value]
    except (ValueError, RecursionError):
        return Other(kind)


def _summary(document: dict[str, Any]) -> type[Heard]:
    if "num_errors" in document:
        return CheckSummary
    return Summary if "total_duration" in document or "snapshot_id" in document else RestoreSummary


def _load(line: bytes) -> dict[str, Any] | None:
    if not line.lstrip(b" \r").startswith(b"{"):
        return None
    try:
        document = json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _refuse(constant: str) -> None:
    raise ValueError(constant)
