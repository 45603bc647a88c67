"""A checkout as a newcomer finds it: in a folder of any name, on a machine that lacks something."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]


def run(*argv: str | Path, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in argv], cwd=cwd, env=env, capture_output=True, text=True, timeout=120, check=False
    )


def test_a_checkout_in_a_folder_with_a_chinese_name_is_found_in_the_c_locale(tmp_path: Path) -> None:
    # Python 3.11 reads .pth files in the locale's encoding, even in UTF-8 mode: a path in one would stop every start.
    checkout = tmp_path / "我的 项目"
    shutil.copytree(ROOT / "guardian", checkout / "guardian", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, checkout)
    build = (sys.executable, "-m", "hatchling", "build", "--target", "wheel:editable", "--directory", tmp_path)
    built = run(*build, cwd=checkout, PATH=os.environ["PATH"])
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    # -S: the .pth files of the environment that runs this test must not lead to its own checkout.
    find = f"import site; site.addsitedir({str(tmp_path / 'site')!r}); import guardian; print(ascii(guardian.__file__))"
    found = run(
        *(sys.executable, "-S", "-c", find),
        cwd=tmp_path,
        LC_ALL="C",
        PYTHONPATH=f"{tmp_path / 'site'}:{sysconfig.get_path('purelib')}",
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.strip() == ascii(str(checkout / "guardian" / "__init__.py"))


def test_what_is_missing_is_said_in_one_line(tmp_path: Path) -> None:
    shutil.copy(ROOT / "dev.py", tmp_path)
    said = run(sys.executable, "dev.py", "try", cwd=tmp_path, PATH=str(tmp_path / "nothing here"))
    assert said.returncode == 2
    assert said.stdout == ""
    (line,) = said.stderr.splitlines()
    assert "restic" in line
    assert "install with" in line


def test_something_else_in_the_place_of_the_environment_is_said_and_left_alone(tmp_path: Path) -> None:
    shutil.copy(ROOT / "dev.py", tmp_path)
    (tmp_path / ".venv").write_text("mine", "utf-8")
    said = run(sys.executable, "dev.py", "check", "--only", "lint", cwd=tmp_path, PATH=os.environ["PATH"])
    assert said.returncode == 2
    (line,) = said.stderr.splitlines()
    assert str(tmp_path / ".venv") in line
    assert (tmp_path / ".venv").read_text("utf-8") == "mine"


@pytest.mark.parametrize(("lock", "extras"), [("dev", {"dev", "demo", "dask", "s3"}), ("runtime", {"s3"})])
def test_a_lock_file_is_complete(lock: str, extras: set[str]) -> None:
    # It is installed with --no-deps: pip before 23.3 resolves `name[extra]` anew, and stumbles over newer versions.
    text = (ROOT / "requirements" / f"{lock}.lock").read_text("utf-8")
    locked = {canonicalize_name(name) for name in re.findall(r"(?m)^([A-Za-z0-9._-]+)==", text)}
    asked = [("guardian-dr", extras)]
    seen: set[str] = set()
    while asked:
        name, wanted = asked.pop()
        for line in importlib.metadata.requires(name) or ():
            needed = Requirement(line)
            found = canonicalize_name(needed.name)
            environments = [{"extra": extra} for extra in ("", *wanted)]
            if needed.marker is not None and not any(map(needed.marker.evaluate, environments)):
                continue
            if found not in ("guardian-dr", "editables"):  # the second is needed by a checkout alone
                assert found in locked, f"{name} needs {needed}"
            if (key := f"{found}{sorted(needed.extras)}") not in seen:
                seen.add(key)
                asked.append((found, needed.extras))
    assert seen
