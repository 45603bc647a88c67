"""Canaries in every place where a secret lies: they are seen nowhere else, neither during a backup nor after it."""

import base64
import os
import re
import secrets
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from guardian.objectstore.s3 import S3Store

PRODUCER = """
import os, sys, time
assert os.environ["APP_TOKEN"]
for number in range(30):
    sys.stdout.write("x" * 20000); sys.stdout.flush(); time.sleep(0.03)
sys.stdout.write("whole")
"""


@dataclass
class Guarded:
    """A host whose secrets are canaries: the repository's password, the S3 key, a producer's variable."""

    site: Any
    canaries: dict[str, bytes]

    def found_in(self, data: bytes) -> set[str]:
        """Which canaries ``data`` holds, as they are or in base64."""
        return {
            name
            for name, value in self.canaries.items()
            if value in data or base64.b64encode(value).rstrip(b"=")[:-1] in data
        }


@pytest.fixture(scope="module")
def guarded(original: Any, s3_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Guarded:
    root = tmp_path_factory.mktemp("secrets")
    address = s3_server.address(f"secret-{secrets.token_hex(6)}", "repository")
    with S3Store(address, s3_server.credentials) as store:
        store.ensure_bucket()
    credentials = s3_server.credentials_file(root / "s3-credentials")
    sites = sys.modules[type(original.site).__module__]
    site = sites.make(root, address.location, credentials)
    canaries = {
        "password": b"canary-password-" + secrets.token_hex(8).encode(),
        "token": b"canary-token-" + secrets.token_hex(8).encode(),
        "s3": s3_server.credentials["AWS_SECRET_ACCESS_KEY"].reveal(),
    }
    for name in ("password", "token"):
        (root / name).write_bytes(canaries[name] + b"\n")
        (root / name).chmod(0o600)
    (root / "producer.py").write_text(PRODUCER)
    site.config["repositories"]["main"]["password"] = f"file:{root / 'password'}"
    site.source(
        "stream",
        kind="command",
        argv=[sys.executable, str(root / "producer.py")],
        trailer="whole",
        environment={"APP_TOKEN": f"file:{root / 'token'}"},
    )
    site.write()
    said = site.guardian("init")
    assert said.code == 0, said
    return Guarded(site, canaries)


def family(pid: int) -> Iterator[int]:
    yield pid
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from family(int(child))
    except OSError:
        return


def read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def test_nobody_sees_a_secret(guarded: Guarded, tmp_path: Path) -> None:
    site = guarded.site
    seen: set[str] = set()
    producers = 0
    argv = site.argv("backup", "-v", "-v")
    with subprocess.Popen(argv, env=site.env(), cwd=site.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as run:
        while run.poll() is None:
            for pid in family(run.pid):
                line, environment = read(pid, "cmdline"), read(pid, "environ")
                assert not guarded.found_in(line), line
                if b"producer.py" in line:  # that is how a producer gets its token
                    producers += b"guard.py" not in line and guarded.canaries["token"] in environment
                    environment = environment.replace(guarded.canaries["token"], b"")
                assert not guarded.found_in(environment), (line, environment)
                if b"\0backup\0" in line and b"guard.py" not in line and b"restic" in line:
                    seen.add("restic")
                    assert re.search(rb"Max core file size +0 +0 ", read(pid, "limits")), line
                seen |= {"guard"} if b"guard.py" in line else set()
        assert run.stdout is not None
        text = run.stdout.read()
    assert run.returncode == 0, text
    assert seen == {"restic", "guard"}
    assert producers
    assert not guarded.found_in(text)

    assert site.guardian("ledger", "export", "-o", tmp_path / "export").code == 0
    for verb in (["ledger", "show", "-n", "100"], ["config", "show"], ["keys", "status"], ["verify", "-v", "-v"]):
        said = site.guardian(*verb)
        assert said.code == 0, said
        assert not guarded.found_in((said.out + said.err).encode()), verb
    files = [p for folder in (site.state, tmp_path) for p in folder.rglob("*") if p.is_file()]
    assert len(files) > 10
    for path in files:
        assert not guarded.found_in(path.read_bytes()), path


def test_an_error_does_not_tell_either(guarded: Guarded) -> None:
    site = guarded.site
    wrong = guarded.canaries["password"] + b"-wrong"
    (site.root / "password").write_bytes(wrong)
    try:
        said = site.guardian("backup", "-v", "-v", PLAIN="1")
    finally:
        (site.root / "password").write_bytes(guarded.canaries["password"])
    assert said.code == 12, said
    assert not guarded.found_in((said.out + said.err).encode())


def test_state_is_its_owners_alone(guarded: Guarded) -> None:
    """Except the public key, which is for everybody, no file of ours lets others in; the cache is restic's own."""
    state = guarded.site.state
    for path in (state, *state.rglob("*")):
        if path.relative_to(state).parts[:1] == ("cache",) and path != state / "cache":
            continue
        mode = path.lstat().st_mode & 0o777
        expected = 0o700 if path.is_dir() else 0o644 if path.name == "signing.pub" else 0o600
        assert mode == expected, (path, oct(mode))


@pytest.mark.parametrize("name", ["password", "s3-credentials", "token"])
def test_a_file_others_can_read_is_refused(guarded: Guarded, name: str) -> None:
    path = guarded.site.root / name
    path.chmod(0o644)
    try:
        said = guarded.site.guardian("backup", "app/stream", PLAIN="1")
    finally:
        path.chmod(0o600)
    assert said.code == 2, said
    text = said.out + said.err
    assert f"{path} is open to others" in text
    assert f"chmod 600 {shlex.quote(os.fspath(path))}" in text
    assert not guarded.found_in(text.encode())
