"""The restic client with every restic program of this machine and real repositories."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from guardian.errors import (
    GuardianError,
    Interrupted,
    RepositoryLocked,
    RepositoryMissing,
    SnapshotMissing,
    Stalled,
    StorageRefused,
    ToolMissing,
    UsageError,
    WrongPassword,
)
from guardian.model.secret import Secret
from guardian.proc import Limits, Stop
from guardian.restic.capability import fingerprint, probe
from guardian.restic.client import Access, FilesBackup, Restic, RestoreRequest, StreamBackup

PASSWORD = b"a password nobody else has"
_templates: dict[Path, Path] = {}


@dataclass
class Desk:
    """A fresh repository, and room to work."""

    program: Path
    root: Path
    access: Access

    def restic(self, **changes: object) -> Restic:
        limits = Limits(grace_seconds=10, stall_grace_seconds=1, stall_seconds=60)
        return Restic(replace(self.access, **changes), probe(self.program), limits=limits)  # type: ignore[arg-type]

    def source(self, **files: bytes) -> Path:
        folder = self.root / "source"
        folder.mkdir(exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        return folder

    @property
    def repository(self) -> Path:
        return self.root / "repository"

    def files(self, kind: str) -> list[Path]:
        # restic writes under a name with "-tmp-" first: such a file is not there yet, for restic either.
        return [path for path in (self.repository / kind).rglob("*") if path.is_file() and "-tmp-" not in path.name]

    def plain(self, *arguments: str) -> list[str]:
        return [str(self.program), "-r", str(self.repository), "--no-cache", *arguments]

    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "RESTIC_PASSWORD": PASSWORD.decode()}


@pytest.fixture
def desk(restics: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    def access(root: Path) -> Access:
        return Access(
            url=str(root / "repository"),
            password=Secret(PASSWORD),
            cache_dir=root / "cache",
            tmp_dir=root,
            connections=3,
        )

    if restics not in _templates:
        template = tmp_path_factory.mktemp("template")
        made = Restic(access(template), probe(restics)).init()
        assert len(made.id) == 64
        assert made.version == 2
        _templates[restics] = template / "repository"
    shutil.copytree(_templates[restics], tmp_path / "repository")
    return Desk(restics, tmp_path, access(tmp_path))


def wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_probe_knows_the_version(restics: Path, tmp_path: Path) -> None:
    capability = probe(restics)
    said = subprocess.run([restics, "version"], capture_output=True, text=True, check=True).stdout
    assert said.split()[1] == capability.version_text
    assert capability.exit_codes == (capability.version >= (0, 17, 0))
    assert probe(restics) is capability
    assert len(fingerprint(restics)) == 64
    fake = tmp_path / "restic"
    for answer in ("restic 0.13.1 compiled with go1.19", "bzip2 1.0", ""):
        fake.write_text(f"#!/bin/sh\necho '{answer}'\n")
        fake.chmod(0o755)
        os.utime(fake, ns=(0, len(answer)))
        with pytest.raises(ToolMissing):
            probe(fake)


def test_save_list_restore_dump(desk: Desk) -> None:
    odd = (
        "new\nline",
        "a*b?",
        "[d]",
        "back\\slash",
        "-rf",
        "贵州",
        "q'\"",
        os.fsdecode(b"\xff\xfe"),
        "aXbY",
        "empty dir",
    )
    folder = desk.source()
    for name in odd[:-1]:
        (folder / name).write_bytes(os.fsencode(name) * 3)
    (folder / odd[-1]).mkdir()
    restic = desk.restic()
    key = restic.current_key()
    assert len(key) == 64
    assert restic.config().id == json.loads(json.dumps(restic.config().id))
    restic = desk.restic(key_hint=key)
    seen: dict[str, str] = {}
    report = restic.backup_files(
        FilesBackup(
            paths=(str(folder), str(folder / "-rf")), host="web-1", tags=("guardian", "run=1"), excludes=("*.tmp",)
        ),
        lambda found: seen.update({path.decode(): action.decode() for action, path in found}),
        lambda done, total: None,
    )
    assert report.outcome == "ok"
    assert (report.counts.files, report.unreadable_count, report.missing_sources) == (9, 0, ())
    for name in odd[:7]:
        assert seen[f"{folder}/{name}"] == "new"
    assert seen[f"{folder}/empty dir/"] == "new"
    assert any("\ufffd" in path for path in seen)

    assert report.snapshot_id
    (found,) = restic.snapshots(report.snapshot_id).snapshots
    assert found.id.startswith(report.snapshot_id)
    assert (found.hostname, found.tag("run")) == ("web-1", "1")
    assert str(folder) in found.paths
    assert restic.snapshots(tags=("guardian", "run=1")).snapshots == (found,)
    assert restic.snapshots(tags=("guardian", "run=2")).snapshots == ()
    assert restic.snapshots("0" * 64).snapshots == ()

    again = restic.backup_files(FilesBackup(paths=(str(folder),), host="web-1", parent=found.id))
    assert again.counts.files_unmodified == 9
    with pytest.raises(SnapshotMissing):
        restic.backup_files(FilesBackup(paths=(str(folder),), host="web-1", parent="0" * 64))

    wanted = ("a*b?", "[d]", "back\\slash", "new\nline", os.fsdecode(b"\xff\xfe"))
    target = desk.root / "target"
    said = restic.restore(RestoreRequest(found.id, target, tuple(f"{folder}/{name}" for name in wanted)))
    assert said.ok
    came = sorted(path.name for path in target.rglob("*") if path.is_file())
    assert came == sorted(wanted)
    with pytest.raises(SnapshotMissing):
        restic.restore(RestoreRequest("0" * 64, target))

    chunks: list[bytes] = []
    restic.dump(found.id, f"{folder}/a*b?", chunks.append)
    assert b"".join(chunks) == b"a*b?" * 3
    with pytest.raises(Exception, match="nowhere"):
        restic.dump(found.id, "/nowhere", chunks.append)
    assert restic.locks() == []


def test_what_cannot_be_read_is_named(desk: Desk) -> None:
    folder = desk.source(good=b"good")
    # Reading a process's memory at 0 is EIO for root too.
    holder = subprocess.Popen(["sleep", "600"])
    bad = f"/proc/{holder.pid}/mem"
    try:
        report = desk.restic().backup_files(FilesBackup(paths=(str(folder), bad, "/nope/never"), host="h"))
    finally:
        holder.kill()
        holder.wait()
    assert report.outcome == "source-unreadable"
    assert (report.unreadable, report.unreadable_count) == ((bad,), 1)
    assert report.missing_sources == ("/nope/never",)
    assert report.snapshot_id
    assert report.counts.files == 1

    nothing = desk.restic().backup_files(FilesBackup(paths=("/nope/never",), host="h"))
    assert (nothing.outcome, nothing.snapshot_id, nothing.missing_sources) == ("failed", None, ("/nope/never",))
    assert nothing.error is not None


def test_the_door_is_shut(desk: Desk) -> None:
    with pytest.raises(WrongPassword) as wrong:
        desk.restic(password=Secret(b"some other password")).config()
    assert "some other password" not in str(wrong.value)
    with pytest.raises(RepositoryMissing):
        desk.restic(url=str(desk.root / "nowhere")).snapshots()
    with pytest.raises(UsageError):
        desk.restic().init()


@pytest.fixture
def checking(desk: Desk) -> Iterator[subprocess.Popen[bytes]]:
    """A restic that holds an exclusive lock, stopped in its tracks. A check of so little may be quicker than we are."""
    for _attempt in range(20):
        holder = subprocess.Popen(
            desk.plain("check"), env=desk.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for(lambda: bool(desk.files("locks")))
        holder.send_signal(signal.SIGSTOP)
        if wait_for(lambda pid=holder.pid: _state(pid) in "TZ") and _state(holder.pid) == "T" and desk.files("locks"):
            break
        holder.kill()
        holder.wait()
    else:
        pytest.fail("no restic could be stopped while it held its lock")
    yield holder
    holder.kill()
    holder.wait()


def _state(pid: int) -> str:
    """The process's state as the kernel gives it: T stopped, Z ended."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_lock_is_respected_and_judged(desk: Desk, checking: subprocess.Popen[bytes]) -> None:
    folder = desk.source(f=b"f")
    restic = desk.restic(lock_wait_seconds=1.5)
    with pytest.raises(RepositoryLocked, match=str(checking.pid)):
        restic.backup_files(FilesBackup(paths=(str(folder),), host="h"))
    assert restic.snapshots().snapshots == ()  # looking needs no lock
    (lock,) = restic.locks()
    assert (lock.pid, lock.exclusive, lock.hostname) == (checking.pid, True, os.uname().nodename)
    assert restic.clear_stale_locks(lease_held=False) == []
    checking.kill()
    checking.wait()
    assert restic.clear_stale_locks(lease_held=True) == [lock]
    assert restic.locks() == []


