"""A rotation of the password is cut off before every step that changes the disk: what opens the repository is kept."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from guardian.clock import SystemClock
from guardian.config.load import load
from guardian.custody import NEXT, rotate
from guardian.decoder.repository import open_repository
from guardian.errors import WrongPassword
from guardian.keys import passwords
from guardian.ledger.verify import verify_log
from guardian.node import Node
from guardian.objectstore.local import LocalReader
from guardian.proc import Stop

STEPS = ("link", "rename", "unlink", "pwrite")
pytestmark = pytest.mark.slow


def node_of(root: Path) -> Node:
    return Node(load(root / "guardian.yaml"), SystemClock(), lambda _event: None, Stop())


def copied(root: Path, to: Path) -> Path:
    """The disk as a process that is killed now leaves it."""
    subprocess.run(["cp", "-a", str(root), str(to)], check=True)
    config = to / "guardian.yaml"
    config.write_text(config.read_text().replace(str(root), str(to)))
    return to


@contextmanager
def watched(before: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """``before()`` every call of ours that changes the disk. Restic is another process and changes it by itself."""
    with monkeypatch.context() as patch:
        for name in STEPS:
            real = getattr(os, name)

            def step(*args: Any, real: Any = real, **options: Any) -> Any:
                before()
                return real(*args, **options)

            patch.setattr(os, name, step)
        yield


def opening(root: Path) -> set[str]:
    """Names of the files beside each other that hold a password which opens the repository."""
    found = set()
    with LocalReader(root / "repository") as reader:
        for path in (root / "state" / "keys").glob("main.password*"):
            try:
                open_repository(reader, passwords.load(path))
            except WrongPassword:
                continue
            found.add(path.name)
    return found


def keys_in(root: Path) -> set[str]:
    return {path.name for path in (root / "repository" / "keys").iterdir()}


def test_a_rotation_can_be_cut_off_anywhere(stage: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = stage.site.root
    (old,) = keys_in(root)
    disks: list[Path] = []

    def keep() -> None:
        disks.append(copied(root, tmp_path / f"cut-{len(disks)}"))

    with watched(keep, monkeypatch):
        done = rotate(node_of(root), "main")
    assert keys_in(root) == {old, done.key_id}
    assert len(disks) > 8
    resumed = 0
    for disk in disks:
        before = keys_in(disk)
        assert "main.password" in opening(disk), disk
        again = rotate(node_of(disk), "main")
        keys = disk / "state" / "keys"
        assert opening(disk) == {"main.password"}
        there = {path.name for path in keys.iterdir() if path.name.startswith((".", "main"))}
        assert there - {"main.derived"} == {"main.json", "main.password"}
        record = node_of(disk).keys().record("main")
        assert record is not None
        assert record.restic_key_id == again.key_id
        # One that had let its password in before it was cut off went on with it, and made no further key.
        if len(before) == 2:
            assert keys_in(disk) == before
            resumed += 1
        else:
            assert len(keys_in(disk)) == 2
        verdict = verify_log(disk / "state" / "log", (node_of(disk).keys().verify_key(),))
        assert verdict.problem is None
    assert 3 < resumed < len(disks)
    assert not (root / "state" / "keys" / f"main.password{NEXT}").exists()


def test_removal_of_the_old_key_that_is_refused_leaves_a_rotation_that_is_done(stage: Any) -> None:
    """An agent's identity may add keys and delete nothing."""
    stage.program('case "$*" in *"key remove"*) echo "Fatal: AccessDenied: Access Denied" >&2; exit 1;; esac')
    said = stage.site.guardian("keys", "rotate", "main", "--remove-old")
    assert (said.code, said.json["removed"], said.json["error"]["code"]) == (4, "", "storage-refused")
    assert len(said.json["other_keys"]) == 1
    stage.good("--level", "D1")
