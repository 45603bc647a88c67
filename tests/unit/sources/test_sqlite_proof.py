"""D4 for SQLite: a database that works passes, and nothing else does, however it was made."""

import io
import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from guardian.clock import SystemClock
from guardian.errors import Interrupted, RepositoryDamaged, StorageFull
from guardian.model.protection import SqliteSource
from guardian.proc import Stop
from guardian.sources import SourceContext, prepare, sqlite_proof
from guardian.sources.proof import Proof, ProofContext
from guardian.sources.sqlite_proof import prove


@dataclass
class Bytes:
    """A dump of known bytes."""

    data: bytes
    path: str = "/app.db"
    size: int = -1

    def __post_init__(self) -> None:
        self.size = len(self.data) if self.size < 0 else self.size

    def open(self) -> BinaryIO:
        return io.BytesIO(self.data)


@dataclass
class Bench:
    context: ProofContext
    marks: list[str]
    stop: Stop
    facts: dict[str, Any] = field(default_factory=dict)

    def prove(self, data: bytes, **spec: Any) -> Proof:
        for left in self.context.folder.iterdir():
            left.unlink()
        source = SqliteSource.model_validate_json(json.dumps({"kind": "sqlite", "path": "/app.db", **spec}))
        return prove(source, Bytes(data), self.facts, self.context)

    def codes(self, data: bytes, **spec: Any) -> list[str]:
        return [found.code for found in self.prove(data, **spec).reasons]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    folder, marks, stop = tmp_path / "scratch", [], Stop()
    folder.mkdir()
    context = ProofContext(folder, SystemClock(), stop, 20.0, marks.append)
    yield Bench(context, marks, stop, {"rows": {"t": 3}})
    stop.close()


def made(tmp_path: Path, *statements: str) -> bytes:
    path = tmp_path / "made.db"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as database:
        database.executescript("create table t (x); insert into t values (1), (2), (3);" + ";".join(statements))
        database.commit()
    return path.read_bytes()


def test_what_a_backup_streamed_is_proven(tmp_path: Path, bench: Bench) -> None:
    path = tmp_path / "app.db"
    path.write_bytes(
        made(
            tmp_path,
            "create virtual table f using fts5(words)",
            "insert into f values ('中文 text')",
            "create virtual table r using rtree(id, low, high)",
            "insert into r values (1, 2, 3)",
        )
    )
    sent = bytearray()
    scratch = tmp_path / "s"
    scratch.mkdir()
    job = prepare(
        SqliteSource(kind="sqlite", path=str(path), busy_timeout="1s"),  # type: ignore[arg-type]
        SourceContext("app", scratch, SystemClock(), bench.stop, 20),
    )
    job.feed(sent.extend)  # type: ignore[union-attr]
    bench.facts = job.facts()  # type: ignore[union-attr]
    proof = bench.prove(
        bytes(sent),
        newest="select '2026-10-01T08:00:00Z'",
        assertions=[
            "select count(*) = 3 from t",
            "select count(*) = 1 from f where words match 'text'",
            "select count(*) = 1 from r where low > 1",
            "select 'true'",
        ],
    )
    assert proof.reasons == ()
    assert proof.newest == datetime(2026, 10, 1, 8, tzinfo=UTC)
    assert bench.marks == ["target_ready", "fetch_start", "bytes_done", "app_started", "assertions_ok"]
    assert proof.measured["assertions"] == 4


def test_rows_that_did_not_come_back(tmp_path: Path, bench: Bench) -> None:
    data = made(tmp_path)
    bench.facts = {"rows": {"t": 4, "gone": 1}}
    proof = bench.prove(data)
    assert {(r.code, r.args["table"]) for r in proof.reasons} == {("rows-differ", "t"), ("table-missing", "gone")}
    assert "assertions_ok" not in bench.marks


def test_a_view_does_not_stand_in_for_a_table(tmp_path: Path, bench: Bench) -> None:
    data = made(tmp_path, "create view v as select 1 union all select 2")
    bench.facts = {"rows": {"v": 2}}
    assert bench.codes(data) == ["table-missing"]


def test_a_receipt_without_counts_is_said(tmp_path: Path, bench: Bench) -> None:
    bench.facts = {}
    proof = bench.prove(made(tmp_path))
    assert [(r.code, r.severity) for r in proof.reasons] == [("rows-unknown", "warning")]


@pytest.mark.parametrize(
    "sql",
    [
        "select null",
        "select 0",
        "select 'false'",
        "select 2",
        "select 1 where 0",
        "select x from nowhere",
        "not sql",
        "select 1; select 1",
        "delete from t",
        "insert into t values (4) returning 1",
        "attach ':memory:' as other",
        "select load_extension('/tmp/x')",
        "pragma query_only = off",
        "pragma trusted_schema",
        "update sqlite_schema set name = 'x' returning 1",
        "pragma page_size = 512",
        "create temp table y as select 1",
        "vacuum into '/tmp/guardian-out.db'",
        "select count(*) from pragma_database_list",
        "select hex(zeroblob(400000000)) is not null",
    ],
)
def test_assertions_that_fail(sql: str, tmp_path: Path, bench: Bench) -> None:
    proof = bench.prove(made(tmp_path), assertions=["select 1", sql])
    assert [(r.code, r.severity, r.args["sql"]) for r in proof.reasons] == [("assertion-failed", "critical", sql)]
    assert not Path("/tmp/guardian-out.db").exists()


