"""SeaweedFS as Guardian runs it: private, alone on loopback, and losing nothing when it is stopped hard."""

import os
import signal
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from guardian.clock import SystemClock
from guardian.demo import server as demo
from guardian.demo.server import SeaweedFS
from guardian.errors import StorageUnreachable, ToolFailed, ToolMissing
from guardian.model.protection import BucketLock
from guardian.objectstore.reach import reach
from guardian.objectstore.s3 import S3Store
from guardian.proc.command import Command
from guardian.proc.service import Service


def test_what_was_acknowledged_survives_the_stop_and_the_address_lasts(tmp_path: Path) -> None:
    lock = BucketLock(mode="compliance", days=1)
    content = os.urandom(3 << 20)
    with SeaweedFS.start(tmp_path / "s3") as server:
        before = (server.endpoint, server.access_key, server.secret.reveal())
        with S3Store(server.address("kept-bucket"), server.credentials) as store:
            store.ensure_bucket(lock)
            for n in range(20):
                store._client.put_object(Bucket="kept-bucket", Key=f"small/{n}", Body=b"%d" % n)
            store._client.put_object(Bucket="kept-bucket", Key="large", Body=content)
    with SeaweedFS.start(tmp_path / "s3") as server:
        assert (server.endpoint, server.access_key, server.secret.reveal()) == before
        with S3Store(server.address("kept-bucket"), server.credentials) as store:
            assert store.ensure_bucket(lock) == "existing"
            for n in range(20):
                answer = store._client.get_object(Bucket="kept-bucket", Key=f"small/{n}")
                assert answer["Body"].read() == b"%d" % n
            assert store._client.get_object(Bucket="kept-bucket", Key="large")["Body"].read() == content


def test_nothing_secret_is_readable_or_in_argv(s3_server: SeaweedFS, tmp_path: Path) -> None:
    path = s3_server.credentials_file(tmp_path / "credentials")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    names = [line.partition("=")[0] for line in path.read_text().splitlines()]
    assert names == ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
    secret = s3_server.secret.reveal()
    process = Path(f"/proc/{s3_server.pid}")
    assert secret not in (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
    directory = (process / "cwd").readlink()
    assert stat.S_IMODE(directory.stat().st_mode) & 0o077 == 0
    holders = [f for f in directory.iterdir() if f.is_file() and secret in f.read_bytes()]
    assert [f.name for f in holders] == ["identities.json"]
    assert stat.S_IMODE(holders[0].stat().st_mode) == 0o600
    assert secret.decode() not in repr(vars(s3_server))


def test_it_listens_on_loopback_only_and_calls_nobody(s3_server: SeaweedFS) -> None:
    inodes = set()
    for fd in Path(f"/proc/{s3_server.pid}/fd").iterdir():
        try:
            target = str(fd.readlink())
        except OSError:
            continue  # closed meanwhile
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    own = [row for row in rows if row[9] in inodes]
    assert len([row for row in own if row[3] == "0A"]) == 8  # listening: four services, HTTP and gRPC
    loopback = "0100007F" if sys.byteorder == "little" else "7F000001"
    assert {row[1].split(":")[0] for row in own} == {loopback}
    assert {row[2].split(":")[0] for row in own if row[3] != "0A"} <= {loopback}
    wide = [line.split() for line in Path("/proc/net/tcp6").read_text().splitlines()[1:]]
    assert not [row for row in wide if row[9] in inodes]


def test_a_bucket_nobody_made_is_not_made_by_writing(s3_server: SeaweedFS) -> None:
    with (
        S3Store(s3_server.address("never-made"), s3_server.credentials) as store,
        pytest.raises(store._client.exceptions.NoSuchBucket),
    ):
        store._client.put_object(Bucket="never-made", Key="k", Body=b"x")


def test_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "s3" / "data" / "filerldb2").mkdir(parents=True)
    (tmp_path / "s3" / "data" / "filerldb2" / "00").write_text("in the way")
    with pytest.raises(ToolFailed, match="S3 server") as caught:
        SeaweedFS.start(tmp_path / "s3", timeout=20)
    assert "filerldb2" in caught.value.message
    assert "server.log" in caught.value.hint


def test_broken_identities_are_told(tmp_path: Path) -> None:
    (tmp_path / "identities.json").write_text('{"identities": [{"credentials": [{"accessKey": "a b"}]}]}')
    with pytest.raises(ToolFailed, match=r"identities\.json"):
        SeaweedFS.start(tmp_path)


def test_missing_program_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo.sysconfig, "get_path", lambda _name: str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissing) as caught:
        SeaweedFS.start(tmp_path / "s3")
    assert "guardian-dr[demo]" in caught.value.hint


def test_two_at_once_do_not_meet(s3_server: SeaweedFS, tmp_path: Path) -> None:
    # The path is longer than a Unix socket's may be.
    with SeaweedFS.start(tmp_path / ("second-" * 18)) as second:
        assert second.endpoint != s3_server.endpoint
        assert reach(second.address("any-bucket")).status == 403
    with pytest.raises(StorageUnreachable):
        reach(second.address("any-bucket"), timeout=2)
    assert reach(s3_server.address("any-bucket")).status == 403
    second.stop()


def test_service_dies_with_its_owner(tmp_path: Path) -> None:
    """An owner that is killed with SIGKILL, so that it can tidy nothing."""
    source = (
        "import pathlib, sys, time\n"
        "from guardian.proc.command import Command\n"
        "from guardian.proc.service import Service\n"
        "service = Service.start(Command(argv=('sleep', '600')), pathlib.Path(sys.argv[1]), grace=1)\n"
        "pathlib.Path(sys.argv[2]).write_text(str(service.pid))\n"
        "time.sleep(600)\n"
    )
    noted = tmp_path / "pid"
    argv = (sys.executable, "-c", source, str(tmp_path / "log"), str(noted))
    owner = Service.start(Command(argv=argv), tmp_path / "owner.log", grace=1)
    try:
        _wait_for(lambda: noted.exists() and noted.read_text() != "")
        child = int(noted.read_text())
        os.kill(child, 0)
        os.kill(owner.pid, signal.SIGKILL)
        _wait_for(lambda: not Path(f"/proc/{child}").exists())
    finally:
        assert owner.stop() == -signal.SIGKILL


def test_service_that_ignores_the_polite_signal_is_killed(tmp_path: Path) -> None:
    script = "trap '' INT TERM; echo ready; while :; do sleep 1; done"
    with Service.start(Command(argv=("sh", "-c", script)), tmp_path / "log", grace=0.2) as service:
        _wait_for(lambda: service.last_lines(1) == ("ready",))
        assert service.returncode is None
        assert service.stop() == -signal.SIGKILL
    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) == 0o600


def test_service_that_ended_by_itself_is_noticed(tmp_path: Path) -> None:
    with Service.start(Command(argv=("sh", "-c", "echo over; exit 7")), tmp_path / "log") as service:
        _wait_for(lambda: service.returncode is not None)
        assert service.returncode == 7
        assert service.last_lines() == ("over",)
    assert service.stop() == 7


def test_service_that_cannot_be_started(tmp_path: Path) -> None:
    program = tmp_path / "no-program"
    program.write_bytes(b"\x7fELF this is none")
    program.chmod(0o755)
    with pytest.raises(ToolMissing, match="cannot start"):
        Service.start(Command(argv=(str(program),)), tmp_path / "log")


def _wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    clock = SystemClock()
    deadline = clock.monotonic() + seconds
    while not condition():
        assert clock.monotonic() < deadline
        clock.sleep(0.02)
