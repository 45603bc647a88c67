"""What ships as standards is whole: both languages, sources, and queries somebody answers."""

from pathlib import Path

import pytest

from guardian.audit.answers import QUERIES
from guardian.audit.standards import QUERIES as NAMED
from guardian.audit.standards import Clauses, Levels, clause_standards, read, recovery_levels, standards
from guardian.content import content_dir
from guardian.errors import ConfigError, UsageError


def test_the_shipped_standards_are_read() -> None:
    assert [standard.id for standard in standards()] == ["gbt20988", "gbt22239-2019"]


def test_every_clause_has_both_languages_a_source_and_a_known_query() -> None:
    (standard,) = clause_standards()
    assert len(standard.clauses) > 25
    for clause in standard.clauses:
        for text in (clause.title, clause.requirement, clause.note or clause.title):
            assert text.en.isascii(), clause.id
            assert any("\u4e00" <= c <= "\u9fff" for c in text.zh), clause.id
        assert clause.sources
        assert {ask.query for ask in clause.answered_by} <= set(QUERIES)
        assert all(number.id.startswith(str(5 + int(level))) for level, number in clause.numbers.items()), clause.id


def test_every_query_is_answered_and_asked() -> None:
    assert set(QUERIES) == set(NAMED)
    asked = {ask.query for standard in clause_standards() for clause in standard.clauses for ask in clause.answered_by}
    assert asked == set(QUERIES)


def test_numbers_are_never_given_twice_at_one_level() -> None:
    (standard,) = clause_standards()
    for level in ("2", "3", "4"):
        numbers = [clause.numbers[level].id for clause in standard.clauses if level in clause.numbers]
        assert len(set(numbers)) == len(numbers)


def test_the_superseded_edition_is_the_one_claimed_and_the_new_one_is_only_shown() -> None:
    levels = recovery_levels()
    assert (levels.claimed.edition, levels.claimed.status, levels.claimed.superseded_on) == (
        "2007",
        "superseded",
        "2026-01-01",
    )
    new = next(edition for edition in levels.editions if edition.edition == "2025")
    assert not new.used_for_claims
    assert {level.rto.confidence for level in new.levels} == {"secondary"}
    assert levels.highest_from_snapshots == 4
    assert len(levels.elements) == 7
    assert [one.id for one in levels.elements if one.judged_by == "log"] == ["data-backup"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("query: offsite-copy", "query: offsite-cop"),
        ("query: offsite-copy", "query: offsite-copy, days: 3"),
        ("{query: drill-passed, level: D3, days: 92}", "{query: drill-passed, level: D3}"),
        ("en: Backup management (how)", "eng: Backup management (how)"),
        ("sources: [mlps-l3]", "sources: [hearsay]"),
        ("confidence: from-memory", "confidence: sure"),
        ("id: hot-redundancy", "id: backup-local"),
        ("kind: clauses", "kind: levels"),
        ("kind: clauses", "- kind"),
    ],
)
def test_a_mistake_in_a_standard_is_refused(old: str, new: str, tmp_path: Path) -> None:
    text = (content_dir("policies") / "standards" / "gbt22239-2019.yaml").read_text("utf-8")
    assert old in text
    path = tmp_path / "standard.yaml"
    path.write_text(text.replace(old, new), "utf-8")
    with pytest.raises(ConfigError, match="is no standard"):
        read(path)


def test_two_editions_to_claim_from_are_refused(tmp_path: Path) -> None:
    text = (content_dir("policies") / "standards" / "gbt20988.yaml").read_text("utf-8")
    path = tmp_path / "levels.yaml"
    path.write_text(text.replace("used_for_claims: false", "used_for_claims: true"), "utf-8")
    with pytest.raises(ConfigError, match="is no standard"):
        read(path)


def test_an_unknown_standard_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="gbt-none"):
        clause_standards("gbt-none")


def test_kinds_do_not_mix() -> None:
    kinds = {type(standard) for standard in standards()}
    assert kinds == {Clauses, Levels}
