"""PostgreSQL for real: dumped by its own programs, and every way in which that fails."""

import importlib.util
import io
import json
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from guardian.errors import Interrupted
from guardian.proc import Stop
from guardian.sources import SourceFailed

_spec = importlib.util.spec_from_file_location(
    "guardian_tests_postgresql_stage", Path(__file__).parents[1] / "postgresql_stage.py"
)
assert _spec is not None
assert _spec.loader is not None
stage = sys.modules[_spec.name] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(stage)
ODD = stage.ODD
PASSED = stage.PASSED
Run = stage.Run
clients = stage.clients
codes = stage.codes
databases = stage.databases
dumped = stage.dumped
job = stage.job
left_over = stage.left_over
root = stage.root
server = stage.server
source = stage.source

pytestmark = pytest.mark.skipif(stage.databases.postgres_bin() is None, reason="no PostgreSQL server is installed")


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
