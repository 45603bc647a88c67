"""A log as an auditor takes it away: strict C2SP tlog-tiles in a folder or a tar file, with the public keys."""

import io
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from guardian import durable
from guardian.errors import UsageError
from guardian.i18n import _
from guardian.keys.signing import VerifyKey
from guardian.ledger import layout, recovery
from guardian.ledger.layout import WIDTH
from guardian.ledger.tiles import Tiles
from guardian.model.evidence import Checkpoint

KEYS = "keys.txt"
"""Public keys in an export, a signed-note verifier key a line. An auditor compares them with what he was told."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export holds: ``size`` entries."""

    checkpoint: Checkpoint
    size: int
    files: int
    bytes: int


class _Put(Protocol):
    def __call__(self, name: str, data: bytes, /) -> None: ...


def export(folder: Path, target: Path, keys: Sequence[VerifyKey]) -> Exported:
    """Copy the log in ``folder``, as its checkpoint stands now, to ``target``.

    ``target`` is a tar file when its name ends in ``.tar``, otherwise a folder that is new or empty. The checkpoint
    must be signed by the first of ``keys``. Copies without judging the entries: verify the copy. Raises UsageError when
    the target is taken, LogInvalid, StorageFull, Unavailable.
    """
    note, head = recovery.read_note(folder, keys[0])
    lines = "".join(f"{key.vkey(head.origin)}\n" for key in keys).encode()
    if target.suffix == ".tar":
        if target.exists():
            raise UsageError(_("{path} exists already").format(path=target))
        with (
            durable.explained(target, writing=True),
            target.open("xb") as file,
            tarfile.open(fileobj=file, mode="w") as tar,
        ):
            return _copy(folder, (note, lines, head), lambda name, data: _add(tar, name, data))
    durable.private_dir(target)
    with durable.explained(target):
        if any(target.iterdir()):
            raise UsageError(_("{path} is not empty").format(path=target), _("Name a folder that is new or empty."))
    return _copy(folder, (note, lines, head), lambda name, data: _write(target / name, data))


def _copy(folder: Path, what: tuple[bytes, bytes, Checkpoint], put: _Put) -> Exported:
    note, keys, head = what
    files = size = 0
    for name, data in _parts(folder, head):
        put(name, data)
        files, size = files + 1, size + len(data)
    put(KEYS, keys)
    # The checkpoint comes last: an export that was cut off has none.
    put(layout.CHECKPOINT, note)
    return Exported(head, head.size, files + 2, size + len(keys) + len(note))


def _parts(folder: Path, head: Checkpoint) -> Iterator[tuple[str, bytes]]:
    tiles = Tiles(folder, head)
    level = 0
    while width := head.size >> 8 * level:
        for index in range((width + WIDTH - 1) // WIDTH):
            suffix = f".p/{width - index * WIDTH}" if width < (index + 1) * WIDTH else ""
            if level == 0:
                yield layout.bundle_path(index) + suffix, layout.pack(tiles.bundle(index))
            yield layout.tile_path(level, index) + suffix, tiles.tile(level, index)
        level += 1


def _write(path: Path, data: bytes) -> None:
    durable.private_dir(path.parent)
    durable.write_new(path, data, mode=0o644)


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    # Same log, same bytes: no time, no owner.
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))