def test_an_endless_query_ends(tmp_path: Path, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_proof, "ASK_SECONDS", 0.2)
    endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"
    data = made(tmp_path, f"create view v as {endless}")
    proof = bench.prove(data, assertions=["select * from v"], newest=endless)
    assert [r.code for r in proof.reasons] == ["newest-unknown", "assertion-failed"]
    assert "within" in str(proof.reasons[1].args["why"])


def test_a_stop_is_heard_in_the_middle_of_a_query(tmp_path: Path, bench: Bench) -> None:
    endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"
    data = made(tmp_path)
    threading.Timer(0.2, bench.stop.set).start()
    with pytest.raises(Interrupted):
        bench.prove(data, assertions=[endless])


def test_broken_references_are_a_warning_unless_the_source_had_them(tmp_path: Path, bench: Bench) -> None:
    data = made(tmp_path, "create table child (t references parent (id))", "insert into child values (1), (2)")
    proof = bench.prove(data)
    assert [(r.code, r.severity, r.args) for r in proof.reasons] == [("foreign-keys-violated", "warning", {"count": 2})]
    bench.facts["foreign_key_violations"] = 2
    assert bench.codes(data) == []


def damaged(tmp_path: Path) -> Iterator[bytes]:
    """A database with rows and an index, cut and flipped in every way."""
    filler = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000)"
    data = made(
        tmp_path,
        "create table u (id integer primary key, note text)",
        f"insert into u {filler} select i, hex(i * 7919) || 'padding' from n",
        "create index notes on u (note)",
    )
    for size in (1, 99, 100, 512, 4096, len(data) // 2, len(data) - 1):
        yield data[:size]
    for at in range(0, len(data), 311):
        yield data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]
    yield os.urandom(8192)
    yield b"SQLite format 3\x00" + os.urandom(8192)


def test_no_damage_ends_in_anything_but_an_answer(tmp_path: Path, bench: Bench) -> None:
    """Free space may be flipped without a loss; whatever else is hit is found, and nothing is raised."""
    bench.facts = {"rows": {"t": 3, "u": 3000}}
    found = [bench.codes(data, assertions=["select sum(length(note)) > 0 from u"]) for data in damaged(tmp_path)]
    assert all(found[:7]), "a cut database passed"
    assert all(found[-2:]), "noise passed"
    assert sum(map(bool, found)) > len(found) // 4


def test_an_empty_stream_is_an_empty_database(bench: Bench) -> None:
    assert bench.codes(b"") == ["table-missing"]


@pytest.mark.parametrize(
    "poison",
    [
        "create view a as select * from b; create view b as select * from a",
        "create trigger z after insert on t begin select load_extension('x'); end",
        "create table g (x, y as (abs(x)), check (x > 0)); insert into g (x) values (1)",
        "pragma writable_schema = on; update sqlite_schema set sql = 'create table t (nonsense' where name = 't'",
        "pragma writable_schema = on; update sqlite_schema set rootpage = 99999 where name = 't'",
        "pragma writable_schema = on; update sqlite_schema set rootpage = 1 where name = 't'",
        (
            "pragma writable_schema = on; insert into sqlite_schema values"
            " ('table', 'e', 'e', 0, 'create virtual table e using nosuchmodule(x)')"
        ),
        "pragma writable_schema = on; update sqlite_schema set name = cast(x'ff00fe' as text)",
    ],
)
def test_a_poisoned_schema_ends_in_an_answer(poison: str, tmp_path: Path, bench: Bench) -> None:
    proof = bench.prove(made(tmp_path, poison), assertions=["select count(*) = 3 from t"])
    assert isinstance(proof, Proof)
    if "update" in poison:
        assert any(r.severity == "critical" for r in proof.reasons)


def test_what_the_repository_cannot_give(bench: Bench) -> None:
    class Torn(Bytes):
        def open(self) -> BinaryIO:
            raise RepositoryDamaged("a pack is gone")

    spec = SqliteSource(kind="sqlite", path="/app.db", busy_timeout="1s")  # type: ignore[arg-type]
    with pytest.raises(RepositoryDamaged):
        prove(spec, Torn(b""), bench.facts, bench.context)
    (bench.context.folder / "database.sqlite").unlink()
    short = prove(spec, Bytes(b"x" * 10, size=20), bench.facts, bench.context)
    assert [r.code for r in short.reasons] == ["stream-length-differs"]


def test_a_disk_that_is_too_small(bench: Bench) -> None:
    spec = SqliteSource(kind="sqlite", path="/app.db", busy_timeout="1s")  # type: ignore[arg-type]
    with pytest.raises(StorageFull):
        prove(spec, Bytes(b"", size=1 << 60), bench.facts, bench.context)


def test_the_copy_is_not_for_others(tmp_path: Path, bench: Bench) -> None:
    bench.prove(made(tmp_path))
    assert (bench.context.folder / "database.sqlite").stat().st_mode & 0o777 == 0o600
