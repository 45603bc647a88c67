"""A repository that is missing, locked, damaged, turned back or another one; real restic, the real command line.

Each fault: the exit code, one clear line with a hint for people, a statement in the log; the documents untouched;
and once the fault is undone, a normal backup and drill are good again.
"""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest

HINT = "hint: "


@pytest.fixture
def untouched(stage: Any) -> Iterator[None]:
    """The documents are the same at the end of the test."""
    before = stage.source_digest()
    yield
    assert stage.source_digest() == before


pytestmark = pytest.mark.usefixtures("untouched")


def backup_fails(stage: Any, code: int, reason: str, line: str) -> None:
    """``guardian backup`` ends so, tells people in one line and a hint, and the log."""
    held = len(stage.objects("snapshots"))
    receipts = len(stage.receipts())
    got, text = stage.told("backup")
    assert got == code, text
    assert sum(line in shown for shown in text.splitlines()) == 1, text
    assert HINT in text
    assert "?" not in text
    last = stage.last()
    assert (last["kind"], last["outcome"], last["codes"]) == ("no-backup", "failed", {reason})
    assert len(stage.receipts()) == receipts
    assert len(stage.objects("snapshots")) == held


def drill_fails(stage: Any, *level: str) -> tuple[int, set[str]]:
    """``guardian verify`` with ``--json``: its exit code and every reason; the log has the same outcome and reasons."""
    said = stage.site.guardian("verify", *level)
    last = stage.last()
    assert (last["kind"], last["outcome"]) == ("drill-result", said.json["outcome"])
    assert last["codes"] <= said.reasons
    assert last["outcome"] != "PASS"
    return said.code, last["codes"]


def drill_tells(stage: Any, code: int, line: str) -> None:
    """``guardian verify`` for people, when it could not find out."""
    got, text = stage.told("verify", "--level", "D0")
    assert got == code, text
    assert sum(line in shown for shown in text.splitlines()) == 1, text
    assert HINT in text


@contextmanager
def away(stage: Any, *paths: Any) -> Iterator[None]:
    """``paths`` are gone for a while, and back afterwards."""
    aside = stage.site.root / "aside"
    aside.mkdir()
    for number, path in enumerate(paths):
        path.rename(aside / str(number))
    yield
    for number, path in enumerate(paths):
        (aside / str(number)).rename(path)
    aside.rmdir()


@contextmanager
def flipped(staging: ModuleType, *paths: Any) -> Iterator[None]:
    """One bit in each of ``paths`` is wrong for a while."""
    for path in paths:
        staging.flip(path)
    yield
    for path in paths:
        staging.flip(path)


# it cannot be opened


@pytest.mark.parametrize("password", [b"another-password\n", b"wrong\n"], ids=["any", "a-word-of-the-message"])
def test_wrong_password(stage: Any, password: bytes) -> None:
    path = stage.site.state / "keys" / "main.password"
    right = path.read_bytes()
    path.write_bytes(password)
    backup_fails(stage, 12, "wrong-password", "the password opens no key of the repository")
    assert drill_fails(stage) == (12, {"wrong-password"})
    path.write_bytes(right)
    stage.good("--level", "D1")


def test_repository_moved_away(stage: Any) -> None:
    repository = stage.site.repository
    with away(stage, repository):
        backup = stage.site.guardian("backup")
        assert (backup.code, backup.reasons) == (10, {"repository-missing"})
        drill_tells(stage, 10, "there is no repository at this location")
        assert drill_fails(stage) == (10, {"repository-missing"})
        assert not repository.exists(), "nothing is made in its place"
        # Neither does init: what was there once is missed, not replaced.
        assert stage.site.guardian("init").code == 10
        assert not repository.exists()
    stage.good("--level", "D1")


def test_bucket_that_never_existed(stage: Any, s3_place: Any, s3_server: Any) -> None:
    """Only that bucket's name is wrong; the server and its keys are good."""
    from guardian.model.address import parse
    from guardian.objectstore.s3 import S3Store

    url = stage.site.config["repositories"]["main"]["url"]
    missing = s3_place.url.replace(s3_place.address.bucket, "never-made-" + s3_place.address.bucket)
    credentials = f"file:{s3_place.credentials_file}"
    stage.configure(repositories={"main": {"url": missing, "credentials": credentials}})
    code, text = stage.told("backup")
    assert code == 10, text
    assert "there is no repository at this location" in text
    assert drill_fails(stage) == (10, {"repository-missing"})
    address = parse(missing)
    with S3Store(address, s3_server.credentials) as store:
        assert not store._exists(), "neither verb makes the bucket"
    stage.configure(repositories={"main": {"url": url}})
    stage.good("--level", "D1")


