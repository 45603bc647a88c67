"""Secrets by reference: what is taken, what is refused, and that nothing of them is ever said."""

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from guardian.config.secrets import MAX_BYTES, credentials, resolve
from guardian.errors import ConfigError, GuardianError

VALUE = b"S3CRET-value"


def private(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def refused(reference: str, base: Path) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        resolve(reference, base)
    assert "S3CRET" not in caught.value.message + caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (VALUE, VALUE),
        (VALUE + b"\n", VALUE),
        (VALUE + b"\r\n", VALUE),
        (VALUE + b"\n\n", VALUE + b"\n"),
        (VALUE + b"\r", VALUE + b"\r"),
        (b" " + VALUE + b" \n", b" " + VALUE + b" "),
        (b"\xff\x00\xfe\n", b"\xff\x00\xfe"),
    ],
)
def test_a_file_without_the_newline_at_its_end(tmp_path: Path, content: bytes, value: bytes) -> None:
    private(tmp_path / "s", content)
    assert resolve("file:s", tmp_path).reveal() == value
    assert resolve(f"file:{tmp_path}/s", Path("/elsewhere")).reveal() == value


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o777])
def test_a_file_open_to_others_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    path = private(tmp_path / "my secret", VALUE, mode)
    error = refused("file:my secret", tmp_path)
    assert error.message == f"{path} is open to others than its owner"
    assert error.hint == f"Run: chmod 600 '{path}'"


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n"])
def test_an_empty_secret_is_none(tmp_path: Path, content: bytes) -> None:
    private(tmp_path / "s", content)
    assert refused("file:s", tmp_path).message == "file:s is empty"


def test_a_secret_has_a_size(tmp_path: Path) -> None:
    private(tmp_path / "s", b"x" * MAX_BYTES)
    assert len(resolve("file:s", tmp_path).reveal()) == MAX_BYTES
    private(tmp_path / "s", b"x" * (MAX_BYTES + 1))
    assert "more than 64 KiB" in refused("file:s", tmp_path).message


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert "not a regular file" in refused("file:pipe", tmp_path).message
    assert "No such file" in refused("file:gone", tmp_path).message
    assert "cannot read" in refused("file:.", tmp_path).message
    assert "cannot read" in refused("file:a\0b", tmp_path).message


def test_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUARDIAN_TEST", "S3CRET-value")
    assert resolve("env:GUARDIAN_TEST", tmp_path).reveal() == VALUE
    monkeypatch.setenv("GUARDIAN_TEST", "")
    assert refused("env:GUARDIAN_TEST", tmp_path).message == "env:GUARDIAN_TEST is empty"
    assert refused("env:GUARDIAN_NOT", tmp_path).message == "the environment has no variable GUARDIAN_NOT"
    assert "name of a variable" in refused("env:S3CRET=x", tmp_path).message


def test_systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert "LoadCredential=key" in refused("systemd:key", tmp_path).hint
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "c"))
    (tmp_path / "c").mkdir()
    private(tmp_path / "c/key", VALUE, 0o440)
    assert resolve("systemd:key", tmp_path).reveal() == VALUE
    private(tmp_path / "outside", VALUE)
    assert "name of a credential" in refused("systemd:../outside", tmp_path).message
    assert "name of a credential" in refused("systemd:..", tmp_path).message


def python(code: str) -> str:
    return f"command:{shlex.join([sys.executable, '-c', code])}"


def test_a_command_is_run_without_a_shell(tmp_path: Path) -> None:
    assert resolve(python("print('S3CRET-value')"), tmp_path).reveal() == VALUE
    assert resolve(python("import sys; print(sys.argv[1:])") + " '$HOME; id'", tmp_path).reveal() == b"['$HOME; id']"


def test_a_command_that_fails_gives_no_secret(tmp_path: Path) -> None:
    assert (
        refused(python("print('S3CRET'); raise SystemExit(3)"), tmp_path).message
        == f"command:{sys.executable} ended with status 3"
    )
    assert refused(python("pass"), tmp_path).message == f"command:{sys.executable} is empty"
    assert "more than 64 KiB" in refused(python("print('x' * 10_000_000)"), tmp_path).message
    assert "followed by a program" in refused("command:'S3CRET", tmp_path).message
    assert "followed by a program" in refused("command: ", tmp_path).message
    with pytest.raises(GuardianError) as caught:
        resolve("command:no-such-program-anywhere S3CRET", tmp_path)
    assert "S3CRET" not in caught.value.message + caught.value.hint


