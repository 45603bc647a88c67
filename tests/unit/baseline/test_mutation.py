"""Rules that claim an option notice when it is made worse; one that does not really read it is found out."""

from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from guardian.baseline.assertion import compare
from guardian.baseline.check import OPS
from guardian.baseline.mutation import tried
from guardian.baseline.policy import Library, library
from guardian.baseline.weaken import weaker

from .conftest import AT, made_ready

EXAMPLES: dict[str, tuple[Any, Any]] = {
    "==": ("no", "no"), "!=": ("yes", "no"), "<": (5, 3), "<=": (5, 5), ">": (5, 6), ">=": (5, 5),
    "in": (["no", "never"], "no"), "not_in": (["yes", "always"], "no"), "contains": ("b", ["a", "b"]),
    "lacks": ("b", ["a"]), "subset": (["a", "b"], ["a"]), "superset": (["a"], ["a", "b"]), "size<=": (1, ["a"]),
    "size>=": (1, ["a"]), "mode_within": ("0640", "0600"), "glob": (["/srv/*"], "/srv/x"), "not_glob": ("*b*", "good"),
    "cidr_within": (["10.0.0.0/8"], "10.1.0.0/16"), "newer_than_days": (30, "2026-11-20T00:00:00Z"),
    "lasts_days": (30, "2027-11-20T00:00:00Z"), "version_ge": ("1.2", "1.3"),
}  # fmt: skip


@given(op=st.sampled_from(OPS))
def test_what_is_called_worse_is_worse(op: Any) -> None:
    value, good = EXAMPLES[op]
    assert compare(op, good, value, AT)[0] is True
    worse = list(weaker(op, value, good, AT))
    assert worse
    assert [one for one in worse if compare(op, one, value, AT)[0] is not False] == []


def test_the_rules_of_the_examples_notice_everything(rules: Library) -> None:
    found = [one for rule in made_ready(rules) for one in tried(rule, AT)]
    assert {one.rule for one in found} == {"GD-EX-001", "GD-EX-002", "GD-EX-003", "GD-EX-004"}
    assert [one for one in found if not one.killed] == []


BLIND = """
family: blind
target: host
title: {zh: 盲, en: Blind}
rules:
  - id: GD-BLIND-001
    rev: 1
    severity: low
    title: {zh: 尝试次数少, en: Few tries}
    why: {zh: 可被猜出, en: Somebody guesses}
    needs: [{fact: sshd, by: sshd -T, as: root}]
    check:
      any:
        - {path: sshd/tries, op: "<=", value: 4}
        - {path: sshd/version, op: glob, value: "*"}
    fix: {zh: 改小, en: Make it less}
    tests:
      pass: {sshd: {tries: 3, version: "9"}}
      fail: {sshd: {tries: 9, version: null}}
      unknown: {sshd: {$err: denied}}
"""


def test_a_rule_that_does_not_decide_by_what_it_claims_is_found_out(tmp_path: Path) -> None:
    (tmp_path / "blind.yaml").write_text(BLIND.replace("version: null", 'version: ""'), "utf-8")
    (rule,) = made_ready(library(folder=tmp_path))
    assert {one.mutant.option for one in tried(rule, AT) if not one.killed} == {"sshd/tries / sshd/version"}


def test_the_shipped_baseline_notices_what_it_claims() -> None:
    found = [one for rule in made_ready(library()) for one in tried(rule, AT)]
    assert len({one.rule for one in found}) >= 150
    assert sum(one.killed for one in found) / len(found) >= 0.95
