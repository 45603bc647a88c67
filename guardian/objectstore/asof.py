"""A repository as it was at a moment of the past, out of the older versions that its bucket has kept.

Whatever was overwritten, deleted or added since is as if it had not happened. Nothing is written and nothing is
brought back: it is a view, to be read like any repository.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

from guardian.model.address import S3Address
from guardian.model.reader import ObjectMissing
from guardian.model.secret import Secret
from guardian.objectstore.bucket import open_bucket
from guardian.objectstore.s3reader import S3Reader
from guardian.objectstore.versions import Version, list_versions


class AsOfReader(S3Reader):
    """restic's layout in a versioned bucket as of a moment, as a :class:`guardian.model.reader.Reader`.

    The storage's own clock tells when a version came, to the second on most: what came in that very second counts as
    there. It needs the right to list versions and to get them.
    """

    def __init__(
        self, address: S3Address, credentials: Mapping[str, Secret], moment: datetime, cacert: str | None = None
    ) -> None:
        """List every version once (about 300 bytes of memory an object).

        Raises StorageRefused when these credentials may not see versions, StorageUnreachable, ConfigError, Unavailable.
        """
        with open_bucket(address, credentials, cacert) as bucket:
            self._versions = as_of(list_versions(bucket), moment)
        super().__init__(address, credentials, cacert=cacert)

    def size(self, name: str) -> int:
        """The object's length in bytes. Raises ObjectMissing."""
        return self._version(name).size

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Name and length of every object under ``prefix`` at that moment."""
        return ((name, found.size) for name, found in self._versions.items() if name.startswith(prefix))

    def _which(self, name: str) -> Mapping[str, str]:
        return {"versionId": self._version(name).id}

    def _version(self, name: str) -> Version:
        found = self._versions.get(name)
        if found is None:
            raise ObjectMissing(name)
        return found


def as_of(versions: Iterator[Version], moment: datetime) -> dict[str, Version]:
    """By name, what was there at ``moment``: the newest version by then, unless that was a deletion. Pure."""
    newest: dict[str, Version] = {}
    for version in versions:
        if version.made <= moment:
            before = newest.get(version.name)
            # Of one second, the one that is listed first came last; a marker hides what came in its own second.
            if before is None or (version.made, version.is_marker) > (before.made, before.is_marker):
                newest[version.name] = version
    return {name: version for name, version in newest.items() if not version.is_marker}
