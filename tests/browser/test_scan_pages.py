"""The page of a scan as people see it: laid out by a real Chromium, narrow and wide, in both languages."""

import re
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from guardian.audit.scan_page import scan_page
from guardian.baseline.outcome import Scanned
from guardian.baseline.policy import library

from .conftest import module

WIDTHS = (360, 1366)
HAN = re.compile(r"[\u3400-\u9fff]")


@pytest.fixture(scope="module")
def scans() -> ModuleType:
    return module(Path(__file__).parents[1] / "unit" / "baseline" / "scans.py")


@pytest.fixture(scope="module")
def scan(scans: ModuleType) -> Scanned:
    """Rules that ship, over a host where most is wrong or cannot be read, with waivers, after another scan."""
    known = library()
    trees = [rule.tests.trees() for rule, family in known.rules.values() if family.family == "sshd" and rule.tests]
    places = [scans.provider(scans.HOSTILE, tree) for _status, tree in trees[0]]
    places += [scans.provider(f"app-{number}", tree) for number, (_status, tree) in enumerate(trees[2])]
    waivers = [scans.waiver(rule="GD-SSH-003"), scans.waiver(rule="GD-SSH-001", target="host:gone", ticket="x" * 300)]
    made: Scanned = scans.scanned(known, places, waivers, {"host:app-1": {}}, ["sshd"])
    return replace(made, vanished=("host:gone GD-SSH-001",))


@pytest.fixture(scope="module")
def seen(browser: Any, scan: Scanned) -> tuple[list[Any], str]:
    pages = {lang: scan_page(scan, lang) for lang in ("zh", "en")}
    empty = replace(scan, findings=(), targets=(), waivers=(), astray=(), vanished=())
    found: tuple[list[Any], str] = browser.look(pages | {"empty": scan_page(empty, "en")}, WIDTHS)
    return found


def test_nothing_sticks_out_and_the_console_is_silent(seen: Any) -> None:
    pages, console = seen
    assert [(page.name, page.width, page.scroll_width) for page in pages if page.scroll_width > page.inner_width] == []
    assert [(page.name, page.width, page.outside) for page in pages if page.outside] == []
    assert console == ""


def test_what_is_wrong_unknown_new_and_waived_is_told_in_both_languages(seen: Any, scan: Scanned) -> None:
    pages = {page.name: page for page in seen[0]}
    for lang, words in (
        (
            "zh",
            ("存在的问题", "无法查明的内容", "与上次扫描相比", "覆盖率", "通过率", "豁免及到期日", "没有对应的对象"),
        ),
        (
            "en",
            ("What is wrong", "What nobody could find out", "Since the scan before", "Decided", "speaks of nothing"),
        ),
    ):
        for word in words:
            assert word in pages[lang].text, word
        for finding in scan.findings:
            if finding.status == "fail":
                assert finding.rule in pages[lang].text
        assert len(pages[lang].charts) == 3
        assert pages[lang].small == 0
    assert "8.1.4.1 b" in pages["en"].text
    assert HAN.findall(pages["en"].text) == []
    assert "<script>alert(1)" in pages["en"].text  # as text, and nothing ran