def test_config_file_damaged(stage: Any, staging: ModuleType) -> None:
    with flipped(staging, stage.site.repository / "config"):
        backup_fails(stage, 4, "repository-damaged", "is damaged")
        assert drill_fails(stage) == (4, {"repository-damaged"})
    stage.good("--level", "D1")


def test_key_file_removed(stage: Any) -> None:
    """restic cannot tell this from a wrong password, so the hint names both."""
    with away(stage, *stage.objects("keys")):
        backup_fails(stage, 12, "wrong-password", "the password opens no key of the repository")
        assert "removed its key" in stage.told("backup")[1]
    stage.good("--level", "D1")


# locks


def test_locked_by_another_host(stage: Any) -> None:
    """A restic of another host holds its exclusive lock: a backup must wait; a drill needs no lock and goes on."""
    with stage.elsewhere("check"):
        backup_fails(stage, 11, "repository-locked", "on elsewhere")
        said = stage.site.guardian("verify")
        assert (said.code, said.json["outcome"]) == (0, "PASS"), "a drill writes nothing, so it waits for nobody"
        assert len(stage.objects("locks")) == 1
    assert stage.objects("locks") == []
    stage.good("--level", "D1")


def test_lock_of_our_own_dead_run(stage: Any, staging: ModuleType) -> None:
    """Guardian and its restic are killed at work: the next run says so, clears the lock and is good."""
    (stage.docs / "large").write_bytes(os.urandom(64 << 20))
    guardian = stage.start("backup")
    pid = staging.until(lambda: staging.reader_of(stage.docs / "large"))
    os.kill(pid, signal.SIGSTOP)
    guardian.kill()
    os.kill(pid, signal.SIGKILL)
    guardian.communicate()
    (stage.docs / "large").unlink()
    assert len(stage.objects("locks")) == 1
    code, text = stage.told("backup")
    assert code == 0, text
    assert "cut off" in text
    assert "stale lock" in text
    assert stage.objects("locks") == []
    cut = next(e["predicate"] for e in reversed(stage.entries()) if "/no-backup/" in e["type"])
    assert [r["code"] for r in cut["reasons"]] == ["run-interrupted"]
    stage.good("--level", "D1")


# snapshots


def test_snapshot_deleted_behind_our_back(stage: Any) -> None:
    lost = stage.snapshot_file(-1)
    with away(stage, lost):
        said = stage.site.guardian("backup")
        assert (said.code, said.json["outcome"]) == (0, "complete"), said
        assert "parent-missing" in said.reasons, "the parent was in the log, not in the repository"
        assert "parent-missing" in stage.last()["codes"]
        assert drill_fails(stage, "--level", "D0") == (3, {"snapshot-missing"})
        code, text = stage.told("verify", "--level", "D0")
        assert code == 3
        assert lost.name in text
    stage.good("--level", "D1")


def test_rolled_back(stage: Any) -> None:
    with away(stage, stage.snapshot_file(-1)):
        assert drill_fails(stage, "--level", "D0") == (3, {"repository-rolled-back", "snapshot-missing"})
        code, text = stage.told("verify", "--level", "D0")
        assert code == 3
        assert "turned back" in text
    stage.good("--level", "D1")


def test_foreign_snapshot(stage: Any) -> None:
    """A plain restic backup, tagged like ours and newer than ours: named, and never what ``latest`` means."""
    stray = stage.site.root / "stray"
    stray.mkdir()
    (stray / "planted").write_text("not what was backed up")
    tags = ("--tag", "guardian,system=app,source=docs", "--host", "host-1")
    stage.site.restic("backup", str(stray), *tags)
    assert drill_fails(stage, "--level", "D0") == (3, {"snapshot-foreign"})
    target = stage.site.root / "back"
    said = stage.site.guardian("restore", "app/docs", "--target", target)
    assert (said.code, said.json["snapshot_id"]) == (0, stage.receipts()[-1]["snapshot_id"])
    assert not list(target.rglob("planted"))
    ours = {r["snapshot_id"] for r in stage.receipts()}
    (foreign,) = (p for p in stage.objects("snapshots") if p.name not in ours)
    stage.site.restic("forget", foreign.name)
    stage.good("--level", "D1")


# junk, as a thief of append-only credentials could put it there


