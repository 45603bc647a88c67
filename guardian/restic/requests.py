"""What is asked of restic."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class FilesBackup:
    """Files to save.

    ``paths`` are absolute and literal; ``excludes`` are restic patterns; ``parent`` comes from our own records.
    """

    paths: tuple[str, ...]
    host: str
    tags: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    parent: str | None = None
    one_file_system: bool = False
    exclude_caches: bool = False
    scan: bool = True


@dataclass(frozen=True, slots=True)
class StreamBackup:
    """A stream to save under ``filename``: ``/`` and one name."""

    filename: str
    host: str
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """What to bring back where. ``includes`` are literal paths in the snapshot, ``patterns`` restic's; none means all.

    ``expected_bytes`` is the total for progress when restic does not tell. Without ``lock`` nothing at all is written
    to the repository, and nothing keeps a prune from taking away what is being read.
    """

    snapshot_id: str
    target: Path
    includes: tuple[str, ...] = ()
    expected_bytes: int = 0
    patterns: tuple[str, ...] = ()
    lock: bool = True
