"""A journal that was damaged, is another's, cannot be written or lies on a full disk: each has its own error."""

import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from guardian.agent import schema
from guardian.agent.journal import FILE, Journal, JournalBusy, JournalCorrupt
from guardian.clock import SystemClock
from guardian.errors import Unavailable
from guardian.model.job import JobResult, SlotEnd, Task
from guardian.model.reason import reason

TASK = Task(key="backup:app/docs", kind="backup")
START = datetime(2026, 11, 2, tzinfo=UTC)
CLOCK = SystemClock()


def fill(folder: Path, count: int = 200) -> Path:
    with Journal.open(folder, CLOCK) as journal:
        ends = [
            SlotEnd(TASK.key, START + timedelta(hours=n), "missed", (reason("slot-unattended"),)) for n in range(count)
        ]
        journal.account(ends)
        for _ in range(5):
            journal.end(journal.begin(TASK.key, None), JobResult(outcome="complete", exit_code=0))
    return folder / FILE


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("filled"))


@pytest.fixture
def journal(filled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(filled, tmp_path / FILE))


def use(folder: Path) -> None:
    with Journal.open(folder, CLOCK) as journal:
        journal.records([TASK])
        journal.attempts(TASK.key, 1000)
        journal.slot_ends(TASK.key, 1000)
        journal.unstated()
        journal.counts(TASK.key)
        journal.end(journal.begin(TASK.key, None), JobResult(outcome="complete", exit_code=0))


def truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def emptied(path: Path) -> None:
    os.truncate(path, 0)


def replaced(path: Path) -> None:
    path.write_bytes(b"this is no database " * 500)


