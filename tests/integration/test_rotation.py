"""D2 from the command line: what is read, remembered and claimed, of a real repository."""

import importlib.util
import json
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

_TESTS = Path(__file__).parents[1]


def _module(path: Path) -> ModuleType:
    name = f"guardian_rotation_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def d2(said: Any) -> dict[str, Any]:
    (drill,) = said.json["drills"]
    return next(check for check in drill["checks"] if check["level"] == "D2")


def codes(check: dict[str, Any]) -> set[str]:
    return {reason["code"] for reason in check["reasons"]}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A host with three sources in one repository, left as it was by each test."""
    site = _module(_TESTS / "site.py").make(tmp_path_factory.mktemp("rotation"))
    site.source("more", kind="files", paths=[str(site.root / "more")])
    (site.root / "more").mkdir()
    (site.root / "more" / "file").write_bytes(os.urandom(5000))
    site.write()
    assert site.guardian("init").code == 0
    _module(_TESTS / "cheap.py").cheapen(site)
    assert site.guardian("backup").code == 0
    return site


@pytest.fixture(autouse=True)
def _nothing_read_yet(host: Any) -> None:
    for record in (host.state / "rotation").glob("*"):
        record.unlink()


def test_a_small_repository_is_read_whole_each_time_and_remembered(host: Any) -> None:
    first = d2(host.guardian("verify", "--level", "D2", "app/docs"))
    assert (first["outcome"], first["reasons"]) == ("PASS", [])
    packs = [path for path in (host.repository / "data").rglob("*") if path.is_file()]
    stored = sum(path.stat().st_size for path in packs)
    coverage = first["coverage"]
    assert (coverage["days"], coverage["packs"], coverage["packs_read"]) == (30, len(packs), len(packs))
    assert (coverage["bytes"], coverage["bytes_read"]) == (stored, stored)
    assert first["sample_sha256"]
    (record,) = (host.state / "rotation").iterdir()
    assert record.stat().st_mode & 0o777 == 0o600
    head = json.loads(record.read_bytes().partition(b"\n")[0])
    assert head["last_run"] > 0
    assert record.stat().st_size < 300 + 40 * len(packs)
    # A pack that is damaged is looked at again, however fresh it is, until it is mended.
    victim = max(packs, key=lambda path: path.stat().st_size)
    whole = victim.read_bytes()
    victim.chmod(0o600)
    victim.write_bytes(whole[:500] + bytes([whole[500] ^ 1]) + whole[501:])
    damaged = host.guardian("verify", "--level", "D2", "app/docs")
    assert damaged.code == 3
    check = d2(damaged)
    assert {"pack-hash-differs", "pack-exposes"} <= codes(check)
    assert check["coverage"]["packs_read"] == len(packs) - 1
    assert any(r["args"].get("pack") == victim.name for r in check["reasons"])
    victim.write_bytes(whole)
    assert d2(host.guardian("verify", "--level", "D2", "app/docs"))["coverage"]["packs_read"] == len(packs)


def test_sources_of_one_repository_share_what_is_read(host: Any) -> None:
    said = host.guardian("verify", "--level", "D2")
    assert said.code == 0, said
    checks = [next(c for c in drill["checks"] if c["level"] == "D2") for drill in said.json["drills"]]
    assert len(checks) == 3
    assert len({json.dumps(check["coverage"]) for check in checks}) == 1
    # Each drill plants its own faults, and finds them.
    assert all(
        [(p["kind"], p["found"]) for p in c["planted"]]
        == [
            ("flip", True),
            ("truncate", True),
            ("drop", True),
        ]
        for c in checks
    )
    levels = {p["level"]: True for drill in said.json["drills"] for c in drill["checks"] for p in c["planted"]}
    assert set(levels) == {"D0", "D1", "D2"}


def test_a_damaged_record_is_remarked_and_begun_anew(host: Any) -> None:
    assert host.guardian("verify", "--level", "D2", "app/docs").code == 0
    (record,) = (host.state / "rotation").iterdir()
    record.write_bytes(record.read_bytes()[:-1])
    said = host.guardian("verify", "--level", "D2", "app/docs", PLAIN="1")
    assert said.code == 0
    assert "the rotation begins anew" in said.out + said.err
    assert host.guardian("verify", "--level", "D2", "app/docs", PLAIN="1").err.count("begins anew") == 0


def test_nothing_is_planted_below_d2(host: Any) -> None:
    (drill,) = host.guardian("verify", "--level", "D1", "app/docs").json["drills"]
    assert [check["planted"] for check in drill["checks"]] == [[], []]
    assert not list((host.state / "rotation").glob("*"))


def test_a_drill_needs_no_right_to_write(host: Any) -> None:
    before = {path: path.stat().st_mtime_ns for path in host.repository.rglob("*")}
    assert host.guardian("verify", "--level", "D3", "app/docs").code == 0
    assert {path: path.stat().st_mtime_ns for path in host.repository.rglob("*")} == before
