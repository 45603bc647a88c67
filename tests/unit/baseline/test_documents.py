"""Documents of strangers: what their scalars mean, and that none of them becomes larger than it looks."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardian.baseline.evaluate import ready
from guardian.baseline.facts import document
from guardian.baseline.facts.document_files import read_paths
from guardian.baseline.facts.documents import MAX_DEPTH, UnreadableDocument, read_documents, read_json, read_yaml
from guardian.baseline.policy import library

from .conftest import AT, denied, expected


def bomb(levels: int) -> bytes:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines).encode()


def test_scalars_mean_what_kubernetes_makes_of_them() -> None:
    (tree,) = read_yaml(
        b"{a: yes, b: off, c: 0400, d: 0x1f, e: 1_000, f: 1.5, g: 2026-01-01, h: ~, i: '0400', j: 1.2.3}"
    )
    assert tree == {
        "a": True, "b": False, "c": 256, "d": 31, "e": 1000, "f": 1.5, "g": "2026-01-01", "h": None, "i": "0400",
        "j": "1.2.3",
    }  # fmt: skip


def test_aliases_and_merges_are_followed_and_documents_told_apart() -> None:
    first, second = read_yaml(b"base: &b {x: 1, y: 2}\nuse: {<<: *b, y: 3}\n---\n---\n- z\n")
    assert first == {"base": {"x": 1, "y": 2}, "use": {"x": 1, "y": 3}}
    assert second == ["z"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (bomb(12), "too many values"),
        (b"a: &a [*a]", "an alias without an anchor: line 1"),
        (b"- &a 1\n---\n- *a", "an alias without an anchor: line 3"),
        (b"- " * (MAX_DEPTH + 2) + b"x", "nested too deeply"),
        (b"[" * 100_000, "nested too deeply"),
        (b"a: 1\na: 2", "a key is set twice: line 2"),
        (b'{"a": 1, "a": 2}', "a key is set twice"),
        (b"{{ .Values.image }}: x", "a key that is no text: line 1"),
        (b"a: {{ .Values.image }}", "a key that is no text: line 1"),
        (b"a: [1, 2", "not YAML: line 2"),
        (b"\xff\xfe", "not UTF-8"),
        (b"x: {<<: 5}", "what is merged is no mapping"),
    ],
)
def test_what_is_no_document_is_refused_with_the_reason(data: bytes, why: str) -> None:
    with pytest.raises(UnreadableDocument) as told:
        read_documents(data)
    assert str(told.value) == why


@pytest.mark.parametrize("data", [b"[NaN]", b"[Infinity]", b"[1" + b"0" * 5000 + b"]", b"[1] [2]"])
def test_what_is_no_json_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableDocument):
        read_json(data)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.text(alphabet="{}[]:-&*!#|>'\",\n ab<~?1.", max_size=60).map(str.encode)))
def test_any_bytes_are_documents_or_refused(data: bytes) -> None:
    try:
        read_documents(data)
    except UnreadableDocument as error:
        assert len(str(error)) < 100  # noqa: PT017  what it says is short whatever the bytes were


def test_files_that_cannot_be_read_do_not_vanish(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "good.yaml").write_text("a: 1")
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "pipe.yml").symlink_to("/dev/zero")
    (tmp_path / "notes.txt").write_text("not meant")
    found = {one.file: (one.tree, one.problem) for one in read_paths([tmp_path, tmp_path / "none.yaml"])}
    assert found == {
        "sub/good.yaml": ({"a": 1}, ""),
        "bad.json": (None, "not YAML: line 2"),
        "none.yaml": (None, "there is no such file"),
    }


def test_a_generic_export_keeps_no_secrets(tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_text(
        '{"db": {"password": "hunter2", "api_key": "", "port": 5432, "tokens": [{"secret": "x"}]}, "n": [1]}'
    )
    facts: Any = document.facts(list(read_paths([path])))
    assert facts == {
        "document": {
            "db": {"password": "set", "api_key": "empty", "port": 5432, "tokens": [{"secret": "set"}]},
            "n": [1],
        }
    }
    path.write_text("{")
    assert "$err" in document.facts(list(read_paths([path])))["document"]
    path.write_text("")
    assert document.facts(list(read_paths([path]))) == {"document": {"$err": "the file holds nothing"}}


GUIDE = Path(__file__).parents[3] / "docs" / "guide" / "cloud-scans.md"


def test_the_rules_in_the_guide_do_what_they_say(tmp_path: Path) -> None:
    """They are there to be copied."""
    text = GUIDE.read_text("utf-8").partition("<!-- rules: our-cloud -->\n```yaml\n")[2].partition("```")[0]
    (tmp_path / "our-cloud.yaml").write_text(text, "utf-8")
    known = library([tmp_path])
    mine = [(rule, family) for rule, family in known.rules.values() if family.family == "our-cloud"]
    assert len(mine) == 2
    for rule, family in mine:
        asked = ready(rule, family.family, family.target)
        for status, tree in expected(asked):
            assert asked.judge(tree, AT).status == status
            for partial in denied(asked, tree):
                assert asked.judge(partial, AT).status in (status, "unknown")


def test_the_guide_counts_the_rules_that_ship() -> None:
    known = library().families
    for family in ("s3", "s3-audit", "iam", "kubernetes", "protection"):
        count = len(known[family].rules)
        for guide in (GUIDE, GUIDE.with_name("cloud-scans.zh-CN.md")):
            assert re.search(rf"`{family}`\s?[（(]{count}\b", guide.read_text("utf-8")), (family, count, guide.name)