def of_another_program(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE task (key TEXT)")


def of_a_newer_version(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version={schema.VERSION + 1}")


def without_a_table(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TABLE result")


def with_another_moment(path: Path) -> None:
    data = path.read_bytes()
    assert b"2026-11-02T05:00" in data
    path.write_bytes(data.replace(b"2026-11-02T05:00", b"2026-11-0\xff?05:00"))


@pytest.mark.parametrize(
    "damage",
    [truncated, emptied, replaced, of_another_program, of_a_newer_version, without_a_table, with_another_moment],
)
def test_what_is_no_journal_is_told_and_left_as_it_is(journal: Path, damage: Callable[[Path], None]) -> None:
    damage(journal)
    before = journal.read_bytes()
    with pytest.raises(JournalCorrupt) as error:
        use(journal.parent)
    assert str(journal) in error.value.message
    assert journal.read_bytes() == before


def overwritten(path: Path) -> None:
    path.write_bytes(b"\0" * 4096)


def garbled(path: Path) -> None:
    path.write_bytes(os.urandom(path.stat().st_size))


def removed(path: Path) -> None:
    path.unlink()


def exchanged(path: Path) -> None:
    shutil.copy(path, path.with_name("other")).rename(path)


def without_its_newest_pages(path: Path) -> None:
    os.truncate(path.with_name(f"{path.name}-wal"), 0)


def altered_beside_its_log(path: Path) -> None:
    """Somewhere in the middle, as a disk does it; the time of the change stays."""
    found = path.stat()
    with path.open("r+b") as file:
        file.seek(found.st_size // 2)
        file.write(os.urandom(found.st_size // 4))
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns + 1))


@pytest.mark.parametrize(
    "damage", [overwritten, garbled, truncated, removed, exchanged, without_its_newest_pages, altered_beside_its_log]
)
def test_what_is_done_to_a_journal_in_use_is_found(journal: Path, damage: Callable[[Path], None]) -> None:
    with Journal.open(journal.parent, CLOCK) as opened:
        opened.records([TASK])
        opened.end(opened.begin(TASK.key, None), JobResult(outcome="complete", exit_code=0))
        opened.examine()
        damage(journal)
        opened.records([TASK])  # SQLite answers from memory
        with pytest.raises(JournalCorrupt):
            opened.examine()


def test_a_journal_in_use_whose_disk_is_away_is_not_called_damaged(journal: Path) -> None:
    with Journal.open(journal.parent, CLOCK) as opened:
        away = journal.parent.rename(journal.parent.with_name("away"))
        with pytest.raises(Unavailable) as error:
            opened.examine()
        assert not isinstance(error.value, JournalCorrupt)
        away.rename(journal.parent)
        opened.examine()


def test_a_journal_that_somebody_holds_is_told(journal: Path) -> None:
    with (
        Journal.open(journal.parent, CLOCK) as opened,
        closing(sqlite3.connect(journal, isolation_level=None)) as other,
    ):
        opened._db.execute("PRAGMA busy_timeout = 0")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalBusy):
            opened.examine()
        other.execute("ROLLBACK")
        opened.examine()


def test_flipped_bytes_are_found_or_do_no_harm(journal: Path) -> None:
    whole, dice, found = journal.read_bytes(), random.Random(4), 0
    for _ in range(120):
        data = bytearray(whole)
        for _ in range(dice.choice((1, 1, 8))):
            data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        journal.write_bytes(data)
        try:
            use(journal.parent)
        except JournalCorrupt:
            found += 1
        for side in journal.parent.glob(f"{FILE}-*"):
            side.unlink()
    assert found > 20


def test_what_a_reader_cannot_read_is_told(journal: Path) -> None:
    replaced(journal)
    with pytest.raises(JournalCorrupt):
        Journal.read(journal.parent, CLOCK)
    journal.unlink()
    with pytest.raises(FileNotFoundError):
        Journal.read(journal.parent, CLOCK)
    assert list(journal.parent.iterdir()) == [], "a reader makes nothing"


def test_a_journal_of_an_older_form_is_brought_to_this_one(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        schema, "STEPS", (*schema.STEPS, "ALTER TABLE task ADD COLUMN more TEXT;\nCREATE TABLE new (a TEXT) @")
    )
    monkeypatch.setattr(schema, "VERSION", schema.VERSION + 1)
    for _ in range(2):
        use(journal.parent)
    with closing(sqlite3.connect(journal)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)
        assert db.execute("SELECT count(more) FROM task").fetchone() == (0,)


def limited(folder: Path, bytes_: int) -> subprocess.CompletedProcess[str]:
    """Attempts are begun and ended until that fails, by a process that may write no file beyond ``bytes_``."""
    program = (
        "import sys; from pathlib import Path; from guardian.agent.journal import Journal; "
        "from guardian.clock import SystemClock; from guardian.model.job import JobResult\n"
        "from guardian.errors import GuardianError\n"
        "try:\n"
        "    journal = Journal.open(Path(sys.argv[1]), SystemClock())\n"
        "    while True:\n"
        "        journal.end(journal.begin('backup:app/docs', None), JobResult(outcome='failed', exit_code=1))\n"
        "except GuardianError as error: print(type(error).__name__)\n"
    )

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_, bytes_))

    return subprocess.run(
        [sys.executable, "-c", program, str(folder)],
        preexec_fn=limit,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


def attempts(folder: Path) -> int:
    with Journal.open(folder, CLOCK) as journal:
        return len(journal.attempts(TASK.key, 10_000)) - len(journal.cut_off())


@pytest.mark.parametrize("size", [100, 20_000, 200_000])
def test_a_file_that_may_grow_no_more_costs_nothing_that_was_acknowledged(tmp_path: Path, size: int) -> None:
    said = limited(tmp_path / "agent", size)
    assert said.stdout.split()[-1] in ("StorageFull", "Unavailable"), said
    if size > 100_000:
        assert attempts(tmp_path / "agent") > 3
        with Journal.open(tmp_path / "agent", CLOCK) as journal:
            for one in journal.cut_off():
                journal.end(one.id, JobResult(outcome="interrupted", exit_code=130))
    use(tmp_path / "agent")


def test_a_full_disk_is_told_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    """On a file system of its own, which only root or a user namespace can mount."""
    program = Path(__file__).with_name("full_disk.py")
    namespace = ["unshare", *(() if os.geteuid() == 0 else ("-r",)), "-m"]
    mount = "mount -t tmpfs -o size=768k t"
    tried = subprocess.run([*namespace, "sh", "-c", f"{mount} /mnt"], capture_output=True, check=False)
    if tried.returncode != 0:
        pytest.skip("NOT TESTED: nothing can be mounted here")
    script = f'{mount} "$1" && exec "$2" "$3" "$1"'
    command = [*namespace, "sh", "-c", script, "sh", str(tmp_path), sys.executable, str(program)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (said.returncode, said.stdout.split()) == (0, ["full", "told", "went-on", "whole"]), said.stderr


def test_a_folder_nobody_may_write_to(tmp_path: Path) -> None:
    """Root may write anywhere but where a file system is mounted read-only, or a name cannot be one."""
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable):
        Journal.open(tmp_path / "file" / "agent", CLOCK)
    namespace = ["unshare", *(() if os.geteuid() == 0 else ("-r",)), "-m"]
    fill(tmp_path / "agent", 3)
    script = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && exec "$2" "$3" "$1"'
    command = [*namespace, "sh", "-c", script, "sh", str(tmp_path / "agent"), sys.executable]
    said = subprocess.run(
        [*command, str(Path(__file__).with_name("read_only.py"))], capture_output=True, text=True, check=False
    )
    if "permission denied" in said.stderr.lower() and not said.stdout:
        pytest.skip("NOT TESTED: nothing can be mounted here")
    assert (said.returncode, said.stdout.split()) == (0, ["NotPermitted", "3"]), said.stderr
