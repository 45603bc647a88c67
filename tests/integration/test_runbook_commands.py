"""What runbooks have typed before anything is changed, on a host like that of their examples.

The host has a backup, a copy of it, and a source that is gone, so that there is something to be said.
"""

import re
import sys
from pathlib import Path
from typing import Any

import pytest

RUNBOOKS = Path(__file__).resolve().parents[2] / "runbooks"
CHANGES = re.compile(
    r"^(backup|copy|restore|init|maintain(?! --dry-run)|keys (?!status)|suspicions clear|agent run)\b|/media/"
)
"""Commands that change something, or need media in the drive."""
LOOKS = {
    "config check": 0,
    "config show": 0,
    "agent status": 3,
    "snapshots portal/docs": 0,
    "snapshots --repository offsite": 0,
    "doctor": 3,
    "ledger verify": 0,
    "ledger show": 0,
    "keys status": 0,
    "posture look main": 0,
    "schedule explain": 0,
    "schedule list": 0,
    "maintain --dry-run": 0,
    "suspicions list": 0,
    "verify --level D0 portal/docs": 0,
    "verify portal/docs --repository offsite --level D1": 0,
}
"""How these end here: 3 where the source that is gone is to be said."""


def typed() -> list[str]:
    """Every command of every page that only looks, once: good or bad news, or that something could not be found out."""
    found: set[str] = set()
    for path in RUNBOOKS.glob("Guardian*.md"):
        lines = re.findall(r"^\$ (?:sudo (?:-u \S+ )?)?guardian ([^|>\n]+)", path.read_text("utf-8"), re.MULTILINE)
        found |= {line.strip() for line in lines if not CHANGES.search(line)}
    return sorted(found | LOOKS.keys())


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, initialised: Any) -> Any:
    """One host for all commands, with the names that the pages use."""
    site = sys.modules[type(initialised).__module__].copy(initialised, tmp_path_factory.mktemp("runbooks") / "site")
    site.config["repositories"]["offsite"] = {"url": str(site.root / "offsite")}
    sources = {name: {"kind": "files", "paths": [str(site.root / name)]} for name in ("docs", "mail")}
    site.config["systems"] = {"portal": {"sources": sources, "plan": {"schedule": "daily", "copy_to": ["offsite"]}}}
    site.write()
    assert site.guardian("init").code == 0
    assert site.guardian("backup").code == 3
    assert "complete" in site.guardian("copy", PLAIN="1").out
    return site


@pytest.mark.parametrize("line", typed())
def test_a_look_ends_as_documented_and_changes_nothing(stage: Any, line: str) -> None:
    before = objects(stage.root / "repository"), objects(stage.root / "offsite"), stage.docs.stat().st_mtime_ns
    said = stage.guardian(*line.split(), PLAIN="1")
    assert said.code in ({LOOKS[line]} if line in LOOKS else {0, 3, 4}), said
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
    assert "portal/mail" in said.out
    assert "source-missing" in said.out
    assert stage.guardian("doctor", PLAIN="1").out.count("BAD") == 1
