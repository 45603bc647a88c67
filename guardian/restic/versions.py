"""What each version of restic can do: the one table, and the only place that compares versions."""

import re
from dataclasses import dataclass
from pathlib import Path

Version = tuple[int, int, int]

OLDEST: Version = (0, 14, 0)
"""The oldest restic Guardian works with: the one of Debian 12."""

SINCE: dict[str, Version] = {
    "no_scan": (0, 15, 0),
    "full_snapshot_id": (0, 15, 0),
    "json_init": (0, 15, 0),
    "refuses_bad_locks": (0, 15, 0),
    "json_restore": (0, 16, 0),
    "keeps_oldest": (0, 16, 0),
    "repair": (0, 16, 0),
    "retry_lock": (0, 16, 0),
    "cache_heals": (0, 17, 0),
    "clean_sigterm": (0, 17, 0),
    "exit_codes": (0, 17, 0),
    "full_key_id": (0, 17, 0),
    "skip_if_unchanged": (0, 17, 0),
    "stdin_from_command": (0, 17, 0),
    "exit_code_password": (0, 17, 1),
    "exit_error": (0, 18, 0),
    "json_check": (0, 18, 0),
    "missing_source_is_partial": (0, 19, 0),
}
"""The first version that has each ability. Names are fields of :class:`Capability`."""


@dataclass(frozen=True, slots=True)
class Capability:
    """One restic program and what it can do.

    ``exit_codes``: 10 repository missing, 11 locked (12 wrong password: ``exit_code_password``). ``cache_heals``: a
    damaged local cache is noticed and read anew. ``keeps_oldest``: a rule of a retention that has counts left keeps the
    oldest snapshot too. ``exit_error``: the last line of standard error is JSON.
    """

    program: Path
    version: Version
    no_scan: bool = False
    full_snapshot_id: bool = False
    json_init: bool = False
    refuses_bad_locks: bool = False
    json_restore: bool = False
    keeps_oldest: bool = False
    repair: bool = False
    retry_lock: bool = False
    cache_heals: bool = False
    clean_sigterm: bool = False
    exit_codes: bool = False
    full_key_id: bool = False
    skip_if_unchanged: bool = False
    stdin_from_command: bool = False
    exit_code_password: bool = False
    exit_error: bool = False
    json_check: bool = False
    missing_source_is_partial: bool = False

    @property
    def version_text(self) -> str:
        """The version as people write it: ``0.14.0``."""
        return ".".join(map(str, self.version))


def read_version(text: str) -> Version | None:
    """The version in what ``restic version`` says; None when it says something else."""
    match = re.match(r"restic v?(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?\b", text)
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else None


def able(program: Path, version: Version) -> Capability:
    """What ``program`` of ``version`` can do, by the table."""
    return Capability(program, version, **{name: version >= since for name, since in SINCE.items()})
