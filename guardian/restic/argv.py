"""From a request to restic's arguments. Pure. Nothing secret ever stands here."""

import re
from dataclasses import dataclass, field

from guardian.model.secret import Secret
from guardian.restic.access import Access
from guardian.restic.requests import FilesBackup, RestoreRequest, StreamBackup
from guardian.restic.versions import Capability

_GLOB = re.compile(r"([\\*?\[\]])")
_WITH_CONNECTIONS = frozenset({"s3", "rest", "sftp", "b2", "azure", "gs", "swift", "local"})

NO_LOCK = "--no-lock"


@dataclass(frozen=True, slots=True)
class Call:
    """Arguments after the program's name; ``files`` are contents that arguments name as ``/dev/fd/NAME``."""

    arguments: tuple[str, ...]
    files: dict[str, bytes | Secret] = field(default_factory=dict)


def general(capability: Capability, access: Access, *, cache: bool = True) -> tuple[str, ...]:
    """The program and the options every call to this repository has."""
    options = [str(capability.program)]
    if access.cacert:
        options.append(f"--cacert={access.cacert}")
    if not cache or access.cache_dir is None:
        options.append("--no-cache")
    if access.limit_upload:
        options.append(f"--limit-upload={access.limit_upload}")
    if access.limit_download:
        options.append(f"--limit-download={access.limit_download}")
    if access.connections and access.scheme in _WITH_CONNECTIONS:
        options.append(f"--option={access.scheme}.connections={access.connections}")
    if access.compression:
        options.append(f"--compression={access.compression}")
    if access.key_hint:
        options.append(f"--key-hint={access.key_hint}")
    if capability.retry_lock and access.lock_wait_seconds >= 1:
        options.append(f"--retry-lock={int(access.lock_wait_seconds)}s")
    return tuple(options)


def literal(path: str) -> str:
    """``path`` as a restic pattern that matches it and what lies below, and nothing else."""
    return _GLOB.sub(r"\\\1", path)


def backup_files(request: FilesBackup, capability: Capability) -> Call:
    """Save files. The paths go by a descriptor, each ended by a NUL: no name is too odd, no list too long."""
    arguments = ["backup", "--json", "-vv", *_marks(request.host, request.tags), "--files-from-raw", "/dev/fd/sources"]
    arguments += [f"--exclude={pattern}" for pattern in request.excludes]
    if request.parent:
        arguments.append(f"--parent={request.parent}")
    if request.one_file_system:
        arguments.append("--one-file-system")
    if request.exclude_caches:
        arguments.append("--exclude-caches")
    if not request.scan and capability.no_scan:
        arguments.append("--no-scan")
    names = b"".join(path.encode("utf-8", "surrogateescape") + b"\0" for path in request.paths)
    return Call(tuple(arguments), {"sources": names})


def backup_stream(request: StreamBackup) -> Call:
    """Save standard input. A file name with directories is refused: restic 0.18.0 cannot save it."""
    if not re.fullmatch(r"/[^/\0]+", request.filename) or request.filename in ("/.", "/.."):
        raise ValueError(f"not / and one name: {request.filename!r}")
    marks = _marks(request.host, request.tags)
    return Call(("backup", "--json", "-vv", *marks, "--stdin", f"--stdin-filename={request.filename}"))


def _marks(host: str, tags: tuple[str, ...]) -> list[str]:
    return [f"--host={host}", *(f"--tag={tag}" for tag in tags)]


def snapshots(ids: tuple[str, ...], tags: tuple[str, ...]) -> Call:
    """List snapshots; ``tags`` must all be there."""
    arguments = ["snapshots", "--json", NO_LOCK]
    if tags:
        arguments.append(f"--tag={','.join(tags)}")
    return Call((*arguments, "--", *ids))


def restore(request: RestoreRequest) -> Call:
    """Bring files back. A drill takes no lock: it writes nothing to the repository, and may have no right to."""
    lock = () if request.lock else (NO_LOCK,)
    includes = (f"--include={pattern}" for pattern in (*map(literal, request.includes), *request.patterns))
    return Call(("restore", "--json", *lock, f"--target={request.target}", *includes, "--", request.snapshot_id))


