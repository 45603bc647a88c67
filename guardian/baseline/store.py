"""What scans leave behind: views and verdicts under their digests, and how every finding stood last.

``scans/objects/ab/abcd….zst`` holds canonical JSON; its name is the SHA-256 of the bytes before compression, and the
statement in the log names it. ``scans/standing.json`` is a convenience: without it every finding counts as first seen.
"""

import hashlib
import json
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from guardian.baseline.delta import Was
from guardian.durable import private_dir, read_capped, write_atomic, write_new
from guardian.errors import EvidenceInvalid, Unavailable
from guardian.i18n import _
from guardian.model.border import Stated

KEPT: Final = timedelta(days=400)
"""So long views and verdicts are kept: a year and the time of an assessment."""
MAX_OBJECT: Final = 256 << 20
MAX_STORED: Final = 64 << 20
_WRITERS: Final = 4
_WAITING: Final = 16
"""Things that wait for the disk at a time."""


class Standing(Stated):
    """How the findings stood after the newest scan: target (``KIND:ID``) → finding → verdict."""

    targets: dict[str, dict[str, Was]]


class Behind:
    """Keeps while the scan goes on: two syncs for each target would double the time of a scan of many small ones."""

    def __init__(self, put: Callable[[str, bytes], Future[None]]) -> None:
        """``put(digest, data)`` begins to keep ``data``."""
        self._put = put
        self._pending: deque[Future[None]] = deque()

    def keep(self, data: bytes) -> str:
        """Begin to keep ``data``; its digest. Waits when too much is waiting already, so that memory stays small."""
        self.settle(_WAITING)
        digest = hashlib.sha256(data).hexdigest()
        self._pending.append(self._put(digest, data))
        return digest

    def settle(self, waiting: int) -> None:
        """Wait until at most ``waiting`` things are not on disk yet."""
        while len(self._pending) > waiting:
            self._pending.popleft().result()


@dataclass(frozen=True, slots=True)
class ScanStore:
    """The folder ``scans`` of a node's state."""

    folder: Path

    def keep(self, data: bytes) -> str:
        """Keep ``data``; its digest. What is there already stays. Raises StorageFull, Unavailable."""
        digest = hashlib.sha256(data).hexdigest()
        self._put(digest, data)
        return digest

    @contextmanager
    def behind(self) -> Iterator["Behind"]:
        """A way to keep things that does not wait for the disk; at the end all of them are there.

        Raises what :meth:`keep` raises, there or at one of the next things.
        """
        with ThreadPoolExecutor(_WRITERS, thread_name_prefix="keep") as pool:
            behind = Behind(lambda digest, data: pool.submit(self._put, digest, data))
            yield behind
            behind.settle(0)

    def _put(self, digest: str, data: bytes) -> None:
        import zstandard  # noqa: PLC0415  start-up stays quick

        path = self._path(digest)
        if not path.exists():
            private_dir(path.parent)
            with suppress(FileExistsError):
                write_new(path, zstandard.ZstdCompressor().compress(data))

    def read(self, digest: str) -> bytes:
        """The bytes of ``digest``.

        Raises EvidenceInvalid when what lies there is something else, Unavailable when nothing does.
        """
        import zstandard  # noqa: PLC0415  start-up stays quick

        if not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise Unavailable(_("{digest} is no digest").format(digest=digest[:80]))
        try:
            stored = read_capped(self._path(digest), MAX_STORED)
        except FileNotFoundError:
            raise Unavailable(
                _("no facts or findings are kept under {digest}").format(digest=digest[:12]),
                _("They are kept for {days} days on the host that scanned.").format(days=KEPT.days),
            ) from None
        try:
            data = zstandard.ZstdDecompressor().decompress(stored, max_output_size=MAX_OBJECT)
        except zstandard.ZstdError as error:
            raise EvidenceInvalid(_("what is kept under {digest} is damaged").format(digest=digest[:12])) from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise EvidenceInvalid(_("what is kept under {digest} is damaged").format(digest=digest[:12]))
        return data

    def sweep(self, now: datetime) -> int:
        """Remove what is older than :data:`KEPT`; how many. What cannot be removed stays."""
        gone = 0
        for path in self._objects():
            with suppress(OSError):
                if now.timestamp() - path.stat().st_mtime > KEPT.total_seconds():
                    path.unlink()
                    gone += 1
        return gone

    def standing(self) -> dict[str, dict[str, Was]]:
        """How findings stood last; empty where nothing is known, or nothing that could be read."""
        try:
            return Standing.model_validate_json(read_capped(self.folder / "standing.json", MAX_STORED)).targets
        except (FileNotFoundError, ValidationError, Unavailable):
            return {}

    def stand(self, targets: Mapping[str, Mapping[str, Was]]) -> None:
        """Remember how findings stand. Raises StorageFull, Unavailable."""
        private_dir(self.folder)
        value = {
            "targets": {name: {key: was.model_dump() for key, was in held.items()} for name, held in targets.items()}
        }
        write_atomic(self.folder / "standing.json", json.dumps(value, sort_keys=True).encode())

    def _path(self, digest: str) -> Path:
        return self.folder / "objects" / digest[:2] / f"{digest}.zst"

    def _objects(self) -> Iterator[Path]:
        return (self.folder / "objects").glob("??/*.zst")


def canonical(value: Any) -> bytes:
    """The bytes of ``value`` that are digested and kept."""
    return json.dumps(value, sort_keys=True, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode()
