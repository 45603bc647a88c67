"""Decompression that cannot be made to fill the memory: what the frame declares is held against a bound first."""

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import zstandard

_WINDOW = 128 << 20  # bytes that a frame may ask us to keep; restic's frames ask for 8 MiB at most
PIECE = 1 << 18
"""Bytes that are unpacked at once."""
_local = threading.local()


class BadFrame(Exception):
    """Not one whole zstd frame within the bound."""


def decompress(packed: bytes | memoryview, limit: int) -> bytes:
    """The content of the one frame ``packed``, at most ``limit`` bytes. Raises BadFrame."""
    import zstandard  # noqa: PLC0415  format 1 does without

    try:
        declared = zstandard.frame_content_size(packed)
        if declared > limit:
            raise BadFrame
        if declared == 0:
            return _empty(packed)
        # A declared size is allocated as it stands; without one, the bound is what may come out.
        return _decompressor().decompress(packed, max_output_size=limit, allow_extra_data=False)
    except (zstandard.ZstdError, MemoryError, ValueError):
        raise BadFrame from None


def pieces(packed: bytes | memoryview, limit: int) -> Iterator[bytes]:
    """The content of the frame ``packed``, at most ``limit`` bytes in all, as it is unpacked. Raises BadFrame."""
    import zstandard  # noqa: PLC0415  format 1 does without

    given = 0
    try:
        declared = zstandard.frame_content_size(packed)
        if declared > limit:
            raise BadFrame
        with zstandard.ZstdDecompressor(max_window_size=_WINDOW).stream_reader(packed) as unpacked:
            while piece := unpacked.read(PIECE):
                given += len(piece)
                if given > limit:
                    raise BadFrame
                yield piece
    except (zstandard.ZstdError, MemoryError, ValueError):
        raise BadFrame from None
    if declared not in {-1, given}:
        raise BadFrame  # cut off


def _empty(packed: bytes | memoryview) -> bytes:
    # The library answers for a declared length of nothing without looking at what follows.
    import zstandard  # noqa: PLC0415

    opened = zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj()
    if opened.decompress(bytes(packed)) or not opened.eof or opened.unused_data:
        raise BadFrame
    return b""


def _decompressor() -> "zstandard.ZstdDecompressor":
    # One for each thread: its context is large and must not be shared.
    import zstandard  # noqa: PLC0415

    found: zstandard.ZstdDecompressor | None = getattr(_local, "decompressor", None)
    if found is None:
        found = _local.decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
    return found
