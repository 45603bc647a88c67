"""Sources say what is wrong before restic starts, and a failed one sends nothing whole."""

import json
import os
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from guardian.clock import SystemClock
from guardian.errors import Interrupted
from guardian.model.protection import CommandSource, FilesSource, SqliteSource
from guardian.proc import Stop
from guardian.sources import FilesJob, SourceContext, SourceFailed, prepare
from guardian.sources.sqlite import SqliteJob


@pytest.fixture
def context(tmp_path: Path) -> Iterator[SourceContext]:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    stop = Stop()
    yield SourceContext("core", scratch, SystemClock(), stop, stall_seconds=20)
    stop.close()


def files(*paths: Path | str, **more: Any) -> FilesSource:
    return FilesSource.model_validate_json(json.dumps({"kind": "files", "paths": [str(p) for p in paths], **more}))


def failure(spec: Any, context: SourceContext, *, feed: bool = False) -> str:
    try:
        job = prepare(spec, context)
        if feed and not isinstance(job, FilesJob):
            job.feed(lambda _chunk: None)
    except SourceFailed as failed:
        return failed.reason.code
    pytest.fail("the source did not fail")


def test_one_missing_path_is_enough(tmp_path: Path, context: SourceContext) -> None:
    there = tmp_path / "there"
    there.write_text("x")
    assert failure(files(there, tmp_path / "gone"), context) == "source-missing"


def test_an_empty_directory_is_no_backup(tmp_path: Path, context: SourceContext) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert failure(files(tmp_path / "a"), context) == "source-empty"
    job = prepare(files(tmp_path / "a", allow_empty=True), context)
    assert isinstance(job, FilesJob)
    assert job.min_files == 0


def test_a_directory_that_should_be_a_mount_point(tmp_path: Path, context: SourceContext) -> None:
    (tmp_path / "x").write_text("x")
    assert failure(files(tmp_path, require_mount=True), context) == "source-not-mounted"
    prepare(files("/proc", require_mount=True), context)


def test_a_link_would_be_saved_as_a_link(tmp_path: Path, context: SourceContext) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert failure(files(tmp_path / "link"), context) == "source-is-a-link"


def sqlite(path: Path) -> SqliteSource:
    return SqliteSource(kind="sqlite", path=str(path), busy_timeout="1s")  # type: ignore[arg-type]


def database(path: Path, mode: str, rows: int = 500) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"pragma journal_mode = {mode}")
        connection.execute('create table "odd ""name" (x)')
        connection.executemany('insert into "odd ""name" values (?)', [("y" * 100,) for _ in range(rows)])
        connection.commit()


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_database_is_copied_while_it_is_written(mode: str, tmp_path: Path, context: SourceContext) -> None:
    path = tmp_path / "app #1?.db"
    database(path, mode)
    sent = bytearray()
    with closing(sqlite3.connect(path)) as writer:
        writer.execute('insert into "odd ""name" values (1)')  # not committed: it must not be in the copy
        job = prepare(sqlite(path), context)
        assert not isinstance(job, FilesJob)
        job.feed(sent.extend)
        writer.rollback()
    copy = tmp_path / "copy.db"
    copy.write_bytes(sent)
    with closing(sqlite3.connect(copy)) as restored:
        assert restored.execute("pragma integrity_check").fetchone() == ("ok",)
        assert restored.execute('select count(*) from "odd ""name"').fetchone() == (500,)
    assert job.facts()["rows"] == {'odd "name': 500}
    assert job.digest().bytes == len(sent)
    assert job.filename == "/app #1?.db"
    assert list(context.scratch.iterdir()) == []


def test_what_is_no_database(tmp_path: Path, context: SourceContext) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(os.urandom(8192))
    assert failure(sqlite(path), context, feed=True) == "sqlite-corrupt"
    assert failure(sqlite(tmp_path / "gone.db"), context, feed=True) == "source-missing"
    assert list(context.scratch.iterdir()) == []


def test_a_damaged_page_is_seen_before_it_is_sent(tmp_path: Path, context: SourceContext) -> None:
    path = tmp_path / "x.db"
    database(path, "delete")
    data = bytearray(path.read_bytes())
    data[4096:4196] = b"\xff" * 100
    path.write_bytes(data)
    sent = bytearray()
    job = prepare(sqlite(path), context)
    assert not isinstance(job, FilesJob)
    with pytest.raises(SourceFailed) as caught:
        job.feed(sent.extend)
    assert caught.value.reason.code == "sqlite-corrupt"
    assert not sent


