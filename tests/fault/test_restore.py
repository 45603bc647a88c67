"""Restores into targets that will not do, of odd names, without a log, and on a machine that has the password alone."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A target that does not exist yet."""
    return tmp_path / "out"


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """A directory that has nothing to do with any restore, and is the same afterwards."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "victim").write_text("keep me")
    yield folder
    assert [p.name for p in folder.iterdir()] == ["victim"]
    assert (folder / "victim").read_text() == "keep me"


def arrived(stage: Any, target: Path) -> Path:
    """Where the documents lie in ``target``: under their full path."""
    return target / str(stage.saved).lstrip("/")


# targets that will not do


def _not_empty(stage: Any, target: Path, outside: Path) -> Path:
    target.mkdir(mode=0o700)
    (target / "mine").write_text("keep me")
    return target


def _planted_link(stage: Any, target: Path, outside: Path) -> Path:
    """restic 0.14 would follow both links and write over what they point to."""
    lies = target / str(stage.saved).lstrip("/")
    lies.parent.mkdir(parents=True)
    target.chmod(0o700)
    lies.symlink_to(outside)
    (target / "0.txt").symlink_to(outside / "victim")
    return target


def _link(stage: Any, target: Path, outside: Path) -> Path:
    target.symlink_to(outside)
    return target


def _inside_the_source(stage: Any, target: Path, outside: Path) -> Path:
    return Path(stage.docs) / "deep" / "back"


def _inside_the_source_by_a_link(stage: Any, target: Path, outside: Path) -> Path:
    target.symlink_to(stage.docs)
    return target / "back"


def _world_writable(stage: Any, target: Path, outside: Path) -> Path:
    target.mkdir()
    target.chmod(0o777)
    return target


def _a_file(stage: Any, target: Path, outside: Path) -> Path:
    target.write_text("keep me")
    return target


TARGETS = {
    _not_empty: "is not empty",
    _planted_link: "is not empty",
    _link: "is not a directory",
    _inside_the_source: "lies inside the source",
    _inside_the_source_by_a_link: "lies inside the source",
    _world_writable: "others may write to the target",
    _a_file: "is not a directory",
}


@pytest.mark.parametrize("make", TARGETS, ids=lambda make: make.__name__.strip("_"))
def test_target_that_will_not_do(
    shared_stage: Any, staging: ModuleType, out: Path, outside: Path, make: Callable[..., Path]
) -> None:
    """The command line asks for something impossible: exit code 2, one line, a hint, and not a byte is written."""
    target = make(shared_stage, out, outside)
    before, source = staging.digest(out.parent), shared_stage.source_digest()
    code, text = shared_stage.told("restore", "app/docs", "--target", target)
    assert code == 2, text
    assert sum(TARGETS[make] in shown for shown in text.splitlines()) == 1
    assert "hint: " in text
    assert staging.digest(out.parent) == before
    assert shared_stage.source_digest() == source


@pytest.mark.parametrize("looked", [True, False], ids=["seen-before", "met-on-the-way"])
def test_target_full(shared_stage: Any, out: Path, outside: Path, looked: bool) -> None:
    """A real full disk. The receipt says what is needed; of a part nobody knows, and restic meets the end itself."""
    namespace = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    if subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("a small disk needs a mount namespace, and this machine gives none")
    out.mkdir(mode=0o700)
    part = () if looked else ("--include", str(shared_stage.saved / "19.txt"))
    restore = shared_stage.site.argv("restore", "app/docs", "--target", out, *part)
    done = subprocess.run(
        [*namespace, "sh", "-c", f'mount -t tmpfs -o size=8k,mode=0700 tmpfs {out} && exec "$@"', "sh", *restore],
        env=shared_stage.site.env(),
        cwd=outside,
        capture_output=True,
        text=True,
        check=False,
    )
    text = done.stdout + done.stderr
    assert done.returncode == 4, text
    assert ("bytes free" if looked else "no space left at the restore target") in text
    assert "hint: " in text
    assert list(out.iterdir()) == []


# which restore point, which part


def test_by_the_beginning_of_its_id_and_by_time(shared_stage: Any, tmp_path: Path) -> None:
    first, second = shared_stage.receipts()[:2]
    asked = {
        "by-id": ("--snapshot", first["snapshot_id"][:8]),
        "by-time": ("--at", second["started"]),
        "latest": (),
    }
    for name, point in asked.items():
        said = shared_stage.site.guardian("restore", "app/docs", "--target", tmp_path / name, *point)
        assert (said.code, said.json["outcome"]) == (0, "complete"), said
        expected = "version 1" if name == "latest" else "version 0"
        assert (arrived(shared_stage, tmp_path / name) / "changing").read_text() == expected


@pytest.mark.parametrize(
    "point", [("--at", "2001-01-01"), ("--at", "yesterday"), ("--snapshot", "0" * 12), ("--snapshot", "abc")]
)
def test_no_such_restore_point(shared_stage: Any, out: Path, point: tuple[str, str]) -> None:
    code, text = shared_stage.told("restore", "app/docs", "--target", out, *point)
    assert code == 2, text
    assert "hint: " in text
    assert not out.exists(), "nothing is made before it is known what to bring back"


def test_only_a_part(shared_stage: Any, out: Path) -> None:
    """An include is a path, not a pattern: the file called ``star*[x]?.txt`` and no other."""
    wanted = str(shared_stage.saved / "star*[x]?.txt")
    said = shared_stage.site.guardian("restore", "app/docs", "--target", out, "--include", wanted)
    assert (said.code, said.json["files"]) == (0, 1), said
    assert [p.name for p in out.rglob("*") if p.is_file()] == ["star*[x]?.txt"]


# odd names


def test_odd_names_come_back_byte_for_byte(shared_stage: Any, staging: ModuleType, out: Path) -> None:
    """Newlines, escapes, what is not UTF-8, what looks like an option or a pattern: names, types and bytes."""
    said = shared_stage.site.guardian("restore", "app/docs", "--target", out)
    assert (said.code, said.json["outcome"]) == (0, "complete"), said
    assert staging.digest(arrived(shared_stage, out)) == staging.digest(shared_stage.docs)
    assert b"not-utf8-\xff\xfe" in {os.fsencode(p.name) for p in arrived(shared_stage, out).iterdir()}


def test_odd_names_are_shown_escaped(stage: Any) -> None:
    """Files whose stored bytes are spoiled are named; their names cannot start a line or speak to the terminal."""
    odd = stage.site.root / "odd"
    odd.mkdir()
    for name in (b"new\nline", b"esc\x1b[31m"):
        Path(os.fsdecode(os.fsencode(odd) + b"/" + name)).write_bytes(os.urandom(5000))
    stage.site.source("docs", kind="files", paths=[str(odd)])
    stage.site.write()
    packs = set(stage.objects("data"))
    assert stage.site.guardian("backup").code == 0
    pack = max(set(stage.objects("data")) - packs, key=lambda p: p.stat().st_size)
    pack.chmod(0o600)
    with pack.open("r+b") as file:
        file.write(bytes(10_000))  # both contents; the header at the end stays
    code, text = stage.told("verify")
    assert code == 3
    assert "\x1b" not in text
    assert not any(line.startswith("line") for line in text.splitlines())
    assert f"{odd}/esc\\x1b[31m does not come back" in text
    assert f"{odd}/new\\nline" in text


# without the log, without the host


def test_the_log_is_damaged(stage: Any, staging: ModuleType, out: Path) -> None:
    """Data comes first: the restore is done, and standard error says that the log was not used."""
    entries = max((p for p in (stage.site.state / "log").rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    staging.flip(entries)
    assert stage.site.guardian("ledger", "verify").code == 20
    said = stage.site.guardian("restore", "app/docs", "--target", out, PLAIN="1")
    assert said.code == 0, said
    assert "the log is not used" in said.err
    assert "the log could not take this restore" in said.err
    assert staging.digest(arrived(stage, out)) == staging.digest(stage.docs)


def test_on_another_machine_with_the_password_alone(stage: Any, staging: ModuleType, out: Path) -> None:
    """The host is lost with its state and its documents. Left: password, credentials, configuration."""
    expected, newest = stage.source_digest(), stage.receipts()[-1]["snapshot_id"]
    escrowed = stage.site.root / "escrowed-password"
    shutil.copy(stage.site.state / "keys" / "main.password", escrowed)
    for lost in (stage.site.state, stage.docs):
        shutil.rmtree(lost)
    code, text = stage.told("init")
    assert code == 12, "a new password opens nothing, and is not kept"
    assert "password: file:" in text
    assert not (stage.site.state / "keys" / "main.password").exists()
    stage.configure(repositories={"main": {"url": stage.site.url, "password": f"file:{escrowed}"}})
    said = stage.site.guardian("init")
    assert said.code == 0, said
    assert {m["kind"]: m["standing"] for m in said.json["made"]}["repository"] == "existing"
    assert "repository-adopted" in [e["predicate"].get("event") for e in stage.entries()]
    said = stage.site.guardian("restore", "app/docs", "--target", out)
    assert (said.code, said.json["outcome"], said.json["snapshot_id"]) == (0, "complete", newest)
    assert "no-receipt" in said.reasons, "what it should hold, this machine's log does not know"
    assert staging.digest(arrived(stage, out)) == expected
    assert stage.last()["kind"] == "restore"