def test_streams(desk: Desk) -> None:
    restic = desk.restic()
    content = os.urandom(3_000_000)

    def feed(write: Callable[[bytes], None]) -> None:
        for start in range(0, len(content), 100_000):
            write(content[start : start + 100_000])

    report = restic.backup_stream(StreamBackup("/app.db", host="h", tags=("run=7",)), feed)
    assert (report.outcome, report.counts.files, report.counts.bytes) == ("ok", 1, len(content))
    (found,) = restic.snapshots().snapshots
    assert found.paths == ("/app.db",)
    chunks: list[bytes] = []
    restic.dump(found.id, "/app.db", chunks.append)
    assert b"".join(chunks) == content
    with pytest.raises(ValueError, match="one name"):
        restic.backup_stream(StreamBackup("/dir/app.db", host="h"), feed)


def test_a_failed_producer_leaves_nothing(desk: Desk) -> None:
    restic = desk.restic()

    def feed(write: Callable[[bytes], None]) -> None:
        write(os.urandom(4_000_000))  # more than the pipe holds: restic has begun to read
        raise RuntimeError("the producer failed")

    with pytest.raises(RuntimeError, match="the producer failed"):
        restic.backup_stream(StreamBackup("/app.sql", host="h"), feed)
    assert desk.files("snapshots") == []
    assert desk.files("locks") == []