def test_whoever_runs_the_command_gets_an_argv(tmp_path: Path) -> None:
    asked: list[Sequence[str]] = []

    def run(argv: Sequence[str]) -> bytes:
        asked.append(argv)
        return VALUE + b"\n"

    assert resolve("command:vault read -field=x 'a b'", tmp_path, run).reveal() == VALUE
    assert asked == [["vault", "read", "-field=x", "a b"]]


@pytest.mark.parametrize("reference", ["S3CRET", "S3CRET:x", "", "FILE:S3CRET"])
def test_what_is_no_reference_is_not_repeated(tmp_path: Path, reference: str) -> None:
    assert refused(reference, tmp_path).message == "not a reference to a secret"


# credentials


def test_credentials(tmp_path: Path) -> None:
    text = (
        "# the storage\r\n\r\nexport AWS_ACCESS_KEY_ID=id=1\r\n  AWS_SECRET_ACCESS_KEY='S3CRET value'  \n"
        'AWS_SESSION_TOKEN="t"\nAWS_DEFAULT_REGION=cn-south-1'
    )
    private(tmp_path / "s3.env", text.encode())
    found = credentials("file:s3.env", tmp_path)
    assert {name: secret.reveal() for name, secret in found.items()} == {
        "AWS_ACCESS_KEY_ID": b"id=1",
        "AWS_SECRET_ACCESS_KEY": b"S3CRET value",
        "AWS_SESSION_TOKEN": b"t",
        "AWS_DEFAULT_REGION": b"cn-south-1",
    }
    assert "S3CRET" not in repr(found)


GOOD = "AWS_ACCESS_KEY_ID=a\nAWS_SECRET_ACCESS_KEY=S3CRET\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD + "AWS_PROFILE=S3CRET\n", "file:s3.env, line 3: AWS_PROFILE is no S3 credential"),
        (GOOD + "LD_PRELOAD=/tmp/S3CRET.so\n", "file:s3.env, line 3: LD_PRELOAD is no S3 credential"),
        (GOOD + "S3CRET\n", "file:s3.env, line 3: not a line NAME=VALUE"),
        (GOOD + "S3CRETbase64==\n", "file:s3.env, line 3: not a line NAME=VALUE"),
        (GOOD + "S3CRET=\n", "file:s3.env, line 3: not a line NAME=VALUE"),
        (GOOD + "AWS_SESSION_TOKEN =S3CRET\n", "file:s3.env, line 3: not a line NAME=VALUE"),
        (GOOD + "AWS_ACCESS_KEY_ID=S3CRET\n", "file:s3.env, line 3: AWS_ACCESS_KEY_ID is set twice"),
        ("AWS_ACCESS_KEY_ID=\n", "file:s3.env, line 1: AWS_ACCESS_KEY_ID is empty"),
        ("AWS_ACCESS_KEY_ID=''\n", "file:s3.env, line 1: AWS_ACCESS_KEY_ID is empty"),
        ("AWS_ACCESS_KEY_ID=a\n", "file:s3.env sets no AWS_SECRET_ACCESS_KEY"),
        ("# none\n", "file:s3.env sets no AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY"),
    ],
)
def test_credentials_that_are_none(tmp_path: Path, text: str, message: str) -> None:
    private(tmp_path / "s3.env", text.encode())
    with pytest.raises(ConfigError) as caught:
        credentials("file:s3.env", tmp_path)
    assert caught.value.message == message
    assert "S3CRET" not in caught.value.message + caught.value.hint


def test_credentials_that_are_no_text(tmp_path: Path) -> None:
    private(tmp_path / "s3.env", GOOD.encode().replace(b"S3CRET", b"\xff\xfe"))
    assert credentials("file:s3.env", tmp_path)["AWS_SECRET_ACCESS_KEY"].reveal() == b"\xff\xfe"
