"""restic's last words become the right error, in the right order, without stack traces or secrets."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian import errors as e
from guardian.model.redaction import hide
from guardian.model.secret import Secret
from guardian.restic.errors import classify, texts
from guardian.restic.versions import able

OLD = able(Path("restic"), (0, 14, 0))
NEW = able(Path("restic"), (0, 19, 1))
HINT = "Is there a repository at the following location?"
OPEN = "Fatal: unable to open config file: Stat: "

CASES = [
    ("unable to create lock in backend: repository is already locked by PID 7 on web-1 by root", e.RepositoryLocked),
    ("Fatal: invalid lock file: LoadRaw(<lock/88>): invalid data returned", e.RepositoryLocked),
    ("Fatal: wrong password or no key found", e.WrongPassword),
    ("Fatal: maximum number of keys reached", e.WrongPassword),
    (OPEN + "The specified key does not exist.", e.RepositoryMissing),
    (OPEN + "The specified bucket does not exist", e.RepositoryMissing),
    ("Fatal: unable to open config file: stat /x/config: no such file or directory", e.RepositoryMissing),
    (OPEN + "Access Denied.", e.StorageRefused),
    (OPEN + "The Access Key Id you provided does not exist in our records.", e.StorageRefused),
    (OPEN + "The request signature we calculated does not match the signature you provided.", e.StorageRefused),
    (OPEN + "The difference between the request time and the current time is too large.", e.StorageRefused),
    ("s3.getCredentials: no credentials found. Use `-o s3.unsafe-anonymous-auth=true`", e.StorageRefused),
    ("dial tcp 127.0.0.1:1: connect: connection refused", e.StorageUnreachable),
    ("dial tcp: lookup nosuch.invalid: no such host", e.StorageUnreachable),
    ("tls: failed to verify certificate: x509: certificate signed by unknown authority", e.StorageUnreachable),
    (OPEN + "expected element type <ListBucketResult> but have <html>", e.StorageUnreachable),
    ("Fatal: unable to save snapshot: write /r/tmp: no space left on device", e.StorageFull),
    ("client.PutObject: quota exceeded", e.StorageFull),
    ("Fatal: load <index/4b713148d0>: invalid data returned", e.RepositoryDamaged),
    ("Fatal: repository contains errors", e.RepositoryDamaged),
    ("Fatal: config or key 12345678 is damaged: ciphertext verification failed", e.RepositoryDamaged),
    ('Fatal: no matching ID found for prefix "deadbeef"', e.SnapshotMissing),
    ("failed to load snapshot 00000000: open /r/snapshots/00: no such file or directory", e.SnapshotMissing),
    ("runtime: out of memory: cannot allocate 4194304-byte block", e.ToolFailed),
    ("something nobody has seen before", e.ToolFailed),
]


@pytest.mark.parametrize(("line", "kind"), CASES)
@pytest.mark.parametrize("capability", [OLD, NEW], ids=["old", "new"])
def test_each_cause_has_its_error(line: str, kind: type[e.GuardianError], capability) -> None:
    error = classify([line, HINT, "s3:http://host/bucket"], 1, capability)
    assert type(error) is kind
    assert not error.message.endswith(".")
    assert error.message[0].islower()


def test_the_location_hint_proves_nothing() -> None:
    assert isinstance(classify([HINT, "/somewhere"], 1, OLD), e.ToolFailed)


def test_exit_codes_count_where_they_have_a_meaning() -> None:
    assert isinstance(classify(["whatever"], 10, NEW), e.RepositoryMissing)
    assert isinstance(classify(["whatever"], 11, NEW), e.RepositoryLocked)
    assert isinstance(classify(["whatever"], 12, NEW), e.WrongPassword)
    assert isinstance(classify(["whatever"], 10, OLD), e.ToolFailed)


def test_a_login_page_is_no_wrong_password() -> None:
    lines = ["<!DOCTYPE html><html><title>Sign in</title>", "Fatal: wrong password or no key found"]
    assert isinstance(classify(lines, 12, NEW), e.StorageUnreachable)


def test_stack_traces_are_not_shown() -> None:
    lines = [
        "Error loading snapshot 61f67109: something odd",
        "github.com/restic/restic/internal/restic.FindLatestSnapshot.func1",
        "\tgithub.com/restic/restic/internal/restic/snapshot_find.go:40",
        "main.glob..func4",
        "\t/build/restic/cmd/restic/cmd_cat.go:27",
        "github.com/spf13/cobra.(*Command).execute",
        "\tgithub.com/spf13/cobra/command.go:916",
        "runtime.goexit",
        "\truntime/asm_amd64.s:1594",
    ]
    assert texts(lines) == lines[:1]
    assert "something odd" in classify(lines, 1, OLD).message


def test_secrets_are_masked_and_do_not_hide_the_cause() -> None:
    hide(Secret(b"wrong password"), Secret(b"hunter2-hunter2"))
    assert isinstance(classify(["Fatal: wrong password or no key found"], 1, OLD), e.WrongPassword)
    error = classify(["Fatal: odd failure at rest:https://me:hunter2-hunter2@host/"], 1, OLD)
    assert "hunter2" not in error.message + error.hint


def test_deaths_are_named() -> None:
    assert isinstance(classify([], -9, NEW), e.ToolFailed)
    assert isinstance(classify(["\x1b[2Ksignal interrupt received, cleaning up"], 130, NEW), e.Interrupted)


@given(st.lists(st.binary(max_size=60), max_size=5), st.integers(-64, 255))
def test_any_ending_gives_an_error_of_ours(lines: list[bytes], returncode: int) -> None:
    error = classify(lines, returncode, NEW)
    assert isinstance(error, e.GuardianError)
    assert len(error.message) < 1200
