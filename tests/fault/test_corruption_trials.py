"""Damage of every kind, drawn by a seed, is found at the level that claims it; nothing is found where nothing is.

The trials are those of ``benchmarks/corruption.py``, which runs hundreds of them on several kinds of repositories.
"""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def _trials() -> ModuleType:
    name = "guardian_corruption_trials"
    if name not in sys.modules:
        path = Path(__file__).parents[2] / "benchmarks" / "corruption.py"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]


TRIALS = _trials()
SEED = 20


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One host, mended after each trial."""
    (made,) = TRIALS.make_hosts(tmp_path_factory.mktemp("trials"), "D2", ("small",))
    return made


@pytest.mark.parametrize("kind", TRIALS.KINDS, ids=lambda kind: kind.name.replace(" ", "-"))
def test_damage_is_found_at_the_level_that_claims_it(host: Any, kind: Any) -> None:
    result = TRIALS.trial(host, kind, f"{SEED}/{kind.name}")
    assert result.found, (result.harm, result.levels, result.drill.checks)
    assert result.drill.outcome != "PASS"


@pytest.mark.parametrize("number", range(len(TRIALS.HARMLESS) - 2), ids=str)
def test_nothing_is_found_where_nothing_is_damaged(host: Any, number: int) -> None:
    assert TRIALS.control(host, number + 2, f"{SEED}/control/{number}") == ""


def test_a_trial_that_finds_nothing_is_told_as_missed(host: Any) -> None:
    idle = TRIALS.Kind("nothing at all", "D2", lambda _host, _rng: TRIALS.Harm("nowhere"))
    assert not TRIALS.trial(host, idle, "x").found
