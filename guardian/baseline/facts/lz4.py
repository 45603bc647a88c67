"""Reads LZ4 frames: apt keeps its lists in them, and Python's library does not know them.

The formats are the frame format 1.6 and the block format of the LZ4 project; checksums are not checked.
"""

from collections.abc import Iterator

_MAGIC = b"\x04\x22\x4d\x18"
_WINDOW = 1 << 16


class BadFrame(ValueError):
    """These bytes are no LZ4 frame, or one that ends too soon."""


def blocks(data: bytes) -> Iterator[bytes]:
    """The content of a frame, block by block. Raises BadFrame, perhaps after some."""
    if data[:4] != _MAGIC or len(data) < 7:
        raise BadFrame("not an LZ4 frame")
    flags = data[4]
    at = 7 + (8 if flags & 0x08 else 0) + (4 if flags & 0x01 else 0)
    history = b""
    while True:
        size = int.from_bytes(data[at : at + 4], "little")
        if len(data) < at + 4:
            raise BadFrame("ends too soon")
        if size == 0:
            return
        at += 4
        length = size & 0x7FFFFFFF
        raw = data[at : at + length]
        if len(raw) != length:
            raise BadFrame("ends too soon")
        content = raw if size >> 31 else _block(raw, history)
        at += length + (4 if flags & 0x10 else 0)
        history = b"" if flags & 0x20 else (history + content)[-_WINDOW:]
        yield content


def _block(data: bytes, history: bytes) -> bytes:
    out = bytearray(history)
    at, end = 0, len(data)
    try:
        while at < end:
            token = data[at]
            at += 1
            literals, at = _length(data, at, token >> 4)
            if at + literals > end:
                raise BadFrame("ends too soon")
            out += data[at : at + literals]
            at += literals
            if at >= end:
                break
            offset = data[at] | data[at + 1] << 8
            match, at = _length(data, at + 2, token & 15)
            _copy(out, offset, match + 4)
    except IndexError as error:
        raise BadFrame("ends too soon") from error
    return bytes(out[len(history) :])


def _length(data: bytes, at: int, first: int) -> tuple[int, int]:
    total = first
    if first == 15:
        while True:
            more = data[at]
            at += 1
            total += more
            if more != 255:
                break
    return total, at


def _copy(out: bytearray, offset: int, length: int) -> None:
    if not 0 < offset <= len(out) or len(out) + length > 16 << 20:
        raise BadFrame("copies from nowhere")
    piece = out[-offset:] if offset >= length else out[-offset:] * (length // offset + 1)
    out += piece[:length]
