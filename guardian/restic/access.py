"""How to reach one repository: its address, its secrets, and how hard to lean on it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from guardian.model.secret import Secret


@dataclass(frozen=True, slots=True)
class Access:
    """One repository, with everything restic needs to open it.

    ``url`` is an exact restic location and may hold a password. ``credentials`` are S3 ones by the names of their
    variables (``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``, ``AWS_SESSION_TOKEN``, ``AWS_DEFAULT_REGION``).
    ``cache_dir`` None: no cache. Limits are in KiB per second. ``key_hint`` is the id of our key, so that junk keys
    cannot stop us. ``lease_fd`` is held open by restic too. ``lock_wait_seconds``: how long to wait for a locked
    repository.
    """

    url: str
    password: Secret
    credentials: Mapping[str, Secret] = field(default_factory=dict)
    cacert: Path | str | None = None
    cache_dir: Path | None = None
    tmp_dir: Path | None = None
    connections: int | None = None
    limit_upload: int | None = None
    limit_download: int | None = None
    key_hint: str | None = None
    compression: str | None = None
    lease_fd: int | None = None
    lock_wait_seconds: float = 0.0

    @property
    def scheme(self) -> str:
        """``s3``, ``rest``, ``sftp`` …; ``local`` for a directory."""
        scheme, colon, _rest = self.url.partition(":")
        return scheme if colon and scheme.isalnum() and scheme.islower() else "local"
