"""Clauses of GB/T 22239: all of them are there, each with rules or a reason, and hiding never makes one better."""

import json
from collections import Counter
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from guardian.audit.standards import clause_standards
from guardian.baseline.clauses import Area, Level, areas, entries, faults, read_area
from guardian.baseline.conformity import answered, conformity
from guardian.baseline.policy import Library, library
from guardian.content import content_dir
from guardian.errors import ConfigError
from guardian.model.finding import STATUSES

AREAS = ("physical", "network", "boundary", "computing", "centre", "policy", "organisation", "personnel",
         "construction", "operations")  # fmt: skip
# How many clauses each area has, as is commonly published of the standard: 135 at level 2, 211 at level 3.
SIZES: dict[Level, tuple[int, ...]] = {
    "2": (15, 4, 11, 23, 4, 6, 9, 7, 25, 31),
    "3": (22, 8, 20, 34, 12, 7, 14, 12, 34, 48),
}


@pytest.mark.parametrize("level", ["2", "3"])
def test_every_clause_of_a_level_is_there_once(level: Level) -> None:
    counted = Counter(entry.area.area for entry in entries(areas(), level))
    assert tuple(counted[area] for area in AREAS) == SIZES[level]
    assert counted["cloud"] == {"2": 29, "3": 46}[level]
    for entry in entries(areas(), level):
        assert entry.number.startswith(entry.area.l2 if level == "2" else entry.area.l3)
        for text in (entry.clause.asks, entry.why, entry.point.title, entry.clause.evidence or entry.why):
            assert text.en.isascii(), entry.number
            assert any("\u4e00" <= character <= "\u9fff" for character in text.zh), entry.number


def test_what_the_log_answers_is_called_the_same_there() -> None:
    (standard,) = clause_standards("gbt22239-2019")
    known = {clause.id: clause for clause in standard.clauses}
    for level in ("2", "3"):
        for entry in entries(areas(), level):
            if entry.clause.log is not None:
                numbers = known[entry.clause.log].numbers
                assert level in numbers, entry.number
                assert entry.number.startswith(numbers[level].id), entry.number


def test_every_rule_that_ships_serves_a_clause_and_every_clause_fits() -> None:
    known = library()
    assert not list(faults(areas(), known, known.rules))


def example() -> dict[str, Any]:
    text: dict[str, Any] = {
        "area": "example", "standard": "gbt22239-2019", "part": "general", "l2": "7.1.4", "l3": "8.1.4",
        "title": {"zh": "例", "en": "example"}, "confidence": "secondary", "sources": {"s": "A source."},
        "why": {"zh": "人", "en": "a person"},
        "points": [{"l3": "8.1.4.1", "title": {"zh": "例", "en": "example"}, "clauses": [
            {"l3": "a", "asks": {"zh": "问", "en": "asks"}, "coverage": "automatic", "rules": ["GD-EX-003"]},
            {"l3": "b", "asks": {"zh": "问", "en": "asks"}},
        ]}],
    }  # fmt: skip
    return text


def area(change: Any) -> Area:
    value = example()
    change(value["points"][0]["clauses"][0], value["points"][0]["clauses"][1])
    return Area.model_validate_json(json.dumps(value))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda a, b: a.update(rules=["GD-EX-999"]), "8.1.4.1 a: there is no rule GD-EX-999"),
        (lambda a, b: a.update(rules=[]), "8.1.4.1 a: automatic, and neither rules nor the log answer it"),
        (lambda a, b: a.update(least={"GD-EX-003": {"nothing": 1}}), "GD-EX-003 has no parameter nothing"),
        (lambda a, b: a.update(least={"GD-EX-003": {"days": 30}}), "looser than 30"),
        (lambda a, b: b.update(l3="c"), "8.1.4.1: letters ['a', 'c'] instead of ['a', 'b']"),
        (lambda a, b: b.update(l3="a"), "8.1.4.1 a is there 2 times"),
        (lambda a, b: a.update(rules=["GD-EX-002"]), "GD-EX-003: serves no clause"),
    ],
)
def test_what_does_not_fit_is_told(rules: Library, change: Any, said: str) -> None:
    found = list(faults([area(change)], rules, ["GD-EX-003"]))
    assert any(said in fault for fault in found), found


def test_what_fits_has_no_faults(rules: Library) -> None:
    assert not list(faults([area(lambda a, b: None)], rules, ["GD-EX-003"]))
    assert not list(faults([area(lambda a, b: a.update(least={"GD-EX-003": {"days": 365}}))], rules, ["GD-EX-003"]))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("coverage: partial", "coverage: partly"),
        ("coverage: partial", "coverage: evidence"),
        ("area: network", "area: network\nextra: 1"),
        ("{l3: a, asks:", "{asks:"),
        ("[GD-SSH-007,", "[GD-SSH-007, GD-SSH-007,"),
    ],
)
def test_a_mistake_in_an_area_is_refused(old: str, new: str, tmp_path: Path) -> None:
    text = (content_dir("policies") / "standards" / "clauses" / "02-network.yaml").read_text("utf-8")
    assert old in text
    path = tmp_path / "area.yaml"
    path.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(ConfigError, match=r"area\.yaml"):
        read_area(path)


def test_hiding_verdicts_never_changes_a_clause_but_to_not_tested() -> None:
    """Whatever an unknown turns out to be: an answer that is not ``not-tested`` stays."""
    known = [status for status in STATUSES if status != "unknown"]
    for verdicts in product(known, repeat=4):
        whole = conformity(Counter(verdicts))
        for hidden in product((True, False), repeat=4):
            seen = Counter("unknown" if hide else said for hide, said in zip(hidden, verdicts, strict=True))
            assert conformity(seen) in (whole, "not-tested"), (verdicts, hidden)


def test_a_clause_nobody_asked_about_is_not_tested() -> None:
    found = answered(entries(areas(), "3"), ())
    assert {one.rules_say for one in found} == {"not-tested"}
    assert all(one.conclusion is None for one in found if one.entry.coverage != "automatic")
