"""A repository as it was before an attack, written down into an empty directory: from there it is one like any other.

Read out of the versions that the bucket kept. Every object but ``config`` is named by the SHA-256 of its bytes, so that
what is written down is known to be what was stored.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from guardian.backup.posture import cacert_of, secrets_of
from guardian.decoder.unpacked import is_id
from guardian.durable import explained, private_dir
from guardian.errors import UsageError
from guardian.i18n import _
from guardian.model.events import Phase, Progress
from guardian.model.reader import ObjectMissing, ObjectUnreadable, Reader
from guardian.model.reason import Reason, reason
from guardian.node import Node

_FOLDERS = ("config", "keys/", "snapshots/", "index/", "data/")
_NAMED = 20


@dataclass(frozen=True, slots=True)
class Brought:
    """What lies in ``target`` now, ``snapshots`` among it. ``reasons`` name what was damaged and left out."""

    target: Path
    objects: int
    bytes: int
    snapshots: int
    reasons: tuple[Reason, ...] = ()


def bring_back(node: Node, key: str, moment: datetime, target: Path) -> Brought:
    """Write down the repository ``key`` as of ``moment`` into ``target``, which must not exist or be empty.

    With the credentials of backups: an agent's may read versions. Raises UsageError for a repository in no bucket and
    for a directory in use, StorageRefused where versions may not be listed, and what the storage raises.
    """
    from guardian.objectstore.asof import AsOfReader  # noqa: PLC0415  boto3 is heavy

    repository = node.loaded.repository(key)
    if repository.s3 is None:
        raise UsageError(
            _("only a bucket keeps older versions, and repository {name} is in none").format(name=key),
            _("Bring a directory back from a snapshot of its file system."),
        )
    with explained(target):
        if target.exists() and any(target.iterdir()):
            raise UsageError(
                _("{path} is not empty").format(path=target), _("Name a directory that does not exist yet.")
            )
    node.reach(repository)
    node.report(Phase("list", key))
    with AsOfReader(repository.s3, secrets_of(node, repository), moment, cacert_of(repository)) as reader:
        names = sorted(_of_restic(reader))
        private_dir(target)
        return _written(node, reader, names, target)


def _of_restic(reader: Reader) -> Iterator[tuple[str, int]]:
    for folder in _FOLDERS:
        for name, size in reader.list(folder):
            last = name.rpartition("/")[2]
            plain = f"{folder}{last[:2]}/{last}" if folder == "data/" else folder + last
            if name == "config" or (is_id(last) and name == plain):
                yield name, size


def _written(node: Node, reader: Reader, names: list[tuple[str, int]], target: Path) -> Brought:
    node.report(Phase("read", str(target)))
    done = size_done = snapshots = 0
    total, bad = sum(size for _name, size in names), []
    for name, size in names:
        node.heed()
        why = _write(reader, name, size, target / name)
        if why is None:
            done, size_done, snapshots = done + 1, size_done + size, snapshots + name.startswith("snapshots/")
        else:
            bad.append(reason("object-not-brought-back", object=name, why=why))
        node.report(Progress(size_done, total, "bytes"))
    more = [reason("findings-more", count=len(bad) - _NAMED)] if len(bad) > _NAMED else []
    return Brought(target, done, size_done, snapshots, (*bad[:_NAMED], *more))


def _write(reader: Reader, name: str, size: int, path: Path) -> str | None:
    """Write one object; the code of why it is not what it should be, and then it is not there."""
    digest = hashlib.sha256()
    private_dir(path.parent)
    try:
        with explained(path, writing=True), path.open("xb") as file:
            for piece in reader.stream(name, size):
                digest.update(piece)
                file.write(piece)
    except (ObjectMissing, ObjectUnreadable) as error:
        path.unlink(missing_ok=True)
        return error.code
    if name != "config" and digest.hexdigest() != path.name:
        path.unlink()
        return "content-differs"
    return None
