"""Every parser on bytes that nobody meant: it answers, or it raises its own error, and nothing else."""

import hashlib
import json
import random
from concurrent.futures import Executor
from contextlib import suppress
from typing import Any
from unittest import mock

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guardian.decoder import document, indexfile, keys, limits, snapshots, trees, zstd
from guardian.decoder.damage import Damage
from guardian.decoder.document import NotUnderstood
from guardian.decoder.header import parse_header
from guardian.decoder.members import flowing, members
from guardian.decoder.names import unquote
from guardian.decoder.packs import plan
from guardian.decoder.places import Place
from guardian.decoder.repository import parse_config
from guardian.decoder.seal import BrokenSeal, Key
from guardian.decoder.times import nanoseconds
from guardian.decoder.walk import Entry
from guardian.decoder.zstd import BadFrame, decompress

KEY = Key(bytes(32), bytes(16), bytes(16))
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("ab" * 32)
WORDS = st.sampled_from(
    ["nodes", "name", "type", "file", "dir", "content", "subtree", "size", "packs", "blobs", "id", "offset", "length"]
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=4), inner),
    max_leaves=20,
)
TREE = {
    "nodes": [
        {"name": "a", "type": "file", "mode": 420, "size": 3, "mtime": "2024-01-01T00:00:00Z", "content": ["ab" * 32]},
        {
            "name": "b\\xff",
            "type": "dir",
            "subtree": "cd" * 32,
            "extended_attributes": [{"name": "u", "value": "AA=="}],
        },
    ]
}
INDEX = {
    "supersedes": ["ab" * 32],
    "packs": [{"id": "cd" * 32, "blobs": [{"id": "ab" * 32, "type": "data", "offset": 0, "length": 64}]}],
}


@st.composite
def nearly(draw: st.DrawFn, good: bytes) -> bytes:
    """A good document after a few cuts, flips and insertions."""
    data = bytearray(good)
    for _change in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        data[at : at + draw(st.integers(0, 4))] = draw(
            st.binary(max_size=4) | st.sampled_from([b'"', b"[", b"}", b","])
        )
    return bytes(data)


@given(st.binary(max_size=200) | JSON.map(lambda v: json.dumps(v).encode()) | nearly(json.dumps(TREE).encode()))
@settings(max_examples=200, deadline=None)
def test_documents(data: bytes) -> None:
    for parse in (
        document.parse,
        lambda d: list(trees.parse(d)),
        lambda d: list(indexfile.parse(d)),
        keys.parse,
        lambda d: snapshots.parse("", d),
    ):
        try:
            parse(data)
        except NotUnderstood:
            pass
    try:
        parse_config(data)
    except Damage:
        pass


@given(st.binary(max_size=200) | JSON.map(lambda v: json.dumps(v).encode()) | nearly(json.dumps(TREE).encode()))
@settings(max_examples=200, deadline=None)
@pytest.mark.parametrize("size", [None, 1, 3, 64])
def test_streamed_members_are_what_json_says(size: int | None, data: bytes) -> None:
    try:
        if size is None:
            said = list(members(data, "nodes"))
        else:  # the window grows by one piece
            with mock.patch("guardian.decoder.members._WINDOW", 1):
                said = list(flowing((data[at : at + size] for at in range(0, len(data), size)), "nodes"))
    except NotUnderstood:
        with pytest.raises(NotUnderstood):
            document.parse(data)
        return
    whole = json.loads(data)
    last = {key: value for key, value in said if key != "nodes"}
    assert all(repr(whole[key]) == repr(value) for key, value in last.items())
    if isinstance(whole.get("nodes"), list) and data.count(b'"nodes"') == 1:
        assert repr([value for key, value in said if key == "nodes"]) == repr(whole["nodes"])


