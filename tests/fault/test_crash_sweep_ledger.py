"""Our writers are killed at every single call that changes the disk; nothing acknowledged may be lost.

strace takes hold of the writer and kills it at the N-th call of one kind, N = 1, 2, … until the writer comes to its
end. What is on disk then is opened by a process that knows nothing else.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import util
from pathlib import Path

import pytest

from guardian.durable import sweep, write_new
from guardian.keys.store import KeyStore
from guardian.ledger import layout
from guardian.ledger.store import Log
from guardian.ledger.verify import verify_log
from guardian.model.evidence import KeyEvent

PROGRAM = Path(__file__).with_name("crash_child.py")
CALLS = (
    "write", "pwrite64", "fsync", "fdatasync", "ftruncate", "fchmod", "openat",
    "/^rename", "/^link", "/^unlink", "/^mkdir",
)  # fmt: skip

spec = util.spec_from_file_location("crash_child", PROGRAM)
assert spec is not None
assert spec.loader is not None
crash_child = util.module_from_spec(spec)
spec.loader.exec_module(crash_child)


def strace_works() -> bool:
    try:
        done = subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not strace_works(), reason="NOT SWEPT: strace is not installed or may not trace here"),
]


@dataclass
class Sweeper:
    """One program that forks writers, and the strace that kills them."""

    program: "subprocess.Popen[str]"
    folder: Path

    def order(self, line: str) -> str:
        assert self.program.stdin is not None
        assert self.program.stdout is not None
        self.program.stdin.write(f"{line}\n")
        self.program.stdin.flush()
        return self.program.stdout.readline().strip()

    def run(self, scenario: str, work: Path, inject: str) -> tuple[bool, list[str]]:
        """Whether the writer was killed, and what it had acknowledged by then."""
        acks = work.with_name(f"{work.name}.acks")
        acks.write_bytes(b"")  # there before the writer: it may be killed as it opens this file
        pid = self.order(f"{scenario}\t{work}\t{acks}")
        command = ["strace", "-f", "-o", os.devnull, "-e", f"inject={inject}", "-p", pid]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
            assert strace.stderr is not None
            attached = strace.stderr.readline()
            status = int(self.order("go"))
            strace.stderr.read()
        assert "attached" in attached, attached
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        assert killed or status == 0, f"{scenario} failed by itself at {inject}"
        return killed, acks.read_text().splitlines()


@contextmanager
def sweeper(folder: Path) -> Iterator[Sweeper]:
    with subprocess.Popen(
        [sys.executable, str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        try:
            yield Sweeper(program, folder)
        finally:
            assert program.stdin is not None
            program.stdin.close()


def sweep_all(scenario: str, base: Path, check: Callable[[Path, list[str]], None]) -> int:
    """Kill ``scenario``, started from a copy of ``base``, everywhere; how many times it was killed."""
    kills = 0
    count = threading.Lock()

    def sweep_call(calls: tuple[str, ...]) -> None:
        nonlocal kills
        with sweeper(base.parent) as swept:
            for call in calls:
                killed, number = True, 0
                while killed:
                    number += 1
                    work = base.parent / f"{base.name}-{call.strip('/^')}-{number}"
                    shutil.copytree(base, work)
                    killed, acks = swept.run(scenario, work, f"{call}:signal=SIGKILL:when={number}")
                    check(work, acks)
                    shutil.rmtree(work)
                    with count:
                        kills += killed

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(sweep_call, (CALLS[0::2], CALLS[1::2])))
    return kills


def check_log(work: Path, acks: list[str], before: int) -> None:
    """Everything acknowledged is there, in order and once; the log opens, verifies and takes another entry."""
    key = KeyStore(work).signing_key()
    promised = [int(ack.split()[1]) + 1 for ack in acks if ack.startswith("entry")]
    with Log.open_for_append(work / "log", key) as log:
        assert max([before, *promised]) <= log.size <= max([before, *promised]) + 1
        said = [entry.predicate for entry in log.entries()]
        log.append(crash_child.event(log.size))
        size = log.size
    assert [fact.at for fact in said if isinstance(fact, KeyEvent)] == [str(at) for at in range(size - 1)]
    verdict = verify_log(work / "log", [key.verify_key], signatures=False)
    assert (verdict.problem, verdict.size, verdict.tail_bytes) == (None, size, 0)
    assert not list((work / "log").rglob("*.tmp"))


def log_of(folder: Path, size: int) -> Path:
    key = KeyStore(folder).ensure_signing_key(crash_child.ORIGIN)
    with Log.create(folder / "log", crash_child.ORIGIN, key) as log:
        log.append_many((crash_child.event(at), ()) for at in range(size))
    return folder


def test_a_first_start_can_be_cut_off_anywhere(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()

    def check(work: Path, acks: list[str]) -> None:
        again: list[str] = []
        crash_child.create(work, again.append)
        kept = dict(line.split() for line in acks if line.startswith(("key", "password")))
        assert kept.items() <= dict(line.split() for line in again if len(line.split()) == 2).items()
        promised = 1 if any(ack.startswith("entry") for ack in acks) else 0
        check_log(work, again, promised)
        assert not list((work / "keys").rglob("*.tmp"))

    assert sweep_all("create", base, check) > 60


def test_appends_across_the_end_of_a_bundle_can_be_cut_off_anywhere(tmp_path: Path) -> None:
    base = log_of(tmp_path / "base", 254)
    assert sweep_all("append", base, lambda work, acks: check_log(work, acks, 254)) > 50


def test_mending_can_be_cut_off_anywhere(tmp_path: Path) -> None:
    """A log with an entry to adopt, one to cut, and hashes to rebuild, killed while it is mended."""
    base = log_of(tmp_path / "base", 258)
    folder = base / "log"
    note = (folder / "checkpoint").read_bytes()
    with Log.open_for_append(folder, KeyStore(base).signing_key()) as log:
        log.append(crash_child.event(258))
    (folder / "checkpoint").write_bytes(note)
    with (folder / layout.bundle_path(1)).open("ab") as bundle:
        bundle.write(b"\x01\x00torn")
    (folder / layout.tile_path(0, 0)).write_bytes(b"")
    (folder / layout.tile_path(1, 0)).unlink()
    assert sweep_all("mend", base, lambda work, acks: check_log(work, acks, 259)) > 60


def test_files_are_old_or_new_never_half(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    write_new(base / "old", b"old")

    def check(work: Path, acks: list[str]) -> None:
        assert (work / "old").read_bytes() in ({b"new" * 1000} if "replaced" in acks else {b"old", b"new" * 1000})
        if "made" in acks or (work / "fresh").exists():
            assert (work / "fresh").read_bytes() == b"fresh" * 1000
        sweep(work)
        assert {path.name for path in work.iterdir()} <= {"old", "fresh"}

    assert sweep_all("replace", base, check) > 14
