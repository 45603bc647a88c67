"""Maintenance by identities that may, and may not, delete: on a storage that enforces it."""

import importlib.util
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from guardian.backup.maintain import run_maintenance
from guardian.clock import SystemClock
from guardian.model.protection import BucketLock

LOCK = BucketLock(mode="governance", days=1)
PREFIX = "agency/host-1"
NOW = datetime.now(UTC).replace(microsecond=0)


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"guardian_tests_{name}", Path(__file__).parents[1] / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


made, roles = _module("points"), _module("roles")


@pytest.fixture(scope="module")
def realm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with roles.realm(tmp_path_factory.mktemp("realm"), (PREFIX,), LOCK) as found:
        yield found


@pytest.fixture(scope="module")
def host(realm: Any, initialised: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Twelve restore points in a bucket: backups and maintenance have keys of their own."""
    site = sys.modules[type(initialised).__module__].copy(initialised, tmp_path_factory.mktemp("s3") / "site")
    site.config["systems"]["app"]["plan"] = {"retention": {"last": 4, "minimum": 1, "max_removal": 0.5}}
    site.write()
    assert site.guardian("backup", "app/docs").code == 0
    made.Points(site).backups(NOW - timedelta(hours=number) for number in range(1, 12))
    return roles.moved(site, realm, PREFIX, LOCK)


def _listed(realm: Any) -> set[str]:
    found = realm.client("owner").list_objects_v2(Bucket=roles.BUCKET, Prefix=f"{PREFIX}/snapshots/")
    return {item["Key"].rpartition("/")[2] for item in found["Contents"]}


def test_credentials_of_backups_remove_nothing_and_are_told_at_once(host: Any, realm: Any) -> None:
    """restic alone would try for a minute and a half, and might leave its lock."""
    maintenance = host.config["repositories"]["main"].pop("maintenance_credentials")
    host.write()
    before, clock = _listed(realm), SystemClock()
    began = clock.monotonic()
    said = host.guardian("maintain")
    host.config["repositories"]["main"]["maintenance_credentials"] = maintenance
    host.write()
    assert said.code == 75, said.out
    assert "delete-refused-backup" in said.reasons
    assert clock.monotonic() - began < 60
    assert _listed(realm) == before
    locks = realm.client("owner").list_objects_v2(Bucket=roles.BUCKET, Prefix=f"{PREFIX}/locks/")
    assert not locks.get("Contents")


def test_the_maintenance_identity_removes_and_the_log_names_it(host: Any, realm: Any) -> None:
    before = _listed(realm)
    done = run_maintenance(made.node_of(host), "main")
    assert done.outcome == "complete", done
    removed = {one for source in done.sources for one in source.removed}
    assert len(removed) == 6
    assert _listed(realm) == before - removed
    said = [one for one in made.Points(host).said("removal") if one.removed]
    assert {one.identity for one in said} == {"maintenance"}
