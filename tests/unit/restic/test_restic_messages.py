"""Whatever restic says, reading it never fails."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.restic import messages as m
from guardian.restic.listen import BackupListener, RestoreListener
from guardian.restic.messages import item, items, parse
from guardian.restic.session import by_line

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
KEYS = ("message_type", "action", "item", "error", "message", "code", "snapshot_id", "num_errors", "total_files")
KINDS = ("status", "summary", "error", "verbose_status", "exit_error", "initialized", "new")
messages = st.dictionaries(st.sampled_from(KEYS), json_values | st.sampled_from(KINDS), max_size=5)


@given(st.binary() | st.builds(lambda d: json.dumps(d).encode(), messages))
def test_no_line_ever_raises(line: bytes) -> None:
    parse(line)
    item(line)
    backup = BackupListener(lambda *_: None, lambda *_: None)
    restore = RestoreListener(lambda *_: None, 0)
    for listener in (backup, restore):
        listener.stdout(line)
        listener.stderr(line)


@given(st.binary(max_size=30))
def test_no_damaged_item_line_raises(rest: bytes) -> None:
    for line in (b'{"message_type":"verbose_status","action":"' + rest, ITEM.replace(b"/a", rest)):
        item(line)
        parse(line)


ITEM = b'{"message_type":"verbose_status","action":"new","item":"/a","duration":0.1,"data_size":1}'


@pytest.mark.parametrize(
    ("name", "path"),
    [
        (b"/a", "/a"),
        (rb"/new\nline", "/new\nline"),
        (rb"/q\"x\\", '/q"x\\'),
        (rb"/\ufffd", "/\ufffd"),
        ("/贵".encode(), "/贵"),
    ],
)
def test_items_are_read_the_quick_way_and_the_slow_way(name: bytes, path: str) -> None:
    line = ITEM.replace(b"/a", name)
    assert item(line) == ("new", path)
    assert parse(line) == m.Item("new", path)


@given(
    st.lists(
        st.sampled_from(
            [
                ITEM,
                *(ITEM.replace(b"/a", name) for name in (b"/d/", rb"/q\"", rb"/\ufffd", "/贵".encode(), b"", b"/\xff")),
            ]
            + [ITEM.replace(b"new", action) for action in (b"unchanged", b"modified", b"scan_finished", b"odd")]
            + [b'{"message_type":"status","percent_done":0.5}', b"noise", b"", ITEM[:40], ITEM + ITEM]
        )
    ),
    st.integers(1, 300),
)
def test_blocks_say_what_lines_say(lines: list[bytes], size: int) -> None:
    data = b"".join(line + b"\n" for line in lines)

    def heard(*, blocks: bool) -> tuple[list[tuple[bytes, bytes]], list[tuple[int, int]], bool]:
        found: list[tuple[bytes, bytes]] = []
        status: list[tuple[int, int]] = []
        listener = BackupListener(found.extend, lambda *s: status.append(s))
        splitter = by_line(listener.stdout, listener.block if blocks else None)
        for at in range(0, len(data), size):
            splitter(data[at : at + size])
        splitter.close()
        return found, status, listener.heard

    assert heard(blocks=True) == heard(blocks=False)


def test_a_block_of_items_is_taken_at_once() -> None:
    assert items(ITEM + b"\n" + ITEM.replace(b"/a", "/贵/".encode()) + b"\n") == [
        (b"new", b"/a"),
        (b"new", "/贵/".encode()),
    ]
    assert items(ITEM + b"\n" + ITEM.replace(b"/a", rb"/q\"") + b"\n") is None


def test_the_end_of_a_scan_is_no_item_and_no_status() -> None:
    old = b'{"message_type":"status","action":"scan_finished","item":"","total_files":4}'
    new = b'{"message_type":"verbose_status","action":"scan_finished","item":"","total_files":4}'
    assert parse(old) == m.Other("status")
    assert item(new) is None
    assert isinstance(parse(new), m.Other)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (
            b'{"message_type":"error","error":{"Op":"open","Path":"/x","Err":13},"item":"/x"}',
            "open /x 13",
        ),
        (b'{"message_type":"error","error":{},"during":"archival","item":"/x"}', ""),
        (b'{"message_type":"error","error":{"message":"denied"},"during":"archival","item":"/x"}', "denied"),
        (b'{"message_type":"error","message":"pack is damaged\\n"}', "pack is damaged\n"),
        (b'{"message_type":"error","error":"plain"}', "plain"),
    ],
)
def test_errors_of_every_shape(line: bytes, text: str) -> None:
    message = parse(line)
    assert isinstance(message, m.Trouble)
    assert message.text == text


def test_what_is_unknown_stays_unknown() -> None:
    assert parse(b'{"message_type":"from-the-future","x":1}') == m.Other("from-the-future")
    assert isinstance(parse(b'{"x":1}'), m.Said)
    assert isinstance(parse(b'{"message_type":"status","percent_done":NaN}'), m.Said)
    assert isinstance(parse(b'{"message_type":"status","percent_'), m.Said)
    assert isinstance(parse(b"[" * 200_000), m.Said)
    assert isinstance(parse(b'{"message_type":' + b"[" * 200_000), m.Said)


def test_the_listener_stays_bounded() -> None:
    listener = BackupListener()
    for number in range(5000):
        listener.stderr(b'{"message_type":"error","error":{},"during":"archival","item":"/f%d"}' % number)
        listener.stderr(b"/missing%d does not exist, skipping" % number)
        listener.stderr(b"noise " * 1_000)
    assert listener.unreadable_count == 5000
    assert len(listener.unreadable) == 1000
    assert len(listener.missing) == 1000
    assert sum(map(len, listener.last_words)) <= 200 * 4096


def test_one_file_is_counted_once() -> None:
    listener = BackupListener()
    for during in (b"scan", b"archival", b"archival"):
        listener.stderr(b'{"message_type":"error","error":{},"during":"%s","item":"/f"}' % during)
    assert (listener.unreadable_count, list(listener.unreadable)) == (1, ["/f"])
