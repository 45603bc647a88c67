"""Guardian, its guard and its restic are killed at any moment; the next run must need nobody's help.

The moments are random; the seed stands in the test's id, and GUARDIAN_TEST_SEED repeats one.
"""

import ctypes
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

# Workers of one run must name their tests alike: the run's own id gives them all the same seed.
_RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID")
_ANY = int(_RUN[:8], 16) % 10**6 if _RUN else random.SystemRandom().randrange(10**6)
SEED = int(os.environ.get("GUARDIAN_TEST_SEED") or _ANY)
PIECES = 30
PRODUCER = f"""
import sys, time
for number in range({PIECES}):
    sys.stdout.write(f"{{number:08d}}" * 4096)
    sys.stdout.flush()
    time.sleep(0.03)
sys.stdout.write("-- whole")
"""
STREAM = "".join(f"{number:08d}" * 4096 for number in range(PIECES)).encode() + b"-- whole"
FAILING = PRODUCER.replace('sys.stdout.write("-- whole")', "sys.exit(7)")

Identity = tuple[int, str]
"""A process: its number, and when it started, since numbers are used again."""


def identity(pid: int) -> Identity | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else (pid, fields[19])


def children(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []


def descendants(pid: int) -> Iterator[int]:
    for child in children(pid):
        yield child
        yield from descendants(child)


def arguments(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def characters_read(pid: int) -> int:
    return int(Path(f"/proc/{pid}/io").read_text().split()[1])


def touching(folder: Path) -> set[int]:
    """Every process that has a file below ``folder`` open: a lease that was inherited, above all."""
    found = set()
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                links = [str(fd.readlink()) for fd in (process / "fd").iterdir()]
            except OSError:
                continue
            if any(link.startswith(f"{folder}/") for link in links):
                found.add(int(process.name))
    return found


Begin = Callable[..., "Run"]


@dataclass
class Run:
    """One ``guardian backup`` under way, and every process it was ever seen to have."""

    stage: Any
    program: "subprocess.Popen[bytes]"
    family: set[Identity] = field(default_factory=set)

    def look(self) -> list[int]:
        """Remember who belongs to it now."""
        pids = list(descendants(self.program.pid))
        self.family |= {known for pid in pids if (known := identity(pid))}
        return pids

    def guards(self) -> list[int]:
        """Guards of a restic that saves: Guardian's own children, before the program they guard in a backup."""
        self.look()
        found = [(pid, arguments(pid)) for pid in children(self.program.pid)]
        # A child that has not become its program yet still has Guardian's own arguments.
        return [pid for pid, argv in found if "backup" in argv and any(word.endswith("guard.py") for word in argv)]

    def savers(self) -> list[int]:
        """The restics that save."""
        found = [child for guard in self.guards() for child in children(guard)]
        return [pid for pid in found if "restic" in arguments(pid)[0]]

    def gone(self) -> bool:
        for pid, _started in list(self.family):
            self.family |= {known for child in descendants(pid) if (known := identity(child))}
        return not any(identity(pid) == (pid, start) for pid, start in self.family) and not touching(
            self.stage.site.root
        )

    def end(self, reap: bool = True) -> tuple[int, bytes]:
        """Its exit code and everything it said, once nothing of it is left; without ``reap``, but zombies."""
        out, err = self.program.communicate(timeout=60)
        self.stage_until(self.gone)
        if reap:
            self.reap()
        return self.program.returncode, out + err

    def reap(self) -> None:
        for pid, _started in self.family:
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)

    def stage_until(self, true: Any) -> Any:
        return sys.modules[type(self.stage).__module__].until(true)


@pytest.fixture(scope="module")
def host(staging: Any, original: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One host for all the kills of this file: what one leaves behind, the next must bear."""
    stage = staging.copy(original, tmp_path_factory.mktemp("crash") / "host")
    producer = stage.site.root / "producer.py"
    producer.write_text(PRODUCER)
    stage.site.source("db", kind="sqlite", path=str(stage.site.database))
    stage.site.source("stream", kind="command", argv=[sys.executable, str(producer)], trailer="-- whole")
    stage.configure(restic={"stall_timeout": "30s", "stop_grace": "5s"})
    said = stage.site.guardian("backup")
    assert said.code == 0, said
    return stage


@pytest.fixture(autouse=True)
def orphans_are_ours() -> Iterator[None]:
    """Who loses its parents becomes a child of this process, and is reaped when the test says so."""
    become_subreaper = 36
    ctypes.CDLL(None).prctl(become_subreaper, ctypes.c_ulong(1), 0, 0, 0)
    yield
    ctypes.CDLL(None).prctl(become_subreaper, ctypes.c_ulong(0), 0, 0, 0)


@pytest.fixture
def begin(host: Any) -> Iterator[Callable[..., Run]]:
    """``begin("app/stream")`` starts a backup; none outlives its test."""
    runs: list[Run] = []

    def start(*selectors: str) -> Run:
        (host.docs / "fresh").write_bytes(os.urandom(200_000))
        runs.append(Run(host, host.start("backup", *selectors)))
        return runs[-1]

    yield start
    for run in runs:
        run.program.kill()
        run.program.communicate()


def check(stage: Any, cut_off: str | None) -> None:
    """The next run, and what the log and the repository say afterwards. ``cut_off``: the reason in the log."""
    before = stage.site.guardian("ledger", "show", "-n", "1").json["size"]
    said = stage.site.guardian("backup")
    assert (said.code, said.json["outcome"]) == (0, "complete"), said
    assert stage.objects("locks") == []
    assert stage.site.guardian("ledger", "verify").code == 0
    entries = stage.entries()[before - 1 :] if cut_off is None else stage.entries()
    told = [e["predicate"] for e in entries if "/no-backup/" in e["type"]]
    if cut_off is not None:
        assert cut_off in {reason["code"] for run in told[-3:] for reason in run["reasons"]}, told
    else:
        assert {reason["code"] for run in told for reason in run["reasons"]} <= {"run-interrupted"}, told
    for receipt in stage.receipts():
        if receipt["source"] == "stream":
            assert receipt["stream"]["bytes"] == len(STREAM)
            assert receipt["stream"]["sha256"] == sha256(STREAM).hexdigest()
    said = stage.site.guardian("verify", "--level", "D0")
    assert said.code == 0, said
    assert not [p for p in (stage.site.state / "runs").rglob("*") if p.is_file()]
    assert [p for p in (stage.site.state / "scratch").iterdir() if p.is_dir()] == []


@pytest.mark.slow
@pytest.mark.parametrize("number", range(7), ids=lambda number: f"seed{SEED}-{number}")
def test_guardian_is_killed(host: Any, begin: Begin, number: int) -> None:
    moment = random.Random(SEED * 100 + number).uniform(0.25, 3.0)
    run = begin()
    try:
        run.program.wait(moment)
    except subprocess.TimeoutExpired:
        run.program.send_signal(signal.SIGSTOP)
        run.look()
    run.program.kill()
    run.end()
    check(host, None)


@pytest.mark.slow
@pytest.mark.parametrize("who", ["restic", "guard"])
@pytest.mark.parametrize("number", range(2), ids=lambda number: f"seed{SEED}-{number}")
def test_restic_or_its_guard_is_killed(host: Any, begin: Begin, who: str, number: int) -> None:
    moment = random.Random(SEED * 100 + number + 50).uniform(0.0, 0.9)
    run = begin("app/stream")
    (saver,) = run.stage_until(run.savers)
    (guard,) = run.guards()
    try:
        run.program.wait(moment)
    except subprocess.TimeoutExpired:
        run.look()
    os.kill(saver if who == "restic" else guard, signal.SIGKILL)
    code, said = run.end()
    assert code == 4, said
    assert b"Traceback" not in said
    check(host, "tool-failed")


def test_a_lock_of_a_zombie_goes_as_soon_as_it_can(host: Any, begin: Begin) -> None:
    """Its process is dead but nobody reaped it: to restic it lives. Guardian does not forget the lock over that."""
    run = begin("app/stream")
    (saver,) = run.stage_until(run.savers)
    (guard,) = run.guards()
    run.stage_until(lambda: host.objects("locks"))
    os.kill(guard, signal.SIGKILL)
    assert run.end(reap=False)[0] == 4
    assert Path(f"/proc/{saver}").exists()
    assert host.site.guardian("backup", "app/docs").code == 0
    assert len(host.objects("locks")) == 1
    run.reap()
    check(host, "tool-failed")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop(host: Any, begin: Begin, number: int) -> None:
    run = begin("app/stream")
    (saver,) = run.stage_until(run.savers)
    run.stage_until(lambda: characters_read(saver) > 200_000)  # it has its lock, and a good part of the stream
    run.program.send_signal(number)
    code, said = run.end()
    assert code == 130, said
    assert b"Traceback" not in said
    assert host.objects("locks") == []
    last = host.last()
    assert (last["kind"], last["codes"]) == ("no-backup", {"interrupted"})
    check(host, "interrupted")


def test_asked_to_stop_while_still_loading(host: Any) -> None:
    argv = host.site.argv("backup")
    argv[1:1] = ["-X", "importtime"]
    with subprocess.Popen(argv, env=host.site.env(), cwd=host.site.root, stderr=subprocess.PIPE) as program:
        assert program.stderr is not None
        while b"| " in (line := program.stderr.readline()) and b"click." not in line:
            pass
        program.send_signal(signal.SIGINT)
        rest = program.stderr.read()
    assert program.returncode in {130, -signal.SIGINT}
    assert b"Traceback" not in rest


def test_two_at_once(host: Any, begin: Begin) -> None:
    first = begin("app/stream")
    first.stage_until(first.savers)
    first.program.send_signal(signal.SIGSTOP)  # so that it is under way however slow the machine is
    try:
        said = host.site.guardian("backup", "app/docs")
    finally:
        first.program.send_signal(signal.SIGCONT)
    assert said.code == 11
    assert "repository-locked" in said.reasons
    assert str(first.program.pid) in said.json["runs"][0]["error"]["message"]
    code, text = first.end()
    assert code == 0, text
    assert host.objects("locks") == []


@pytest.mark.parametrize("plain", ["", "1"])
def test_a_producer_that_fails_half_way_leaves_no_snapshot(host: Any, plain: str) -> None:
    producer = host.site.root / "producer.py"
    before = host.objects("snapshots")
    producer.write_text(FAILING)
    try:
        said = host.site.guardian("backup", "app/stream", PLAIN=plain)
    finally:
        producer.write_text(PRODUCER)
    assert said.code == 3, said
    assert ("failed with exit code 7; nothing was saved" in said.out) if plain else ("producer-failed" in said.reasons)
    assert (host.objects("snapshots"), host.objects("locks")) == (before, [])
    assert host.last()["codes"] == {"producer-failed"}


@pytest.mark.slow
def test_after_all_that_the_data_comes_back(host: Any) -> None:
    said = host.site.guardian("verify", "--full")
    assert (said.code, said.json["outcome"]) == (0, "PASS"), said
