"""The main repository is lost entirely: the data comes back from the copy, and an auditor can follow every step."""

import importlib.util
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

_TESTS = Path(__file__).resolve().parents[1]


def _module(path: Path) -> ModuleType:
    name = f"guardian_tests_copies_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A host whose backups were copied, whose copies were drilled, and whose main repository is gone since."""
    made = _module(_TESTS / "site.py").make(tmp_path_factory.mktemp("host"))
    made.config["repositories"]["offsite"] = {"url": str(made.root / "offsite")}
    made.config["systems"]["app"]["plan"] = {"copy_to": ["offsite"]}
    made.write()
    assert made.guardian("init").code == 0
    cheapen = _module(_TESTS / "cheap.py").cheapen
    cheapen(made)
    cheapen(made, name="offsite", folder=made.root / "offsite")
    for arguments in (["backup"], ["copy"]):
        said = made.guardian(*arguments)
        assert (said.code, said.json["outcome"]) == (0, "complete"), said
    drill = made.guardian("verify", "--repository", "offsite", "--level", "D4", "--report", made.root / "drill.json")
    assert (drill.code, drill.json["outcome"]) == (0, "PASS"), drill
    shutil.rmtree(made.repository)
    return made


def test_snapshots_of_the_copy_have_receipts(site: Any) -> None:
    said = site.guardian("snapshots", "--repository", "offsite")
    found = {(one["source"], one["standing"]) for one in said.json["snapshots"]}
    assert found == {("docs", "receipt"), ("db", "receipt")}


def test_everything_comes_back_from_the_copy(site: Any, tmp_path: Path) -> None:
    said = site.guardian("restore", "app/docs", "--target", tmp_path / "lost")
    assert said.code == 10, "the main repository is gone"
    said = site.guardian("restore", "app/docs", "--repository", "offsite", "--target", tmp_path / "docs")
    assert (said.code, said.json["outcome"], said.json["repository"]) == (0, "complete", "offsite"), said
    came = tmp_path / "docs" / site.docs.relative_to("/")
    done = subprocess.run(["diff", "-r", "--no-dereference", site.docs, came], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"")
    said = site.guardian("restore", "app/db", "--repository", "offsite", "--target", tmp_path / "db")
    assert (said.code, said.json["outcome"]) == (0, "complete"), said


def test_a_drill_of_the_copy_needs_nothing_of_the_main_repository(site: Any) -> None:
    said = site.guardian("verify", "app/docs", "--repository", "offsite")
    assert (said.code, said.json["outcome"]) == (0, "PASS"), said


def test_the_drill_of_the_copy_can_be_replayed(site: Any) -> None:
    said = site.guardian("verify", "--replay", site.root / "drill.json")
    assert (said.code, said.json["outcome"]) == (0, "PASS"), said


def test_copies_and_their_drills_are_in_the_pack_and_hold(site: Any, tmp_path: Path) -> None:
    said = site.guardian("audit", "pack", "app", "-o", tmp_path / "pack.zip")
    assert said.code == 0, said
    with zipfile.ZipFile(tmp_path / "pack.zip") as archive:
        names = archive.namelist()
        (tmp_path / "verify.py").write_bytes(archive.read("verify.py"))
    assert sum("copy-receipt" in name for name in names) == 2
    done = subprocess.run(
        [sys.executable, "-I", "-S", "verify.py", "pack.zip", "--key", said.json["key"]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_not_copied_is_not_looked_for_there(site: Any) -> None:
    said = site.guardian("restore", "app/docs", "--repository", "nowhere", "--target", site.root / "x")
    assert (said.code, said.json["error"]["code"]) == (2, "usage"), said