def test_an_interrupted_run_leaves_nothing(desk: Desk) -> None:
    stop = Stop()
    restic = Restic(desk.access, probe(desk.program), stop=stop)

    def feed(write: Callable[[bytes], None]) -> None:
        write(os.urandom(4_000_000))
        stop.set()
        while True:
            write(b"x" * 65536)
            time.sleep(0.01)

    with pytest.raises(Interrupted):
        restic.backup_stream(StreamBackup("/app.sql", host="h"), feed)
    assert desk.files("snapshots") == []
    assert desk.files("locks") == []


GUARDIAN = """
import sys, time
from pathlib import Path
from guardian.model.secret import Secret
from guardian.restic.capability import probe
from guardian.restic.client import Access, Restic, StreamBackup
def feed(write):
    import os; write(os.urandom(4_000_000)); print("fed", flush=True); time.sleep(600)
root, program, password = Path(sys.argv[1]), Path(sys.argv[2]), sys.stdin.readline().encode()
access = Access(url=str(root / "repository"), password=Secret(password), cache_dir=root / "cache")
Restic(access, probe(program)).backup_stream(StreamBackup("/app.sql", host="h"), feed)
"""


@pytest.fixture
def streaming(desk: Desk) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A Guardian in the middle of a stream, and the pid of its restic."""
    arguments = [sys.executable, "-c", GUARDIAN, str(desk.root), str(desk.program)]
    guardian = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert guardian.stdin
    assert guardian.stdout
    guardian.stdin.write(PASSWORD.decode())
    guardian.stdin.close()
    assert guardian.stdout.readline() == "fed\n"
    (held,) = desk.restic().locks()
    yield guardian, held.pid
    guardian.kill()
    guardian.wait()
    guardian.stdout.close()


def test_guardian_killed_leaves_no_snapshot_and_no_lock(
    desk: Desk, streaming: tuple[subprocess.Popen[str], int]
) -> None:
    guardian, restic = streaming
    shown = Path(f"/proc/{restic}/environ").read_bytes() + Path(f"/proc/{restic}/cmdline").read_bytes()
    assert PASSWORD not in shown
    assert str(desk.repository).encode() not in shown
    guardian.kill()
    assert wait_for(lambda: not Path(f"/proc/{restic}").exists())
    assert desk.files("snapshots") == []
    assert desk.files("locks") == []


def test_guardian_and_guard_killed_save_no_cut_stream(desk: Desk, streaming: tuple[subprocess.Popen[str], int]) -> None:
    guardian, restic = streaming
    guard = int(Path(f"/proc/{restic}/stat").read_text().rpartition(") ")[2].split()[1])
    os.kill(guard, signal.SIGSTOP)  # it cannot send its SIGINT any more
    guardian.kill()
    guardian.wait()
    os.kill(guard, signal.SIGKILL)
    assert wait_for(lambda: not Path(f"/proc/{restic}").exists())
    for snapshot in desk.restic().snapshots().snapshots:  # newer restics save one without the file
        with pytest.raises(GuardianError):
            desk.restic().dump(snapshot.id, "/app.sql", lambda _chunk: None)


def test_storage_that_never_answers_is_a_stall(desk: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        access = replace(desk.access, url=f"rest:http://127.0.0.1:{server.getsockname()[1]}/")
        restic = Restic(access, probe(desk.program), limits=Limits(stall_seconds=1.0, stall_grace_seconds=0.5))
        with pytest.raises(Stalled):
            restic.config()


def test_damage_is_found_and_told_apart(desk: Desk) -> None:
    folder = desk.source(a=os.urandom(200_000), b=os.urandom(100))
    restic = desk.restic()
    report = restic.backup_files(FilesBackup(paths=(str(folder),), host="h"))
    assert restic.check().ok
    pack = max(desk.files("data"), key=lambda path: path.stat().st_size)
    pack.chmod(0o600)
    whole = pack.read_bytes()
    pack.write_bytes(whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:])
    assert restic.check().ok  # the structure is whole: only reading everything shows it
    found = restic.check(read_data=True)
    assert not found.ok
    assert any(pack.name[:8] in line for line in (*found.errors, *found.packs))
    assert report.snapshot_id
    came = restic.restore(RestoreRequest(report.snapshot_id, desk.root / "target"))
    assert not came.ok
    assert any("a:" in line or "ciphertext" in line for line in came.error_lines)
    pack.unlink()
    assert not restic.check().ok
    with pytest.raises(RepositoryMissing):
        desk.restic(url=str(desk.root / "nowhere")).check()


def test_a_garbage_snapshot_does_not_stop_a_backup_with_a_parent(desk: Desk) -> None:
    folder = desk.source(a=b"a")
    restic = desk.restic()
    first = restic.backup_files(FilesBackup(paths=(str(folder),), host="h"))
    assert first.snapshot_id
    garbage = desk.repository / "snapshots" / ("ab" * 32)
    garbage.write_bytes(b"garbage")
    listed = restic.snapshots()
    assert [s.id[:8] for s in listed.snapshots] == [first.snapshot_id[:8]]
    assert listed.unreadable
    parent = listed.snapshots[0].id
    assert restic.backup_files(FilesBackup(paths=(str(folder),), host="h", parent=parent)).outcome == "ok"


def test_a_damaged_cache_is_not_a_damaged_repository(desk: Desk) -> None:
    folder = desk.source(a=b"a")
    restic = desk.restic()
    first = restic.backup_files(FilesBackup(paths=(str(folder),), host="h"))
    assert len(restic.snapshots().snapshots) == 1
    for cached in (desk.root / "cache").rglob("*"):
        if cached.is_file() and len(cached.name) == 64:
            cached.chmod(0o600)
            content = bytearray(cached.read_bytes())
            content[len(content) // 2] ^= 1
            cached.write_bytes(content)
    assert first.snapshot_id
    assert len(restic.snapshots().snapshots) == 1
    assert restic.restore(RestoreRequest(first.snapshot_id, desk.root / "target")).ok


def test_s3_credentials_by_descriptor(restics: Path, s3_place, tmp_path: Path) -> None:
    credentials = dict(s3_place.server.credentials)
    access = Access(
        url=s3_place.url,
        password=Secret(PASSWORD),
        credentials=credentials,
        cache_dir=tmp_path / "cache",
        tmp_dir=tmp_path,
    )
    restic = Restic(access, probe(restics))
    with pytest.raises(RepositoryMissing):
        restic.config()
    made = restic.init()
    (tmp_path / "file").write_bytes(b"content")
    report = restic.backup_files(FilesBackup(paths=(str(tmp_path / "file"),), host="h"))
    assert report.snapshot_id
    assert len(restic.snapshots(report.snapshot_id).snapshots) == 1
    wrong = {**credentials, "AWS_SECRET_ACCESS_KEY": Secret(b"not the secret of this key")}
    with pytest.raises(StorageRefused):
        Restic(replace(access, credentials=wrong), probe(restics)).config()
    assert restic.config() == made