def test_damage_with_a_name_that_is_no_utf_8(tmp_path: Path, context: SourceContext) -> None:
    """SQLite's own message about it cannot be decoded either; that is the source's failure, not an error of ours."""
    path = tmp_path / "x.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "create table t (x); pragma writable_schema = on; update sqlite_schema set name = cast(x'ff00fe' as text)"
        )
    assert failure(sqlite(path), context, feed=True) == "sqlite-corrupt"


def test_a_locked_database(tmp_path: Path, context: SourceContext) -> None:
    path = tmp_path / "x.db"
    database(path, "delete")
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("begin exclusive")
        assert failure(sqlite(path), context, feed=True) == "sqlite-busy"


def test_a_database_that_cannot_be_looked_at(tmp_path: Path, context: SourceContext) -> None:
    """Not even its name can be looked up: the source's failure, not an error of ours."""
    assert failure(sqlite(tmp_path / ("x" * 300)), context) == "source-unreadable"
    assert failure(sqlite(tmp_path), context) == "source-unreadable"
    assert failure(sqlite(tmp_path / "gone"), context) == "source-missing"


def command(script: str, **more: Any) -> CommandSource:
    return CommandSource(kind="command", argv=(sys.executable, "-c", script), **more)


def test_a_producer_is_heard_to_its_end(context: SourceContext) -> None:
    sent = bytearray()
    job = prepare(command("print('rows' * 100000); print('-- done')", trailer="-- done"), context)
    assert not isinstance(job, FilesJob)
    job.feed(sent.extend)
    assert sent.endswith(b"-- done\n")
    assert job.filename == "/core"
    assert job.digest().bytes == len(sent) == 400_009


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        (command("print('half'); raise SystemExit(7)"), "producer-failed"),
        (command("pass"), "producer-short"),
        (command("print('x' * 10000)", trailer="-- done"), "producer-trailer-missing"),
        (command("print('-- done'); print('x' * 5000)", trailer="-- done"), "producer-trailer-missing"),
        (command("import os; print('x', flush=True); os.kill(os.getpid(), 9)"), "producer-failed"),
    ],
)
def test_a_producer_that_fails(spec: CommandSource, code: str, context: SourceContext) -> None:
    assert failure(spec, context, feed=True) == code


TIDY = """
import signal, sys, time
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
print("x" * 99, flush=True)
time.sleep(60)
"""


def test_a_producer_that_was_stopped_did_not_succeed_whatever_it_says(context: SourceContext) -> None:
    spec = CommandSource.model_validate({"kind": "command", "argv": (sys.executable, "-c", TIDY), "time_limit": "1s"})
    assert failure(spec, context, feed=True) == "producer-overran"


def test_a_stop_is_a_stop_and_no_failure_of_the_producer(context: SourceContext) -> None:
    spec = CommandSource.model_validate({"kind": "command", "argv": (sys.executable, "-c", TIDY)})
    job = prepare(spec, context)
    assert not isinstance(job, FilesJob)
    with pytest.raises(Interrupted):
        job.feed(lambda _chunk: context.stop.set())


def test_a_stop_ends_the_wait_for_a_lock(tmp_path: Path, context: SourceContext) -> None:
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("create table t (a)")
        writer.execute("begin exclusive")
        spec = SqliteSource.model_validate({"kind": "sqlite", "path": str(path), "busy_timeout": "10m"})
        job = prepare(spec, context)
        assert not isinstance(job, FilesJob)
        threading.Timer(0.3, context.stop.set).start()
        with pytest.raises(Interrupted):
            job.feed(lambda _chunk: None)


def test_a_stop_ends_the_check_of_a_large_copy(tmp_path: Path, context: SourceContext) -> None:
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("create table t (a)")
        numbers = "with recursive n(i) as (select 1 union all select i + 1 from n limit 200000)"
        database.execute(f"insert into t {numbers} select i from n")
        database.commit()
    job = prepare(SqliteSource.model_validate({"kind": "sqlite", "path": str(path)}), context)
    assert isinstance(job, SqliteJob)
    context.stop.set()
    with pytest.raises(Interrupted), job._failures():
        job._inspect(path)


@pytest.mark.parametrize("path", ["//srv/data", "/srv//data/", "/srv/./data", "///srv/data"])
def test_a_path_is_written_as_restic_will_show_it(path: str) -> None:
    assert files(path).paths == ("/srv/data",)
