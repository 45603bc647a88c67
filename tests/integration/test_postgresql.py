"""PostgreSQL for real: dumped by its own programs, loaded into a scratch server, and every way in which that fails."""

import importlib.util
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, BinaryIO

import pytest

from guardian.clock import SystemClock
from guardian.errors import GuardianError, Interrupted, StorageFull, ToolFailed, ToolMissing
from guardian.model.protection import PostgresqlSource
from guardian.model.secret import Secret
from guardian.proc import Stop
from guardian.scratch import scratch_folder
from guardian.sources import SourceContext, SourceFailed
from guardian.sources.archive import ArchiveReader, ArchiveWriter, encoded
from guardian.sources.postgresql.dump import PostgresqlJob
from guardian.sources.proof import Proof, ProofContext
from guardian.sources.prove import prove

HERE = Path(__file__).parents[1]
spec_of_databases = importlib.util.spec_from_file_location("guardian_tests_databases", HERE / "databases.py")
assert spec_of_databases is not None
assert spec_of_databases.loader is not None
databases = sys.modules[spec_of_databases.name] = importlib.util.module_from_spec(spec_of_databases)
spec_of_databases.loader.exec_module(databases)

pytestmark = pytest.mark.skipif(databases.postgres_bin() is None, reason="no PostgreSQL server is installed")

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

        with scratch_folder(self.root / "scratch", passable=os.geteuid() == 0) as folder:
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


# what comes back


@pytest.mark.parametrize("form", ["custom", "directory"])
def test_everything_comes_back_and_is_proven(server: Any, root: Path, form: str) -> None:
    assertions = [
        {"sql": "select count(*) = 5000 from payments", "database": "app"},
        {"sql": """select bool_or(x = E'new\\nline') from audit."odd ""table" """, "database": "app"},
        {"sql": "select current_setting('is_superuser') = 'off'", "database": ODD},
    ]
    only = {} if form == "custom" else {"databases": ["app", ODD]}
    spec = source(
        format=form, **only, newest={"sql": "select max(at) from payments", "database": "app"}, assertions=assertions
    )
    written = bytearray()
    made = job(server, root, spec)
    made.feed(written.extend)
    assert not list((root / "source").iterdir())
    facts = made.facts()
    assert facts["databases"]["app"]["rows"] == {
        "public.payments": 5000, 'audit."odd ""table"': 3, "audit.part": 10
    }  # fmt: skip
    assert facts["databases"][ODD]["rows"] == {"public.t": 20}
    assert facts["databases"]["app"]["newest"].startswith("2026-11-20 08:30:00")
    assert facts["role_passwords"] is True
    run = Run(root)
    proof = run.prove(spec, bytes(written), facts)
    assert proof.reasons == ()
    assert proof.newest is not None
    assert proof.newest.isoformat() == "2026-11-20T08:30:00+00:00"
    assert (proof.measured["databases"], proof.measured["rows"]) in ((4, 13_033), (2, 5_033))
    assert set(run.marks) == set(PASSED)
    assert left_over(root) == []
    assert list((root / "scratch").iterdir()) == []


def test_unzip_and_pg_restore_are_all_it_takes(server: Any, root: Path, dumped: tuple[bytes, Any]) -> None:
    with zipfile.ZipFile(io.BytesIO(dumped[0])) as archive:
        archive.extractall(root)
    listed = subprocess.run(
        [server.bin / "pg_restore", "--list", root / "databases" / "app.dump"], capture_output=True, check=True
    )
    assert b"TABLE DATA public payments clerk" in listed.stdout
    assert b"CREATE ROLE clerk" in (root / "globals.sql").read_bytes()
    assert server.password.encode() not in dumped[0]


def test_a_role_that_may_only_read_suffices(server: Any, root: Path) -> None:
    log = server.folder / "log"
    before = log.stat().st_size
    made = job(server, root, source(databases=["app", ODD]), user="reader", password="reader")
    # Row level security would hide rows from it: the one table that has some is named, not left half empty.
    with pytest.raises(SourceFailed) as caught:
        made.feed(lambda _chunk: None)
    assert "payments" in str(caught.value.reason.args["error"])
    server.sql("alter role reader bypassrls")
    made = job(server, root, source(databases=["app", ODD]), user="reader", password="reader")
    made.feed(lambda _chunk: None)
    assert made.facts()["databases"]["app"]["rows"]["public.payments"] == 5000
    said = log.read_bytes()[before:].decode()
    assert not [word for word in ("INSERT ", "UPDATE ", "DELETE ", "CREATE ", "DROP ") if f"statement: {word}" in said]


