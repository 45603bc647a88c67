"""Signs in the content of a file that it is not, or no longer, what its name says. Pure: bytes in, a verdict out.

Three questions. Is a block random, or an encoding of something random? Both are *uniform over their own alphabet*: 256
byte values for a cipher, 64 for base64, 16 for hexadecimal digits; text, tables and programs never are. Does the file
begin and end as its kind does? And can its inside be read: checksums of an archive, the escapes of a photograph,
the compressed streams of a document? A cipher that leaves the first kilobytes alone, or takes every other block,
fails there.
"""

import io
import math
import random
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from guardian.backup.kinds import Kind, kind_of

BLOCK: Final = 4096
_QUARTER: Final = 1024
_BLOCKS: Final = 8
"""Blocks looked at in one piece of a file."""
_SHORTEST: Final = 96
"""Bytes of the shortest block whose distribution says anything."""
_UNPACKED: Final = 8 << 20
"""Bytes of an archive that are unpacked at most, to see whether they can be."""
_STREAMS: Final = 16

Sign = Literal["plain", "odd", "scrambled", "opaque", "blank", "sealed"]
Texture = Literal["random", "mixed", "encoded", "blank", "plain"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a file; whether it is its very beginning, its very end."""

    data: bytes
    first: bool
    last: bool


def texture(block: bytes) -> Texture:
    """What one block is like; ``mixed``: random in part. Of a block under 96 bytes nothing is said: it is ``plain``."""
    if len(block) < _SHORTEST:
        return "plain"
    if block.count(block[0]) == len(block):
        return "blank"
    if block.isascii():
        text = block.translate(None, b"\r\n")
        return "encoded" if len(text) >= _SHORTEST and _is_uniform(text, len(set(text))) else "plain"
    # In quarters: a cipher that takes every other block leaves none of its own under a window that lies askew.
    quarters = [block[at : at + _QUARTER] for at in range(0, len(block), _QUARTER)]
    uniform = sum(_is_uniform(quarter, 256) for quarter in quarters if len(quarter) >= _SHORTEST)
    return "random" if uniform * 2 >= len(quarters) else "mixed" if uniform else "plain"


def _is_uniform(block: bytes, letters: int) -> bool:
    """Whether chi-square over ``letters`` equally likely ones is about what chance makes it.

    Its mean is ``letters``, its deviation the root of twice that: seven of them leave room for what compression makes,
    while text is off by hundreds. Few letters are no alphabet: a column of digits, say.
    """
    if letters < 16:
        return False
    squares = sum(count * count for count in Counter(block).values())
    return squares * letters / len(block) - len(block) < letters + 7 * math.sqrt(2 * letters)


def examine(name_before: str, pieces: Sequence[Piece], seed: int = 0) -> Sign:
    """What the ``pieces`` say of a file that is, or was before it changed, called ``name_before``."""
    pieces = [piece for piece in pieces if piece.data]
    if not pieces:
        return "plain"
    rng = random.Random(seed)  # noqa: S311  the seed itself is drawn where nobody can see it
    textures = [texture(block) for piece in pieces for block in _blocks(piece.data, rng)]
    dense = sum(t in ("random", "encoded") for t in textures)
    length = sum(len(piece.data) for piece in pieces)
    if length >= 512 and textures.count("blank") == len(textures):
        return "blank"
    kind = kind_of(name_before)
    if kind is None:
        return "opaque" if dense * 2 > len(textures) else "plain"
    if kind.text:
        return _text(pieces, textures)
    if kind.sealed:
        return "sealed"
    return _typed(kind, pieces, dense * 2 > len(textures))


def _blocks(data: bytes, rng: random.Random) -> list[bytes]:
    """The first block, and others from all over the piece; where, only the seed knows."""
    if len(data) <= BLOCK * 2:
        return [data[at : at + BLOCK] for at in range(0, len(data), BLOCK)]
    stretch = (len(data) - BLOCK) / _BLOCKS
    starts = [0, *(int(stretch * n + rng.random() * stretch) for n in range(_BLOCKS))]
    return [data[at : at + BLOCK] for at in starts]


def _text(pieces: Sequence[Piece], textures: Sequence[Texture]) -> Sign:
    if "random" in textures or "mixed" in textures:
        return "scrambled"
    # A page may hold a picture in base64, but no page begins with one.
    begins = next((texture(piece.data[:BLOCK]) for piece in pieces if piece.first), "encoded")
    return "scrambled" if begins == "encoded" and textures.count("encoded") * 2 > len(textures) else "plain"


def _typed(kind: Kind, pieces: Sequence[Piece], dense: bool) -> Sign:
    first = next((piece for piece in pieces if piece.first), None)
    if first is not None and not kind.begins(first.data):
        begins = texture(first.data[:BLOCK])
        return "scrambled" if dense or begins in ("random", "encoded", "blank") else "odd"
    probe = _PROBES.get(kind.name)
    return "scrambled" if probe is not None and any(probe(piece) for piece in pieces) else "plain"


def _zip_broken(piece: Piece) -> bool:
    """Whether an archive that is here whole cannot be read. Every member is held against its checksum."""
    if not (piece.first and piece.last):
        return False
    left = _UNPACKED
    try:
        with zipfile.ZipFile(io.BytesIO(piece.data)) as archive:
            for member in archive.infolist():
                if member.flag_bits & 1 or member.file_size > left:
                    continue
                left -= member.file_size
                with archive.open(member) as content:
                    content.read(member.file_size + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError):
        return True
    except Exception:  # noqa: BLE001  a method we lack, a name that is none: hostile bytes, and no proof of anything
        return False
    return False


def _jpeg_broken(piece: Piece) -> bool:
    """Whether the inside of a photograph holds what no coder writes: behind 0xff come 0x00 and markers only."""
    escapes: list[bytes] = re.findall(rb"\xff(.)", piece.data[BLOCK:] if piece.first else piece.data, re.DOTALL)
    if len(escapes) < 32:
        return False
    # Markers are c0 to fe; below them only 00 (an escaped 0xff) and, as filling, 0xff itself.
    impossible = sum(0 < escape[0] < 0xC0 for escape in escapes)
    return impossible * 4 > len(escapes)


def _gzip_broken(piece: Piece) -> bool:
    if not piece.first:
        return False
    try:
        zlib.decompressobj(31).decompress(piece.data, _UNPACKED)
    except zlib.error:
        return True
    return False


def _pdf_broken(piece: Piece) -> bool:
    """Whether most of the compressed streams of a document that is here whole cannot be unpacked."""
    if not (piece.first and piece.last) or b"/Encrypt" in piece.data:
        return False
    bad = good = 0
    for found in re.finditer(rb"/FlateDecode[^>]{0,200}>>\s{0,4}stream\r?\n", piece.data):
        try:
            zlib.decompressobj().decompress(piece.data[found.end() : found.end() + (1 << 20)], 1 << 20)
            good += 1
        except zlib.error:
            bad += 1
        if bad + good == _STREAMS:
            break
    # A stream that begins and has no end, or the other way round, lost the other one.
    ends = piece.data.count(b"endstream")
    torn = abs(piece.data.count(b"stream") - 2 * ends) * 5 > ends
    return (bad > 0 and bad >= good) or torn or b"%%EOF" not in piece.data[-2048:]


_PROBES: Final = {"zip": _zip_broken, "jpeg": _jpeg_broken, "gzip": _gzip_broken, "pdf": _pdf_broken}
