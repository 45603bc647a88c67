"""Fixtures of the fault tests: hosts that have backed up, to be broken."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

_HERE = Path(__file__).parent


def _module(path: Path) -> ModuleType:
    name = f"guardian_tests_{path.stem}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def staging() -> ModuleType:
    """The module tests/fault/stage.py."""
    return _module(_HERE / "stage.py")


@pytest.fixture(scope="session")
def original(staging: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The host that all stages are copies of. Not to be broken itself."""
    root = tmp_path_factory.mktemp("original")
    cheapen = _module(_HERE.parent / "cheap.py").cheapen
    return staging.prepare(_module(_HERE.parent / "site.py").make(root), cheapen)


@pytest.fixture
def stage(staging: ModuleType, original: Any, tmp_path: Path) -> Any:
    """A host with two backups of its documents, for one test to break."""
    return staging.copy(original, tmp_path / "host")


@pytest.fixture(scope="module")
def shared_stage(staging: ModuleType, original: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The same, for the tests of one file that leave it as it was."""
    return staging.copy(original, tmp_path_factory.mktemp("shared") / "host")


@pytest.fixture(scope="session")
def cheap() -> ModuleType:
    """The module tests/cheap.py."""
    return _module(_HERE.parent / "cheap.py")
