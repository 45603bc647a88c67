"""Restore points of the past, with or without a receipt: snapshots sealed with the repository's own key, in no time.

What restic would write is written: it lists them, forgets them and keeps their data like those it made itself.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from guardian.clock import Clock, SystemClock, rfc3339
from guardian.config.load import load
from guardian.decoder.repository import open_repository
from guardian.model.evidence import BackupReceipt, Predicate
from guardian.node import Node
from guardian.objectstore.local import LocalReader
from guardian.proc import Stop


class Moved:
    """A clock that shows another time than this machine's, and goes as fast."""

    def __init__(self, now: datetime) -> None:
        self._real = SystemClock()
        self._ahead = now - self._real.now()

    def now(self) -> datetime:
        return self._real.now() + self._ahead

    def monotonic(self) -> float:
        return self._real.monotonic()

    def sleep(self, seconds: float) -> None:
        self._real.sleep(seconds)


def node_of(site: Any, clock: Clock | None = None) -> Node:
    """The host of ``site``, in this process."""
    return Node(load(site.yaml), clock or SystemClock(), lambda _event: None, Stop())


class Points:
    """Makes restore points of the source ``docs`` of a site that was backed up once."""

    def __init__(self, site: Any, key: str = "main") -> None:
        self.site, self.key = site, key
        self.node = node_of(site)
        with self.node.log() as log:
            (self.model,) = [
                e.predicate
                for e in log.entries()
                if isinstance(e.predicate, BackupReceipt) and e.predicate.source == "docs"
            ][:1]

    def snapshot(self, time: datetime, **fields: Any) -> str:
        """Put a snapshot there, of the tree of the first backup unless ``fields`` say otherwise; its id."""
        run = uuid4().hex
        document = {
            "time": time.isoformat(),
            "tree": self.model.tree_id,
            "paths": list(self.model.paths),
            "hostname": self.model.host,
            "username": "root",
            "tags": ["guardian", "system=app", "source=docs", f"run={run}", "log=0"],
            **fields,
        }
        with LocalReader(self.site.repository) as reader:
            password = self.node.keys().password(self.key)
            sealed = open_repository(reader, password).told([]).sealed(json.dumps(document).encode(), os.urandom(16))
        name = hashlib.sha256(sealed).hexdigest()
        (self.site.repository / "snapshots" / name).write_bytes(sealed)
        return name

    def receipts(self, points: Iterable[tuple[str, datetime]], **changes: Any) -> None:
        """Say in the log that these snapshots are backups."""
        with self.node.log() as log:
            newest = self.node.heads(log).latest(self.model.system, self.model.source, self.key)
            previous = newest.leaf_hash.hex() if newest else None
            for one, time in points:
                at = {"started": rfc3339(time), "ended": rfc3339(time), "previous": previous}
                said = self.model.model_copy(update={"snapshot_id": one, "run_id": uuid4().hex, **at, **changes})
                previous = log.append(said, [("snapshot", one)]).leaf_hash.hex()

    def backups(self, times: Iterable[datetime], **changes: Any) -> list[str]:
        """Restore points with a receipt, at ``times``; their ids."""
        made = [(self.snapshot(time), time) for time in times]
        self.receipts(made, **changes)
        return [one for one, _time in made]

    def say(self, *said: Predicate) -> None:
        """Put statements into the log."""
        with self.node.log() as log:
            for one in said:
                log.append(one)

    def listed(self) -> set[str]:
        """The snapshots that are there."""
        return {path.name for path in Path(self.site.repository / "snapshots").iterdir()}

    def said(self, name: str) -> list[Any]:
        """The statements of one kind in the log, oldest first."""
        return [e.predicate for e in self.node.read_log().entries() if e.predicate and e.predicate.name == name]
