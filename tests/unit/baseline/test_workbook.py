"""The assessor's workbook, read back by another program: every clause and verdict, and nothing that nobody said."""

import io
from dataclasses import replace
from datetime import datetime
from typing import Any

import openpyxl
import pytest

from guardian.audit.facts import Answer, ClauseAnswer, Proof, Recorded
from guardian.audit.workbook import workbook
from guardian.audit.workbook_facts import Beside
from guardian.baseline.clauses import areas, entries
from guardian.baseline.conformity import answered
from guardian.baseline.outcome import Scanned
from guardian.baseline.policy import library
from guardian.i18n import speaking
from guardian.model.estate import LocalText
from guardian.model.evidence import DrillResult
from guardian.model.reason import reason

from .scans import AT, HOSTILE, provider, scanned, waiver


@pytest.fixture(scope="module")
def scan() -> Scanned:
    known = library()
    trees = [(rule.id, status, tree) for rule, family in known.rules.values() if family.family == "sshd" and rule.tests
             for status, tree in rule.tests.trees()]  # fmt: skip
    places = [provider(f"{HOSTILE}{number}", tree) for number, (_rule, _status, tree) in enumerate(trees[:12])]
    waivers = [waiver(rule="GD-SSH-001", target="host:=*"), waiver(rule="GD-SSH-003", target="host:gone")]
    return replace(scanned(known, places, waivers, None, ["sshd"]), entry=4711)


def drill() -> Recorded[DrillResult]:
    said = DrillResult(
        drill_id="d", tenant="gz", host="app-1", system="app", source="docs", repository="main", repository_id=None,
        level="D3", outcome="PASS", checks=(), rto_seconds=120.0, started="2026-11-01T00:00:00Z",
        ended="2026-11-01T00:10:00Z", tools={},
    )  # fmt: skip
    return Recorded(17, "ab" * 32, AT, said)


def beside() -> Beside:
    text = LocalText(zh="备份", en="Backup")
    answer = Answer("satisfied", (reason("backups-there", "info", source="docs", count=3),), (Proof(12, "cd" * 32),))
    said = ClauseAnswer("gbt22239-2019", "8.1.4.9 a", text, text, "verified", "sources-backed-up", answer)
    return Beside((drill(),), {"8.1.4.9 a": (("app", said),)})


def opened(scan: Scanned, lang: str = "zh") -> Any:
    with speaking(lang):
        data = workbook(scan, beside())
    return openpyxl.load_workbook(io.BytesIO(data))


@pytest.fixture(scope="module")
def book(scan: Scanned) -> Any:
    return opened(scan)


def rows(sheet: Any) -> list[dict[str, Any]]:
    header, *rest = sheet.iter_rows(values_only=True)
    return [dict(zip(header, row, strict=True)) for row in rest]


def test_every_clause_of_the_level_is_a_row_and_only_rules_answer_for_rules(scan: Scanned, book: Any) -> None:
    units = rows(book["测评单元"])
    known = answered(entries(areas(), "3"), scan.findings)
    words = {"conforming": "符合", "partly": "部分符合", "not-conforming": "不符合", "not-applicable": "不适用",
             "not-tested": "未测"}  # fmt: skip
    assert [row["条款"] for row in units] == [one.entry.number for one in known]
    for row, one in zip(units, known, strict=True):
        assert row["规则判定"] == (words[one.rules_say] if one.entry.rules else "–")
        assert row["测评结论"] == (words[one.conclusion] if one.conclusion else None)
        assert (row["不通过"] or 0) == one.counts.get("fail", 0)
        assert row["需人工测评的内容"]
        if one.findings:
            assert "guardian scan --replay 4711" in row["核对方法"]
            assert any(finding.id in row["对应结论"] for finding in one.findings) or not sum(one.counts.values())
    assert {row["规则判定"] for row in units} >= {"部分符合", "未测", "–"}
    assert sum(row["测评结论"] is not None for row in units) < 60


def test_what_the_log_says_stands_beside_what_rules_say(book: Any) -> None:
    (row,) = [row for row in rows(book["测评单元"]) if row["条款"] == "8.1.4.9 a"]
    assert row["测评单元"] == "L3-CES1-29"
    assert row["日志的回答"].startswith("app: ")
    assert "#12" in row["核对方法"]
    (said,) = rows(book["恢复演练"])
    assert (said["系统"], said["级别"], said["RTO"], said["叶哈希"]) == ("app", "D3", "2 分钟", "ab" * 32)


def test_every_verdict_can_be_made_again_and_nothing_is_a_formula(scan: Scanned, book: Any) -> None:
    found = rows(book["证据明细"])
    assert sorted(next(iter(row.values())) for row in found) == sorted(finding.id for finding in scan.findings)
    facts = {one.facts for one in scan.targets}
    assert {row["事实摘要"] for row in found} == facts
    assert all(row["复现命令"].startswith("guardian scan --replay 4711 host:=cmd") for row in found)
    assert {cell.data_type for sheet in book for line in sheet.iter_rows() for cell in line} <= {"s", "n"}
    assert [row["状态"] for row in rows(book["豁免"])] == ["即将到期", "没有对应的对象"]


def test_two_numbers_stand_on_the_cover_and_the_conclusion_can_be_chosen(scan: Scanned, book: Any) -> None:
    cover = {row[0]: row[1] for row in book["说明"].iter_rows(values_only=True)}
    decided = sum(f.status in ("pass", "fail") for f in scan.findings)
    applies = decided + sum(f.status in ("unknown", "manual") for f in scan.findings)
    assert cover["覆盖率：适用项中已得出结论的"] == pytest.approx(decided / applies)
    assert cover["通过率：已得出结论的项中通过的"] == pytest.approx(
        sum(f.status == "pass" for f in scan.findings) / decided
    )
    (choice,) = book["测评单元"].data_validations.dataValidation
    assert choice.formula1 == '"符合,部分符合,不符合,不适用,未测"'


def test_english_has_the_same_sheets_and_a_scan_in_no_log_says_so(scan: Scanned) -> None:
    book = opened(replace(scan, entry=None), "en")
    assert book.sheetnames == ["cover", "units", "evidence", "targets", "drills", "waivers", "rules"]
    cover = {row[0]: row[1] for row in book["cover"].iter_rows(values_only=True)}
    assert cover["to make every verdict again"] == "this scan is in no log"
    assert isinstance(book.properties.created, datetime)