def dump(snapshot_id: str, path: str) -> Call:
    """One file's bytes to standard output, without a lock."""
    return Call(("dump", NO_LOCK, "--", snapshot_id, path))


def cat_blob(blob_id: str) -> Call:
    """One blob's bytes to standard output, without a lock."""
    return Call(("cat", "blob", blob_id, NO_LOCK))


def check(read_data: bool, part: tuple[int, int] | None = None) -> Call:
    """Look at the structure, at every byte, or at the ``part`` (number, of so many) of the packs.

    Without a lock: it must not stop a backup.
    """
    content = (f"--read-data-subset={part[0]}/{part[1]}",) if part else ("--read-data",)
    return Call(("check", "--json", NO_LOCK, *(content if read_data else ())))


def beside(source: Access) -> tuple[str, ...]:
    """Options of a call that reads from ``source`` beside the repository it writes to (restic 0.14 and newer)."""
    options = []
    if source.cacert:
        options.append(f"--cacert={source.cacert}")
    if source.limit_download:
        options.append(f"--limit-download={source.limit_download}")
    if source.key_hint:
        options.append(f"--from-key-hint={source.key_hint}")
    return tuple(options)


def secrets_beside(source: Access) -> dict[str, Secret]:
    """Address and password of the repository that is read from, by the variables that name their descriptors."""
    return {
        "RESTIC_FROM_REPOSITORY_FILE": Secret(source.url.encode("utf-8", "surrogateescape")),
        "RESTIC_FROM_PASSWORD_FILE": source.password,
    }


def copy(ids: tuple[str, ...]) -> Call:
    """Copy the snapshots ``ids`` from the repository beside. restic takes a lock in both."""
    return Call(("copy", "--", *ids))


CONFIG = Call(("cat", "config", "--json", NO_LOCK))
INIT = Call(("init", "--json", "--repository-version=2"))
INIT_LIKE = Call((*INIT.arguments, "--copy-chunker-params"))
"""Make the repository, which cuts files as the one beside it does."""
KEY_LIST = Call(("key", "list", "--json", NO_LOCK))
LIST_KEYS = Call(("list", "keys", NO_LOCK))
LIST_LOCKS = Call(("list", "locks", NO_LOCK))
UNLOCK = Call(("unlock",))


def cat_lock(lock_id: str) -> Call:
    """One lock as JSON."""
    return Call(("cat", "lock", lock_id, NO_LOCK))


def key_add(password: Secret) -> Call:
    """Let ``password`` open the repository too; it goes by a descriptor."""
    return Call(("key", "add", "--new-password-file", "/dev/fd/new-password"), {"new-password": password})


def key_remove(key_id: str) -> Call:
    """Take one key away; restic refuses the one in use."""
    return Call(("key", "remove", key_id))


def forget_asked(tags: tuple[str, ...], policy: tuple[str, ...]) -> Call:
    """Ask what ``policy`` would remove of the snapshots with all of ``tags``, as one group. Nothing is removed.

    Grouped by nothing: restic's own groups fall apart when a host or a path is renamed, and keep too much for ever.
    """
    return Call(("forget", "--json", "--dry-run", NO_LOCK, "--group-by=", f"--tag={','.join(tags)}", *policy))


def forget(ids: tuple[str, ...]) -> Call:
    """Remove the snapshots ``ids``."""
    return Call(("forget", "--", *ids))


def prune(max_unused: str, max_repack_bytes: int | None, *, dry: bool) -> Call:
    """Remove what nothing needs; ``dry``: only say how much that is."""
    options = [f"--max-unused={max_unused}"]
    if max_repack_bytes:
        options.append(f"--max-repack-size={max(1, max_repack_bytes >> 10)}K")
    return Call(("prune", *options, *(("--dry-run",) if dry else ())))
