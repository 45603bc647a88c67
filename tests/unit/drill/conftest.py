"""The decoder tests' forger: repositories made in memory, so that a test can lie where restic would not."""

import importlib.util
import sys
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def forge() -> Any:
    path = Path(__file__).parent.parent / "decoder" / "conftest.py"
    name = "guardian_tests_forge"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name].Forge()


@pytest.fixture
def pool() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor
