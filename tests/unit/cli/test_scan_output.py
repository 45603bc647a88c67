"""``guardian scan`` over a small tree: every format into a file and to standard output, the list, an explanation."""

import io
import json
from pathlib import Path
from zipfile import ZipFile

import pytest
from openpyxl import load_workbook

from guardian.cli.main import main
from guardian.cli.scan_output import _level
from guardian.errors import ExitCode

FORMATS = ("csv", "html", "sarif", "xlsx")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc" / "passwd").write_text("root:x:0:0::/root:/bin/bash\n", "utf-8")
    return root


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["--lang", "en", *words])
    code = ended.value.code
    return code if isinstance(code, int) else 0


@pytest.mark.parametrize("form", FORMATS)
def test_formats_go_into_a_file(tree: Path, tmp_path: Path, form: str) -> None:
    path = tmp_path / f"scan.{form}"
    asked = ("scan", "--root", str(tree), "--baseline", "accounts", "--fail-on", "low")
    assert run(*asked, "--format", form, "--output", str(path)) == ExitCode.BAD_ANSWER
    data = path.read_bytes()
    assert data[:2] == b"PK" if form == "xlsx" else b"GD-ACC-022" in data
    if form == "xlsx":
        assert "xl/workbook.xml" in ZipFile(io.BytesIO(data)).namelist()


@pytest.mark.parametrize(("level", "has", "lacks"), [("2", "7.1.4.1", "8.1.4.1"), ("3", "8.1.4.1", "7.1.4.1")])
def test_the_workbook_has_the_clauses_of_the_level_asked_for(
    tree: Path, tmp_path: Path, level: str, has: str, lacks: str
) -> None:
    path = tmp_path / "scan.xlsx"
    asked = ("scan", "--root", str(tree), "--baseline", "accounts", "--fail-on", "low", "--level", level)
    assert run(*asked, "--format", "xlsx", "--output", str(path)) == ExitCode.BAD_ANSWER
    sheet = load_workbook(path).worksheets[1]
    text = " ".join(str(cell) for row in sheet.iter_rows(values_only=True) for cell in row if cell)
    assert has in text
    assert lacks not in text
    assert run(*asked, "--format", "json") == ExitCode.USAGE


@pytest.mark.parametrize(
    ("stated", "level"),
    [([], "3"), ([None], "3"), ([2], "2"), ([1, 2], "2"), ([2, 3], "3"), ([2, None], "3"), ([4], "3")],
)
def test_the_level_of_a_workbook_is_that_of_the_strictest_system(stated: list[int | None], level: str) -> None:
    assert _level(stated) == level


def test_formats_for_programs_go_to_standard_output_and_tables_to_no_file(
    tree: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    asked = ("scan", "--root", str(tree), "--baseline", "accounts", "--fail-on", "low")
    assert run(*asked, "--format", "json") == ExitCode.BAD_ANSWER
    document = json.loads(capfdbinary.readouterr().out)
    assert (document["schema"], document["outcome"], document["exit_code"]) == ("guardian.scan/v1", "failed", 3)
    assert run(*asked, "--output", "x") == ExitCode.USAGE
    assert run(*asked, "--format", "xlsx") == ExitCode.USAGE
    assert not Path("x").exists()


def test_the_list_and_the_explanation_name_clauses(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run("--json", "scan", "--list") == ExitCode.OK
    rules = {rule["id"]: rule for rule in json.loads(capfdbinary.readouterr().out)["rules"]}
    assert rules["GD-ACC-001"]["clauses"] == [{"standard": "GB/T 22239-2019", "number": "8.1.4.1 a"}]
    assert rules["GD-SSH-003"]["params"]["tries"]["bound"] == "<="
    assert rules["GD-SSH-003"]["needs"]
    assert run("scan", "--explain", "GD-SSH-003") == ExitCode.OK
    said = capfdbinary.readouterr().out.decode()
    for words in ("asks:", "may be set lower, never higher", "8.1.4.1 b", "example, unknown:", "beware:"):
        assert words in said
    assert run("scan", "--explain", "GD-SSH-03") == ExitCode.USAGE
    assert b"did you mean" in capfdbinary.readouterr().err
