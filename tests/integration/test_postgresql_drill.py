"""D4 of PostgreSQL for real: a dump that loads, and every wrong one, in a scratch server."""

import importlib.util
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from guardian.errors import GuardianError, Interrupted, StorageFull, ToolFailed, ToolMissing
from guardian.proc import Stop
from guardian.scratch import scratch_folder
from guardian.sources.archive import ArchiveReader, encoded

_spec = importlib.util.spec_from_file_location(
    "guardian_tests_postgresql_stage", Path(__file__).parents[1] / "postgresql_stage.py"
)
assert _spec is not None
assert _spec.loader is not None
stage = sys.modules[_spec.name] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(stage)
ODD = stage.ODD
Run = stage.Run
codes = stage.codes
databases = stage.databases
dumped = stage.dumped
left_over = stage.left_over
remade = stage.remade
root = stage.root
server = stage.server
source = stage.source

pytestmark = pytest.mark.skipif(stage.databases.postgres_bin() is None, reason="no PostgreSQL server is installed")


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


def test_databases_that_did_not_fit_the_receipt_are_compared_too(
    root: Path, dumped: tuple[bytes, dict[str, Any]]
) -> None:
    content, facts = dumped
    few = {**facts, "databases": {"app": facts["databases"]["app"]}}
    whole, part = (Run(root).prove(source(), content, told) for told in (facts, few))
    assert codes(part) == codes(whole) == []
    assert part.measured["tables_compared"] == whole.measured["tables_compared"]
    inside = json.loads(ArchiveReader(io.BytesIO(content)).read("facts.json", 1 << 20))
    inside["databases"][ODD]["rows"] = {"public.t": 21}
    other = remade(content, {"facts.json": json.dumps(inside).encode()})
    assert codes(Run(root).prove(source(), other, few)) == ["rows-differ"]


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
root = Path({str(root)!r})
with scratch_folder(root / "leases", root / "scratch", passable={os.geteuid() == 0}) as folder:
    dump = FileDump("/core.zip", Path({str(root / "core.zip")!r}))
    prove(spec, dump, {{}}, ProofContext(folder, SystemClock(), Stop(), 30.0, die))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    deadline = time.monotonic() + 30
    while left_over(root) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left_over(root) == []
    with scratch_folder(root / "leases", root / "scratch", passable=os.geteuid() == 0) as folder:
        assert [path.stem for path in (root / "scratch").iterdir()] == [folder.name]
