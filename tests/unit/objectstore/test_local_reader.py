"""The local reader: exact ranges, typed misses, and no way out of the repository."""

import os
from pathlib import Path

import pytest

from guardian.errors import RepositoryMissing, StorageRefused
from guardian.model.reader import ObjectMissing, ObjectUnreadable
from guardian.objectstore.local import LocalReader


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "repository"
    (made / "data" / "ab").mkdir(parents=True)
    (made / "config").write_bytes(b"0123456789")
    (made / "data" / "ab" / "abcd").write_bytes(b"pack")
    (tmp_path / "secret").write_bytes(b"outside")
    return made


def test_ranges_are_exact(folder: Path) -> None:
    with LocalReader(folder) as reader:
        assert reader.size("config") == 10
        assert reader.read("config", 3, 4) == b"3456"
        assert reader.read("config", 10, 0) == b""
        assert reader.read("data/ab/abcd", 0, 4) == b"pack"


@pytest.mark.parametrize(("offset", "length"), [(0, 11), (9, 2), (10, 1), (1 << 40, 1)])
def test_what_lies_behind_the_end_is_said(folder: Path, offset: int, length: int) -> None:
    with LocalReader(folder) as reader, pytest.raises(ObjectUnreadable):
        reader.read("config", offset, length)


def test_a_list_names_plain_files_only(folder: Path, tmp_path: Path) -> None:
    (folder / "data" / "cd").symlink_to(tmp_path)
    (folder / "data" / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(folder / "data" / "fifo")
    (folder / "data" / "left-tmp-123").write_bytes(b"x")
    with LocalReader(folder) as reader:
        assert sorted(reader.list("data/")) == [("data/ab/abcd", 4), ("data/left-tmp-123", 1)]
        assert list(reader.list("snapshots/")) == []


@pytest.mark.parametrize(
    "name", ["nothing", "data/nothing", "no/config", "../secret", "/config", "data//ab", ".", "", "a\0b"]
)
def test_a_name_that_is_not_there_is_a_typed_miss(folder: Path, name: str) -> None:
    with LocalReader(folder) as reader:
        with pytest.raises(ObjectMissing):
            reader.read(name, 0, 1)
        with pytest.raises(ObjectMissing):
            reader.size(name)


def test_no_link_is_followed_and_no_fifo_waited_for(folder: Path, tmp_path: Path) -> None:
    (folder / "snapshots").symlink_to(tmp_path)
    (folder / "data" / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(folder / "data" / "fifo")
    with LocalReader(folder) as reader:
        for name in ("snapshots/secret", "data/link", "data/fifo", "data/ab", "config/x"):
            with pytest.raises(ObjectUnreadable):
                reader.read(name, 0, 1)
        with pytest.raises(ObjectUnreadable):
            list(reader.list("snapshots/"))


def test_the_folder_stays_the_one_that_was_opened(folder: Path, tmp_path: Path) -> None:
    with LocalReader(folder) as reader:
        folder.rename(tmp_path / "moved")
        folder.mkdir()
        assert reader.read("config", 0, 1) == b"0"


def test_what_is_no_folder_is_no_repository(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("file", "nothing"):
        with pytest.raises(RepositoryMissing):
            LocalReader(tmp_path / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_a_refusal(folder: Path) -> None:
    (folder / "config").chmod(0)
    with LocalReader(folder) as reader, pytest.raises(StorageRefused):
        reader.read("config", 0, 1)


def test_a_stream_is_the_file_in_pieces(folder: Path) -> None:
    body = os.urandom((4 << 20) + 5)
    (folder / "data" / "big").write_bytes(body)
    with LocalReader(folder) as reader:
        pieces = [len(piece) for piece in reader.stream("data/big", len(body))]
        assert len(pieces) > 1
        assert max(pieces) <= 4 << 20
        assert b"".join(reader.stream("data/big", len(body))) == body
        assert list(reader.stream("data/big", 0)) == []
        with pytest.raises(ObjectUnreadable):
            list(reader.stream("data/big", len(body) + 1))
        with pytest.raises(ObjectMissing):
            list(reader.stream("data/none", 1))
