"""Database servers scanned for real: as they should be, as they should not, and as one who may see little sees them."""

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

from guardian.baseline.evaluate import ready
from guardian.baseline.facts import mysql, postgresql, tls
from guardian.baseline.policy import Library, library
from guardian.model.secret import Secret


def _module(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"guardian_tests_{name}", Path(__file__).parents[1] / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


databases, mariadb, certificates = _module("databases"), _module("mariadb"), _module("certificates")
ODD = "o'dd\n\"name\\; drop"


@cache
def known() -> Library:
    return library()


def verdicts(family: str, facts: Any) -> dict[str, str]:
    now = datetime.now(UTC)
    rules = known().families[family]
    return {rule.id: ready(rule, family, rules.target).judge(facts, now).status for rule in rules.rules}


def of(found: dict[str, str], status: str) -> set[str]:
    return {rule for rule, each in found.items() if each == status}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def silence() -> Iterator[int]:
    """A port where everybody is let in and nobody is answered."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


def owned(folder: Path, *paths: Path) -> None:
    if os.geteuid() == 0:
        for path in paths:
            shutil.chown(path, "nobody")
    assert folder.exists()


# PostgreSQL

GOOD_HBA = "local all all scram-sha-256\nhostssl all all 127.0.0.1/32 scram-sha-256\nhost all all all reject\n"
BAD_HBA = """local all all scram-sha-256
host all all 127.0.0.1/32 trust
host all all 0.0.0.0/0 password
host all all ::/0 md5
"""
NONSENSE = "host all x\n"
BAD = (
    "listen_addresses=*", "password_encryption=md5", "ssl=off", "full_page_writes=off", "log_file_mode=0644",
    "authentication_timeout=300",
)  # fmt: skip


@pytest.fixture(scope="module")
def authority() -> Any:
    return certificates.make("test authority", authority=True)


@pytest.fixture(scope="module")
def postgres(authority: Any) -> Iterator[Any]:
    """A server that was made with checksums and a certificate, not started yet."""
    if databases.postgres_bin() is None:
        pytest.skip("no PostgreSQL server is installed")
    server = databases.PostgresServer(
        Path(mkdtemp(prefix="pg-", dir="/tmp")), databases.postgres_bin(), port=free_port()
    )
    try:
        server.create()
        (server.folder / "ca.pem").write_bytes(authority.pem)
        pair = certificates.make("127.0.0.1", authority, names=("127.0.0.1",)).write(server.folder, "server", authority)
        owned(server.folder, *pair)
        subprocess.run(
            [server.bin / "pg_checksums", "--enable", "--no-sync", "-D", "data"],
            cwd=server.folder, check=True, capture_output=True, **server.as_servant(),
        )  # fmt: skip
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.folder)


def good_settings(server: Any) -> tuple[str, ...]:
    return (
        "listen_addresses=127.0.0.1", "ssl=on", f"ssl_cert_file={server.folder}/server.pem",
        f"ssl_key_file={server.folder}/server.key", "ssl_ciphers=HIGH:!aNULL", "log_connections=on",
        "log_disconnections=on", "log_line_prefix=%m [%p] %q%u@%d %r ", "logging_collector=on", "fsync=on",
        "shared_preload_libraries=passwordcheck,auth_delay", "archive_mode=on", "archive_command=true",
        "idle_in_transaction_session_timeout=10min",
    )  # fmt: skip


def looked(server: Any, user: str = "postgres", password: str | None = None, **more: Any) -> Any:
    where = {"host": "127.0.0.1", "sslmode": "verify-full", "sslrootcert": str(server.folder / "ca.pem")}
    dsn = Secret(server.dsn(user, password, **(where if more.pop("tcp", False) else {})).encode())
    return postgresql.collect(postgresql.Options(dsn, **more))


@pytest.fixture(scope="module")
def good(postgres: Any) -> Any:
    (postgres.folder / "data/pg_hba.conf").write_text(GOOD_HBA)
    postgres.start(*good_settings(postgres))
    postgres.sql(
        "alter role postgres valid until '2099-01-01'",
        "create role monitor login password 'watch-only-4711' valid until '2099-01-01' in role pg_monitor",
        "revoke connect on database postgres from public",
        "grant connect on database postgres, template1 to monitor",
        "create role blind login password 'see-nothing-4711' valid until '2099-01-01'",
        "grant connect on database postgres to blind",
        "grant select on pg_hba_file_rules to monitor; grant execute on function pg_hba_file_rules() to monitor",
    )
    return looked(postgres, tcp=True)


def test_a_postgresql_that_is_as_it_should_be(postgres: Any, good: Any) -> None:
    found = verdicts("postgresql", good)
    assert set(found.values()) == {"pass"}, {rule for rule in found if found[rule] != "pass"}
    assert postgres.password not in json.dumps(good)
    assert "SCRAM-SHA-256$" not in json.dumps(good)
    assert good["pg"]["origins"]["ssl"]["source"] == "command line"


def test_who_may_see_less_gets_unknowns_and_nothing_else(postgres: Any, good: Any) -> None:
    whole = verdicts("postgresql", good)
    watched = verdicts("postgresql", looked(postgres, "monitor", "watch-only-4711", tcp=True))
    assert of(watched, "unknown") == {"GD-PG-012", "GD-PG-013"}
    blind = verdicts("postgresql", looked(postgres, "blind", "see-nothing-4711", tcp=True))
    assert of(blind, "fail") == set()
    assert {rule for rule in whole if blind[rule] not in ("unknown", whole[rule])} == set()
    assert {"GD-PG-002", "GD-PG-005", "GD-PG-017", "GD-PG-034", "GD-PG-038"} - of(blind, "unknown") == {"GD-PG-017"}


def test_its_certificate_is_seen_behind_starttls(postgres: Any, good: Any) -> None:
    assert good
    options = tls.Options(f"127.0.0.1:{postgres.port}", starttls="postgresql", cacert=str(postgres.folder / "ca.pem"))
    found = tls.collect(options)
    assert found["tls"]["trust"] == {"ok": True, "code": 0, "why": None}
    assert found["tls"]["protocols"]["TLSv1.2"] is True
    assert of(verdicts("tls", found), "fail") == set()
    plain = tls.collect(tls.Options(f"127.0.0.1:{postgres.port}"))
    assert "$err" in plain["tls"]


def test_a_postgresql_that_is_as_it_should_not_be(postgres: Any, good: Any) -> None:
    assert good
    odd = ODD.replace('"', '""')
    postgres.sql(
        f'create role "{odd}" superuser login bypassrls password \'SCRAM-or-not-4711\'',
        "create role boss superuser login", "create role maker login createrole createdb bypassrls",
        f'create database "{odd}"',
        "select pg_create_physical_replication_slot('forgotten', true)",
        "grant connect on database postgres to public", "alter role maker set log_statement = none",
    )  # fmt: skip
    postgres.sql(
        "grant create on schema public to public",
        "create function f() returns int language sql security definer as 'select 1'",
        "create table t (x int); grant select on t to public",
        database=ODD,
    )
    postgres.stop()
    (postgres.folder / "data/pg_hba.conf").write_text(BAD_HBA)
    postgres.start(*BAD)
    (postgres.folder / "data/pg_hba.conf").write_text(BAD_HBA + NONSENSE)
    postgres.sql("set password_encryption = md5; create role old login password 'md5-style-4711'")
    facts = looked(postgres)
    found = verdicts("postgresql", facts)
    fine = {"GD-PG-027", "GD-PG-030", "GD-PG-022"}
    assert of(found, "pass") == fine | {"GD-PG-017", "GD-PG-038"}  # the fixture logs all; there is no standby
    assert of(found, "not_applicable") == {"GD-PG-009", "GD-PG-010", "GD-PG-024", "GD-PG-036"}
    assert of(found, "unknown") == set()
    assert ODD in facts["pg"]["superusers"]
    assert {each["name"]: each["kept_as"] for each in facts["pg"]["logins"]}["old"] == "md5"
    assert [each["error"] is None for each in facts["pg"]["hba"]] == [True, True, True, True, False]


def test_more_rows_than_are_taken_hide_what_they_are_of(postgres: Any, good: Any) -> None:
    assert good
    postgres.sql("do $$ begin for i in 1..400 loop execute format('create role many%s', i); end loop; end $$")
    facts = looked(postgres, rows=390)
    assert facts["pg"]["roles"] == {"$err": "too large: more than 390 rows"}
    assert facts["pg"]["version"]["major"] >= 15
    found = verdicts("postgresql", facts)
    assert found["GD-PG-014"] == "unknown"
    assert found["GD-PG-011"] != "unknown"  # few superusers are asked for by themselves


@pytest.mark.parametrize("collect", [
    lambda port: postgresql.collect(postgresql.Options(
        Secret(f"host=127.0.0.1 port={port} user=x connect_timeout=600".encode()), seconds=1.0)),
    lambda port: mysql.collect(mysql.Options(Secret(f"mysql://x:y@127.0.0.1:{port}/".encode()), seconds=1.0)),
])  # fmt: skip
def test_a_server_that_hangs_or_is_not_there_is_unreadable(collect: Callable[[int], Any]) -> None:
    with silence() as port:
        assert "timeout" in json.dumps(collect(port))
    refused = next(iter(collect(port).values()))
    assert set(refused) == {"$err"}
    assert "timeout" not in refused["$err"]


# MariaDB


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = Path("/tmp") / f"guardian-scan-{os.getpid()}"
    made.mkdir(mode=0o755)
    assert tmp_path_factory
    return made


@pytest.fixture(scope="module")
def secured(folder: Path, authority: Any) -> Iterator[Any]:
    """A MariaDB that is as it should be, on a port with TLS."""
    if mariadb.MISSING:
        pytest.skip(mariadb.MISSING)
    certificate, key = certificates.make("127.0.0.1", authority, names=("127.0.0.1",)).write(folder, "my", authority)
    (folder / "ca.pem").write_bytes(authority.pem)
    keys = folder / "keys"
    keys.write_text(f"1;{'a1' * 32}\n")
    owned(folder, certificate, key, keys)
    options = (
        "--plugin-load-add=simple_password_check", "--plugin-load-add=server_audit", "--server-audit-logging=ON",
        "--plugin-load-add=file_key_management", f"--file-key-management-filename={keys}", "--innodb-encrypt-tables=ON",
        "--plugin-load-add=auth_ed25519", "--log-bin=binlog", "--sync-binlog=1", "--innodb-flush-log-at-trx-commit=1",
        f"--ssl-ca={folder}/ca.pem", f"--ssl-cert={certificate}", f"--ssl-key={key}", "--require-secure-transport=ON",
        "--local-infile=OFF", f"--secure-file-priv={folder}", "--skip-symbolic-links",
        "--default-password-lifetime=90", "--max-password-errors=5", "--wait-timeout=1800",
        "--interactive-timeout=1800", "--log-error=error.log", "--log-warnings=2",
    )  # fmt: skip
    with mariadb.MariadbServer() as server:
        users = server.sql("select concat(quote(User), '@', quote(Host)) from mysql.user where User = 'root'").split()
        drop = "".join(f"drop user {user};" for user in users if "localhost" not in user)
        server.sql(
            f"{drop} alter user root@localhost identified via unix_socket;"
            "install soname 'auth_ed25519';"
            "create user watch@'127.0.0.%' identified via ed25519 using password('watch-Only-4711') require ssl;"
            "grant select on mysql.* to watch@'127.0.0.%'; grant show databases on *.* to watch@'127.0.0.%';"
            "create user blind@'127.0.0.%' identified via ed25519 using password('see-Nothing-4711') require ssl;"
        )
        server.kill()
        server._options = options
        server.port = free_port()
        server.start(server.port)
        yield server
    shutil.rmtree(folder)


def mariadb_facts(server: Any, folder: Path, user: str, password: str) -> Any:
    dsn = f"mysql://{user}:{password}@127.0.0.1:{server.port}/?ssl-ca={folder}/ca.pem&ssl-verify-server-cert=1"
    return mysql.collect(mysql.Options(Secret(dsn.encode())))


def test_a_mariadb_that_is_as_it_should_be(secured: Any, folder: Path) -> None:
    facts = mariadb_facts(secured, folder, "watch", "watch-Only-4711")
    found = verdicts("mysql", facts)
    assert set(found.values()) == {"pass"}, {rule: each for rule, each in found.items() if each != "pass"}
    assert "watch-Only" not in json.dumps(facts)
    assert facts["my"]["connection"]["version"] in ("TLSv1.2", "TLSv1.3")


def test_one_who_may_see_little_of_a_mariadb_gets_unknowns(secured: Any, folder: Path) -> None:
    whole = verdicts("mysql", mariadb_facts(secured, folder, "watch", "watch-Only-4711"))
    blind = verdicts("mysql", mariadb_facts(secured, folder, "blind", "see-Nothing-4711"))
    assert {rule for rule in whole if blind[rule] not in ("unknown", whole[rule])} == set()
    assert {"GD-MY-001", "GD-MY-002", "GD-MY-003", "GD-MY-010", "GD-MY-021", "GD-MY-025"} <= of(blind, "unknown")
    refused = mariadb_facts(secured, folder, "watch", "wrong")
    assert set(verdicts("mysql", refused).values()) == {"unknown"}


@pytest.mark.skipif(bool(mariadb.MISSING), reason=mariadb.MISSING)
def test_a_mariadb_that_is_as_it_should_not_be() -> None:
    with mariadb.MariadbServer("--sql-mode=", "--tls-version=TLSv1.1,TLSv1.2", "--log-warnings=0") as server:
        server.sql(
            "create user ''@'%'; create user app@'%' identified by 'x'; create database test;"
            "grant super on *.* to app@'%';"
            "grant update on mysql.* to app@'%' with grant option; create role dba; grant super on *.* to dba;"
            "create user quiet@'10.%' identified by 'x'; grant dba to quiet@'10.%';"
            f"create user {quoted(ODD)}@localhost identified via unix_socket or mysql_native_password using '';"
        )
        facts = mysql.collect(mysql.Options(Secret(server.dsn)))
        limited = mysql.collect(mysql.Options(Secret(server.dsn), rows=3))
    found = verdicts("mysql", facts)
    assert of(found, "pass") == {
        "GD-MY-012",
        "GD-MY-022",
        "GD-MY-023",
    }  # no old hashes, a version in support, no network
    assert of(found, "not_applicable") == {"GD-MY-029"}
    assert of(found, "unknown") == set()
    assert {f"{ODD}@localhost"} <= {user["name"] for user in facts["my"]["users"] if user["proof"] == "empty"}
    assert {u["name"]: u["administers"] for u in facts["my"]["users"]}["quiet@10.%"] is True
    assert limited["my"]["users"] == {"$err": "too large: more than 3 rows"}
    assert set(verdicts("mysql", limited).values()) <= {"unknown", "pass", "fail", "not_applicable"}
    assert verdicts("mysql", limited)["GD-MY-001"] == "unknown"


def quoted(name: str) -> str:
    return "'" + name.replace("\\", "\\\\").replace("'", "''") + "'"
