"""Two programs look at one repository. Where they say different things, no drill passes."""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

_TESTS = Path(__file__).parents[1]
RESTIC = shutil.which("restic")


def _module(path: Path) -> ModuleType:
    name = f"guardian_paths_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A host that backed up; what is in its repository stays as it is."""
    site = _module(_TESTS / "site.py").make(tmp_path_factory.mktemp("paths"))
    assert site.guardian("init").code == 0
    _module(_TESTS / "cheap.py").cheapen(site)
    assert site.guardian("backup").code == 0
    return site


@pytest.fixture
def lying(host: Any) -> Any:
    """``lying(script)``: from now on the host's restic is a shell script; honest again afterwards."""

    def tell(script: str) -> Any:
        program = host.root / "restic"
        program.write_text(f'#!/bin/bash\n{script}\nexec {RESTIC} "$@"\n')
        program.chmod(0o755)
        host.config["restic"] = {"program": str(program)}
        host.write()
        return host

    yield tell
    host.config.pop("restic", None)
    host.write()


def disagreement(said: Any) -> list[str]:
    found = [r for d in said.json["drills"] for c in d["checks"] for r in c["reasons"] if r["code"] == "paths-disagree"]
    return [r["args"]["what"] for r in found]


def digest(root: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(root.rglob("*"), key=os.fsencode):
        info = path.lstat()
        found.update(os.fsencode(path) + f"{info.st_mode} {info.st_mtime_ns} {info.st_ino}".encode())
        if path.is_file() and not path.is_symlink():
            found.update(path.read_bytes())
    return found.hexdigest()


def test_another_tree_for_a_snapshot(lying: Any) -> None:
    host = lying(
        f'case " $* " in *" snapshots "*) {RESTIC} "$@" | sed \'s/"tree":"....../"tree":"000000/g\'; exit;; esac'
    )
    said = host.guardian("verify", "app/docs", "--level", "D0")
    assert (said.code, said.json["outcome"]) == (3, "FAIL"), said
    assert len(disagreement(said)) == 2, "both snapshots of the repository"


def test_a_snapshot_that_only_one_of_them_has(lying: Any) -> None:
    host = lying('case " $* " in *" snapshots "*) echo "[]"; exit;; esac')
    said = host.guardian("verify", "app/docs", "--level", "D0")
    assert (said.code, len(disagreement(said))) == (3, 2), said


def test_another_repository_id(lying: Any) -> None:
    host = lying(
        f'case " $* " in *" cat config "*) {RESTIC} "$@" | sed \'s/"id": *"....../"id": "000000/\'; exit;; esac'
    )
    said = host.guardian("verify", "app/docs", "--level", "D0")
    assert (said.code, disagreement(said)) == (3, ["repository-id"]), said


def test_a_list_that_changes_between_two_looks_is_no_disagreement(lying: Any, host: Any) -> None:
    """As a backup beside us would change it: the first answer lacks a snapshot, the second has it."""
    once = host.root / "once"
    once.unlink(missing_ok=True)
    lying(f'case " $* " in *" snapshots "*) [ -e {once} ] || {{ touch {once}; echo "[]"; exit; }};; esac')
    said = host.guardian("verify", "app/docs", "--level", "D0")
    assert (said.code, disagreement(said)) == (0, []), said
    assert once.exists()


def test_other_content_in_a_restored_file(lying: Any) -> None:
    host = lying(
        f'case " $* " in *" restore "*) {RESTIC} "$@" || exit; target="$*"; target="${{target#*--target=}}"; '
        'target="${target%% --*}"; find "$target" -type f -exec sh -c \'echo x >> "$1"\' sh {} \\;; exit 0;; esac'
    )
    said = host.guardian("verify", "app/docs")
    assert (said.code, said.json["drills"][0]["checks"][-1]["outcome"]) == (3, "FAIL"), said
    assert disagreement(said)


def test_a_restic_that_brings_nothing_back(lying: Any) -> None:
    host = lying('case " $* " in *" restore "*) exit 0;; esac')
    said = host.guardian("verify", "app/docs")
    assert (said.code, len(disagreement(said))) == (3, 8), said


def test_a_second_path_that_could_not_be_asked_is_no_pass(lying: Any) -> None:
    host = lying('case " $* " in *" restore "*) echo boom >&2; exit 9;; esac')
    said = host.guardian("verify", "app/docs")
    assert (said.code, said.json["drills"][0]["checks"][-1]["outcome"]) == (4, "COULD_NOT_VERIFY"), said
    assert "second-path-failed" in said.reasons


def test_what_the_decoder_found_stays_found_when_restic_cannot_be_asked(lying: Any, host: Any) -> None:
    """A full restore that restic cannot make, for want of space or memory, takes no damage back."""
    pack = max(
        (path for path in (host.repository / "data").rglob("*") if path.is_file()), key=lambda p: p.stat().st_size
    )
    whole = pack.read_bytes()
    site = lying('[[ " $* " == *" restore "* ]] && { echo "Fatal: out of memory" >&2; exit 1; }')
    try:
        pack.chmod(0o600)
        pack.write_bytes(whole[:4000] + bytes([whole[4000] ^ 1]) + whole[4001:])
        said = site.guardian("verify", "--level", "D3", "--full", "app/docs")
    finally:
        pack.write_bytes(whole)
    last = said.json["drills"][0]["checks"][-1]
    found = {reason["code"] for reason in last["reasons"]}
    assert (said.code, last["outcome"]) == (3, "FAIL")
    assert {"file-lost", "second-path-failed"} <= found
    assert "paths-disagree" not in found, "restic said nothing that could disagree"


def test_a_full_restore_that_only_restic_finds_bad_is_a_disagreement(lying: Any) -> None:
    site = lying('[[ " $* " == *" restore "* ]] && exit 0')
    said = site.guardian("verify", "--level", "D3", "--full", "app/docs")
    assert said.code == 3
    assert disagreement(said) == ["full-restore"]


def test_nothing_is_written_to_repository_or_source(host: Any) -> None:
    before = digest(host.repository), digest(host.docs), digest(host.database.parent / "docs")
    for level in (["--level", "D3"], ["--full"]):
        assert host.guardian("verify", *level).code == 0
    assert (digest(host.repository), digest(host.docs), digest(host.database.parent / "docs")) == before


@pytest.mark.parametrize(("asked", "reached"), [("D3", "D3"), ("D4", "D3")])
def test_files_end_at_d3_and_say_so(host: Any, asked: str, reached: str) -> None:
    said = host.guardian("verify", "app/docs", "--level", asked)
    assert (said.code, said.json["drills"][0]["level"]) == (0, reached), said
    assert ("highest-level-of-kind" in said.reasons) == (asked != reached)


@pytest.mark.parametrize("level", ["D5", "D6"])
def test_what_is_not_in_this_version_is_not_run(host: Any, level: str) -> None:
    said = host.guardian("verify", "app/docs", "--level", level)
    assert (said.code, said.json["outcome"], said.reasons) == (4, "NOT_RUN", {"not-in-this-version"})


def test_the_text_names_the_levels_and_never_a_hundred_percent_verified(host: Any) -> None:
    said = host.guardian("verify", "app/docs", PLAIN="1")
    lines = said.out.splitlines()
    assert [line[2:4] for line in lines if line.startswith("  D")] == ["D0", "D1", "D2", "D3"]
    assert sum(line.startswith("not proven: ") for line in lines) == 2
    assert "100 % verified" not in said.out
    assert "files read, 0 bytes bad" in said.out


def test_where_the_decoder_has_no_way_restic_is_the_only_path(host: Any, tmp_path: Path) -> None:
    rclone = Path(sys.executable).parent / "rclone"
    if not rclone.exists():
        pytest.skip("no rclone beside the interpreter")
    root = tmp_path / "host"
    subprocess.run(["cp", "-a", str(host.root), str(root)], check=True)
    other = type(host)(root, f"rclone::local:{root / 'repository'}", None, {**host.config})
    other.config["repositories"] = {"main": {"url": other.url}}
    other.environment["PATH"] = f"{rclone.parent}:{os.environ['PATH']}"
    other.write()
    said = other.guardian("verify", "app/docs")
    assert (said.code, said.json["outcome"]) == (0, "PASS"), said
    checks = said.json["drills"][0]["checks"]
    for check in checks[1:]:
        assert "decoder-not-possible" in {r["code"] for r in check["reasons"]}, check["level"]
    assert checks[-1]["measured"]["compared"] > 0
