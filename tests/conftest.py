"""Fixtures for every layer: a real S3 server, a fresh place in it, a proxy with faults, the restics of this machine."""

import importlib.util
import os
import secrets
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import settings

from guardian.demo.server import SeaweedFS
from guardian.model.address import S3Address
from guardian.objectstore.s3 import S3Store

_HERE = Path(__file__).parent

# Machines are noisy: no example fails for having been slow.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# What a shell starts in the background ignores Ctrl-C, and so would every program that a test starts and interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _module(path: Path) -> ModuleType:
    name = f"guardian_tests_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def found_restics() -> list[Path]:
    """The restic programs of this machine: PATH's, those in GUARDIAN_TEST_RESTICS (folders or files, joined by ``:``)
    and /opt/restic/*/restic."""
    candidates = [Path(found)] if (found := shutil.which("restic")) else []
    for entry in filter(None, os.environ.get("GUARDIAN_TEST_RESTICS", "").split(":")):
        candidates += [Path(entry)] if Path(entry).is_file() else sorted(Path(entry).glob("**/restic*"))
    candidates += sorted(Path("/opt/restic").glob("*/restic"))
    return list(dict.fromkeys(p.resolve() for p in candidates if p.is_file() and os.access(p, os.X_OK)))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes ``restics`` runs once with each restic program found."""
    if "restics" in metafunc.fixturenames:
        found = found_restics()
        marks = [] if found else [pytest.param(None, marks=pytest.mark.skip("no restic program found"))]
        metafunc.parametrize("restics", found or marks, ids=[f"{p.parent.name}-{p.name}" for p in found] or None)


@dataclass(frozen=True, slots=True)
class Place:
    """A fresh bucket on the test's S3 server."""

    address: S3Address
    server: SeaweedFS
    credentials_file: Path

    @property
    def url(self) -> str:
        return self.address.location

    def at(self, endpoint: str) -> str:
        """The same place as seen through ``endpoint``, a proxy's for example."""
        return f"s3:{endpoint}/{self.address.bucket}/{self.address.prefix}"

    def environment(self) -> dict[str, str]:
        """What a bare restic needs to reach it."""
        return {name: secret.reveal().decode() for name, secret in self.server.credentials.items()}


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    """SeaweedFS, once for the whole run (about four seconds)."""
    with SeaweedFS.start(tmp_path_factory.mktemp("seaweedfs")) as server:
        yield server


@pytest.fixture
def s3_place(s3_server: SeaweedFS, tmp_path: Path) -> Place:
    """A fresh bucket, made, with a prefix in it."""
    address = s3_server.address(f"test-{secrets.token_hex(6)}", "repository")
    with S3Store(address, s3_server.credentials) as store:
        store.ensure_bucket()
    return Place(address, s3_server, s3_server.credentials_file(tmp_path / "s3-credentials"))


@pytest.fixture
def fault_proxy() -> Iterator[Callable[[str], object]]:
    """``fault_proxy(endpoint)`` starts a FaultProxy (tests/fault/proxy.py) in front of it; closed at the test's end."""
    module = _module(_HERE / "fault" / "proxy.py")
    started = []

    def start(upstream: str) -> object:
        started.append(module.FaultProxy(upstream))
        return started[-1]

    yield start
    for proxy in started:
        proxy.close()


@pytest.fixture
def new_site(tmp_path: Path) -> Callable[..., object]:
    """``new_site(url=…, credentials=…)`` makes a configured host (tests/site.py) with data, not yet initialised."""
    module = _module(_HERE / "site.py")

    def make(url: str = "", credentials: Path | None = None) -> object:
        root = tmp_path / f"site-{secrets.token_hex(3)}"
        root.mkdir()
        return module.make(root, url, credentials)

    return make


@pytest.fixture(scope="session")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The host that every ``site`` is a copy of: ``guardian init`` takes two seconds. Not to be touched itself."""
    made = _module(_HERE / "site.py").make(tmp_path_factory.mktemp("initialised"))
    said = made.guardian("init")
    assert said.code == 0, said
    _module(_HERE / "cheap.py").cheapen(made)
    return made


@pytest.fixture
def site(initialised: Any, tmp_path: Path) -> Any:
    """A host with a local repository, initialised; its key is quick to derive."""
    return sys.modules[type(initialised).__module__].copy(initialised, tmp_path / f"site-{secrets.token_hex(3)}")


@pytest.fixture
def agents() -> Iterator[ModuleType]:
    """tests/agents.py; agents that a test leaves behind are ended."""
    module = _module(_HERE / "agents.py")
    started = []
    original = module.Running

    class Noted(original):  # type: ignore[misc, valid-type]
        def __init__(self, *args: object, **kwargs: object) -> None:
            super().__init__(*args, **kwargs)
            started.append(self)

    module.Running = Noted
    yield module
    for running in started:
        running.end() if running.process.poll() is None else None


@pytest.fixture
def monitoring() -> Iterator[ModuleType]:
    """tests/monitoring.py: a real Prometheus and Alertmanager; what a test starts is stopped at its end."""
    module = _module(_HERE / "monitoring.py")
    yield module
    _stop(module)


@pytest.fixture(scope="module")
def watching() -> Iterator[ModuleType]:
    """The same for what a module's tests share."""
    module = _module(_HERE / "monitoring.py")
    yield module
    _stop(module)


def _stop(module: ModuleType) -> None:
    while module.Page.started:
        module.Page.started.pop().stop()