@given(st.integers(1, 5), st.integers(0, 9), st.integers(1, 400))
def test_packs_that_do_not_name_what_is_wanted_are_left_out(packs: int, at: int, size: int) -> None:
    index = {"packs": [{"id": f"{n:064x}", "blobs": [{"id": f"{n:063x}{b}"} for b in range(10)]} for n in range(packs)]}
    data = json.dumps(index, separators=(",", ":")).encode()
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    assert list(indexfile.packs(pieces)) == index["packs"]
    for wanted in (f"{n:063x}{at}" for n in range(packs)):
        assert [p for p in index["packs"] if wanted in json.dumps(p)] == list(indexfile.packs(pieces, wanted))
    assert list(indexfile.packs(pieces, "ff" * 32)) == []


@given(nearly(json.dumps(INDEX).encode()))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_indexes(new_forge: Any, data: bytes) -> None:
    forge = new_forge()
    forge.put("index/", data)
    loaded = forge.load()
    assert {r.code for r in loaded.findings.kept} <= {
        "index-not-understood",
        "object-encoding-unknown",
        "object-frame-broken",
    }


@given(st.binary(max_size=300), st.integers(0, 1 << 33))
def test_pack_headers(data: bytes, end: int) -> None:
    try:
        found = parse_header(data, end)
    except ValueError:
        return
    assert sum(place.length for place in found) == end


@given(st.lists(st.tuples(st.integers(32, 1000), st.binary(min_size=32, max_size=32), st.integers(0, 99)), max_size=6))
def test_pack_headers_that_are_right(blobs: list[tuple[int, bytes, int]]) -> None:
    header = b"".join(
        bytes([2 if raw else 1]) + length.to_bytes(4, "little") + (raw.to_bytes(4, "little") if raw else b"") + blob_id
        for length, blob_id, raw in blobs
    )
    found = parse_header(header, sum(length for length, _id, _raw in blobs))
    assert [(p.length, p.id, p.raw) for p in found] == blobs


PLACES = st.lists(
    st.tuples(st.integers(0, 30 << 20), st.integers(32, 12 << 20)).map(lambda p: Place(0, b"", p[0], p[1], 0)),
    max_size=30,
)


@given(PLACES, st.integers(0, 4096))
def test_a_plan_reads_every_byte_once_and_every_blob(places: list[Place], more: int) -> None:
    places = sorted(places, key=lambda place: place.offset)
    size = max((place.end for place in places), default=0) + more
    stretches = list(plan(size, places))
    first = [s for s in stretches if not s.again]
    assert [s.start for s in first] == [0, *(s.end for s in first)][: len(first)]
    assert (first[-1].end if first else 0) == size
    assert sorted(p for s in stretches for p in s.places) == sorted(places)
    assert all(s.start <= p.offset and p.end <= s.end for s in stretches for p in s.places)
    longest = max((place.length for place in places), default=0)
    assert all(s.end - s.start <= max(limits.SEGMENT, longest) for s in stretches)


@given(st.binary(max_size=200))
def test_seals(data: bytes) -> None:
    try:
        KEY.opener().open(data)
    except BrokenSeal:
        return
    raise AssertionError("a seal of nobody opened")


@given(st.binary(max_size=100) | nearly(zstandard.compress(b"some text, some text, some text")), st.integers(0, 1000))
@settings(max_examples=200)
def test_frames(data: bytes, limit: int) -> None:
    with suppress(BadFrame):
        said = decompress(data, limit)
        assert len(said) <= limit
        assert b"".join(zstd.pieces(data, limit)) == said
    with suppress(BadFrame):
        assert sum(map(len, zstd.pieces(data, limit))) <= limit


def go_quote(name: bytes) -> str:
    """What Go's strconv.Quote makes of a name, in its plainest form: everything but letters escaped."""
    return "".join(chr(b) if chr(b).isalnum() and b < 128 else f"\\x{b:02x}" for b in name)


@given(st.binary(max_size=60))
def test_names_of_any_bytes_come_back(name: bytes) -> None:
    assert unquote(go_quote(name)) == name