def test_garbage_among_the_snapshots(stage: Any) -> None:
    """restic 0.14 itself ends a backup over it unless it is told the parent."""
    junk = stage.site.repository / "snapshots" / ("a" * 64)
    junk.write_bytes(os.urandom(300))
    said = stage.site.guardian("backup")
    assert (said.code, said.json["outcome"]) == (0, "complete"), said
    assert drill_fails(stage, "--level", "D0") == (3, {"snapshot-unreadable"})
    code, text = stage.told("verify", "--level", "D0")
    assert code == 3
    assert "aaaaaaaa" in text
    junk.unlink()
    stage.good("--level", "D1")


def test_three_hundred_junk_keys(stage: Any) -> None:
    """restic tries twenty keys and gives up; Guardian names its own."""
    real = stage.objects("keys")[0]
    junk = [real.with_name(f"{number:064x}") for number in range(300)]
    for path in junk:
        path.write_bytes(real.read_bytes().replace(b'"r": 8', b'"r": 4'))
    # Plain restic ends here with "maximum number of keys reached", unless ours happens to be among the first twenty.
    stage.good("--level", "D1")
    for path in junk:
        path.unlink()


# damage


def test_pack_bit_flipped(stage: Any, staging: ModuleType) -> None:
    """Structure is whole (D1), content is not: every file is drawn (there are fewer than 64), so D3 hits it too."""
    pack = stage.data_pack()
    with flipped(staging, pack):
        said = stage.site.guardian("verify", "--level", "D1")
        assert (said.code, said.json["outcome"]) == (0, "PASS"), "D1 reads no content"
        code, reasons = drill_fails(stage)
        assert code == 3
        assert reasons >= {"blob-seal-broken", "file-lost", "file-damaged"}, "restic agrees"
        code, reasons = drill_fails(stage, "--full")
        assert code == 3
        assert reasons >= {"blob-seal-broken", "file-lost", "file-damaged", "restore-error"}
        told = [r["args"].get("pack") for c in stage.last()["checks"] for r in c["reasons"]]
        assert pack.name in told, "the pack is named"
    stage.good("--full")


def test_stream_damaged(stage: Any, staging: ModuleType) -> None:
    """A stream that does not come back whole is a failed drill, not a drill that could not be run."""
    (stage.site.root / "dumped").write_bytes(os.urandom(3 << 20))
    stage.site.source("dump", kind="command", argv=["cat", str(stage.site.root / "dumped")])
    stage.site.write()
    assert stage.site.guardian("backup", "app/dump").code == 0
    with flipped(staging, stage.data_pack()):
        assert drill_fails(stage, "app/dump")[1] >= {"blob-seal-broken", "file-lost"}
    stage.good("--level", "D1")


def test_pack_deleted(stage: Any) -> None:
    pack = stage.data_pack()
    with away(stage, pack):
        code, reasons = drill_fails(stage, "--level", "D1")
        assert (code, reasons) == (3, {"pack-missing", "snapshots-exposed", "file-damaged", "files-damaged-more"})
        code, text = stage.told("verify", "--level", "D1")
        assert code == 3
        assert pack.name in text
    stage.good()


def test_index_flipped(stage: Any, staging: ModuleType) -> None:
    """With restic's cache a backup does not even notice; D1 does. Without the cache nothing can be saved."""
    cache = stage.site.state / "cache"
    with flipped(staging, *stage.objects("index")):
        code, reasons = drill_fails(stage, "--level", "D1")
        assert (code, reasons >= {"object-hash-differs", "blob-not-indexed", "folder-lost"}) == (3, True), reasons
        shutil.rmtree(cache)
        backup_fails(stage, 4, "repository-damaged", "load <index/")
    stage.good("--level", "D1")


def test_repository_swapped_for_another(stage: Any) -> None:
    """The same password opens it, but it is not the repository on record."""
    with away(stage, stage.site.repository):
        stage.site.restic("init", "--repository-version", "2")
        receipts = stage.receipts()
        said = stage.site.guardian("backup")
        assert (said.code, said.json["outcome"], said.reasons) == (3, "failed", {"repository-changed"})
        assert (stage.last()["kind"], stage.last()["codes"]) == ("no-backup", {"repository-changed"})
        assert stage.receipts() == receipts
        assert stage.objects("snapshots") == []
        code, reasons = drill_fails(stage, "--level", "D0")
        assert code == 3
        assert "repository-changed" in reasons
        shutil.rmtree(stage.site.repository)
    stage.good("--level", "D1")
