"""What the tests of PostgreSQL share: a server full of odd things, its dump, and a drill of it."""

import importlib.util
import io
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, BinaryIO

import pytest

from guardian.clock import SystemClock
from guardian.model.protection import PostgresqlSource
from guardian.model.secret import Secret
from guardian.proc import Stop
from guardian.scratch import scratch_folder
from guardian.sources import SourceContext
from guardian.sources.archive import ArchiveReader, ArchiveWriter
from guardian.sources.postgresql.dump import PostgresqlJob
from guardian.sources.proof import Proof, ProofContext
from guardian.sources.prove import prove

HERE = Path(__file__).parent
spec_of_databases = importlib.util.spec_from_file_location("guardian_tests_databases", HERE / "databases.py")
assert spec_of_databases is not None
assert spec_of_databases.loader is not None
databases = sys.modules[spec_of_databases.name] = importlib.util.module_from_spec(spec_of_databases)
spec_of_databases.loader.exec_module(databases)


ODD = "O'dd \"中文/../x"
NEWEST = "2026-11-20 08:30:00+00"
PASSED = ("target_ready", "fetch_start", "bytes_done", "app_started", "assertions_ok")


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with databases.postgres_server() as running:
        running.sql(
            "create role clerk login password 'clerk'",
            "create role reader login password 'reader' in role pg_read_all_data",
            "create role blind login password 'blind'",
            "create database app owner clerk",
            f"""create database "{ODD.replace('"', '""')}" """,
            "create database other",
        )
        running.sql(
            "create table payments (id int primary key, at timestamptz, note text)",
            f"insert into payments select i, timestamptz '{NEWEST}' - i * interval '1 hour', md5(i::text)"
            " from generate_series(0, 4999) i",
            "create schema audit",
            'create table audit."odd ""table" (x text)',
            """insert into audit."odd ""table" values (E'new\\nline'), (null), ('中文')""",
            "create table audit.parent (x int) partition by range (x)",
            "create table audit.part partition of audit.parent for values from (0) to (10)",
            "insert into audit.parent select generate_series(0, 9)",
            "create index on payments (note)",
            "create extension amcheck",
            "alter table payments owner to clerk",
            "grant select on payments to blind",
            "grant usage on schema audit to blind",
            "revoke connect on database app from public",
            "grant connect on database app to blind, reader, clerk",
            "alter table payments enable row level security",
            database="app",
        )
        running.sql("create table t as select generate_series(1, 20) x", database=ODD)
        running.sql("create table large as select i, repeat(md5(i::text), 40) from generate_series(1, 8000) i",
                    database="other")  # fmt: skip
        yield running


@pytest.fixture
def root() -> Iterator[Path]:
    """Where scratch lies: passable, as Node.scratch(servers=True) makes it."""
    folder = Path(mkdtemp(prefix="guardian-pg-", dir="/tmp"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


def source(**more: Any) -> PostgresqlSource:
    return PostgresqlSource.model_validate_json(json.dumps({"kind": "postgresql", "dsn": "file:dsn", **more}))


def job(server: Any, folder: Path, spec: PostgresqlSource, stop: Stop | None = None, **login: str) -> PostgresqlJob:
    scratch = folder / "source"
    scratch.mkdir(exist_ok=True)
    secrets = {"dsn": Secret(server.dsn(**login).encode())}
    return PostgresqlJob(spec, SourceContext("core", scratch, SystemClock(), stop or Stop(), 30.0, secrets))


@dataclass
class Bytes:
    """A dump in memory."""

    content: bytes
    path: str = "/core.zip"

    @property
    def size(self) -> int:
        return len(self.content)

    def open(self) -> BinaryIO:
        return io.BytesIO(self.content)


@dataclass
class Run:
    """One proof and the phases it passed."""

    root: Path
    on_mark: Callable[[str], None] = lambda _phase: None
    stop: Stop = field(default_factory=Stop)
    marks: list[str] = field(default_factory=list)

    def prove(self, spec: PostgresqlSource, content: bytes, facts: Mapping[str, Any]) -> Proof:
        def mark(phase: str) -> None:
            self.marks.append(phase)
            self.on_mark(phase)

        with scratch_folder(self.root / "leases", self.root / "scratch", passable=os.geteuid() == 0) as folder:
            return prove(spec, Bytes(content), facts, ProofContext(folder, SystemClock(), self.stop, 30.0, mark))


@pytest.fixture(scope="module")
def dumped(server: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, dict[str, Any]]:
    """An archive of all databases, and the facts of its receipt."""
    written = bytearray()
    made = job(server, tmp_path_factory.mktemp("dumped"), source(newest="select max(at) from payments"))
    made.feed(written.extend)
    assert made.digest().bytes == len(written)
    return bytes(written), made.facts()


def remade(content: bytes, change: Mapping[str, bytes | None]) -> bytes:
    """The archive with other entries; None takes one out."""
    reader, written = ArchiveReader(io.BytesIO(content)), bytearray()
    with ArchiveWriter(written.extend, SystemClock().now()) as writer:
        for name in dict.fromkeys((*reader.names(), *change)):
            data = change.get(name, b"") if name in change else reader.read(name, 1 << 30)
            if data is not None:
                with writer.entry(name) as put:
                    put(data)
    return bytes(written)


def left_over(root: Path) -> list[str]:
    """Processes that work in ``root`` or name it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = str((process / "cwd").readlink()) + (process / "cmdline").read_text("utf-8", "replace")
        except OSError:
            continue
        if str(root) in told and int(process.name) != os.getpid():
            found.append(told)
    return found


def clients(server: Any) -> int:
    asked = "select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"
    return int(server.sql(asked).stdout)


def codes(proof: Proof, severity: str = "critical") -> list[str]:
    return sorted(found.code for found in proof.reasons if found.severity == severity)
