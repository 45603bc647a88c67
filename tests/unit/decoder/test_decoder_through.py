"""A pack read in one stream: once and no more when all is well, and never better than the close look."""

import random
from collections.abc import Iterator
from concurrent.futures import Executor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guardian.model.reader import PIECE, ObjectUnreadable


def filled(forge: Any, sizes: tuple[int, ...], seed: int = 1) -> str:
    """The name of the one pack of a repository with blobs of these sizes."""
    rng = random.Random(seed)
    node = forge.file("f", *(rng.randbytes(size) for size in sizes))
    pack = forge.close_pack()
    root = forge.tree(node)
    forge.close_pack()
    forge.snapshot(root)
    forge.index()
    return f"data/{pack[:2]}/{pack}"


def report_of(forge: Any, name: str, pool: Executor) -> Any:
    loaded = forge.load()
    forge.reader.reads = 0
    pack = loaded.index.pack(bytes.fromhex(name.rpartition("/")[2]))
    (report,) = loaded.verify_packs([pack], pool)
    return report


@pytest.mark.parametrize(
    "sizes", [(1,), (100, 1, 7000), (PIECE - 32, 1), (PIECE + 17, PIECE // 2, 3 * PIECE, 5), (PIECE,) * 3]
)
def test_a_whole_pack_is_read_exactly_once(forge: Any, pool: Executor, sizes: tuple[int, ...]) -> None:
    name = filled(forge, sizes)
    report = report_of(forge, name, pool)
    assert (report.ok, report.findings, report.blobs) == (True, (), len(sizes))
    assert report.bytes_read == forge.reader.reads == len(forge.reader.objects[name])


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_flipped_bit_is_found_and_the_same_as_by_the_close_look(
    new_forge: Any, pool: Executor, data: st.DataObject
) -> None:
    forge = new_forge()
    name = filled(forge, (300, 40, 2000))
    whole = forge.reader.objects[name]
    at = data.draw(st.integers(0, len(whole) - 1))
    bit = data.draw(st.integers(0, 7))
    forge.reader.objects[name] = whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :]
    report = report_of(forge, name, pool)
    assert not report.ok
    codes = {found.code for found in report.findings}
    assert "pack-hash-differs" in codes, "the close look has the last word"
    assert all(found.args["pack"] == name.rpartition("/")[2] for found in report.findings)
    assert report.bytes_read == forge.reader.reads + missing_of_broken_stream(report, len(whole), forge.reader.reads)


def missing_of_broken_stream(report: Any, size: int, reads: int) -> int:
    """A stream that was broken off counts as the whole pack: never less than what was read."""
    assert reads <= report.bytes_read <= 2 * size + (16 << 10)
    return int(report.bytes_read - reads)


def test_what_is_spoiled_on_the_way_is_told_apart(forge: Any, pool: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    name = filled(forge, (300, 40, 2000))
    reader = type(forge.reader)
    honest = reader.stream

    def spoiled(self: Any, wanted: str, length: int) -> Iterator[bytes]:
        return (
            bytes([piece[0] ^ 1]) + piece[1:] if wanted == name else piece for piece in honest(self, wanted, length)
        )

    def broken(self: Any, wanted: str, length: int) -> Iterator[bytes]:
        yield b"x" * 100
        raise ObjectUnreadable(wanted, "the answer broke off")

    for stream, code in ((spoiled, "blob-seal-broken"), (broken, "object-unreadable")):
        monkeypatch.setattr(reader, "stream", stream)
        report = report_of(forge, name, pool)
        assert report.ok
        assert [(found.code, found.args["first"]) for found in report.findings] == [("read-unstable", code)]


def test_a_pack_that_is_only_partly_indexed_is_looked_at_closely(forge: Any, pool: Executor) -> None:
    rng = random.Random(2)
    node = forge.file("f", rng.randbytes(300), rng.randbytes(500))
    pack = forge.close_pack()
    forge.packs[-1]["blobs"] = forge.packs[-1]["blobs"][:1]
    root = forge.tree(node)
    forge.close_pack()
    forge.snapshot(root)
    forge.index()
    report = report_of(forge, f"data/{pack[:2]}/{pack}", pool)
    assert report.ok
    assert [found.code for found in report.findings] == ["pack-not-wholly-indexed"]
    assert report.blobs == 2
