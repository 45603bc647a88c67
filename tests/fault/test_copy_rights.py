"""Copies between two places with the rights that Guardian prints: read here, add there, and nothing else anywhere."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from guardian.model.protection import BucketLock

HERE, THERE = "agency/host-1", "agency/copies"
LOCK = BucketLock(mode="compliance", days=30)


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"guardian_tests_{name}", Path(__file__).parents[1] / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


roles = _module("roles")


@pytest.fixture(scope="module")
def realm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with roles.realm(tmp_path_factory.mktemp("realm"), (HERE, THERE), LOCK) as made:
        yield made


def test_who_may_only_read_the_one_place_copies_to_the_other(realm: Any, site: Any) -> None:
    roles.moved(site, realm, HERE, LOCK)
    del site.config["systems"]["app"]["sources"]["db"]
    site.write()
    said = site.guardian("backup")
    assert said.code == 0, said
    main = site.config["repositories"]["main"]
    del main["maintenance_credentials"]
    main["credentials"] = f"file:{realm.file(f'auditor@{HERE}')}"
    there = {"url": realm.address(THERE).location, "credentials": f"file:{realm.file(f'maintenance@{THERE}')}"}
    site.config["repositories"]["offsite"] = there
    site.config["systems"]["app"]["plan"] = {"copy_to": ["offsite"]}
    site.write()
    said = site.guardian("init")
    assert (said.code, "chunker-differs" in said.reasons) == (0, False), said.out
    there["credentials"] = f"file:{realm.file(f'agent@{THERE}')}"
    site.write()
    before = objects(realm, HERE)
    said = site.guardian("copy")
    assert (said.code, said.json["outcome"]) == (0, "complete"), said
    assert objects(realm, HERE) == before, "not even a lock"
    said = site.guardian("verify", "--repository", "offsite")
    assert (said.code, said.json["outcome"]) == (0, "PASS"), said


def objects(realm: Any, prefix: str) -> set[str]:
    """Every version of every object below ``prefix``."""
    found = realm.client("owner").list_object_versions(Bucket=roles.BUCKET, Prefix=prefix)
    return {f"{one['Key']} {one['VersionId']}" for kind in ("Versions", "DeleteMarkers") for one in found.get(kind, ())}
