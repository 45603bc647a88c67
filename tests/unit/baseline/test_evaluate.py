"""Rules over facts: the verdicts their authors meant, and no lie when something cannot be read."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardian.baseline.assertion import compare, text_test
from guardian.baseline.check import OPS
from guardian.baseline.evaluate import Ready, evaluate, finding_id, ready
from guardian.baseline.evidence import evidence
from guardian.baseline.fact import ERR, hidden
from guardian.baseline.policy import Library, library
from guardian.baseline.question import Asked
from guardian.errors import ConfigError, UsageError
from guardian.model.finding import TargetRef

from .conftest import AT, RULES, denied, expected, made_ready


def test_every_rule_says_what_its_tests_expect(rules: Library) -> None:
    asked = [
        (rule.rule.id, status, rule.judge(tree, AT)) for rule in made_ready(rules) for status, tree in expected(rule)
    ]
    assert {status for _, status, _ in asked} == {"pass", "fail", "unknown", "not_applicable"}
    assert [(name, verdict.status) for name, _, verdict in asked] == [(name, status) for name, status, _ in asked]


def test_hiding_facts_never_changes_a_verdict_except_to_unknown(rules: Library) -> None:
    for rule in made_ready(rules):
        for status, tree in expected(rule):
            for partial in denied(rule, tree):
                assert rule.judge(partial, AT).status in (status, "unknown")


LEAF = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 99), st.sampled_from(["no", "yes", "0", "1", "trust", "0644"])
)
KEYS = st.sampled_from(["sshd", "effective", "permitrootlogin", "users", "uid", "max_days", "key", "pg", "hba", "ssl"])
TREES = st.recursive(
    LEAF, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)), max_leaves=25
)


def places(tree: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield at
    for key, inner in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield from places(inner, (*at, key))


def without(tree: Any, at: tuple[Any, ...]) -> Any:
    if not at:
        return {ERR: "hidden"}
    copied = copy.copy(tree)
    copied[at[0]] = without(copied[at[0]], at[1:])
    return copied


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_part_of_any_tree_however_odd_can_be_hidden_into_another_verdict(
    rules: Library, data: st.DataObject
) -> None:
    rule = data.draw(st.sampled_from([r for r in made_ready(rules) if r.rule.tests is not None]))
    tests = [tree for _, tree in expected(rule)]
    tree = data.draw(st.one_of(st.sampled_from(tests), TREES.map(lambda part: {**tests[0], "users": part}), TREES))
    whole = rule.judge(tree, AT).status
    place = data.draw(st.sampled_from(list(places(tree))))
    assert rule.judge(without(tree, place), AT).status in (whole, "unknown")


@settings(max_examples=400, deadline=None)
@given(op=st.sampled_from(OPS), fact=TREES, value=TREES)
def test_a_comparison_of_anything_with_anything_answers(op: Any, fact: Any, value: Any) -> None:
    truth, why = compare(op, fact, value, AT)
    assert (truth is None) == bool(why)


TEXTS = st.text("ab*?[!]", max_size=4)


@given(op=st.sampled_from(OPS), fact=TEXTS, value=st.one_of(TEXTS, st.lists(TEXTS, max_size=3)))
def test_the_short_way_for_texts_says_the_same(op: Any, fact: str, value: Any) -> None:
    holds = text_test(op, value)
    if holds is not None:
        assert holds(fact) is compare(op, fact, value, AT)[0]


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_truth_alone_and_with_its_grounds_agree(rules: Library, data: st.DataObject) -> None:
    rule = data.draw(st.sampled_from([r for r in made_ready(rules) if r.check is not None]))
    tests = [tree for _, tree in expected(rule)]
    tree = data.draw(st.one_of(st.sampled_from(tests), TREES.map(lambda part: {**tests[0], "users": part}), TREES))
    assert rule.check is not None
    answer = rule.check.ask(Asked(tree, rule.params, AT))
    assert rule.check.truth(tree, (rule.params, AT)) is answer.truth
    assert any(leaf.truth is answer.truth for leaf in answer.leaves) or not answer.leaves


@pytest.mark.parametrize(
    ("op", "fact", "value", "truth"),
    [
        ("==", 1, True, None),
        ("==", "1", 1, None),
        ("==", None, "x", False),
        ("!=", None, None, False),
        ("<=", 3, 3, True),
        ("<=", "3", 3, None),
        ("in", "a", ["b", "a"], True),
        ("in", 1, ["a"], None),
        ("in", "a", [], False),
        ("not_in", "c", ["b", None], True),
        ("contains", ["a", "b"], "b", True),
        ("contains", "abc", "bc", True),
        ("lacks", [1, True], 1, False),
        ("subset", ["a"], ["a", "b"], True),
        ("superset", ["a"], ["a", "b"], False),
        ("size<=", {"a": 1}, 1, True),
        ("size>=", [], 1, False),
        ("mode_within", "0640", "0640", True),
        ("mode_within", "0644", "0640", False),
        ("mode_within", "4755", "0755", False),
        ("mode_within", "rw-r--r--", "0640", None),
        ("glob", "/srv/data", ["/home/*", "/srv/*"], True),
        ("not_glob", "bucket-001", "bucket-00", True),
        ("cidr_within", "10.1.0.0/16", ["10.0.0.0/8", "::1/128"], True),
        ("cidr_within", "0.0.0.0/0", "10.0.0.0/8", False),
        ("cidr_within", "somewhere", "10.0.0.0/8", None),
        ("newer_than_days", "2026-11-01T00:00:00Z", 30, True),
        ("newer_than_days", "2026-10-01T00:00:00Z", 30, False),
        ("newer_than_days", "2027-10-01T00:00:00Z", 30, None),
        ("newer_than_days", "2026-11-01", 30, None),
        ("lasts_days", "2027-11-01T00:00:00Z", 30, True),
        ("lasts_days", "2026-12-10T00:00:00Z", 30, False),
        ("version_ge", "10.11.6-MariaDB", "10.6", True),
        ("version_ge", "9.10", "9.9", True),
        ("version_ge", "unreleased", "9", None),
    ],
)
def test_what_comparisons_mean(op: Any, fact: Any, value: Any, truth: bool | None) -> None:
    assert compare(op, fact, value, AT)[0] is truth


def test_the_evidence_names_the_items_that_break_a_rule_and_hides_secrets(rules: Library) -> None:
    (rule,) = [r for r in made_ready(rules) if r.rule.id == "GD-EX-003"]
    verdict = rule.judge({"users": [{"name": "w\x1b[31mu", "uid": 1001, "max_days": 99999}]}, AT)
    summary, broken = map(evidence, verdict.leaves)
    assert (summary.path, summary.value, summary.result) == ("users", "0/1", "broken")
    assert broken.path == "users[w\\x1b[31mu]/max_days"
    assert (broken.op, broken.expected, broken.value) == ("<=", "90", "99999")
    leaf = verdict.leaves[1]._replace(path="redis/requirepass", value="hunter2" * 100)
    assert evidence(leaf).value == "***"
    assert evidence(leaf._replace(path="sshd/effective/permitemptypasswords", value="yes")).value == "yes"
    assert (
        evidence(leaf._replace(path="pg/settings/password_encryption", value="scram-sha-256")).value == "scram-sha-256"
    )


def test_a_parameter_may_be_tightened_and_never_loosened(rules: Library) -> None:
    rule, _ = rules.rule("GD-EX-001")
    tree = {"packages": {"openssh-server": "1"}, "sshd": {"effective": {"permitrootlogin": "no", "maxauthtries": 3}}}
    assert ready(rule, "f", "host", {"max_tries": 2}).judge(tree, AT).status == "fail"
    for wrong in ({"max_tries": 6}, {"max_tries": "2"}, {"max_tries": True}, {"roots": ["yes"]}, {"other": 1}):
        with pytest.raises(ConfigError):
            ready(rule, "f", "host", wrong)


def test_baselines_choose_rules_and_the_stricter_parameter_wins(tmp_path: Path) -> None:
    (tmp_path / "example.yaml").write_text(RULES, "utf-8")
    for name, tries in (("strict", 2), ("mild", 3)):
        text = f"baseline: {name}\ntitle: {{zh: 集, en: Set}}\ninclude: [GD-EX-001, GD-EX-005]\nexclude: [GD-EX-005]\n"
        (tmp_path / f"{name}.yaml").write_text(f"{text}params: {{GD-EX-001: {{max_tries: {tries}}}}}\n", "utf-8")
    known = library(folder=tmp_path)
    for order in (["strict", "mild", "example"], ["example", "mild", "strict"]):
        policy = known.chosen(order)
        assert [rule.rule.id for rule in policy.rules] == [f"GD-EX-00{n}" for n in range(1, 6)]
        assert policy.rules[0].params["max_tries"] == 2
    assert [rule.rule.id for rule in known.chosen(["mild"]).of("host")] == ["GD-EX-001"]
    assert known.chosen(["mild"]).digest != known.chosen(["strict"]).digest
    with pytest.raises(UsageError, match="strct"):
        known.chosen(["strct"])
    with pytest.raises(ConfigError, match="GD-EX-999"):
        known.chosen(["mild"], {"GD-EX-999": {}})


def test_a_finding_keeps_its_identity() -> None:
    target = TargetRef(kind="host", id="app-1", labels={"role": "db"})
    assert finding_id("gz", target, "GD-EX-001") == finding_id("gz", TargetRef(kind="host", id="app-1"), "GD-EX-001")
    others = {finding_id("gz", target, "GD-EX-002"), finding_id("gy", target, "GD-EX-001")}
    assert len(others | {finding_id("gz", target, "GD-EX-001")}) == 3


def test_manual_rules_stay_manual(rules: Library) -> None:
    verdicts: dict[str, str] = {v.rule.rule.id: v.status for v in evaluate({}, AT, made_ready(rules))}
    assert verdicts["GD-EX-005"] == "manual"
    assert set(verdicts.values()) == {"manual", "unknown"}


def test_hidden_makes_the_way_to_what_it_hides() -> None:
    assert hidden({"a": {"b": 1}}, ("a", "c", "d")) == {"a": {"b": 1, "c": {"d": {ERR: "hidden"}}}}


def all_shipped() -> list[Ready]:
    return made_ready(library())


def test_shipped_rules_keep_their_promises() -> None:
    """Every rule that ships: the verdicts of its tests, and none that changes when a fact is hidden, but to unknown."""
    for rule in all_shipped():
        for status, tree in expected(rule):
            verdict = rule.judge(tree, AT)
            assert verdict.status == status, (rule.rule.id, verdict)
            for partial in denied(rule, tree):
                assert rule.judge(partial, AT).status in (status, "unknown"), rule.rule.id
