"""Lines out of chunks: nothing lost, nothing unbounded, nothing raised."""

from hypothesis import given
from hypothesis import strategies as st

from guardian.model.redaction import hide
from guardian.model.secret import Secret
from guardian.proc.lines import CUT, LineSplitter, Tail, clean


def split(chunks: list[bytes], limit: int = 1 << 20) -> list[bytes]:
    lines: list[bytes] = []
    splitter = LineSplitter(lines.append, limit=limit)
    for chunk in chunks:
        splitter(chunk)
    splitter.close()
    return lines


@given(st.lists(st.binary(max_size=40)))
def test_lines_are_the_same_however_the_bytes_arrive(chunks: list[bytes]) -> None:
    whole = b"".join(chunks)
    expected = whole.split(b"\n")
    if not expected[-1]:
        expected.pop()
    assert split(chunks) == expected


@given(st.lists(st.binary(max_size=60)), st.integers(1, 20))
def test_a_line_over_the_limit_is_cut_and_marked(chunks: list[bytes], limit: int) -> None:
    whole = split(chunks)
    for line, cut in zip(whole, split(chunks, limit), strict=True):
        assert cut == (line if len(line) <= limit else line[:limit] + CUT)


def test_memory_stays_bounded_without_any_line_end() -> None:
    seen: list[bytes] = []
    splitter = LineSplitter(seen.append, limit=1000)
    for _ in range(1000):
        splitter(b"x" * 10_000)
    assert sum(map(len, splitter._pieces)) <= 1001
    splitter(b"\nnext\n")
    assert seen == [b"x" * 1000 + CUT, b"next"]


def test_the_tail_keeps_the_end() -> None:
    tail = Tail(lines=3, size=100)
    for n in range(10):
        tail(b"line %d" % n)
    assert tail.text() == ("line 7", "line 8", "line 9")
    tail(b"y" * 10_000)
    assert len("".join(tail.text())) <= 4096 + len(CUT)


@given(st.binary())
def test_any_bytes_become_text_without_control_codes(line: bytes) -> None:
    text = clean(line)
    assert all(c == "\t" or ord(c) >= 32 for c in text if c not in "\n\x85\u2028\u2029")


def test_terminal_codes_and_secrets_are_gone() -> None:
    hide(Secret(b"correct horse battery"))
    line = b"\x1b[2K\x1b[31msignal interrupt\x1b[0m correct horse battery s3:http://u:pw@h/ AKIAIOSFODNN7EXAMPLE\r"
    text = clean(line)
    assert text == "signal interrupt *** s3:http://u:***@h/ ***"
