"""What programs are given of a scan is valid by the published schemas, tells unknown from good, and is never obeyed."""

import csv
import io
import json
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft4Validator, Draft7Validator, Draft202012Validator

from guardian.baseline.formats.document import document
from guardian.baseline.formats.pieces import CHUNK
from guardian.baseline.formats.table import harmless
from guardian.baseline.formats.write import FORMATS, encoded, write_file
from guardian.baseline.outcome import Scanned
from guardian.baseline.policy import Library
from guardian.errors import Unavailable
from guardian.i18n import speaking

from .scans import HOSTILE, provider, scanned, waiver

SCHEMAS = Path(__file__).parents[2] / "golden" / "schemas"


@cache
def schema(name: str) -> Any:
    text = (SCHEMAS / name).read_text("utf-8")
    # Python's expressions have no \p{L}; what they mean by it is spelled out.
    return json.loads(text.replace("\\\\p{L}", "[^\\\\W\\\\d_]").replace("\\\\p{N}", "\\\\d"))


@pytest.fixture(scope="module")
def whole(rules: Library) -> Scanned:
    return scanned(rules)


def text(name: str, scan: Scanned) -> str:
    return b"".join(encoded(name, scan)).decode("utf-8")


def test_the_scan_has_every_status(whole: Scanned) -> None:
    said = Counter((finding.status, finding.waived) for finding in whole.findings)
    assert said.keys() == {
        ("pass", False), ("fail", False), ("fail", True), ("unknown", False), ("manual", False),
        ("not_applicable", False),
    }  # fmt: skip


def test_ocsf_is_valid_and_never_passes_what_nobody_knows(whole: Scanned) -> None:
    validator = Draft202012Validator(schema("ocsf-1.5.0-compliance_finding.json"))
    lines = text("ocsf", whole).splitlines()
    assert len(lines) == len(whole.findings)
    compliance = {"pass": 1, "fail": 3, "unknown": 0, "manual": 99, "not_applicable": 99}
    for line, finding in zip(lines, whole.findings, strict=True):
        event = json.loads(line)
        validator.validate(event)
        assert event["compliance"]["status_id"] == compliance[finding.status]
        assert event["finding_info"]["uid"] == finding.id
        assert (event["status"] == "Suppressed") == finding.waived
    broken = {**json.loads(lines[0]), "class_uid": 2004}
    assert not validator.is_valid(broken)


def test_oscal_is_valid_and_unknown_is_no_finding(whole: Scanned) -> None:
    validator = Draft7Validator(schema("oscal-1.2.3-assessment-results.json"))
    value = json.loads(text("oscal", whole))
    validator.validate(value)
    (result,) = value["assessment-results"]["results"]
    assert len(result["observations"]) == len(whole.findings)
    states = Counter(one["target"]["status"]["state"] for one in result["findings"])
    said = Counter(finding.status for finding in whole.findings)
    assert states == {"satisfied": said["pass"], "not-satisfied": said["fail"]}
    remarks = {one["uuid"]: one.get("remarks", "") for one in result["observations"]}
    decided = {one["related-observations"][0]["observation-uuid"] for one in result["findings"]}
    assert all(remark for uuid, remark in remarks.items() if uuid not in decided)
    result["findings"][0]["target"]["status"]["state"] = "unknown"
    assert not validator.is_valid(value)


def test_sarif_is_valid_and_tells_the_kinds_apart(whole: Scanned) -> None:
    validator = Draft4Validator(schema("sarif-2.1.0-rtm.5.json"))
    value = json.loads(text("sarif", whole))
    validator.validate(value)
    (run,) = value["runs"]
    kinds = {"pass": "pass", "fail": "fail", "unknown": "open", "manual": "review", "not_applicable": "notApplicable"}
    for result, finding in zip(run["results"], whole.findings, strict=True):
        assert result["kind"] == kinds[finding.status]
        assert (result["level"] == "none") == (finding.status != "fail")
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == finding.rule
        assert bool(result.get("suppressions")) == finding.waived
    waived = next(result for result in run["results"] if result.get("suppressions"))
    assert "NAT gateway until the move (li, wang, CHG-118, 2026-12-10)" in waived["suppressions"][0]["justification"]
    assert "nobody answers" in run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"]
    run["results"][0]["kind"] = "unknown"
    assert not validator.is_valid(value)


