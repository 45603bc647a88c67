"""The root that facts about a host are read from: no link leads out of it, and nothing in it can trip a walk."""

import errno
import os
from pathlib import Path

import pytest

from guardian.baseline.facts.localmounts import left_out
from guardian.baseline.facts.localroot import LocalRoot
from guardian.baseline.facts.reading import Host, Unread, attempt, shown
from guardian.baseline.facts.root import BATCH, Notes

HOSTILE = [b"new\nline", b"\x1b[2Jescape", b"\xff\xfe not utf-8", b"-rf", b"...", "日志".encode(), b" ", b"a" * 255]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("outside")
    root = tmp_path / "root"
    (root / "etc/deep").mkdir(parents=True)
    (root / "etc/hosts").write_text("inside")
    for name, target in {
        "up": "../../../../../../secret", "absolute": "/etc/hosts", "out": str(tmp_path / "secret"), "loop": "loop",
        "chain": "absolute", "folder": "deep/..", "dangling": "nowhere",
    }.items():  # fmt: skip
        (root / "etc" / name).symlink_to(target)
    return root


def test_links_are_followed_below_the_root_and_never_out_of_it(tree: Path) -> None:
    root = LocalRoot(tree)
    assert root.read("/etc/absolute", 99) == b"inside"
    assert root.read("/etc/chain", 99) == b"inside"
    assert root.read("/etc/folder/hosts", 99) == b"inside"
    assert root.read("/../../etc/../etc/hosts", 99) == b"inside"
    for path in ("/etc/up", "/etc/out", "/etc/dangling", "/etc/hosts/below", "/nothing/there"):
        with pytest.raises((FileNotFoundError, NotADirectoryError)):
            root.read(path, 99)
    with pytest.raises(OSError, match="symbolic links") as caught:
        root.stat("/etc/loop")
    assert caught.value.errno == errno.ELOOP
    link = root.stat("/etc/absolute", follow=False)
    assert (link.kind, link.target) == ("link", "/etc/hosts")
    assert root.stat("/").kind == "folder"
    assert not root.live
    assert LocalRoot().live


def test_only_regular_files_of_a_known_size_are_read(tree: Path) -> None:
    os.mkfifo(tree / "etc/pipe")  # reading it would wait for ever
    host = Host(LocalRoot(tree))
    assert host.bytes("/etc/hosts", 6) == b"inside"
    assert host.bytes("/etc/none") is None
    for path, limit, why in (
        ("/etc/pipe", 99, "not a regular"),
        ("/etc", 99, "not a regular"),
        ("/etc/hosts", 5, "large"),
    ):
        with pytest.raises(Unread, match=why):
            host.bytes(path, limit)
    with pytest.raises(Unread, match="not a path"):
        host.bytes("/etc/nul\0byte")


def test_descriptors_are_closed_whatever_happens(tree: Path) -> None:
    root, before = LocalRoot(tree), len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for path in ("/etc/loop", "/etc/up", "/etc/hosts", "/etc/deep/../../../x"):
        attempt(Host(root).bytes, path)
        attempt(Host(root).stat, path)
        attempt(Host(root).list, path)
    walk = root.walk(Notes())
    next(walk)
    walk.close()
    list(root.walk(Notes()))
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_hostile_names_neither_crash_nor_split_a_record(tree: Path) -> None:
    for name in HOSTILE:
        (tree / os.fsdecode(name)).write_bytes(b"x")
    found = {os.fsencode(name) for _folder, lain in LocalRoot(tree).walk(Notes()) for name, *_more in lain}
    assert set(HOSTILE) <= found
    for name in HOSTILE:
        text = shown(os.fsdecode(name))
        assert text.encode("utf-8")  # fits into any JSON
        assert Host(LocalRoot(tree)).bytes(f"/{os.fsdecode(name)}") == b"x"


def test_a_tree_that_changes_while_it_is_walked(tree: Path) -> None:
    for number in range(20):
        (tree / f"d{number}/inner").mkdir(parents=True)
    notes, seen = Notes(), 0
    for folder, lain in LocalRoot(tree).walk(notes):
        seen += len(lain)
        for name in (name for name, *_more in lain if folder == "/" and name[1:].isdigit()):
            (tree / name / "inner").rmdir()  # each folder is gone, or has become a link, before it is entered
            (tree / name).rmdir()
            if int(name[1:]) % 2:
                (tree / name).symlink_to("/")
            else:
                (tree / name).write_text("a file now")
    assert seen >= 20
    assert notes.missed_count == 0  # what vanished is not there: that is no gap


def test_a_very_deep_tree_is_a_gap_and_no_crash(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    for _ in range(450):
        os.mkdir("d", dir_fd=fd)
        deeper = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = deeper
    os.close(fd)
    notes = Notes()
    assert sum(len(lain) for _folder, lain in LocalRoot(tmp_path).walk(notes)) == 400
    assert (notes.missed_count, notes.missed[0][1]) == (1, "too deep")


def test_a_folder_of_many_files_comes_in_pieces(tmp_path: Path) -> None:
    for number in range(BATCH + 3):
        os.mknod(tmp_path / f"f{number}")
    sizes = [len(lain) for _folder, lain in LocalRoot(tmp_path).walk(Notes())]
    assert sizes == [BATCH, 3]


TABLE = b"""\
22 1 8:1 / / rw - ext4 /dev/sda1 rw
23 22 0:5 / /proc rw - proc proc rw
24 22 0:6 / /mnt/nfs\\040share rw - nfs4 server:/x rw
25 22 8:2 / /home rw - ext4 /dev/sda2 rw
26 22 8:1 /srv/data /export rw - ext4 /dev/sda1 rw
27 22 8:3 /@home /data rw - btrfs /dev/sdb rw
28 22 8:3 /@home /data2 rw - btrfs /dev/sdb rw
29 22 0:9 / /var/lib/x/merged rw - overlay overlay rw
30 22 0:7 / /tmp rw shared:1 - tmpfs tmpfs rw
garbage
31 22 0:7 - - -
"""


def test_file_systems_that_are_left_out() -> None:
    assert left_out(TABLE, Path("/")) == {
        "/proc": "proc", "/mnt/nfs share": "network: nfs4", "/export": "seen elsewhere", "/data2": "seen elsewhere",
        "/var/lib/x/merged": "container layers",
    }  # fmt: skip
    assert left_out(TABLE, Path("/mnt")) == {"/nfs share": "network: nfs4"}
    assert left_out(TABLE, Path("/var/lib/x/merged")) == {}  # what was asked for is walked, whatever it is
