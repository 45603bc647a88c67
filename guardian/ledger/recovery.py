"""Opening a log for writing after anything may have happened: what holds, what is adopted, cut or rebuilt.

The checkpoint and the entries it covers are the truth; the hash tiles are derived from them. A writer puts an
entry on disk first, then its hashes, then the checkpoint. So a crash can leave, after the checkpoint's size, whole
signed entries of one bundle (adopted: they were written, though nobody was told) and a torn one (cut). Anything else
is no crash: it is refused, and nothing is written.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from guardian import durable
from guardian.errors import EvidenceInvalid, Unavailable
from guardian.i18n import _
from guardian.keys.signing import VerifyKey
from guardian.ledger import checkpoint, layout
from guardian.ledger.envelope import signers, unseal
from guardian.ledger.invalid import LogInvalid
from guardian.ledger.layout import HASH, WIDTH
from guardian.ledger.tiles import Tiles
from guardian.ledger.tree import CompactRange, leaf_hash, perfect_root
from guardian.model.evidence import Checkpoint


@dataclass(frozen=True, slots=True)
class Found:
    """A log that holds together up to its checkpoint, and what lies after it in the bundle being filled."""

    note: bytes
    checkpoint: Checkpoint
    range: CompactRange
    """Over the entries of the checkpoint."""
    used: int
    """Bytes of the current bundle that the checkpoint covers."""
    adoptable: tuple[bytes, ...]
    """Whole signed entries after the checkpoint."""
    torn: int
    """Bytes after those: to be cut."""
    stale_tiles: bool
    """The hash tiles do not fit the entries and are to be rebuilt."""


def read_note(folder: Path, key: VerifyKey) -> tuple[bytes, Checkpoint]:
    """The checkpoint of the log in ``folder`` and its bytes, its signature verified.

    Raises LogInvalid, or Unavailable when there is no log at all.
    """
    try:
        note = durable.read_capped(folder / layout.CHECKPOINT, checkpoint.MAX_NOTE)
    except FileNotFoundError as error:
        if has_entries(folder):
            raise LogInvalid("checkpoint-missing") from error
        raise Unavailable(_("there is no log in {path}").format(path=folder), _("Run guardian init.")) from error
    except durable.TooLarge as error:
        raise LogInvalid("checkpoint-unreadable") from error
    try:
        signed = checkpoint.parse(note)
    except EvidenceInvalid as error:
        raise LogInvalid("checkpoint-unreadable") from error
    if not signed.signed_by(key):
        raise LogInvalid("checkpoint-signature")
    return note, signed.checkpoint


def has_entries(folder: Path) -> bool:
    """Whether anything was ever appended to the log in ``folder``."""
    with durable.explained(folder):
        return any((folder / "tile").rglob("*"))


def inspect(folder: Path, key: VerifyKey) -> Found:
    """Look at the log in ``folder``; write nothing. Raises LogInvalid when it must not be written to, Unavailable."""
    note, head = read_note(folder, key)
    data = _bundle(folder, head.size // WIDTH)
    entries = layout.unpack(data)
    covered = head.size % WIDTH
    if len(entries) < covered:
        raise LogInvalid("entries-missing", index=head.size - covered + len(entries), size=head.size)
    grown, stale = _rebuild_range(folder, head, entries[:covered])
    adoptable = _signed(entries[covered:], key)
    used = layout.packed_size(entries[:covered])
    after = head.size + len(adoptable)
    if after // WIDTH == head.size // WIDTH and (folder / layout.bundle_path(after // WIDTH + 1)).exists():
        raise LogInvalid("entries-beyond-gap", index=after)
    torn = len(data) - used - layout.packed_size(adoptable)
    return Found(note, head, grown, used, adoptable, torn, stale)


def _bundle(folder: Path, index: int) -> bytes:
    try:
        return durable.read_capped(folder / layout.bundle_path(index), layout.MAX_BUNDLE)
    except FileNotFoundError:
        return b""
    except durable.TooLarge as error:
        raise LogInvalid("entry-unreadable", index=index * WIDTH) from error


def _signed(entries: Sequence[bytes], key: VerifyKey) -> tuple[bytes, ...]:
    """The entries up to the first that we did not sign: after a power cut, blocks of zeros may stand there."""
    count = 0
    for entry in entries:
        try:
            if not signers(unseal(entry), [key]):
                break
        except EvidenceInvalid:
            break
        count += 1
    return tuple(entries[:count])


def _rebuild_range(folder: Path, head: Checkpoint, last: Sequence[bytes]) -> tuple[CompactRange, bool]:
    """The range of the log, and whether its tiles are stale. Raises LogInvalid when the entries miss the root."""
    tiles = Tiles(folder, head)
    leaves = [leaf_hash(entry) for entry in last]
    try:
        grown = tiles.frontier()
        fits = _last_whole_bundle_fits(tiles)
        current = tiles.tile(0, head.size // WIDTH) if leaves else b""
    except LogInvalid:
        fits = False
    else:
        for leaf in leaves:
            grown.push(leaf)
        if fits and grown.root() == head.root:
            return grown, current != b"".join(leaves)
    # The tiles do not lead to the root. They are derived: only if the entries do not either, the log is broken.
    grown = CompactRange()
    for index in range((head.size + WIDTH - 1) // WIDTH):
        for entry in tiles.bundle(index):
            grown.push(leaf_hash(entry))
    if grown.root() != head.root:
        raise LogInvalid("root-differs")
    return grown, True


def _last_whole_bundle_fits(tiles: Tiles) -> bool:
    """Whether the last full bundle is the one its tile was made of. Raises LogInvalid when entries are missing."""
    if tiles.size < WIDTH:
        return True
    index = tiles.size // WIDTH - 1
    return perfect_root([leaf_hash(entry) for entry in tiles.bundle(index)]) == tiles.fetch(8, index)


def cut(folder: Path, found: Found) -> None:
    """Cut the bundle back to its last whole signed entry, and make sure of what stays: it may be in memory only."""
    path = folder / layout.bundle_path(found.checkpoint.size // WIDTH)
    with durable.explained(path, writing=True):
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            if found.torn:
                os.ftruncate(fd, found.used + layout.packed_size(found.adoptable))
            os.fsync(fd)
        finally:
            os.close(fd)
        durable.sync_folder(path.parent)


def rebuild_tiles(folder: Path, head: Checkpoint) -> int:
    """Write every hash tile that does not fit the entries up to ``head`` anew; how many those were."""
    tiles = Tiles(folder, head)
    grown = CompactRange()
    open_tiles: dict[int, bytearray] = {0: bytearray()}
    written = 0
    for index in range((head.size + WIDTH - 1) // WIDTH):
        for entry in tiles.bundle(index):
            for level, row in enumerate(grown.push(leaf_hash(entry))[::8]):
                rows = open_tiles.setdefault(level, bytearray())
                rows += row
                if len(rows) == WIDTH * HASH:
                    written += _put_tile(folder, layout.tile_path(level, (grown.size >> 8 * level) // WIDTH - 1), rows)
                    rows.clear()
    for level, rows in open_tiles.items():
        if rows:
            written += _put_tile(folder, layout.tile_path(level, (head.size >> 8 * level) // WIDTH), rows)
    return written


def _put_tile(folder: Path, name: str, data: bytearray) -> bool:
    path = folder / name
    try:
        if durable.read_capped(path, WIDTH * HASH) == data:
            return False
    except (FileNotFoundError, durable.TooLarge):
        pass
    durable.private_dir(path.parent)
    durable.sweep(path.parent)
    durable.write_atomic(path, bytes(data))
    return True