# what goes wrong at the source


@pytest.mark.parametrize(
    ("spec", "login", "code"),
    [
        ({}, {"password": "wrong"}, "database-refused"),
        ({"databases": ["gone"]}, {"dbname": "postgres"}, "database-missing"),
        ({}, {"host": "/nowhere"}, "database-unreachable"),
    ],
)
def test_what_is_found_before_anything_starts(
    server: Any, root: Path, spec: dict[str, Any], login: dict[str, str], code: str
) -> None:
    with pytest.raises(SourceFailed) as caught:
        job(server, root, source(**spec), **login)
    assert caught.value.reason.code == code
    assert "wrong" not in json.dumps(caught.value.reason.args)


def test_a_table_that_may_not_be_read_is_named(server: Any, root: Path) -> None:
    server.sql("alter role blind bypassrls")
    with pytest.raises(SourceFailed) as caught:
        job(server, root, source(databases=["app"], globals=False), user="blind", password="blind").feed(
            bytearray().extend
        )
    assert "permission denied" in str(caught.value.reason.args["error"])
    assert "odd" in str(caught.value.reason.args["error"])


@pytest.mark.parametrize(
    "blow",
    [
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pg_dump'",
        "drop database victim with (force)",
    ],
)
def test_what_is_cut_off_in_the_middle_has_no_end(server: Any, root: Path, blow: str) -> None:
    server.sql("drop database if exists victim", "create database victim template other")
    written = bytearray()

    def write(chunk: bytes) -> None:
        if len(written) < 200_000 <= len(written) + len(chunk):
            server.sql(blow)
        written.extend(chunk)

    with pytest.raises(SourceFailed) as caught:
        job(server, root, source(databases=["victim"])).feed(write)
    assert caught.value.reason.code in ("dump-failed", "database-refused")
    assert clients(server) == 0
    proof = Run(root).prove(source(), bytes(written), {})
    assert codes(proof) == ["archive-broken"]


@pytest.mark.parametrize(
    ("program", "script", "code"),
    [
        ("pg_dumpall", "echo '-- begun'", "producer-trailer-missing"),
        ("pg_dump", "exit 0", "producer-short"),
        ("pg_dump", "echo PGDMP; exit 1", "dump-failed"),
        ("pg_dump", "exec sleep 60", "producer-overran"),
    ],
)
def test_programs_that_lie_or_hang(server: Any, root: Path, program: str, script: str, code: str) -> None:
    fake = root / program
    fake.write_text(f'#!/bin/sh\n[ "$1" = --version ] && exit 0\n{script}\n')
    fake.chmod(0o755)
    written = bytearray()
    spec = source(programs={program: str(fake)}, databases=["app"], time_limit="1s" if "sleep" in script else "1h")
    with pytest.raises(SourceFailed) as caught:
        job(server, root, spec).feed(written.extend)
    assert caught.value.reason.code == code
    assert codes(Run(root).prove(source(), bytes(written), {})) == ["archive-broken"]


@pytest.mark.parametrize("form", ["custom", "directory"])
def test_an_interrupted_dump_leaves_nobody_behind(server: Any, root: Path, form: str) -> None:
    stop, written = Stop(), bytearray()

    def write(chunk: bytes) -> None:
        written.extend(chunk)
        if len(written) > 100_000:
            stop.set()

    with pytest.raises(Interrupted):
        job(server, root, source(databases=["other"], format=form), stop).feed(write)
    assert not list((root / "source").iterdir())
    deadline = time.monotonic() + 10
    while clients(server) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert clients(server) == 0


# what goes wrong in the drill


