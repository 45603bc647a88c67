"""YAML's traps, one by one; then anything at all."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.config.document import MAX_BYTES, Table, locate, parse, plain
from guardian.config.problem import InvalidConfigError, Place, dotted


def refusal(data: bytes) -> str:
    with pytest.raises(InvalidConfigError) as caught:
        parse(data, "guardian.yaml")
    return caught.value.message


ALIAS_BOMB = b"a: &a [x, x]\n" + b"".join(b"%c: &%c [*%c, *%c]\n" % (n, n, n - 1, n - 1) for n in range(98, 107))
MERGE_BOMB = b"a: {<<: {b: 1}}\n"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (ALIAS_BOMB, "guardian.yaml:1: YAML anchors and aliases are not allowed"),
        (b"a: *nothing\n", "guardian.yaml:1: YAML anchors and aliases are not allowed"),
        (b"a: [1]\nb: &x {}\n", "guardian.yaml:2: YAML anchors and aliases are not allowed"),
        (b"&k key: 1\n", "guardian.yaml:1: YAML anchors and aliases are not allowed"),
        (MERGE_BOMB, "guardian.yaml:1: YAML merge keys are not allowed"),
        (b"[" * 5000, "guardian.yaml:1: nested deeper than 20 levels"),
        (b"a: " + b"[" * 5000, "guardian.yaml:1: nested deeper than 20 levels"),
        (b"- a\n" * 65_000, "guardian.yaml:20000: more than 20000 values"),
        (b"- a\n" * 524_288, "guardian.yaml:1: the file is larger than 256 KiB"),
        (b"x: 1\na: 1\nb: {a: 1, c: 2, a: 3}\n", "guardian.yaml:3: b.a: the key is set twice, here and in line 3"),
        (b"a: 1\nb: 2\na: 3\n", "guardian.yaml:3: a: the key is set twice, here and in line 1"),
        (b"a: !!python/object/apply:os.system [id]\n", "guardian.yaml:1: YAML tags are not allowed"),
        (b"a: !!str 1\n", "guardian.yaml:1: YAML tags are not allowed"),
        (b"%TAG ! tag:x,2000:\n---\na: 1\n", "guardian.yaml:1: YAML tags are not allowed"),
        (b"a: 1\nb: x\x00y\n", "guardian.yaml:2: control character U+0000 is not allowed"),
        (b'a: "x\\0y"\n', "guardian.yaml:1: control character U+0000 is not allowed"),
        (b'a: "\\e[2J"\n', "guardian.yaml:1: control character U+001B is not allowed"),
        (b"a: \xc2\x85\n", "guardian.yaml:1: control character U+0085 is not allowed"),
        (b"a:\n\t- b\n", "guardian.yaml:2: a tab stands where only spaces may"),
        ("# 备份\na: 备份\n".encode("gbk"), "guardian.yaml:1: the file is not UTF-8"),
        (b"a: 1\nb: \xff\n", "guardian.yaml:2: the file is not UTF-8"),
        ("a: 1\n".encode("utf-16"), "guardian.yaml:1: the file is UTF-16, not UTF-8"),
        ("a: 1\n".encode("utf-16-be"), "guardian.yaml:1: control character U+0000 is not allowed"),
        (b"a: 1\n---\nb: 2\n", "guardian.yaml:2: a second document begins here; only one is allowed"),
        (b"12: x\n", "guardian.yaml:1: a key must be text"),
        (b"true: x\n", "guardian.yaml:1: a key must be text"),
        (b"? [a]\n: x\n", "guardian.yaml:1: a key must be text"),
        (b"'': x\n", "guardian.yaml:1: a key has 1 to 128 characters"),
        (b"a" * 129 + b": x\n", "guardian.yaml:1: a key has 1 to 128 characters"),
        (b"", "guardian.yaml:1: the file is empty"),
        (b"# nothing\n", "guardian.yaml:1: the file is empty"),
        (b"\n- a\n", "guardian.yaml:2: a mapping of keys to values is expected"),
        (b"just text\n", "guardian.yaml:1: a mapping of keys to values is expected"),
    ],
)
def test_a_trap_is_refused_where_it_stands(data: bytes, message: str) -> None:
    assert refusal(data) == message


def test_broken_yaml_names_its_line() -> None:
    assert re.match(r"guardian\.yaml:2: not valid YAML: \S", refusal(b"a: 1\nb: [1, 2\n").replace(":3:", ":2:"))
    assert "guardian.yaml:1: not valid YAML" in refusal(b"a: b: c\n")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("Yes", "Yes"),
        ("on", "on"),
        ("True", "True"),
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("Null", "Null"),
        ("012", "012"),
        ("0o12", "0o12"),
        ("0x1f", "0x1f"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2026-01-31", "2026-01-31"),
        ("1e3", "1e3"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        (".5", ".5"),
        ("0", 0),
        ("-7", -7),
        ("+7", 7),
        ("１２", "１２"),
        ("9" * 18, int("9" * 18)),
        ("9" * 5000, "9" * 5000),
        ("0.95", 0.95),
        ("-1.50", -1.5),
        ("01.5", "01.5"),
        ("1.", "1."),
        ('"true"', "true"),
        ("'12'", "12"),
        ("=", "="),
    ],
)
def test_a_plain_scalar_means_only_what_it_looks_like(text: str, value: object) -> None:
    found = plain(parse(f"a: {text}\n".encode(), "f"))["a"]
    assert found == value
    assert type(found) is type(value)


def test_a_byte_order_mark_and_windows_line_ends_are_tolerated() -> None:
    assert plain(parse(b"\xef\xbb\xbfa: 1\r\nb: x\r\n", "f")) == {"a": 1, "b": "x"}


def test_twenty_levels_are_enough_and_allowed() -> None:
    assert parse(b"a: " + b"[" * 19 + b"]" * 19, "f")


def test_the_largest_file_is_read() -> None:
    text = b"a: '" + b"x" * (MAX_BYTES - 6) + b"'\n"
    assert len(text) == MAX_BYTES
    assert len(plain(parse(text, "f"))["a"]) == MAX_BYTES - 6


def test_every_value_knows_its_place() -> None:
    tree = parse(b"a:\n  b:\n    - x\n    - y\n", "f")
    assert locate(tree, ("a", "b")) == Place("f", 2, 3)
    assert locate(tree, ("a", "b", 1)) == Place("f", 4, 7)
    assert locate(tree, ("a", "gone", "deeper")) == Place("f", 1, 1)


def test_a_key_cannot_disturb_the_terminal() -> None:
    assert dotted(("a", "\u202eb", 0, "c")) == "a.\\u202eb[0].c"


def test_all_duplicates_are_told_at_once() -> None:
    with pytest.raises(InvalidConfigError) as caught:
        parse(b"a: 1\na: 2\nb: {c: 1, c: 2}\n", "f")
    assert [problem.key for problem in caught.value.problems] == ["a", "b.c"]


def test_the_parser_in_python_keeps_the_same_promises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("yaml.CSafeLoader", raising=False)
    assert plain(parse(b"a: [no, 012, 1]\n", "f")) == {"a": ["no", "012", 1]}
    assert "nested deeper" in refusal(b"[" * 5000)
    assert "anchors" in refusal(ALIAS_BOMB)
    assert "not valid YAML" in refusal(b'a: "\\UFFFFFFFF"\n')
    assert "U+D800" in refusal(b'a: "\\ud800"\n')
    assert "a tab stands" in refusal(b"a:\n\t- b\n")


def survives(data: bytes) -> None:
    try:
        assert isinstance(parse(data, "f"), Table)
    except InvalidConfigError as error:
        assert error.message  # noqa: PT017  some bytes are good
        assert "\n" not in error.message  # noqa: PT017


@given(st.binary(max_size=400))
def test_no_bytes_raise_anything_but_a_configuration_error(data: bytes) -> None:
    survives(data)


@given(st.text(alphabet="ab12 :-[]{},&*!|>'\"%#?\n\t~.<\\x0e\u2028é", max_size=120))
def test_no_text_that_looks_like_yaml_raises_anything_else(text: str) -> None:
    survives(text.encode())


@given(st.text(alphabet="ab12 :-[]{},&*!|>'\"%#?\n\t~.<\\xU0e", max_size=80))
def test_nor_does_the_parser_in_python(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr("yaml.CSafeLoader", raising=False)
        survives(text.encode())


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    from guardian.config.load import load

    with pytest.raises(InvalidConfigError, match=r"not a regular file|directory"):
        load(tmp_path)
