"""What this host remembers of a repository's storage: the name of its canary, and the ends of locks it has read.

A lock under compliance only grows, so that what was read once stays true as a lower bound. Lost or damaged, the file is
made anew: nothing but time is lost with it.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from guardian import durable
from guardian.errors import Unavailable
from guardian.objectstore.retention_locks import Held

_MOST = 256 << 20  # a million objects
_VERSION = 1


@dataclass(slots=True)
class LockBook:
    """The file ``path``. ``ends`` has seconds since 1970 by name and version."""

    path: Path
    repository_id: str = ""
    canary: str = ""
    ends: dict[str, int] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path) -> "LockBook":
        """What was remembered; nothing when there is no such file, or none that can be used."""
        try:
            said = json.loads(durable.read_capped(path, _MOST))
            ends = {str(name): int(end) for name, end in said["ends"].items()}
            if said["version"] == _VERSION:
                return cls(path, str(said["repository_id"]), str(said["canary"]), ends)
        except (FileNotFoundError, Unavailable, ValueError, LookupError, TypeError, AttributeError):
            pass
        return cls(path)

    def save(self) -> None:
        """Write it down. Raises StorageFull, Unavailable."""
        said = {
            "version": _VERSION,
            "repository_id": self.repository_id,
            "canary": self.canary,
            "ends": self.ends,
        }
        durable.write_atomic(self.path, json.dumps(said, separators=(",", ":")).encode())

    def known(self, name: str, version: str, beyond: datetime) -> Held | None:
        """The lock of an object when it is known to last ``beyond`` a moment; one that ends sooner is asked for."""
        end = self.ends.get(f"{name}\n{version}")
        if end is None or not version or end <= beyond.timestamp():
            return None
        return Held(name, version, datetime.fromtimestamp(end, UTC), "compliance")

    def keep(self, repository_id: str, found: Iterable[Held]) -> None:
        """Remember these and forget all others: packs come and go."""
        self.repository_id = repository_id
        self.ends = {
            f"{held.name}\n{held.version}": int(held.until.timestamp())
            for held in found
            if held.until is not None and held.version and held.mode == "compliance"
        }