def test_a_stream_cut_anywhere_is_no_archive(root: Path, dumped: tuple[bytes, dict[str, Any]]) -> None:
    content, facts = dumped
    for length in (0, 10, len(content) // 3, len(content) - 30, len(content) - 1):
        assert codes(Run(root).prove(source(), content[:length], facts)) == ["archive-broken"]


def test_every_wrong_dump_is_named(server: Any, root: Path, dumped: tuple[bytes, dict[str, Any]]) -> None:
    """Rows missing, a dump cut short, one of another database, one that is not there, roles cut, hostile SQL."""
    content, facts = dumped
    whole = ArchiveReader(io.BytesIO(content))
    entries = {name: f"databases/{encoded(name)}.dump" for name in ("app", ODD, "other", "postgres")}
    with_roles = whole.read("globals.sql", 1 << 20)
    spy = root / "spy"
    spy.mkdir()
    spy.chmod(0o777)
    if os.geteuid() == 0:
        shutil.chown(spy, "nobody")  # who could make a tablespace of it
    hostile = f"\\! id -u > {spy}/uid\nCREATE TABLESPACE t LOCATION '{spy}';\n".encode()
    server.sql("create database app2 template app")
    server.sql("delete from payments where id % 100 = 0", "drop table audit.parent",
               "insert into audit.\"odd \"\"table\" values ('more')", database="app2")  # fmt: skip
    fewer = subprocess.run(
        [server.bin / "pg_dump", "-Fc", "-Z0", "-w", "-U", "postgres", "-h", server.socket, "app2"],
        env={"PGPASSWORD": server.password, "PATH": os.environ["PATH"]}, capture_output=True, check=True,
    ).stdout  # fmt: skip
    server.sql("drop database app2")
    wrong = {
        "globals.sql": hostile + with_roles,
        entries["app"]: fewer,
        entries["other"]: whole.read(entries["other"], 1 << 30)[:200_000],
        entries[ODD]: whole.read(entries["postgres"], 1 << 20),
        entries["postgres"]: None,
    }
    proof = Run(root).prove(source(), remade(content, wrong), facts)
    said = {
        (found.code, str(found.args.get("database") or found.args.get("expected") or "")) for found in proof.reasons
    }
    assert ("dump-of-another-database", "app") in said
    assert ("dump-of-another-database", ODD) in said
    assert ("restore-failed", "other") in said
    assert ("database-not-in-dump", "postgres") in said
    if os.geteuid() == 0:
        assert (spy / "uid").read_text().strip() not in ("", "0")
    assert [path.name for path in spy.iterdir()] == ["uid"]


def test_missing_and_added_rows_are_critical(root: Path, dumped: tuple[bytes, dict[str, Any]]) -> None:
    content, facts = dumped
    told = json.loads(json.dumps(facts))
    told["databases"]["app"]["rows"] |= {"public.payments": 5001, "audit.part": 9, "audit.gone": 1}
    told["databases"]["app"]["newest"] = "2026-11-21 00:00:00+00"
    told["databases"][ODD]["tables"] = 2
    assertions = [
        {"sql": "select count(*) > 100000 from payments", "database": "app"},
        {"sql": "select null", "database": "app"},
        {"sql": "select 1 / 0", "database": "app"},
        {"sql": "select true where false", "database": "app"},
        {"sql": "delete from payments returning true", "database": "app"},
        {"sql": f"copy (select 1) to program 'touch {root}/evil'", "database": "app"},
        {"sql": "select true\n\\! touch /tmp/evil", "database": "app"},
        {"sql": "select true", "database": "gone"},
    ]
    spec = source(newest={"sql": "select max(at) from payments", "database": "app"}, assertions=assertions)
    run = Run(root)
    proof = run.prove(spec, content, told)
    assert codes(proof) == sorted(
        ["rows-differ", "rows-differ", "table-missing", "newest-older", "count-differs", *["assertion-failed"] * 8]
    )
    assert "assertions_ok" not in run.marks
    tables = {str(found.args["table"]) for found in proof.reasons if found.code in ("rows-differ", "table-missing")}
    assert tables == {"app.public.payments", "app.audit.part", "app.audit.gone"}
    assert not (root / "evil").exists()


def test_roles_cut_short_and_roles_that_were_not_saved(root: Path, dumped: tuple[bytes, dict[str, Any]]) -> None:
    content, facts = dumped
    cut = ArchiveReader(io.BytesIO(content)).read("globals.sql", 1 << 20)[:-200]
    only = {f"databases/{encoded(name)}.dump": None for name in (ODD, "other", "postgres")}
    told = {**facts, "databases": {"app": facts["databases"]["app"]}, "database_count": 1}
    assert "globals-cut" in codes(Run(root).prove(source(), remade(content, {**only, "globals.sql": cut}), told))
    proof = Run(root).prove(source(), remade(content, {**only, "globals.sql": None}), {**told, "globals": False})
    assert proof.reasons == ()


@pytest.mark.parametrize(
    ("programs", "facts", "error"),
    [
        ({}, {"dump_version": 99}, ToolMissing),
        ({"initdb": "/bin/false"}, {}, ToolFailed),
        ({"postgres": "/bin/false"}, {}, ToolFailed),
        ({}, {"bytes": 1 << 60}, StorageFull),
    ],
)
def test_a_scratch_server_that_will_not_start(
    root: Path,
    dumped: tuple[bytes, dict[str, Any]],
    programs: dict[str, str],
    facts: dict[str, Any],
    error: type[GuardianError],
) -> None:
    content, told = dumped
    folder = databases.postgres_bin()
    names = ("initdb", "postgres", "psql", "pg_restore")
    configured = {**{name: str(folder / name) for name in names}, **programs} if programs else {}
    large = (
        {"databases": {**told["databases"], "app": {**told["databases"]["app"], **facts}}} if "bytes" in facts else {}
    )
    with pytest.raises(error):
        Run(root).prove(source(programs=configured), content, {**told, **facts, **large})
    assert list((root / "scratch").iterdir()) == []
    assert left_over(root) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk")
def test_a_disk_that_fills_up_is_no_verdict(root: Path, dumped: tuple[bytes, dict[str, Any]]) -> None:
    content, facts = dumped
    told = json.loads(json.dumps(facts))
    for about in told["databases"].values():
        about["bytes"] = 0
    disk = root / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=72m,mode=711", "none", disk], check=False).returncode != 0:
        pytest.skip("no mounts here")
    try:
        with pytest.raises(StorageFull):
            Run(disk).prove(source(), content, told)
        assert list((disk / "scratch").iterdir()) == []
        assert left_over(root) == []
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("phase", ["fetch_start", "target_ready"])
def test_an_interrupted_drill_leaves_nothing(root: Path, dumped: tuple[bytes, dict[str, Any]], phase: str) -> None:
    stop = Stop()
    run = Run(root, lambda passed: stop.set() if passed == phase else None, stop)
    with pytest.raises(Interrupted):
        run.prove(source(), *dumped)
    assert list((root / "scratch").iterdir()) == []
    assert left_over(root) == []


def test_a_killed_drill_takes_its_server_along_and_is_swept(root: Path, dumped: tuple[bytes, dict[str, Any]]) -> None:
    (root / "core.zip").write_bytes(dumped[0])
    program = f"""
import os, signal, sys
from pathlib import Path
from guardian.clock import SystemClock
from guardian.drill.dump import FileDump
from guardian.model.protection import PostgresqlSource
from guardian.proc import Stop
from guardian.scratch import scratch_folder
from guardian.sources.proof import ProofContext
from guardian.sources.prove import prove
spec = PostgresqlSource.model_validate_json('{{"kind": "postgresql", "dsn": "file:x"}}')
die = lambda phase: os.kill(os.getpid(), signal.SIGKILL) if phase == "target_ready" else None
with scratch_folder(Path({str(root / "scratch")!r}), passable={os.geteuid() == 0}) as folder:
    dump = FileDump("/core.zip", Path({str(root / "core.zip")!r}))
    prove(spec, dump, {{}}, ProofContext(folder, SystemClock(), Stop(), 30.0, die))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    deadline = time.monotonic() + 30
    while left_over(root) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left_over(root) == []
    with scratch_folder(root / "scratch", passable=os.geteuid() == 0) as folder:
        assert [path.stem for path in (root / "scratch").iterdir()] == [folder.name] * 2
