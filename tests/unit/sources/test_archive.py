"""An archive is whole or it is none, whoever wrote it."""

import io
import struct
import subprocess
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from shutil import which

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.sources.archive import ArchiveBroken, ArchiveReader, ArchiveWriter, decoded, encoded

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def archive(**entries: bytes) -> bytes:
    written = bytearray()
    with ArchiveWriter(written.extend, NOW) as writer:
        for name, content in entries.items():
            with writer.entry(name) as put:
                for at in range(0, len(content), 7):
                    put(content[at : at + 7])
    return bytes(written)


def test_it_comes_back_as_it_was() -> None:
    reader = ArchiveReader(io.BytesIO(archive(one=b"x" * 1000, two=b"")))
    assert reader.names() == ("one", "two")
    assert (reader.read("one", 1000), reader.read("two", 0)) == (b"x" * 1000, b"")
    with pytest.raises(ArchiveBroken, match="too large"):
        reader.read("one", 999)


@pytest.mark.skipif(which("unzip") is None, reason="no unzip")
def test_other_programs_read_it(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(archive(one=b"x" * 1000, two=b"y"))
    done = subprocess.run(["unzip", "-p", tmp_path / "a.zip", "one"], capture_output=True, check=True)
    assert done.stdout == b"x" * 1000
    assert not done.stderr


def test_cut_anywhere_it_is_none() -> None:
    whole = archive(one=b"x" * 50, two=b"y")
    for length in range(len(whole)):
        with pytest.raises(ArchiveBroken):
            ArchiveReader(io.BytesIO(whole[:length]))


def test_an_archive_whose_writer_failed_never_ends() -> None:
    written = bytearray()

    def fail() -> None:
        with ArchiveWriter(written.extend, NOW) as writer, writer.entry("one") as put:
            put(b"x")
            raise OSError

    with pytest.raises(OSError):  # noqa: PT011  ours
        fail()
    length = len(written)
    with pytest.raises(ArchiveBroken):
        ArchiveReader(io.BytesIO(written))
    assert len(written) == length


def test_a_flipped_bit_in_an_entry_is_found() -> None:
    whole = bytearray(archive(one=b"x" * 100))
    whole[60] ^= 1
    reader = ArchiveReader(io.BytesIO(whole))
    with pytest.raises(ArchiveBroken, match="CRC"):
        reader.read("one", 100)


def hostile(name: str = "one", content: bytes = b"x", **info: int) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as other:
        entry = zipfile.ZipInfo(name)
        entry.compress_type = info.get("compress_type", zipfile.ZIP_STORED)
        other.writestr(entry, content)
    return written.getvalue()


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../../x", "a//b", "a\\b", "./a", ""])
def test_names_that_lead_elsewhere(name: str) -> None:
    with pytest.raises(ArchiveBroken, match="leads elsewhere"):
        ArchiveReader(io.BytesIO(hostile(name)))


def test_no_bombs() -> None:
    with pytest.raises(ArchiveBroken, match="compressed"):
        ArchiveReader(io.BytesIO(hostile(content=b"\0" * 10_000_000, compress_type=zipfile.ZIP_DEFLATED)))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_no_name_twice() -> None:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as other:
        other.writestr("one", b"x")
        other.writestr("one", b"y")
    with pytest.raises(ArchiveBroken, match="twice"):
        ArchiveReader(written)


def test_a_directory_that_would_fill_the_memory_is_not_read() -> None:
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, 0xF0000000, 0, 0)
    with pytest.raises(ArchiveBroken, match="too large"):
        ArchiveReader(io.BytesIO(b"\0" * 200 + end))


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_or_read(data: bytes) -> None:
    whole = bytearray(archive(one=b"x" * 20))
    for at, byte in enumerate(data):
        whole[-1 - at % len(whole)] ^= byte
    try:
        reader = ArchiveReader(io.BytesIO(whole))
        for name in reader.names():
            reader.read(name, 1 << 20)
    except ArchiveBroken:
        pass


@pytest.mark.parametrize("name", ["app", "..", ".", "a/b", "a.dump", "中文 \"'", "a%2Fb", "\udcff", "a\nb"])
def test_any_database_has_a_harmless_name(name: str) -> None:
    part = encoded(name)
    assert "/" not in part
    assert part.isascii()
    assert not part.startswith(".")
    assert decoded(part) == name
