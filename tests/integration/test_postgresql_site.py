"""A PostgreSQL server as a user protects it: configured, saved, drilled at D4, restored by hand, and gone."""

import importlib.util
import io
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

_path = Path(__file__).parents[1] / "databases.py"
_spec = importlib.util.spec_from_file_location("guardian_tests_databases_site", _path)
assert _spec is not None
assert _spec.loader is not None
databases = sys.modules[_spec.name] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(databases)

pytestmark = pytest.mark.skipif(databases.postgres_bin() is None, reason="no PostgreSQL server is installed")


def test_saved_proven_restored_by_hand_and_gone(new_site: Callable[..., Any]) -> None:
    site = new_site()
    with databases.postgres_server() as server:
        server.sql("create database app")
        server.sql("create table payments as select generate_series(1, 3000) id", database="app")
        (site.root / "pg.dsn").write_text(server.dsn())
        (site.root / "pg.dsn").chmod(0o600)
        assertions = ["select count(*) = 3000 from payments"]
        core = {"kind": "postgresql", "dsn": "file:pg.dsn", "databases": ["app"], "assertions": assertions}
        site.config["systems"]["app"]["sources"] = {"core": core}
        site.write()
        assert site.guardian("init").code == 0
        assert site.guardian("backup").code == 0
        drilled = site.guardian("verify", "--level", "D4")
        assert drilled.code == 0, drilled
        checks = {check["level"]: check for check in drilled.json["drills"][0]["checks"]}
        assert checks["D4"]["outcome"] == "PASS"
        assert checks["D4"]["measured"]["rows"] == 3000
        stream = site.restic("dump", "latest", "/core.zip").stdout
        with zipfile.ZipFile(io.BytesIO(stream)) as archive:
            assert set(archive.namelist()) == {"globals.sql", "databases/app.dump", "facts.json"}
        assert server.password.encode() not in b"".join(
            path.read_bytes() for path in site.state.rglob("*") if path.is_file()
        )
        server.stop()
        failed = site.guardian("backup")
        assert failed.code == 3
        assert "database-unreachable" in failed.reasons
    snapshots = site.restic("snapshots", "--json").stdout
    assert snapshots.count(b'"short_id"') == 1


def test_the_restored_database_is_held_against_the_rules_beside_the_original(new_site: Callable[..., Any]) -> None:
    site = new_site()
    with databases.postgres_server() as server:
        server.sql("create database app")
        server.sql(
            "create table payments as select generate_series(1, 10) id",
            "grant create on schema public to public",
            database="app",
        )
        (site.root / "pg.dsn").write_text(server.dsn())
        (site.root / "pg.dsn").chmod(0o600)
        site.config["systems"]["app"]["sources"] = {"core": {"kind": "postgresql", "dsn": "file:pg.dsn"}}
        site.write()
        assert site.guardian("init").code == 0
        assert site.guardian("backup").code == 0
        # What was mended since the backup comes back broken: whoever recovers from it has to mend it again.
        server.sql("revoke create on schema public from public", database="app")
        worse = site.guardian("verify", "--level", "D4", "--scan")
        assert worse.code == 0, "a rule that is broken is no data that is lost"
        assert "restored-breaks-rule" in worse.reasons
        (broken,) = [why for why in reasons_of(worse) if why["code"] == "restored-breaks-rule"]
        assert broken["args"]["rule"].startswith("GD-PG-")
        (scanned,) = [why for why in reasons_of(worse) if why["code"] == "restored-scanned"]
        assert scanned["args"]["rules"] - 1 == scanned["args"]["same"] >= 6
        assert "--scan needs --level D4" in site.guardian("verify", "--scan", PLAIN="1").err


def reasons_of(said: Any) -> list[Any]:
    return [why for check in said.json["drills"][0]["checks"] for why in check["reasons"]]