@given(st.text(max_size=30))
def test_names_of_any_text(quoted: str) -> None:
    try:
        unquote(quoted)
    except NotUnderstood:
        pass


def test_names_as_go_writes_them() -> None:
    # From strconv's documentation and restic's trees.
    assert unquote(r"\a\b\f\n\r\t\v\\\"") == b'\a\b\f\n\r\t\v\\"'
    assert unquote(r"caf\xe9 \u2028 \U0010ffff \101 é") == b"caf\xe9 \xe2\x80\xa8 \xf4\x8f\xbf\xbf A \xc3\xa9"


@given(st.text(max_size=40) | st.from_regex(r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}[+-]\d\d:\d\d\Z"))
def test_times(text: str) -> None:
    assert isinstance(nanoseconds(text), int | None)


@given(st.datetimes(timezones=st.timezones()))
def test_times_are_what_datetime_says(moment: Any) -> None:
    offset = moment.utcoffset()
    if offset.total_seconds() % 60:
        return  # local mean times of long ago: RFC 3339 has no seconds in a zone
    epoch = (moment.replace(tzinfo=None) - offset - type(moment)(1970, 1, 1)) if moment.year > 1 else None
    if epoch is not None:
        micro = (epoch.days * 86400 + epoch.seconds) * 10**6 + epoch.microseconds
        assert nanoseconds(moment.isoformat(timespec="microseconds")) == micro * 1000


def test_times_that_go_writes_and_datetime_cannot_read() -> None:
    assert nanoseconds("0000-01-01T00:00:00Z") == -62167219200 * 10**9
    assert nanoseconds("2024-02-29T12:00:00.123456789+08:00") == 1709179200123456789


def test_a_whole_repository_under_random_damage_ends_in_findings(new_forge: Any, pool: Executor) -> None:
    """Objects flipped, cut, swapped, dropped, sealed anew over mutated text: no other error, and no false PASS."""
    for seed in range(150):
        rng = random.Random(seed)
        forge = new_forge()
        files = [forge.file(f"f{n}", rng.randbytes(200), b"shared") for n in range(4)]
        forge.close_pack()
        document_ = json.dumps({"nodes": files}).encode()
        mutated = bytearray(document_)
        if seed % 3 == 0:  # authentic, and wrong: whoever wrote it had the key
            for _n in range(rng.randrange(1, 6)):
                mutated[rng.randrange(len(mutated))] = rng.randrange(256)
        tree = forge.blob("tree", bytes(mutated))
        forge.close_pack()
        forge.index()
        forge.snapshot(tree)
        if seed % 3:
            _damage(forge.reader.objects, rng)
        loaded = forge.load()
        structure = loaded.check_structure(pool)
        reports = list(loaded.verify_packs(loaded.packs(), pool))
        assessment = loaded.assess(reports, structure.bad)
        for snapshot in loaded.snapshots:
            list(assessment.files(snapshot))
            for entry in loaded.walk(snapshot):
                if isinstance(entry, Entry):
                    try:
                        list(loaded.file(entry.node).read())
                    except Damage:
                        pass
        if seed % 3:
            found = [loaded.findings, structure.findings, loaded.pack_findings()]
            assert any(f.critical for f in found) or any(not r.ok for r in reports) or not loaded.snapshots


def _damage(objects: dict[str, bytes], rng: random.Random) -> None:
    name = rng.choice(sorted(objects))
    data = objects[name]
    match rng.randrange(4):
        case 0:
            at = rng.randrange(len(data))
            objects[name] = data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
        case 1:
            objects[name] = data[: rng.randrange(len(data))]
        case 2:
            other = rng.choice(sorted(set(objects) - {name}))
            objects[name], objects[other] = objects[other], data
        case 3:
            objects[name] = hashlib.sha256(data).digest() * (1 + len(data) // 32)
