"""From requests to arguments: everything literal, nothing secret, nothing this restic does not know."""

import fnmatch
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.clock import SystemClock
from guardian.errors import ConfigError
from guardian.model.secret import Secret
from guardian.proc import Limits
from guardian.restic import argv
from guardian.restic.access import Access
from guardian.restic.requests import FilesBackup, RestoreRequest, StreamBackup
from guardian.restic.session import Session
from guardian.restic.versions import SINCE, Capability, able, read_version

OLD = able(Path("/usr/bin/restic"), (0, 14, 0))
NEW = able(Path("/opt/restic"), (0, 19, 1))
ACCESS = Access(
    url="s3:https://key:url-secret@host/bucket",
    password=Secret(b"the-password"),
    credentials={"AWS_ACCESS_KEY_ID": Secret(b"the-key-id"), "AWS_SECRET_ACCESS_KEY": Secret(b"the-secret")},
    cacert="/ca.pem",
    cache_dir=Path("/cache"),
    tmp_dir=Path("/tmp/own"),
    connections=7,
    limit_upload=100,
    limit_download=200,
    key_hint="ab12",
    compression="max",
    lease_fd=9,
    lock_wait_seconds=90,
)


def session(access: Access = ACCESS, capability: Capability = NEW) -> Session:
    return Session(access, capability, SystemClock(), None, Limits())


def test_options_follow_ability() -> None:
    new, old = argv.general(NEW, ACCESS), argv.general(OLD, ACCESS)
    assert "--retry-lock=90s" in new
    assert not any(option.startswith("--retry-lock") for option in old)
    assert {"--cacert=/ca.pem", "--option=s3.connections=7", "--limit-upload=100", "--key-hint=ab12"} <= set(old)
    assert "--no-cache" in argv.general(OLD, ACCESS, cache=False)


def test_no_secret_is_in_arguments_or_environment() -> None:
    command = session().command(argv.backup_files(FilesBackup(("/srv",), "h"), NEW))
    shown = " ".join((*command.argv, *command.environment, *command.environment.values()))
    for secret in ("the-password", "the-secret", "url-secret", "the-key-id"):
        assert secret not in shown
        assert secret not in repr(command)
    assert set(command.secrets) == {"RESTIC_REPOSITORY_FILE", "RESTIC_PASSWORD_FILE", "AWS_SHARED_CREDENTIALS_FILE"}
    profile = command.secrets["AWS_SHARED_CREDENTIALS_FILE"].reveal()
    assert profile == b"[default]\naws_access_key_id = the-key-id\naws_secret_access_key = the-secret\n"
    assert command.lease_fds == (9,)
    assert command.environment["RESTIC_CACHE_DIR"] == "/cache"


def test_credentials_cannot_smuggle_lines() -> None:
    for credentials in ({"AWS_ACCESS_KEY_ID": Secret(b"a\nrole_arn = x")}, {"B2_KEY": Secret(b"x")}):
        access = Access(url="s3:http://h/b", password=Secret(b"p"), credentials=credentials)
        with pytest.raises(ConfigError):
            session(access).command(argv.CONFIG)


def test_paths_go_by_descriptor_and_any_name_survives() -> None:
    odd = ("/a\nb", "/-rf", "/*", "/\udcff\udcfe", "/贵州")
    request = FilesBackup(odd, "h", tags=("t",), excludes=("*.tmp",), parent="ab", one_file_system=True)
    call = argv.backup_files(request, NEW)
    assert call.files["sources"].split(b"\0") == [b"/a\nb", b"/-rf", b"/*", b"/\xff\xfe", "/贵州".encode(), b""]
    assert not set(odd) & set(call.arguments)
    assert {"--exclude=*.tmp", "--parent=ab", "--one-file-system", "--tag=t", "--host=h"} <= set(call.arguments)
    unseen = FilesBackup(("/a",), "h", scan=False)
    assert "--no-scan" in argv.backup_files(unseen, NEW).arguments
    assert "--no-scan" not in argv.backup_files(unseen, OLD).arguments


@given(st.text(alphabet=st.sampled_from("ab/*?[]\\-!{}"), min_size=1, max_size=12))
def test_a_literal_include_has_no_live_glob(path: str) -> None:
    escaped = argv.literal(path)
    assert (
        escaped.replace("\\\\", "\0")
        .replace("\\*", "*")
        .replace("\\?", "?")
        .replace("\\[", "[")
        .replace("\\]", "]")
        .replace("\0", "\\")
        == path
    )
    assert not fnmatch.fnmatchcase("anything", escaped) or path == "anything"


@pytest.mark.parametrize("name", ["app.db", "/dir/app.db", "/", "", "/..", "/a\0b"])
def test_a_stream_has_one_flat_name(name: str) -> None:
    with pytest.raises(ValueError, match="one name"):
        argv.backup_stream(StreamBackup(name, "h"))


def test_ids_cannot_become_options() -> None:
    for call in (
        argv.snapshots(("--evil",), ()),
        argv.restore(RestoreRequest("--evil", Path("/t"))),
        argv.dump("--evil", "/x"),
    ):
        assert call.arguments.index("--") < call.arguments.index("--evil")


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("restic 0.14.0 compiled with go1.19.8 on linux/amd64", (0, 14, 0)),
        ("restic 0.19.1-dev (compiled manually) compiled with go1.24", (0, 19, 1)),
        ("restic v0.17", (0, 17, 0)),
        ("bzip2, a block-sorting file compressor", None),
        ("restic 99999999999999999.1", None),
        ("", None),
    ],
)
def test_versions(text: str, version: tuple[int, int, int] | None) -> None:
    assert read_version(text) == version


def test_the_table_names_every_ability() -> None:
    assert set(SINCE) == set(Capability.__dataclass_fields__) - {"program", "version"}
    assert not any(getattr(OLD, name) for name in SINCE)
    assert all(getattr(NEW, name) for name in SINCE)


@given(st.text(max_size=20))
def test_any_url_has_a_scheme(url: str) -> None:
    assert Access(url=url, password=Secret(b"p")).scheme
