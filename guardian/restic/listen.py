"""Listening to a backup and to a restore while they run."""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from guardian.errors import GuardianError, StorageFull, ToolFailed
from guardian.i18n import _
from guardian.proc import Finished
from guardian.proc.lines import clean, plain
from guardian.restic.errors import DAMAGE, MISSING_SOURCE, RETRY, classify
from guardian.restic.messages import RestoreSummary, Said, Status, Summary, Trouble, item, items, parse
from guardian.restic.report import BackupReport, RestoreReport
from guardian.restic.versions import Capability

OnItems = Callable[[list[tuple[bytes, bytes]]], None]
"""Takes ``(action, path)`` of files as they are dealt with, many at once, in UTF-8; directories end in ``/``."""

OnProgress = Callable[[int, int], None]

_NAMED = 1000
_ITEM = b'{"message_type":"verbose_status"'
_NOTHING_LEFT = ("all source directories/files do not exist", "all target directories/files do not exist")


@dataclass(slots=True)
class BackupListener:
    """Takes a backup's lines and keeps what the report needs: bounded, whatever comes."""

    on_items: OnItems | None = None
    on_status: OnProgress | None = None
    summary: Summary | None = None
    heard: bool = False
    retries: int = 0
    missing: list[str] = field(default_factory=list)
    unreadable: dict[str, None] = field(default_factory=dict)
    unreadable_count: int = 0
    last_words: deque[bytes] = field(default_factory=lambda: deque(maxlen=200))

    def block(self, lines: bytes) -> bool:
        """Lines of standard output that all tell of files, as most do; False, and none is taken, when one does not."""
        if (found := items(lines)) is None:
            return False
        self.heard = True
        if self.on_items is not None:
            self.on_items(found)
        return True

    def stdout(self, line: bytes) -> None:
        """A line of standard output."""
        self.heard = True
        if line.startswith(_ITEM):
            if self.on_items is not None and (found := item(line)):
                action, path = found
                self.on_items([(action.encode(), path.encode("utf-8", "replace"))])
            return
        message = parse(line)
        if isinstance(message, Summary):
            self.summary = message
        elif isinstance(message, Status):
            if self.on_status is not None:
                self.on_status(message.bytes_done, message.total_bytes)
        elif isinstance(message, Said):
            self.last_words.append(line[:4096])

    def stderr(self, line: bytes) -> None:
        """A line of standard error: an unreadable file, a missing source, a retry, or last words."""
        message = parse(line)
        if isinstance(message, Trouble) and message.item:
            if message.during != "scan":  # the same file is told of again when it is to be saved
                self._cannot_read(message.item)
            return
        text = plain(line[:8192])
        if match := MISSING_SOURCE.match(text):
            if len(self.missing) < _NAMED:
                self.missing.append(match["path"])
        elif RETRY.search(text):
            self.retries += 1
        else:
            self.last_words.append(line[:4096])

    def _cannot_read(self, path: str) -> None:
        if path not in self.unreadable:
            self.unreadable_count += 1
            if len(self.unreadable) < _NAMED:
                self.unreadable[path] = None

    def report(self, finished: Finished, capability: Capability) -> BackupReport:
        """What came of it. Without a summary it failed, whatever the exit code says."""
        error = self._error(finished, capability)
        summary = self.summary
        incomplete = self.unreadable_count or self.missing or finished.returncode == 3
        return BackupReport(
            outcome="failed" if error else "source-unreadable" if incomplete else "ok",
            snapshot_id=summary.snapshot_id if summary and not summary.dry_run else None,
            counts=(summary or Summary()).counts(),
            unreadable=tuple(self.unreadable),
            unreadable_count=self.unreadable_count,
            missing_sources=tuple(self.missing),
            retries=self.retries,
            cancelled=finished.interrupted,
            returncode=finished.returncode,
            seconds=finished.seconds,
            error=error,
        )

    def _error(self, finished: Finished, capability: Capability) -> GuardianError | None:
        if self.summary is not None and finished.returncode in (0, 3):
            return None
        if finished.returncode in (0, 3):
            return ToolFailed(_("restic ended without a summary"), _("Look at its version, and run again with -v."))
        return classify(tuple(self.last_words), finished.returncode, capability)

    @property
    def nothing_to_read(self) -> bool:
        """Whether restic gave up because not one source was there: an answer, not an error."""
        words = b"\n".join(self.last_words).decode("utf-8", "replace")
        return bool(self.missing) and any(text in words for text in _NOTHING_LEFT)


@dataclass(slots=True)
class RestoreListener:
    """Takes a restore's lines."""

    on_progress: OnProgress | None
    expected_bytes: int
    summary: RestoreSummary | None = None
    errors: list[str] = field(default_factory=list)
    count: int = 0
    last_words: deque[bytes] = field(default_factory=lambda: deque(maxlen=200))

    def stdout(self, line: bytes) -> None:
        """A line of standard output: progress and the summary, from 0.16 on."""
        message = parse(line)
        if isinstance(message, RestoreSummary):
            self.summary = message
        elif isinstance(message, Status) and self.on_progress is not None and math.isfinite(message.percent_done):
            self.on_progress(message.bytes_restored, message.total_bytes or self.expected_bytes)

    def stderr(self, line: bytes) -> None:
        """A line of standard error."""
        message = parse(line)
        if isinstance(message, Trouble):
            self._error(clean(f"{message.item}: {message.text}".encode("utf-8", "backslashreplace")))
            return
        text = clean(line[:8192])
        if text.startswith("ignoring error for "):
            self._error(text.removeprefix("ignoring error for "))
        elif not RETRY.search(text):
            self.last_words.append(line[:4096])

    def _error(self, text: str) -> None:
        self.count += 1
        if len(self.errors) < _NAMED:
            self.errors.append(text[:1000])

    @property
    def damaged(self) -> bool:
        """Whether what restic read, from the repository or its cache, did not hold."""
        return any(DAMAGE.search(line) for line in self.errors)

    def report(self, finished: Finished, capability: Capability) -> RestoreReport:
        """What came of it. Raises StorageFull for a full target, and the typed error when it did not get to work."""
        if any("no space left on device" in line for line in self.errors):
            raise StorageFull(_("no space left at the restore target"), _("Choose a target with more space."))
        if finished.returncode != 0 and not self.count:
            raise classify(tuple(self.last_words), finished.returncode, capability)
        summary = self.summary
        return RestoreReport(
            ok=finished.returncode == 0 and not self.count,
            error_lines=tuple(self.errors),
            error_count=self.count,
            files=summary.files_restored if summary else None,
            bytes=summary.bytes_restored if summary else None,
            returncode=finished.returncode,
        )
