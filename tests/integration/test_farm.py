"""Drills on a farm: a real Dask scheduler and real workers, and what is found is what threads find."""

import importlib.util
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from guardian.clock import SystemClock
from guardian.config.load import load
from guardian.decoder.content import verify_one
from guardian.decoder.damage import Damage
from guardian.decoder.repository import Loaded
from guardian.drill import farm as farms
from guardian.drill import reading
from guardian.drill.opened import opened
from guardian.model.events import silent
from guardian.node import Node
from guardian.proc import Stop

ROOT = Path(__file__).parents[1]
PATIENCE = 60


def module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"guardian_farm_{name}", ROOT / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    made = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


class Program:
    """A Dask program in the background; ``heard(pattern)`` waits for a line of it."""

    def __init__(self, name: str, *arguments: str, cwd: Path) -> None:
        argv = [sys.executable, "-m", f"distributed.cli.dask_{name}", *arguments]
        env = {"PATH": os.environ["PATH"], "HOME": str(cwd), "LANG": "C.UTF-8", "DASK_LOGGING__DISTRIBUTED": "info"}
        self.process = subprocess.Popen(argv, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.said = b""

    def heard(self, pattern: bytes) -> str:
        assert self.process.stdout is not None
        while not (found := re.search(pattern, self.said)):
            ready, _w, _x = select.select([self.process.stdout], [], [], PATIENCE)
            piece = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            assert piece, self.said.decode(errors="replace")
            self.said += piece
        return found[1].decode()

    def end(self, how: int = signal.SIGTERM) -> None:
        assert self.process.stdout is not None
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.stdout.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def started(name: str, *arguments: str, cwd: Path) -> Iterator[Program]:
    program = Program(name, *arguments, cwd=cwd)
    try:
        yield program
    finally:
        program.end()


@contextmanager
def scheduler(folder: Path) -> Iterator[str]:
    with started("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", cwd=folder) as program:
        yield program.heard(rb"Scheduler at:\s+(tcp://\S+)")


@contextmanager
def worker(address: str, folder: Path) -> Iterator[Program]:
    arguments = (address, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1")
    with started("worker", *arguments, cwd=folder) as program:
        program.heard(rb"Registered to:\s+(tcp://\S+)")
        yield program


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Any:
    made = module("site").make(tmp_path_factory.mktemp("farm"))
    del made.config["systems"]["app"]["sources"]["db"]
    made.write()
    assert made.guardian("init").code == 0
    module("cheap").cheapen(made)
    for number in range(4):  # a pack of contents each
        (made.docs / f"large-{number}").write_bytes(os.urandom(300_000))
        assert made.guardian("backup").code == 0
    return made


@pytest.fixture(scope="module")
def farm(site: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("dask")
    with scheduler(folder) as address, worker(address, folder), worker(address, folder):
        yield address


def timeless(document: Any) -> Any:
    """Without what differs from run to run: times, and where faults are planted, which the drill's seed says."""
    if isinstance(document, dict):
        left_out = {"seconds", "second_seconds", "oldest", "age_seconds", "where"}
        return {key: timeless(value) for key, value in document.items() if key not in left_out}
    return [timeless(one) for one in document] if isinstance(document, list) else document


def checks(said: Any) -> str:
    text = json.dumps([timeless(drill["checks"]) for drill in said.json["drills"]], sort_keys=True)
    return re.sub(r"/scratch/[0-9a-f]{32}/", "/scratch/", text)


def verify(site: Any, address: str, *more: str) -> Any:
    return site.guardian("verify", "--executor", "dask", "--scheduler", address, *more, timeout=120)


def test_same_checks_as_by_threads(site: Any, farm: str) -> None:
    here = site.guardian("verify", "--full")
    there = verify(site, farm, "--full")
    assert (there.code, there.json["outcome"]) == (here.code, here.json["outcome"]) == (0, "PASS"), there
    assert checks(there) == checks(here)
    (last,) = site.guardian("ledger", "show", "-n", "1").json["entries"]
    assert last["predicate"]["tools"]["dask"].endswith("2 workers"), "the evidence says who read"


def test_same_results_and_damage_named_the_same(site: Any, farm: str) -> None:
    pack = max((site.repository / "data").rglob("?" * 64), key=lambda path: path.stat().st_size)
    content = pack.read_bytes()
    pack.chmod(0o600)
    pack.write_bytes(content[:1000] + bytes(16) + content[1016:])
    try:
        here = site.guardian("verify", "--full")
        there = verify(site, farm, "--full")
    finally:
        pack.write_bytes(content)
    assert (there.code, here.code) == (3, 3)
    assert pack.name in there.out
    assert checks(there) == checks(here)


@contextmanager
def at_work(site: Any, address: str) -> Iterator[tuple[farms.Farm, Loaded]]:
    """A farm in this process, with the repository of ``site`` served."""
    node = Node(load(site.yaml), SystemClock(), silent, Stop())
    with farms.opened(node, farms.Farms(address, str(site.yaml))) as far, opened(node, "main", far) as found:
        assert found.loaded is not None
        far.serve(found)
        yield far, found.loaded


def test_workers_report_what_threads_report(site: Any, farm: str) -> None:
    with at_work(site, farm) as (far, loaded), ThreadPoolExecutor(2) as near:
        packs = list(loaded.packs())
        found = [e.node for e in loaded.walk(loaded.snapshots[0]) if not isinstance(e, Damage)]
        files = [node for node in found if node.kind == "file"]
        chunks = [chunk for node in files for chunk in node.chunks]
        assert all(far._as_task(reading.chunk, (loaded, chunk)) for chunk in chunks), "nothing of it is done here"
        assert list(loaded.verify_packs(packs, far)) == list(loaded.verify_packs(packs, near))
        theirs = [far.submit(reading.chunk, loaded, chunk) for chunk in chunks]
        assert [one.result(PATIENCE) for one in theirs] == [reading.chunk(loaded, chunk) for chunk in chunks]
        theirs = [far.submit(reading.whole, loaded, node) for node in files]
        assert [one.result(PATIENCE) for one in theirs] == [reading.whole(loaded, node) for node in files]


def test_a_farm_without_workers_gives_up(site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(farms, "PATIENCE", 1.0)
    with scheduler(tmp_path) as address, worker(address, tmp_path) as only, at_work(site, address) as (far, loaded):
        only.process.send_signal(signal.SIGSTOP)  # so that its answer is not quicker than its end
        (asked,) = (far.submit(verify_one, loaded.data, pack) for pack in list(loaded.packs())[:1])
        only.process.send_signal(signal.SIGKILL)
        with pytest.raises(farms.WorkerLost):
            asked.result(PATIENCE)


def test_no_worker_that_can_read_is_no_pass(site: Any, farm: str, tmp_path: Path) -> None:
    said = verify(site, farm, "--worker-config", str(tmp_path / "none.yaml"))
    assert (said.code, said.json["outcome"]) == (4, "COULD_NOT_VERIFY")
    assert "worker-lost" in said.reasons


def test_a_worker_of_another_repository_takes_no_part(site: Any, farm: str, new_site: Any) -> None:
    other = new_site()
    assert other.guardian("init").code == 0
    said = verify(site, farm, "--worker-config", str(other.yaml))
    assert (said.code, said.json["outcome"]) == (4, "COULD_NOT_VERIFY")
    assert "another repository" in said.out + said.err


def test_no_scheduler_and_no_worker(site: Any, tmp_path: Path) -> None:
    assert verify(site, "tcp://127.0.0.1:9").code == 4
    assert site.guardian("verify", "--executor", "dask").code == 2
    assert site.guardian("verify", "--scheduler", "tcp://127.0.0.1:9").code == 2


def test_a_worker_killed_in_the_middle(tmp_path: Path, new_site: Any, s3_place: Any, fault_proxy: Any) -> None:
    """One worker hangs in the middle of a pack, and is killed: the other does its work, and all of it is done."""
    host = new_site(s3_place.url, s3_place.credentials_file)
    del host.config["systems"]["app"]["sources"]["db"]
    host.write()
    assert host.guardian("init").code == 0
    assert host.guardian("backup").code == 0
    proxy = fault_proxy(s3_place.address.endpoint)
    lame = tmp_path / "lame"
    lame.mkdir()
    host.config["state_dir"] = str(host.state)
    host.config["repositories"]["main"]["url"] = s3_place.at(proxy.endpoint)
    (lame / "worker.yaml").write_text(json.dumps(host.config))
    host.config["repositories"]["main"]["url"] = s3_place.url
    (tmp_path / "worker.yaml").write_text(json.dumps(host.config))
    host.write()
    proxy.add("hang", method="GET", path="/data/")
    with scheduler(tmp_path) as address, worker(address, tmp_path), worker(address, lame) as victim:
        argv = host.argv("verify", "--full", "--json", "--executor", "dask", "--scheduler", address)
        argv += ["--worker-config", "worker.yaml"]
        with subprocess.Popen(
            argv, env=host.env(), cwd=host.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as run:
            until(lambda: proxy.seen("GET", "/data/", "hang") or run.poll() is not None)
            victim.process.send_signal(signal.SIGKILL)
            victim.process.wait()
            out, err = run.communicate(timeout=PATIENCE)
    assert proxy.seen("GET", "/data/", "hang"), (out, err)
    assert (run.returncode, json.loads(out)["outcome"]) == (0, "PASS"), (out, err)


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
