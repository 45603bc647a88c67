"""Whole files or none, and leases that end with their holder."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from guardian.durable import Lease, TooLarge, private_dir, read_capped, sweep, write_atomic, write_new, write_streamed
from guardian.errors import RepositoryLocked, Unavailable


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_write_atomic_replaces_content_and_mode(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_atomic(path, b"one", mode=0o644)
    assert (path.read_bytes(), mode(path)) == (b"one", 0o644)
    write_atomic(path, b"two")
    assert (path.read_bytes(), mode(path)) == (b"two", 0o600)
    assert names(tmp_path) == ["state.json"]


def test_mode_is_exact_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_atomic(tmp_path / "public", b"", mode=0o644)
    finally:
        os.umask(before)
    assert mode(tmp_path / "public") == 0o644


def test_write_new_never_overwrites(tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_new(path, b"first")
    with pytest.raises(FileExistsError):
        write_new(path, b"second")
    assert path.read_bytes() == b"first"
    assert mode(path) == 0o600
    assert names(tmp_path) == ["key"]


def test_write_new_refuses_a_dangling_link(tmp_path: Path) -> None:
    (tmp_path / "key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        write_new(tmp_path / "key", b"x")
    assert not (tmp_path / "elsewhere").exists()


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(tmp_path: Path) -> None:
    path = tmp_path / "state"
    write_atomic(path, b"old")
    program = f"""
import resource, signal, pathlib
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
from guardian.durable import write_atomic
from guardian.errors import StorageFull
try:
    write_atomic(pathlib.Path({str(path)!r}), b"x" * 5000)
except StorageFull as error:
    print(error.message)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"cannot write {path}: ")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["state"]


def test_a_missing_folder_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot write"):
        write_atomic(tmp_path / "no" / "file", b"")
    assert not (tmp_path / "no").exists()


def test_a_long_name_still_fits(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    write_atomic(path, b"x")
    assert path.read_bytes() == b"x"


def test_read_capped(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"12345")
    assert read_capped(path, 5) == b"12345"
    with pytest.raises(TooLarge):
        read_capped(path, 4)
    with pytest.raises(FileNotFoundError):
        read_capped(tmp_path / "none", 5)
    with pytest.raises(Unavailable, match="not a regular file"):
        read_capped(Path("/dev/zero"), 5)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Unavailable, match="not a regular file"):
        read_capped(tmp_path / "pipe", 5)


def test_sweep_takes_only_what_dead_writers_left(tmp_path: Path) -> None:
    abandoned = tmp_path / ".state.0123456789abcdef.tmp"
    abandoned.write_bytes(b"half")
    alive = tmp_path / ".state.fedcba9876543210.tmp"
    for name in (".hidden", "x.tmp", ".state.0123.tmp"):
        (tmp_path / name).write_bytes(b"not ours")
    with Lease.acquire(alive, "writer"):
        assert sweep(tmp_path) == (abandoned.name,)
    assert sweep(tmp_path) == (alive.name,)
    assert names(tmp_path) == [".hidden", ".state.0123.tmp", "x.tmp"]
    assert sweep(tmp_path / "missing") == ()


def test_private_dir_makes_parents_private(tmp_path: Path) -> None:
    assert private_dir(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert mode(tmp_path / "a") == mode(tmp_path / "a" / "b") == 0o700
    private_dir(tmp_path / "a" / "b")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unavailable, match="not a directory"):
        private_dir(tmp_path / "file")
    with pytest.raises(Unavailable):
        private_dir(tmp_path / "file" / "below")


def test_a_lease_keeps_others_out_and_names_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "main.lease"
    assert not Lease.held(path)
    with Lease.acquire(path, "backup") as lease:
        assert Lease.held(path)
        assert not os.get_inheritable(lease.fd)
        with pytest.raises(RepositoryLocked, match=rf"process {os.getpid()} \(backup\)"):
            Lease.acquire(path, "verify")
    assert not Lease.held(path)
    Lease.acquire(path, "verify").release()


def test_a_lease_lives_as_long_as_the_child_that_carries_it(tmp_path: Path) -> None:
    path = tmp_path / "main.lease"
    with Lease.acquire(path, "backup") as lease:
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[lease.fd])
    try:
        assert Lease.held(path)
        with pytest.raises(RepositoryLocked):
            Lease.acquire(path, "backup")
    finally:
        child.communicate(b"\n", timeout=30)
    assert not Lease.held(path)


def test_looking_at_a_lease_never_costs_anyone_the_lease(tmp_path: Path) -> None:
    path = tmp_path / "main.lease"
    Lease.acquire(path, "x").release()
    program = f"""
import pathlib
from guardian.durable import Lease
print("on", flush=True)
while True:
    Lease.held(pathlib.Path({str(path)!r}))
"""
    looker = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    try:
        assert looker.stdout is not None
        looker.stdout.readline()
        for _ in range(2000):
            Lease.acquire(path, "x").release()
    finally:
        looker.kill()
        looker.communicate()


def test_what_is_streamed_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "made"
    write_streamed(path, (b"x" * 1000 for _ in range(100)), mode=0o644)
    assert (path.stat().st_size, path.stat().st_mode & 0o777) == (100_000, 0o644)

    def broken() -> Iterator[bytes]:
        yield b"half"
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError):
        write_streamed(path, broken())
    assert path.stat().st_size == 100_000
    assert [one.name for one in tmp_path.iterdir()] == ["made"]
