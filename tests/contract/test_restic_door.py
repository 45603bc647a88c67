"""The door: a real restic reads through it as from any REST server; nobody else gets in, and nothing is written."""

import base64
import http.client
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from guardian.objectstore.local import LocalReader
from guardian.restic.door import Door

SECRET = "correct horse"


def restic(program: Path, url: str, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    env = {"PATH": os.environ["PATH"], "RESTIC_PASSWORD": SECRET, "RESTIC_REPOSITORY": url}
    return subprocess.run([program, "--no-cache", *arguments], env=env, capture_output=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A repository with one backup of a folder, and the folder."""
    root = tmp_path_factory.mktemp("door")
    data, repository = root / "data", root / "repository"
    data.mkdir()
    (data / "large").write_bytes(os.urandom(9 << 20))
    for arguments in (["init"], ["backup", str(data)]):
        done = restic(Path("restic"), str(repository), *arguments)
        assert done.returncode == 0, done
    return repository, data


@pytest.fixture
def door(saved: tuple[Path, Path]) -> Iterator[Door]:
    with LocalReader(saved[0]) as reader, Door(reader) as opened:
        yield opened


def ask(door: Door, method: str, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """One request with the token, unless ``headers`` say otherwise."""
    parts = urlsplit(door.url.removeprefix("rest:"))
    token = base64.b64encode(f"{parts.username}:{parts.password}".encode()).decode()
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=10)
    try:
        body = headers.pop("body", None)
        connection.request(method, path, body=body, headers={"Authorization": f"Basic {token}", **headers})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def test_restic_restores_through_it(restics: Path, door: Door, saved: tuple[Path, Path], tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in saved[0].rglob("*")}
    done = restic(restics, door.url, "restore", "latest", "--target", str(tmp_path))
    assert done.returncode == 0, done
    came = tmp_path / saved[1].relative_to("/") / "large"
    assert came.read_bytes() == (saved[1] / "large").read_bytes()
    assert {path: path.stat().st_mtime_ns for path in saved[0].rglob("*")} == before, "not even a lock"


def test_restic_saves_nothing_through_it(door: Door, saved: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "new").write_bytes(os.urandom(1000))
    before = sorted(saved[0].rglob("*"))
    process = subprocess.run(
        ["timeout", "3", "restic", "--no-cache", "backup", str(tmp_path)],
        env={"PATH": os.environ["PATH"], "RESTIC_PASSWORD": SECRET, "RESTIC_REPOSITORY": door.url},
        capture_output=True,
        check=False,
    )
    assert process.returncode != 0
    assert sorted(saved[0].rglob("*")) == before


@pytest.mark.parametrize("authorization", ["", "Basic Z3VhcmRpYW46", "Bearer x", "Basic \xff"])
def test_nobody_else_gets_in(door: Door, authorization: str) -> None:
    for method, path in (("GET", "/config"), ("HEAD", "/config"), ("GET", "/keys/"), ("POST", "/locks/" + "0" * 64)):
        status, _headers, body = ask(door, method, path, Authorization=authorization)
        assert (status, body) == (403, b"")


@pytest.mark.parametrize("path", ["/", "/etc/passwd", "/../config", "/keys/..%2fconfig", "/data/xyz", "/config/"])
def test_only_objects_of_a_repository_are_there(door: Door, path: str) -> None:
    assert ask(door, "GET", path)[0] == 404


def test_an_object_that_is_not_there(door: Door) -> None:
    assert ask(door, "GET", "/data/" + "0" * 64)[0] == 404
    assert ask(door, "HEAD", "/index/" + "0" * 64)[0] == 404


def test_ranges(door: Door, saved: tuple[Path, Path]) -> None:
    pack = max((p for p in (saved[0] / "data").rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    whole = pack.read_bytes()
    path = f"/data/{pack.name}"
    status, headers, body = ask(door, "GET", path)
    assert (status, body == whole, int(headers["Content-Length"])) == (200, True, len(whole))
    status, headers, body = ask(door, "GET", path, Range="bytes=100-5000099")
    assert (status, body == whole[100:5_000_100]) == (206, True)
    assert headers["Content-Range"] == f"bytes 100-5000099/{len(whole)}"
    assert ask(door, "GET", path, Range="bytes=7-")[2] == whole[7:]
    assert ask(door, "GET", path, Range=f"bytes={len(whole)}-")[0] == 416
    assert ask(door, "HEAD", path)[1]["Content-Length"] == str(len(whole))


def test_locks_are_kept_in_memory_and_those_of_others_are_shown(door: Door, saved: tuple[Path, Path]) -> None:
    ours, theirs = "a" * 64, "b" * 64
    (saved[0] / "locks" / theirs).write_bytes(b"theirs")
    try:
        assert ask(door, "POST", f"/locks/{ours}", body="ours")[0] == 200
        listed = {one["name"]: one["size"] for one in json.loads(ask(door, "GET", "/locks/")[2])}
        assert listed == {ours: 4, theirs: 6}
        assert ask(door, "GET", f"/locks/{ours}")[2] == b"ours"
        assert ask(door, "GET", f"/locks/{theirs}")[2] == b"theirs"
        assert ask(door, "DELETE", f"/locks/{ours}")[0] == 200
        ask(door, "DELETE", f"/locks/{theirs}")
        assert (saved[0] / "locks" / theirs).exists()
    finally:
        (saved[0] / "locks" / theirs).unlink()


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/data/"), ("POST", "/keys/"), ("DELETE", "/snapshots/"), ("DELETE", "/config")]
)
def test_nothing_else_is_taken(door: Door, method: str, path: str) -> None:
    assert ask(door, method, path if path == "/config" else path + "0" * 64, body="x")[0] == 403


def test_a_lock_that_is_too_large(door: Door) -> None:
    assert ask(door, "POST", "/locks/" + "0" * 64, body="x" * 70_000)[0] == 403
