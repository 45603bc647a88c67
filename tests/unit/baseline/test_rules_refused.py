"""Rules that are wrong are refused with their place, before they can fail to run."""

from pathlib import Path

import pytest

from guardian.baseline import cel
from guardian.baseline.check import Check
from guardian.baseline.policy import library
from guardian.baseline.question import question
from guardian.config.problem import InvalidConfigError
from guardian.errors import ConfigError

from .conftest import RULES


def refused(folder: Path, before: str, after: str) -> str:
    assert before in RULES
    (folder / "example.yaml").write_text(RULES.replace(before, after, 1), "utf-8")
    with pytest.raises((InvalidConfigError, ConfigError)) as caught:
        library(folder=folder).chosen(["example"])
    return str(caught.value)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("severity: high", "severity: high\n    shell: rm -rf /", "unknown key"),
        ("severity: high", "severity: awful", "rules[0].severity"),
        ("rev: 1", "rev: one", "rules[0].rev: a whole number is expected"),
        ('op: "<=", value: $max_tries', 'op: "=~", value: "(a+)+$"', "op"),
        ("id: GD-EX-002", "id: GD-EX-001", "is there twice"),
        ("value: $max_tries", "value: $tries", "there is no parameter tries"),
        (
            "path: sshd/effective/permitrootlogin",
            "path: sshd/config/permitrootlogin",
            "is read, but is not under needs",
        ),
        ("manual: {zh", "check: {path: room, op: in, value: []}\n    manual: {zh", "either check or manual"),
        ("check: {path: max_days", "check: {path: max_days, all: []", "check"),
        ("with: {hba: pg/hba}", "with: {hba: pg/hba, ssl: pg/ssl}", "bound and not used"),
        ('l.method != "trust" &&', 'other != "trust" &&', "other is not bound"),
        ('l.method != "trust" &&', "optional.of(l).hasValue() &&", "not CEL|may not be called|not bound"),
        ("hba.all(l,", "hba.all(l, (", "not CEL"),
        ("fail: {users: [{name: li", "fial: {users: [{name: li", "tests.fail: this key is missing"),
        ('bound: "<="}, roots', "bound: subset}, roots", "bound by"),
    ],
)
def test_a_wrong_rule_is_refused_where_it_stands(tmp_path: Path, before: str, after: str, said: str) -> None:
    message = refused(tmp_path, before, after)
    assert any(part in message for part in said.split("|")), message


@pytest.mark.parametrize(
    "text",
    [
        "family: [",
        "family: x\nfamily: y\n",
        "a: &a [1]\nb: *a\n",
        "family: x\ntarget: host\ntitle: {zh: a, en: b}\nrules: []\n",
        "x: " + "[" * 40 + "]" * 40,
    ],
)
def test_a_file_that_is_no_rules_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "odd.yaml").write_text(text, "utf-8")
    with pytest.raises(InvalidConfigError, match=r"odd\.yaml"):
        library(folder=tmp_path)


def test_two_files_may_not_have_one_id(tmp_path: Path) -> None:
    shipped = tmp_path / "shipped"
    own = tmp_path / "own"
    for folder in (shipped, own):
        folder.mkdir()
        (folder / "example.yaml").write_text(RULES, "utf-8")
    with pytest.raises(InvalidConfigError, match=r"GD-EX-001|example") as caught:
        library([own], shipped)
    assert len(caught.value.problems) == 6


def test_a_set_that_includes_nothing_known_or_loosens_is_refused(tmp_path: Path) -> None:
    (tmp_path / "example.yaml").write_text(RULES, "utf-8")
    (tmp_path / "set.yaml").write_text(
        "baseline: mine\ntitle: {zh: 集, en: Set}\ninclude: [exampel, GD-EX-001]\nexclude: [GD-EX-002]\n"
        "params: {GD-EX-001: {max_tries: 9}, GD-EX-003: {days: 1}}\n",
        "utf-8",
    )
    with pytest.raises(InvalidConfigError) as caught:
        library(folder=tmp_path)
    said = [str(problem) for problem in caught.value.problems]
    assert [line.split(":")[0] for line in said] == ["set.yaml"] * 4
    assert "example" in said[0]


def check(source: str, **names: str) -> Check:
    return Check.model_validate({"cel": source, "with": {name: tuple(path.split("/")) for name, path in names.items()}})


@pytest.mark.parametrize(
    "source",
    [
        "xs.all(a, xs.all(b, xs.all(c, a + b + c > 0)))",
        "xs.map(a, a).exists(b, xs.filter(c, xs.exists(d, d == c)) == [b])",
        "undefined(xs)",
        "xs == 1 // )",
        "xs.size( > 1",
    ],
)
def test_cel_that_could_cost_too_much_is_refused(source: str) -> None:
    with pytest.raises(ConfigError):
        question(check(source, xs="xs"), {})


def test_cel_over_too_much_data_is_unknown_and_never_runs() -> None:
    asked = cel.program(check("xs.all(a, xs.exists(b, a == b))", xs="xs"), frozenset())
    assert asked({"xs": list(range(100)), "params": {}, "now": ""}) == (True, "")
    truth, why = asked({"xs": list(range(100_000)), "params": {}, "now": ""})
    assert truth is None
    assert "too large" in why


def test_macros_are_counted_outside_of_strings() -> None:
    assert cel.macros('a.all(x, x == ".all(y, (((") && b.exists(z, z.filter(q, true) == [])') == [{"x", "z"}, {"q"}]


def test_a_deeply_nested_check_is_refused(tmp_path: Path) -> None:
    inner = "{path: pg/ssl, op: in, value: [a]}"
    for _ in range(8):
        inner = f"{{all: [{inner}]}}"
    message = refused(tmp_path, '- {path: pg/ssl, op: "==", value: strict}', f"- {inner}")
    assert "nested" in message or "deep" in message
