"""Scratch is cleared whatever was restored into it, and nothing beyond it is touched."""

import os
import stat
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from guardian.drill.proofs import Extent, measure
from guardian.errors import UsageError
from guardian.scratch import SHARED, remove, scratch_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    """A directory of an ordinary user, who is us for the time of the test: root is stopped by no mode."""
    before = os.geteuid()
    with tempfile.TemporaryDirectory() as name:
        if before == 0:
            os.chown(name, 65534, 65534)
            os.seteuid(65534)
        try:
            yield Path(name)
        finally:
            os.seteuid(before)


def test_closed_directories_go(folder: Path) -> None:
    scratch = folder / "scratch"
    for name, mode in (("closed", 0o000), ("read-only", 0o500), ("deaf", 0o300)):
        (scratch / name / "deep").mkdir(parents=True)
        (scratch / name / "deep" / "file").write_text("x")
        (scratch / name / "deep").chmod(mode)
        (scratch / name).chmod(mode)
    remove(scratch)
    assert not scratch.exists()


def test_what_a_link_leads_to_keeps_its_mode(folder: Path) -> None:
    live = folder / "live"
    live.write_text("x")
    live.chmod(0o444)
    scratch = folder / "scratch"
    (scratch / "d").mkdir(parents=True)
    (scratch / "d" / "link").symlink_to(live)
    (scratch / "d" / "dangling").symlink_to("nowhere")
    (scratch / "d").chmod(0o500)
    remove(scratch)
    assert not scratch.exists()
    assert stat.S_IMODE(live.stat().st_mode) == 0o444


def test_what_somebody_else_removed_is_gone(folder: Path) -> None:
    remove(folder / "never")


def test_a_closed_directory_is_measured_as_empty(folder: Path) -> None:
    (folder / "closed").mkdir()
    (folder / "closed" / "file").write_text("x")
    (folder / "closed").chmod(0)
    (folder / "file").write_text("xy")
    assert measure(folder) == Extent(1, 2)
    (folder / "closed").chmod(0o700)


def test_a_folder_goes_on_every_exit_and_what_a_crash_left_goes_at_the_next_start(tmp_path: Path) -> None:
    root = tmp_path / "scratch"
    with scratch_folder(root) as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "data").write_text("x")
    with pytest.raises(RuntimeError), scratch_folder(root) as folder:
        raise RuntimeError
    (root / "left-by-a-crash").mkdir()
    (root / "left-by-a-crash" / "data").write_text("x")
    with scratch_folder(root) as mine:
        assert [path for path in root.iterdir() if path.is_dir()] == [mine]
    assert not list(root.iterdir())


def test_a_passable_folder_lets_others_through_but_not_in(tmp_path: Path) -> None:
    leases = tmp_path / "state" / "scratch"
    with scratch_folder(leases, passable=True) as folder:
        assert folder.parent == SHARED
        assert stat.S_IMODE(folder.stat().st_mode) == 0o711
    assert not folder.exists()
    with scratch_folder(leases, tmp_path / "disk", passable=True) as folder:
        assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder.parent)] == [0o711, 0o711]


def test_in_a_shared_place_only_what_is_ours_is_swept(tmp_path: Path) -> None:
    shared, leases = tmp_path / "shared", tmp_path / "scratch"
    shared.mkdir()
    shared.chmod(0o1777)
    with scratch_folder(leases, shared) as folder, scratch_folder(tmp_path / "other", shared) as theirs:
        name = folder.name
    (shared / name).mkdir()  # as after a crash
    (shared / theirs.name).mkdir()
    (shared / "somebody's").mkdir()
    with scratch_folder(leases, shared) as folder:
        assert {path.name for path in shared.iterdir()} == {folder.name, theirs.name, "somebody's"}


def test_drills_that_begin_and_end_together_leave_each_other_alone(tmp_path: Path) -> None:
    def use(_number: int) -> None:
        for _turn in range(50):
            with scratch_folder(tmp_path / "scratch") as folder:
                (folder / "data").write_text("x")

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(use, range(4))) == [None] * 4
    assert not list((tmp_path / "scratch").iterdir())


def test_scratch_where_others_could_exchange_it_is_refused(tmp_path: Path) -> None:
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    (tmp_path / "link").symlink_to(tmp_path)
    for root in (open_to_all, tmp_path / "link"):
        with pytest.raises(UsageError), scratch_folder(tmp_path / "scratch", root):
            pytest.fail("scratch was made there")
