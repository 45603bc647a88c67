"""The wheel works where no checkout is: a fresh environment, the locked runtime, another directory."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import guardian

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements" / "runtime.lock"
CONFIGURATION = """\
tenant: {id: gz-hrss, name: {zh: 省人力资源和社会保障厅, en: Human Resources and Social Security}, region: "520000"}
repositories:
  main: {url: "%(folder)s/repository"}
systems:
  social-insurance:
    mlps_level: 3
    objectives: {rpo: 6h, rto: 4h, dr_level: 4}
    sources:
      documents: {kind: files, paths: ["%(folder)s/documents"]}
    plan: {schedule: "every 6h", retention: {daily: 14}, drills: {D3: weekly}}
"""

pytestmark = pytest.mark.slow


def run(*argv: str | Path, cwd: Path) -> str:
    """Run to the end in ``cwd``, with nothing of this checkout or its environment in reach."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV", "COV"))}
    done = subprocess.run(
        [str(part) for part in argv], cwd=cwd, env=env, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, f"{argv}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder, cwd=ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``guardian`` of a fresh environment with the wheel and its locked dependencies alone."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
    pip = (folder / "venv" / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    run(*pip, "--require-hashes", "--no-deps", "--only-binary", ":all:", "--requirement", LOCK, cwd=folder)
    run(*pip, "--no-deps", "--no-index", wheel, cwd=folder)
    run(folder / "venv" / "bin" / "python", "-m", "pip", "check", cwd=folder)
    return folder / "venv" / "bin" / "guardian"


def test_wheel_carries_the_catalogues_the_licence_and_nothing_of_development(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for locale in ("en", "zh_CN"):
        assert f"guardian/locale/{locale}/LC_MESSAGES/guardian.mo" in names
    assert "guardian/py.typed" in names
    for standard in ("gbt22239-2019", "gbt20988"):
        assert f"guardian/_content/policies/standards/{standard}.yaml" in names
    for given in (
        "prometheus/rules/host-backup.yml",
        "alertmanager/alertmanager.yml",
        "alertmanager/templates/guardian.tmpl",
    ):
        assert f"guardian/_content/exporters/{given}" in names
    for beside in ("verify_pack.py", "pack-readme.txt", "templates/pack.html"):
        assert f"guardian/audit/{beside}" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert {name.split("/")[0].split("-")[0] for name in names} == {"guardian", "guardian_exporters", "guardian_dr"}


def test_installed_program_finds_its_standards(program: Path, tmp_path: Path) -> None:
    asked = "from guardian.audit.standards import standards; print(*(standard.id for standard in standards()))"
    assert run(program.with_name("python"), "-I", "-c", asked, cwd=tmp_path).split() == ["gbt20988", "gbt22239-2019"]


def test_installed_program_finds_what_prometheus_is_given(program: Path, tmp_path: Path) -> None:
    asked = "from guardian.content import content_dir; print(content_dir('exporters/prometheus'))"
    found = Path(run(program.with_name("python"), "-I", "-c", asked, cwd=tmp_path).strip())
    assert "alert: GuardianWatchdog" in (found / "rules" / "watchdog.yml").read_text("utf-8")


def test_installed_program_prints_policies(program: Path, tmp_path: Path) -> None:
    said = run(program, "posture", "policy", "--role", "agent", "--bucket", "backups", "--prefix", "a", cwd=tmp_path)
    assert "arn:aws:s3:::backups/a/locks/*" in said


def test_installed_program_says_its_version(program: Path, tmp_path: Path) -> None:
    assert guardian.__version__ in run(program, "--version", cwd=tmp_path)
    assert "--fleet" in run(program.with_name("guardian-exporter"), "--help", cwd=tmp_path)


def test_installed_program_speaks_chinese(program: Path, tmp_path: Path) -> None:
    assert "用法" in run(program, "--lang", "zh", "--help", cwd=tmp_path)


def test_installed_program_checks_a_configuration_from_another_directory(program: Path, tmp_path: Path) -> None:
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "one.txt").write_text("one", "utf-8")
    configuration = tmp_path / "guardian.yaml"
    configuration.write_text(CONFIGURATION % {"folder": tmp_path}, "utf-8")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    run(program, "--config", configuration, "config", "check", cwd=elsewhere)
