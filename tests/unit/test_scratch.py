"""Scratch is cleared whatever was restored into it, and nothing beyond it is touched."""

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from guardian.drill.proofs import Extent, measure
from guardian.node import _remove


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
    _remove(scratch)
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
    _remove(scratch)
    assert not scratch.exists()
    assert stat.S_IMODE(live.stat().st_mode) == 0o444


def test_what_somebody_else_removed_is_gone(folder: Path) -> None:
    _remove(folder / "never")


def test_a_closed_directory_is_measured_as_empty(folder: Path) -> None:
    (folder / "closed").mkdir()
    (folder / "closed" / "file").write_text("x")
    (folder / "closed").chmod(0)
    (folder / "file").write_text("xy")
    assert measure(folder) == Extent(1, 2)
    (folder / "closed").chmod(0o700)
