"""The names and shapes of C2SP tlog-tiles (https://c2sp.org/tlog-tiles).

::

    checkpoint                  the signed tree head
    tile/entries/<N>            256 entries, each after its length in 16 bits, big-endian
    tile/<L>/<N>                256 hashes of level L: roots of 256**L leaves each
    …/<N>.p/<W>                 in an export: the rightmost file with only W of them

In a log that is being written the rightmost files grow in place under their full name.
"""

from collections.abc import Iterable
from pathlib import Path

from guardian.durable import TooLarge, read_capped
from guardian.ledger.envelope import MAX_ENTRY

WIDTH = 256
"""Entries in a bundle, hashes in a tile."""
HASH = 32
LENGTH = 2
MAX_BUNDLE = WIDTH * (LENGTH + MAX_ENTRY)
CHECKPOINT = "checkpoint"


def number(index: int) -> str:
    """``index`` as path elements of three digits, all but the last marked: 1234067 is ``x001/x234/067``."""
    parts = [f"{index % 1000:03d}"]
    while index := index // 1000:
        parts.append(f"x{index % 1000:03d}")
    return "/".join(reversed(parts))


def bundle_path(index: int) -> str:
    """Where entry bundle ``index`` lies."""
    return f"tile/entries/{number(index)}"


def tile_path(level: int, index: int) -> str:
    """Where hash tile ``index`` of ``level`` lies."""
    return f"tile/{level}/{number(index)}"


def read_part(folder: Path, name: str, width: int, limit: int) -> bytes:
    """The file ``name``, or the partial file of that ``width`` an export has in its place.

    A file that is missing, or too large to be one of ours, is empty. Raises Unavailable when it cannot be read.
    """
    for path in (folder / name, folder / f"{name}.p" / str(width)):
        try:
            return read_capped(path, limit)
        except FileNotFoundError:
            continue
        except TooLarge:
            break
    return b""


def pack(entries: Iterable[bytes]) -> bytes:
    """Entries as they stand in a bundle."""
    return b"".join(len(entry).to_bytes(LENGTH, "big") + entry for entry in entries)


def unpack(data: bytes) -> list[bytes]:
    """The whole entries at the beginning of a bundle, at most 256; what follows them is torn."""
    entries: list[bytes] = []
    start, end = LENGTH, len(data)
    while start <= end and len(entries) < WIDTH:
        stop = start + int.from_bytes(data[start - LENGTH : start], "big")
        if stop > end:
            break
        entries.append(data[start:stop])
        start = stop + LENGTH
    return entries


def packed_size(entries: Iterable[bytes]) -> int:
    """How many bytes ``entries`` take in a bundle."""
    return sum(LENGTH + len(entry) for entry in entries)


def rows(size: int, level: int, tile: int) -> int:
    """How many hashes tile ``tile`` of ``level`` has in a log of ``size`` entries."""
    return max(0, min(WIDTH, (size >> (8 * level)) - tile * WIDTH))
