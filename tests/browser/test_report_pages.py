"""Reports as people see them: laid out by a real Chromium, narrow and wide, in both languages, and printed."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from guardian.audit import pdf
from guardian.audit.report import pack_report, write_drills
from guardian.cli.sentences import sentence
from guardian.drill.run import Drill
from guardian.errors import ToolMissing
from guardian.model.backup import Target
from guardian.model.evidence import DrillResult

WIDTHS = (360, 800, 1400)
HAN = re.compile(r"[\u3400-\u9fff]")


@pytest.fixture(scope="module")
def seen(browser: Any, drilled: Any, packfacts: Any) -> tuple[list[Any], str]:
    """Two reports of a real host and two of a whole month of facts, at every width, in one start of the browser."""
    evil = replace(packfacts.system(), name=None, id="x" * 500 + "<script>", tenant_name=None, tenant="漢" * 300)
    rich = packfacts.rich()
    pages = {
        **drilled.pages,
        "drills": drilled.drills_page,
        "rich-zh": pack_report(rich, "zh", sentence),
        "rich-en": pack_report(replace(rich, system=evil), "en", sentence),
    }
    found: tuple[list[Any], str] = browser.look(pages, WIDTHS)
    return found


def test_nothing_sticks_out_at_any_width(seen: Any) -> None:
    pages, _console = seen
    assert [(page.name, page.width) for page in pages] == [
        (name, width) for name in ("zh", "en", "drills", "rich-zh", "rich-en") for width in WIDTHS
    ]
    assert [(page.name, page.width, page.scroll_width) for page in pages if page.scroll_width > page.inner_width] == []
    assert [(page.name, page.width, page.outside) for page in pages if page.outside] == []


def test_the_console_stays_silent(seen: Any) -> None:
    assert seen[1] == ""


def test_a_page_that_is_broken_would_be_noticed(browser: Any) -> None:
    """The look itself: without this, a harness that sees nothing would pass everything."""
    broken = '<title>x</title><div style="width:900px">wide</div><script>console.error("seen")</script>'
    (page,), console = browser.look({"broken": broken}, (360,))
    assert page.scroll_width > page.inner_width
    assert page.outside
    assert "seen" in console


def test_both_languages_are_there(seen: Any) -> None:
    pages = {page.name: page for page in seen[0]}
    assert (pages["zh"].lang, pages["en"].lang) == ("zh-CN", "en")
    assert "社保核心系统" in pages["zh"].text
    assert "Social insurance" in pages["en"].text
    assert "The ladder: what is proven" in pages["en"].text
    assert len(HAN.findall(pages["zh"].text)) > 500
    assert HAN.findall(pages["en"].text) == []


def test_charts_have_titles_and_can_be_read(seen: Any) -> None:
    for page in seen[0]:
        assert page.title
        assert len(page.charts) >= 3 or page.name == "drills"
        assert all(title and height > 40 for title, height in page.charts)
        assert page.small == 0, "letters under 8 pixels high"


# --- PDF ---


@pytest.fixture(scope="module")
def printed(browser: Any, drilled: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("printed") / "report.pdf"
    pdf.write_beside(drilled.pages["zh"], path, drilled.node)
    return path


def test_the_pdf_is_whole_and_nothing_is_left_behind(printed: Path, drilled: Any) -> None:
    data = printed.read_bytes()
    assert pdf.is_whole(data)
    assert not pdf.is_whole(data[: len(data) // 2])
    with drilled.node.scratch(servers=True) as folder:
        assert [entry for entry in folder.parent.iterdir() if entry.is_dir()] == [folder]


def test_chinese_is_really_in_the_pdf(printed: Path) -> None:
    if shutil.which("pdftotext") is None:
        pytest.skip("no pdftotext: what is in the PDF was not read")
    text = subprocess.run(["pdftotext", printed, "-"], capture_output=True, check=True).stdout.decode()
    assert "社保核心系统" in text
    assert len(HAN.findall(text)) > 500
    fonts = subprocess.run(["pdffonts", printed], capture_output=True, check=True).stdout.decode()
    assert all(line.split()[-5] == "yes" for line in fonts.splitlines()[2:]), "every font is embedded"


def drills_of(drilled: Any) -> tuple[Drill, ...]:
    return tuple(
        Drill(said.drill_id, Target(said.system, said.source, said.repository, said.repository), said.outcome,
              said.checks, said.level, said, entry.index)
        for entry in drilled.node.read_log().entries()
        if isinstance(said := entry.predicate, DrillResult)
    )  # fmt: skip


def test_the_command_line_writes_a_page_of_its_drills(seen: Any, drilled: Any) -> None:
    page = next(page for page in seen[0] if page.name == "drills")
    assert "Restore drill" in page.text
    assert "app/docs" in page.text
    assert "drawn by the published seed" in page.text or "All of it was read" in page.text
    assert {f"#{drill.entry} ·" for drill in drills_of(drilled)} - set(re.findall(r"#\d+ ·", page.text)) == set()


def test_drills_are_written_as_a_pdf(browser: Any, drilled: Any, tmp_path: Path) -> None:
    write_drills(tmp_path / "drills.pdf", drilled.node, drills_of(drilled), say=sentence)
    assert pdf.is_whole((tmp_path / "drills.pdf").read_bytes())


def test_without_a_browser_the_page_is_still_there(
    drilled: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissing) as raised:
        write_drills(tmp_path / "drills.pdf", drilled.node, drills_of(drilled), say=sentence)
    assert str(tmp_path / "drills.html") in raised.value.hint
    assert (tmp_path / "drills.html").read_text("utf-8").startswith("<!doctype html>")
    assert not (tmp_path / "drills.pdf").exists()


def test_a_browser_that_only_says_it_is_done_is_not_believed(
    drilled: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    liar = tmp_path / "bin" / "chromium"
    liar.parent.mkdir()
    liar.write_text("#!/bin/sh\nexit 0\n")
    liar.chmod(0o755)
    monkeypatch.setenv("PATH", f"{liar.parent}:/usr/bin:/bin")
    with pytest.raises(pdf.ToolFailed, match="made no PDF"), drilled.node.scratch(servers=True) as folder:
        pdf.render("<!doctype html><title>x</title>", folder)
