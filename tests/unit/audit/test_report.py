"""The report: whole, in both languages, self-contained, deaf to hostile data, and never better than its facts."""

import importlib.util
import re
import sys
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from guardian import i18n
from guardian.audit import report, summary, wording
from guardian.audit.report import pack_report
from guardian.cli.sentences import sentence
from guardian.model.drill import Frame
from guardian.model.reason import reason

VOID = {"meta", "br"}
FOREIGN = re.compile(r"""(?:href|src|srcset|action|data|xlink:href)\s*=\s*["'](?!#)|@import|url\(\s*["']?(?!#)""")


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"guardian_tests_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


made = load(Path(__file__).resolve().parents[2] / "packfacts.py")


class Page(HTMLParser):
    """Tags that do not close, ids that come twice, and the words of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.faults: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def page(facts: Any, lang: str = "en") -> Page:
    return Page(pack_report(facts, lang, sentence))


@pytest.fixture(autouse=True)
def english() -> None:
    i18n.use("en")


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("facts", ["rich", "empty", "healthy"])
def test_the_page_is_well_formed_and_needs_nothing_from_outside(facts: str, lang: str) -> None:
    text = pack_report(getattr(made, facts)(), lang, sentence)
    found = Page(text)
    assert (found.faults, found.open) == ([], [])
    assert "script" not in {tag for tag, _attributes in found.tags}
    assert FOREIGN.findall(text) == []
    assert [name for _tag, attributes in found.tags for name in attributes if name.startswith("on")] == []
    ids = [attributes["id"] for _tag, attributes in found.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert "default-src 'none'" in text


def test_both_languages_come_out_of_one_process_and_neither_leaks() -> None:
    facts = made.rich()
    chinese, english = page(facts, "zh").text, page(facts, "en").text
    assert made.system().name.zh in chinese
    assert made.system().name.en in english
    assert made.system().name.en not in chinese
    assert (i18n.language(), page(facts, "en").text) == ("en", english)
    assert page(facts, "zh").text == chinese


def test_every_part_is_there() -> None:
    found = page(made.rich())
    headings = [
        "The ladder: what is proven", "What the samples say", "The period in pictures", "Findings", "Backups", "Drills",
        "The assessor's four questions", "Clauses of the standards", "Disaster recovery level", "Who holds the keys",
        "What was not proven", "Check this report without us", "The log's checkpoint",
    ]  # fmt: skip
    assert [heading for heading in headings if heading not in found.text] == []
    charts = [attributes for tag, attributes in found.tags if tag == "svg" and attributes.get("class") == "chart"]
    assert len(charts) == 7
    assert all(chart["aria-label"] for chart in charts)
    assert "verify.py" in found.text
    assert made.digest("root") in found.text
    assert "/srv/社保/2026/缴费.csv came back with other content" in found.text, "the caller's sentences"


def test_tables_are_real_ones() -> None:
    found = page(made.rich())
    heads = [attributes for tag, attributes in found.tags if tag == "th"]
    assert len(heads) > 30
    assert all(attributes.get("scope") in ("col", "row") for attributes in heads)


def test_hostile_data_is_shown_and_does_nothing() -> None:
    evil = '"><script>alert(1)</script><img src=x onerror=alert(2)>\u202egnp.exe\x1b[31m\udcff'
    facts = made.rich()
    source = replace(facts.system.sources[0], id=evil)
    never = replace(source, id=f"never backed up {evil}")
    system = replace(
        facts.system, name=None, id=evil, owner=evil, tenant_name=None, tenant=evil, sources=(source, never)
    )
    bad = made.check("D3", "FAIL", reasons=(reason("file-content-differs", path=evil),))
    done = made.drill(900, evil, made.END - timedelta(hours=1), (bad,))
    receipts = (made.receipt(901, evil, made.END - timedelta(hours=2)),)
    text = pack_report(replace(facts, system=system, drills=(*facts.drills, done), receipts=receipts), "en", sentence)
    found = Page(text)
    assert (found.faults, found.open) == ([], [])
    assert {"script", "img"} & {tag for tag, _attributes in found.tags} == set()
    assert [name for _tag, attributes in found.tags for name in attributes if name.startswith("on")] == []
    assert "\u202e" not in text
    assert "\x1b" not in text
    assert text.encode("utf-8"), "a byte that is no UTF-8 became an escape"
    assert "alert(1)" in found.text, "the name is shown all the same"


def test_a_very_long_name_ends_in_an_ellipsis() -> None:
    system = replace(made.system(), name=None, id="x" * 100_000)
    text = pack_report(replace(made.empty(), system=system), "en", sentence)
    assert "x" * 119 + "…" in text
    assert len(text) < 300_000


def test_ten_thousand_drills_are_capped_and_what_is_left_out_is_said() -> None:
    step = timedelta(minutes=4)
    drills = tuple(made.drill(n, f"s{n % 500}", made.START + step * n, (made.check("D0"),)) for n in range(10_000))
    bad = made.drill(20_000, "core", made.START, (made.check("D0", "FAIL"),))
    text = pack_report(replace(made.healthy(), drills=(*drills, bad)), "en", sentence)
    assert len(text) < 400_000
    assert f"… and {10_001 - report.DRILLS:,} more" in Page(text).text
    assert f"#{bad.index} ·" in text, "the failure is not what is left out"


def test_hostile_numbers_do_not_break_it() -> None:
    drills = (
        made.drill(
            1, "core", made.END - timedelta(days=1),
            (made.check("D3", assurances=(made.sampled(1.0, drawn=0, frame=0),)),), rpo_seconds=-5.0, rto_seconds=1e18,
        ),
    )  # fmt: skip
    assert "RTO" in page(replace(made.healthy(), drills=drills)).text


def drills_page(drills: Any, lang: str = "en") -> Page:
    head = {"origin": "guardian/a/h", "size": 7, "root": made.digest("root"), "key_id": "8a1f03bc"}
    about = {
        "host": "h",
        "tenant": "a",
        "generated": made.END,
        "plans": {},
        "ends": {"social/files": "D3"},
        "log": head,
    }
    with i18n.speaking(lang):
        return Page(report.drills_report(drills, about, sentence))


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_drills_just_done_make_a_page(lang: str) -> None:
    found = drills_page(made.rich().drills, lang)
    assert (found.faults, found.open) == ([], [])
    assert made.digest("root") in found.text
    assert found.tags[0][1]["lang"] == {"zh": "zh-CN", "en": "en"}[lang]


@pytest.mark.parametrize(("levels", "green"), [(("D0", "D1"), False), (("D0", "D1", "D3"), True)])
def test_nobody_reads_that_data_comes_back_from_a_drill_that_brought_none_back(
    levels: tuple[str, ...], green: bool
) -> None:
    found = drills_page((made.drill(1, "core", made.END, tuple(made.check(level) for level in levels)),))
    assert ("GREEN" in found.text) == ("What was backed up comes back" in found.text) == green
    assert "not run" in found.text, "the levels above"


def test_many_drills_at_once_are_capped() -> None:
    checks = (made.check("D0"), made.check("D3", assurances=(made.sampled(),)))
    found = drills_page(tuple(made.drill(n, f"s{n}", made.END, checks) for n in range(300)))
    assert f"… and {300 - report.DRILLS} more" in found.text


# --- the verdict ---


def verdict(facts: Any) -> summary.Verdict:
    return summary.verdict(facts, report.ladder_of(facts))


def test_green_needs_every_level_for_every_source() -> None:
    assert verdict(made.healthy()).light == "pass"
    one = replace(made.healthy(), drills=made.healthy().drills[:1])
    assert verdict(one).light == "unsure"


@pytest.mark.parametrize("level", ["D0", "D1", "D3"])
def test_no_green_without_a_level_that_is_needed(level: str) -> None:
    checks = tuple(made.check(one) for one in ("D0", "D1", "D2", "D3") if one != level)
    drills = tuple(made.drill(n, s, made.END - timedelta(days=1), checks) for n, s in enumerate(("core", "files")))
    assert verdict(replace(made.healthy(), drills=drills)).light == "unsure"


def test_nothing_at_all_is_red() -> None:
    found = verdict(made.empty())
    assert found.light == "fail"
    assert "no backup in this period" in found.causes[0]


def test_backups_that_nobody_drilled_prove_nothing() -> None:
    found = verdict(replace(made.healthy(), drills=()))
    assert (found.light, found.sentence) == ("unsure", "Nothing is proven about recovery.")


def test_a_failure_is_red_and_a_later_pass_of_the_same_level_heals_it() -> None:
    bad = made.drill(500, "core", made.END - timedelta(hours=1), (made.check("D3", "FAIL"),))
    good = made.drill(501, "core", made.END - timedelta(minutes=1), (made.check("D3"),))
    facts = made.healthy()
    assert verdict(replace(facts, drills=(*facts.drills, bad))).light == "fail"
    assert verdict(replace(facts, drills=(*facts.drills, bad, good))).light == "pass"


def test_what_could_not_be_verified_is_no_pass() -> None:
    lost = made.drill(500, "core", made.END - timedelta(hours=1), (made.check("D1", "COULD_NOT_VERIFY"),))
    facts = made.healthy()
    assert verdict(replace(facts, drills=(*facts.drills, lost))).light == "unsure"


def test_a_level_that_was_not_reached_hides_no_older_result() -> None:
    later = made.drill(500, "core", made.END - timedelta(hours=1), (made.check("D3", "NOT_RUN"),))
    facts = made.healthy()
    rungs = summary.ladder((*facts.drills, later), {"core": "D4", "files": "D3"}, summary.source_of)
    assert {rung.level: rung.outcome for rung in rungs}["D3"] == "PASS"


@pytest.mark.parametrize(
    ("change", "light"),
    [
        ({"planted": ("flip", 8, 7)}, "fail"),
        ({"failed": "core"}, "fail"),
        ({"partial": "core"}, "unsure"),
        ({"interval": 90_000.0}, "unsure"),
        ({"interval": 80_000.0}, "pass"),
    ],
)
def test_what_takes_the_green_away(change: dict[str, Any], light: str) -> None:
    facts, at = made.healthy(), made.END - timedelta(minutes=1)
    proof = made.f.Proof(1, made.digest(1))
    match change:
        case {"planted": (kind, planted, found)}:
            facts = replace(facts, planted=(made.f.MutationScore(kind, "D2", planted, found),))
        case {"failed": source}:
            facts = replace(facts, no_backups=(made.no_backup(900, source, at),))
        case {"partial": source}:
            facts = replace(facts, receipts=(*facts.receipts, made.receipt(900, source, at, outcome="partial")))
        case {"interval": seconds}:
            facts = replace(facts, intervals=(made.f.Interval(at, "core", seconds, proof),))
    assert verdict(facts).light == light


def test_a_source_is_asked_for_no_level_above_its_own_last() -> None:
    facts = made.rich()
    rungs = {rung.level: rung for rung in report.ladder_of(facts)}
    assert rungs["D4"].sources == (("core", "PASS"),)
    assert rungs["D4"].outcome == "PASS"
    assert (rungs["D5"].outcome, len(rungs["D5"].sources)) == ("NOT_RUN", 2)


def test_a_rung_shows_the_oldest_date_and_the_weakest_bound() -> None:
    first, last = made.END - timedelta(days=9), made.END - timedelta(days=1)
    drills = (
        made.drill(1, "core", first, (made.check("D3", assurances=(made.sampled(0.005),)),)),
        made.drill(2, "files", last, (made.check("D3", assurances=(made.sampled(0.02),)),)),
    )
    rung = next(r for r in summary.ladder(drills, {"core": "D4", "files": "D3"}, summary.source_of) if r.level == "D3")
    assert rung.at == first
    assert rung.assurance is not None
    assert rung.assurance.upper == 0.02


# --- words ---


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.0099700, "1.00 %"), (0.01, "1.00 %"), (0.010001, "1.01 %"), (1e-9, "0.01 %"), (1.0, "100 %")],
)  # fmt: skip
def test_bounds_are_rounded_up(share: float, said: str) -> None:
    assert wording.bound(share) == said


@pytest.mark.parametrize(("part", "said"), [(999_999, "99.9 %"), (1_000_000, "100 %"), (0, "0 %")])
def test_coverage_is_rounded_down(part: int, said: str) -> None:
    assert wording.portion(part, 1_000_000) == said


def test_an_assurance_says_all_that_must_be_said() -> None:
    frame = Frame(unit="files", count=412_806, bytes=1_930_000_000_000, sha256=made.digest("f"))
    said = wording.assurance(made.sampled(), (frame,), made.START)
    for part in (
        "412,806 files",
        "1.8 TiB",
        "299 byte-units",
        "0 did not come back",
        "95 %",
        "less than 1.00 %",
        "2026-11-01",
    ):
        assert part in said


@pytest.mark.parametrize(
    "census",
    [
        {"method": "census", "drawn": 500, "frame": 500, "upper": 0.0},
        {"unit": "files", "drawn": 28, "frame": 28, "upper": 0.0, "method": "hypergeometric"},
    ],
)
def test_of_a_census_no_bound_is_told_but_what_was_bad(census: dict[str, Any]) -> None:
    said = made.sampled(**census)
    assert "less than" not in wording.assurance(said)
    assert "were read; 0" in wording.assurance(said).replace("was read; 0", "were read; 0")
    assert "0.00 %" not in wording.assurance(said)
    rungs = summary.ladder((made.drill(1, "core", made.END, (made.check("D3", assurances=(said,)),)),), {"core": "D4"})
    assert {rung.level: rung.bound for rung in rungs}["D3"] == "all of it read, 0 bad"


def test_a_sample_of_bytes_as_large_as_its_frame_is_no_census() -> None:
    assert "less than 1.00 %" in wording.assurance(made.sampled(drawn=299, frame=200))


def test_a_sample_of_nothing_rules_nothing_out() -> None:
    assert "rules nothing out" in wording.assurance(made.sampled(1.0, drawn=0))


def test_the_last_day_of_a_period_is_the_last_one_in_it() -> None:
    assert wording.last_day(made.END) == "2026-11-30"
    assert "2026-11-01 – 2026-11-30" in page(made.rich()).text


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_nobody_reads_that_everything_was_verified(lang: str) -> None:
    assert "100 % verified" not in page(made.healthy(), lang).text
    assert "100% verified" not in page(made.healthy(), lang).text


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (59.6, "59.6 s"), (5400, "90 min"), (16200, "4.5 h"), (259200, "3 d"), (-30, "−30 s")],
)  # fmt: skip
def test_durations(seconds: float, said: str) -> None:
    assert wording.duration(seconds) == said
