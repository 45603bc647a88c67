"""Content that is not, or no longer, what its name says; and content that merely looks wild."""

import base64
import gzip
import io
import random
import zipfile
import zlib

import pytest

from guardian.backup.magic import Piece, examine, texture

RNG = random.Random(7)
NOISE = RNG.randbytes(60_000)
TEXT = " ".join(RNG.choice(("budget", "letter", "省厅", "payment", "2026")) for _word in range(6000)).encode()


def document() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", TEXT)
        archive.writestr("word/media/image1.png", NOISE)
    return made.getvalue()


def photograph() -> bytes:
    return b"\xff\xd8\xff\xe0\0\x10JFIF\0" + NOISE.replace(b"\xff", b"\xff\0") + b"\xff\xd9"


def page() -> bytes:
    stream = zlib.compress(TEXT)
    one = b"<</Length %d /Filter /FlateDecode>>\nstream\n" % len(stream) + stream + b"\nendstream\n"
    return b"%PDF-1.4\n" + one * 3 + b"%%EOF\n"


SOUND = {
    "a.docx": document(),
    "a.jpg": photograph(),
    "a.pdf": page(),
    "a.txt": TEXT,
    "a.csv": b"".join(b"%d,%d,%d\n" % (n, n * n % 9973, n % 7) for n in range(4000)),
    "a.log.gz": gzip.compress(b"".join(b"%d took %d ms\n" % (n, RNG.randrange(10**6)) for n in range(9000))),
    "a.json": b'{"picture": "' + base64.b64encode(NOISE[:2000]) + b'", "text": "' + TEXT + b'"}',
    "a": TEXT,
    "library.so": b"\x7fELF" + TEXT,
}


def look(name: str, data: bytes, piece: int = 1 << 20) -> str:
    """As a backup looks: a file of one chunk, or its first chunk and another one."""
    starts = range(0, len(data), piece)
    pieces = [Piece(data[at : at + piece], at == 0, at + piece >= len(data)) for at in starts]
    return examine(name, pieces[:2], 3)


def every_other(data: bytes) -> bytes:
    parts = [data[at : at + 4096] for at in range(0, len(data), 4096)]
    return b"".join(RNG.randbytes(len(part)) if n % 2 else part for n, part in enumerate(parts))


@pytest.mark.parametrize("name", SOUND)
def test_what_programs_write_is_sound(name: str) -> None:
    assert look(name, SOUND[name]) == "plain"


@pytest.mark.parametrize("name", [name for name in SOUND if name != "a"])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: RNG.randbytes(len(data)),
        lambda data: RNG.randbytes(4096) + data[4096:],
        lambda data: base64.b64encode(RNG.randbytes(len(data))),
        lambda data: base64.encodebytes(RNG.randbytes(len(data))),
        lambda data: RNG.randbytes(len(data)).hex().encode(),
    ],
    ids=["whole", "head", "base64", "lines of base64", "hexadecimal"],
)
def test_what_a_cipher_leaves_is_scrambled(name: str, spoil: object) -> None:
    assert look(name, spoil(SOUND[name])) == "scrambled"  # type: ignore[operator]


@pytest.mark.parametrize("name", ["a.docx", "a.jpg", "a.pdf", "a.txt", "a.csv", "a.log.gz"])
def test_every_other_block_is_enough(name: str) -> None:
    assert look(name, every_other(SOUND[name])) == "scrambled"


def test_names_that_say_nothing_and_names_that_say_it_is_sealed() -> None:
    assert look("a", NOISE) == "opaque"
    assert look("a.gpg", NOISE) == "sealed"
    assert look("a.docx", bytes(5000)) == "blank"
    assert look("a.docx", b"") == "plain"


def test_a_wrong_name_is_odd_and_no_attack() -> None:
    assert look("a.pdf", b"<html>" + TEXT) == "odd"
    assert look("report.xls", b"<html>" + TEXT) == "plain"


def test_random_bytes_are_told_from_compressed_words_only_where_that_can_be() -> None:
    assert texture(NOISE[:4096]) == "random"
    assert texture(TEXT[:4096]) == "plain"
    assert texture(bytes(4096)) == "blank"
    assert texture(b"0123456789" * 400) == "plain"
    assert texture(NOISE[:50]) == "plain"


def test_an_archive_that_unpacks_to_more_than_is_read_is_left_alone() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb", bytes(64 << 20))
    assert look("a.zip", made.getvalue()) == "plain"
