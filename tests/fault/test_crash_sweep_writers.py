"""The writers beside the log are killed at every call that changes the disk: intents, heads, first configuration."""

import sys
from importlib import util
from pathlib import Path
from types import ModuleType

from guardian.backup import intent
from guardian.config.load import load
from guardian.durable import sweep
from guardian.keys.store import KeyStore
from guardian.ledger.heads import Heads
from guardian.ledger.store import Log
from guardian.model.evidence import NoBackup


def sweeps() -> ModuleType:
    name = "guardian_tests_crash_sweep"
    spec = util.spec_from_file_location(name, Path(__file__).with_name("test_crash_sweep_ledger.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SWEEPS = sweeps()
INTENT = SWEEPS.crash_child.INTENT
pytestmark = SWEEPS.pytestmark


def test_an_intent_is_found_until_it_is_settled(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()

    def check(work: Path, acks: list[str]) -> None:
        folder = work / "runs"
        cut_off, left = intent.pending(folder), intent.left(folder, recorded=True)
        found = (*cut_off, *left)
        assert len(found) <= 1
        assert all(one.run_id == INTENT.run_id for one in found)
        if acks == ["declared"]:
            assert found
        elif acks[-1:] == ["settled"]:
            assert not found
        if folder.is_dir():
            intent.settle(folder, INTENT)
            assert list(folder.iterdir()) == []

    assert SWEEPS.sweep_all("intend", base, check) > 8


def test_heads_are_old_or_new_and_never_believed_wrongly(tmp_path: Path) -> None:
    base = SWEEPS.log_of(tmp_path / "base", 3)
    with Log.open_for_append(base / "log", KeyStore(base).signing_key()) as log:
        Heads(log, base / "heads.json").attempts("s", "a", "main")
        named = dict.fromkeys(("tenant", "host", "started", "ended"), "s")
        log.append(
            NoBackup(run_id="1", system="s", source="a", repository="main", outcome="failed", reasons=(), **named)
        )

    def check(work: Path, _acks: list[str]) -> None:
        with Log.open_for_append(work / "log", KeyStore(work).signing_key()) as log:
            heads = Heads(log, work / "heads.json")
            assert (heads.latest("s", "a", "main"), heads.attempts("s", "a", "main").count) == (None, 1)

    assert SWEEPS.sweep_all("project", base, check) > 4


def test_a_first_configuration_is_whole_or_not_there(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()

    def check(work: Path, acks: list[str]) -> None:
        path = work / "guardian.yaml"
        if acks:
            assert path.exists()
        if path.exists():
            load(path)
        sweep(work)
        assert {found.name for found in work.iterdir()} <= {"guardian.yaml"}

    assert SWEEPS.sweep_all("start", base, check) > 4
