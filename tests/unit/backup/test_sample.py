"""The sample of source digests: bounded, redone by anyone, and never of a file that changed."""

import hashlib
import os
import time
from pathlib import Path

from guardian.backup import sample

SEED = b"s" * 32


def make(folder: Path, count: int, size: int = 10) -> list[Path]:
    paths = []
    for number in range(count):
        path = folder / f"{number:04d}"
        path.write_bytes(number.to_bytes(4, "big") * (size // 4 + 1))
        paths.append(path)
    return paths


def take(paths: list[Path], started_ns: int | None = None) -> sample.SourceSample:
    ranking = sample.Ranking(SEED)
    for path in paths:
        ranking.offer([os.fsencode(path)])
    # A moment after the files were made, beyond the margin for the coarse clock of inodes.
    now = time.time_ns() + 10 * sample.CTIME_MARGIN_NS
    return sample.take(ranking, SEED, now if started_ns is None else started_ns)


def test_digests_are_of_the_content(tmp_path: Path) -> None:
    for digest in take(make(tmp_path, 5)).files:
        assert digest.sha256 == hashlib.sha256(Path(digest.path).read_bytes()).hexdigest()


def test_anyone_can_redo_the_draw(tmp_path: Path) -> None:
    paths = make(tmp_path, 500)
    expected = sorted(map(str, paths), key=lambda p: hashlib.blake2b(p.encode(), key=SEED, digest_size=32).digest())[
        : sample.MAX_FILES
    ]
    taken = take(paths)
    assert [f.path for f in taken.files] == expected
    assert [f.path for f in take(list(reversed(paths))).files] == expected
    assert taken.frame == 500


def test_a_file_changed_after_the_start_is_left_out(tmp_path: Path) -> None:
    paths = make(tmp_path, 3)
    taken = take(paths, started_ns=paths[0].stat().st_ctime_ns)
    assert taken.files == ()
    assert taken.unstable == 3


def test_more_than_the_room_there_is(tmp_path: Path, monkeypatch: object) -> None:
    big = tmp_path / "big"
    with big.open("wb") as file:
        file.truncate(sample.MAX_BYTES + 1)
    taken = take([big, *make(tmp_path, 2)])
    assert taken.too_large == 1
    assert len(taken.files) == 2


def test_links_fifos_and_vanished_files(tmp_path: Path) -> None:
    fifo, link, gone = tmp_path / "fifo", tmp_path / "link", tmp_path / "gone"
    os.mkfifo(fifo)
    link.symlink_to("/etc/passwd")
    taken = take([fifo, link, gone])
    assert taken.files == ()
    assert taken.unstable + taken.unreadable == 3


def test_long_names_do_not_burst_the_receipt(tmp_path: Path) -> None:
    folder = tmp_path
    for _level in range(12):
        folder /= "d" * 200
    folder.mkdir(parents=True)
    taken = take(make(folder, 64))
    assert taken.cut > 0
    assert sum(len(f.path) for f in taken.files) <= sample.MAX_PATH_BYTES


def test_changes_and_losses_are_counted_and_a_few_named(tmp_path: Path) -> None:
    paths = make(tmp_path, 8)
    quiet = sample.Changes(paths[0].stat().st_ctime_ns + 10**12)
    changes = sample.Changes(0)
    for path in (*paths, tmp_path / "gone"):
        changes.note([os.fsencode(path)])
        quiet.note([os.fsencode(path)])
    assert (quiet.count, quiet.first) == (1, [str(tmp_path / "gone")])
    assert changes.count == 9
    assert changes.first == [str(path) for path in paths[:5]]


def test_a_name_that_nobody_can_look_up_is_no_change() -> None:
    changes = sample.Changes(0)
    changes.note(["/srv/not-utf8-\ufffd".encode()])
    assert changes.count == 0