def test_junit_counts_what_jenkins_and_gitlab_read(whole: Scanned) -> None:
    root = ET.fromstring(text("junit", whole))
    said = Counter((finding.status, finding.waived) for finding in whole.findings)
    wanted = {
        "tests": len(whole.findings),
        "failures": said["fail", False],
        "errors": said["unknown", False],
        "skipped": said["fail", True] + said["manual", False] + said["not_applicable", False],
    }
    assert {name: int(root.attrib[name]) for name in wanted} == wanted
    sums = Counter[str]()
    for suite in root.iterfind("testsuite"):
        sums.update({name: int(suite.attrib[name]) for name in wanted})
        cases = suite.findall("testcase")
        assert len(cases) == int(suite.attrib["tests"])
        assert all(case.attrib["classname"] and case.attrib["name"] for case in cases)
        for tag, name in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            assert len(suite.findall(f"testcase/{tag}")) == int(suite.attrib[name])
    assert dict(sums) == wanted
    assert [suite.attrib["name"] for suite in root][-1] == "host:gone"


def test_csv_is_one_line_a_verdict_and_no_formula(whole: Scanned) -> None:
    rows = list(csv.DictReader(io.StringIO(text("csv", whole), newline="")))
    assert [row["finding"] for row in rows] == [finding.id for finding in whole.findings]
    assert all(None not in row and len(row) == 21 for row in rows)
    hostile = [row["target"] for row in rows if "calc" in row["target"]]
    assert hostile
    assert all(name.startswith("'=cmd") and "\n" not in name and "\x1b" not in name for name in hostile)
    for cell in ("=1", "+1", "-1", "@x", " =1", "＝1"):
        assert harmless(cell) == f"'{cell}"
    assert harmless("a=1") == "a=1"
    assert harmless("\t=1") == "\\x09=1"


def test_json_is_what_the_command_prints(whole: Scanned) -> None:
    value = json.loads(text("json", whole))
    assert {key: value.pop(key) for key in ("schema", "outcome", "exit_code")} == {
        "schema": "guardian.scan/v1", "outcome": "failed", "exit_code": 3,
    }  # fmt: skip
    assert value == json.loads(json.dumps(document(whole)))
    assert len(value["findings"]) == len(whole.findings)


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_hostile_gets_through_and_both_languages_differ(whole: Scanned, name: str) -> None:
    made = {lang: _spoken(name, whole, lang) for lang in ("zh", "en")}
    for said in made.values():
        if name != "json":  # facts as they are, escaped by JSON itself
            assert not set(said) & {"\x1b", "\u202e"}
    assert name == "json" or made["zh"] != made["en"]
    assert made["en"] == _spoken(name, whole, "en")


def _spoken(name: str, scan: Scanned, lang: str) -> str:
    with speaking(lang):
        return text(name, scan)


@pytest.mark.parametrize("name", FORMATS)
def test_a_scan_of_nothing_is_still_a_document(rules: Library, name: str) -> None:
    empty = replace(scanned(rules), findings=(), targets=())
    said = text(name, empty)
    if name in ("oscal", "sarif"):
        json.loads(said)
        validator = {"oscal": Draft7Validator, "sarif": Draft4Validator}[name]
        file = {"oscal": "oscal-1.2.3-assessment-results.json", "sarif": "sarif-2.1.0-rtm.5.json"}[name]
        validator(schema(file)).validate(json.loads(said))
    elif name == "junit":
        assert ET.fromstring(said).attrib["tests"] == "0"
    else:
        assert said.count("\n") == {"csv": 1, "ocsf": 0, "json": said.count("\n")}[name]


def test_a_file_is_there_whole_or_not_at_all(whole: Scanned, tmp_path: Path) -> None:
    path = tmp_path / "scan.csv"
    write_file(path, "csv", whole)
    assert path.read_bytes().startswith(b"\xef\xbb\xbftenant,host,")
    path.write_text("old", "utf-8")
    broken = replace(whole, findings=(*whole.findings, None))  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        write_file(path, "csv", broken)
    assert path.read_text("utf-8") == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["scan.csv"]
    with pytest.raises(Unavailable):
        write_file(tmp_path / "missing" / "scan.csv", "csv", whole)


@pytest.mark.parametrize("name", FORMATS)
def test_many_verdicts_are_written_piece_by_piece(rules: Library, name: str) -> None:
    few = scanned(rules, [provider("app-1", {})])
    many = replace(few, findings=few.findings * 500)
    sizes = [len(piece) for piece in encoded(name, many)]
    assert len(sizes) > 5
    assert max(sizes) < 4 * CHUNK


def test_a_waiver_of_somebody_else_is_not_quoted(rules: Library) -> None:
    other = waiver(rule="GD-EX-003", target="host:app-*", ticket="CHG-9", reason="another")
    scan = scanned(rules, waivers=(waiver(), other))
    said = json.loads(text("sarif", scan))
    for result in said["runs"][0]["results"]:
        for one in result.get("suppressions", ()):
            assert ("another" in one["justification"]) == (result["ruleId"] == "GD-EX-003")
    assert HOSTILE not in json.dumps(said)
