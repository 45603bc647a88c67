"""The commands that runbooks begin with, on a host with a backup, a copy and a source that is gone."""

import sys
from pathlib import Path
from typing import Any

import pytest

LOOKS: dict[str, set[int]] = {
    "config check": {0},
    "config show": {0},
    "agent status": {3},
    "snapshots": {0},
    "snapshots --repository offsite": {0},
    "doctor": {3},
    "ledger verify": {0},
    "ledger show": {0},
    "keys status": {0},
    "posture look": {0},
    "schedule explain": {0},
    "schedule explain app/docs": {0},
    "schedule list": {0},
    "maintain --dry-run": {0},
    "suspicions list": {0},
    "verify --level D0 app/docs": {0},
    "verify --level D1 --repository offsite app/docs": {0},
    "scan --list": {0},
}
"""What changes nothing, and how it ends here: 3 where the source that is gone is to be said."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, initialised: Any) -> Any:
    """One host for all commands."""
    site = sys.modules[type(initialised).__module__].copy(initialised, tmp_path_factory.mktemp("runbooks") / "site")
    site.config["repositories"]["offsite"] = {"url": str(site.root / "offsite")}
    site.source("gone", kind="files", paths=[str(site.root / "gone")])
    site.config["systems"]["app"]["plan"] = {"schedule": "daily at 02:30", "copy_to": ["offsite"]}
    site.write()
    assert site.guardian("init").code == 0
    assert site.guardian("backup").code == 3
    site.guardian("copy")
    return site


@pytest.mark.parametrize("line", LOOKS)
def test_a_look_ends_as_documented_and_changes_nothing(stage: Any, line: str) -> None:
    before = objects(stage.root / "repository"), objects(stage.root / "offsite"), stage.docs.stat().st_mtime_ns
    said = stage.guardian(*line.split(), PLAIN="1")
    assert said.code in LOOKS[line], said
    assert "Traceback" not in said.err
    assert said.out.strip()
    assert (
        objects(stage.root / "repository"),
        objects(stage.root / "offsite"),
        stage.docs.stat().st_mtime_ns,
    ) == before


def objects(repository: Path) -> set[str]:
    """The names of everything a repository holds, but locks, which readers take for a moment."""
    return {str(path) for path in repository.rglob("*") if path.is_file() and path.parent.name != "locks"}


def test_a_source_that_is_gone_is_named(stage: Any) -> None:
    said = stage.guardian("agent", "status", PLAIN="1")
    assert "app/gone" in said.out
    assert "source-missing" in said.out
    assert stage.guardian("doctor", PLAIN="1").out.count("BAD") == 1
