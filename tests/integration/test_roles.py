"""The policies that ship, on two servers that enforce them: each role does its work, and its thief no more."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import ClientError

from guardian.model.protection import BucketLock
from guardian.objectstore.policies import policy

LOCK = BucketLock(mode="governance", days=30)
PREFIX = "agency/host-1"
ENOUGH = 5.0
"""Seconds. restic 0.14 tries a delete that is denied for a minute and a half: it is not waited for."""


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"guardian_tests_{name}", Path(__file__).parents[1] / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


iam, roles, sites = _module("iam"), _module("roles"), _module("site")


def denied(act: Any, **request: Any) -> bool:
    try:
        act(**request)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 403:
            raise
        return True
    return False


def keys_under(client: Any, bucket: str, prefix: str) -> set[str]:
    answer = client.list_objects_v2(Bucket=bucket, Prefix=prefix)
    return {item["Key"] for item in answer.get("Contents", ())}


def forgets_in_vain(site: Any) -> None:
    """Run restic's forget with the credentials of backups for a while: it goes on trying, and nothing goes."""
    password = next((site.state / "keys").glob("*.password"))
    env = {**site.env(), "RESTIC_PASSWORD_FILE": str(password), "RESTIC_REPOSITORY": site.url}
    env |= dict(line.split("=", 1) for line in site.credentials.read_text().split())
    argv = ["restic", "--no-cache", "forget", "--prune", "--keep-last", "1", "--group-by", ""]
    process = subprocess.Popen(argv, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert process.wait(ENOUGH) != 0
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


# moto: every action of a policy


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with iam.Moto.start(tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture(scope="module")
def tenants(moto: Any, initialised: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A host in a bucket that others use too, and an identity for each role; policies are enforced from here on."""
    owner = moto.client("s3")
    for bucket in ("backups", "copies"):
        owner.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    owner.put_object(Bucket="backups", Key="other/config", Body=b"another tenant's")
    keys = {role: moto.identity(role, policy(role, "aws", ("backups", PREFIX))) for role in roles.ROLES}
    keys["copy"] = moto.identity("copy", policy("copy", "aws", ("copies", PREFIX), ("backups", PREFIX)))
    site = sites.copy(initialised, tmp_path_factory.mktemp("host") / "site")
    roles.move(site, moto.address("backups", PREFIX), owner, moto.credentials_file(keys["agent"]))
    moto.enforce()
    return site, keys


def test_an_agent_backs_up_and_removes_its_own_lock(tenants: Any, moto: Any) -> None:
    site, keys = tenants
    for _n in range(2):
        said = site.guardian("backup", "app/docs")
        assert said.code == 0, said
    client = moto.client("s3", keys["agent"])
    assert keys_under(client, "backups", f"{PREFIX}/locks/") == set()
    assert len(keys_under(client, "backups", f"{PREFIX}/snapshots/")) == 2
    assert site.guardian("verify", "app/docs", "--level", "D1").code == 0


def test_an_agent_forgets_nothing(tenants: Any, moto: Any) -> None:
    site, keys = tenants
    client = moto.client("s3", keys["agent"])
    before = {key for key in keys_under(client, "backups", f"{PREFIX}/") if "/locks/" not in key}
    forgets_in_vain(site)
    after = keys_under(client, "backups", f"{PREFIX}/")
    assert before <= after
    for key in after - before:  # what restic left when it was cut off: an agent may clear that away
        assert not denied(client.delete_object, Bucket="backups", Key=key)
    assert site.guardian("verify", "app/docs", "--level", "D1").code == 0


def test_what_each_role_may_do_and_no_more(tenants: Any, moto: Any) -> None:
    _site, keys = tenants
    agent, auditor, maintenance, copier = (moto.client("s3", keys[role]) for role in (*_ORDER, "copy"))
    (config,) = keys_under(agent, "backups", f"{PREFIX}/config")
    where = {"Bucket": "backups", "Key": config}
    version = agent.head_object(**where)["VersionId"]
    # nobody deletes versions, sets up the bucket, or reaches beside the repository
    for client in (agent, auditor, maintenance, copier):
        assert denied(client.delete_object, VersionId=version, BypassGovernanceRetention=True, **where)
        assert denied(client.get_object, Bucket="backups", Key="other/config")
        assert denied(client.put_object, Bucket="backups", Key="other/config", Body=b"")
        assert denied(client.put_bucket_policy, Bucket="backups", Policy="{}")
        assert denied(client.delete_bucket_policy, Bucket="backups")
        rules: Any = {"Rules": [{"ID": "x", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}}]}
        assert denied(client.put_bucket_lifecycle_configuration, Bucket="backups", LifecycleConfiguration=rules)
        suspended: Any = {"Status": "Suspended"}
        assert denied(client.put_bucket_versioning, Bucket="backups", VersioningConfiguration=suspended)
    for client in (agent, auditor, copier):
        assert denied(client.delete_object, **where)
        assert client.get_object(**where)["Body"].read()
    for client in (auditor, copier):
        assert denied(client.put_object, Bucket="backups", Key=f"{PREFIX}/locks/x", Body=b"")
        assert denied(client.delete_object, Bucket="backups", Key=f"{PREFIX}/locks/x")
    copier.put_object(Bucket="copies", Key=f"{PREFIX}/data/x", Body=b"x")
    assert denied(copier.delete_object, Bucket="copies", Key=f"{PREFIX}/data/x")
    copier.put_object(Bucket="copies", Key=f"{PREFIX}/locks/x", Body=b"x")
    assert not denied(copier.delete_object, Bucket="copies", Key=f"{PREFIX}/locks/x")
    maintenance.put_object(Bucket="backups", Key=f"{PREFIX}/data/x", Body=b"x")
    assert not denied(maintenance.delete_object, Bucket="backups", Key=f"{PREFIX}/data/x")


_ORDER = ("agent", "auditor", "maintenance")


# SeaweedFS: policies, their conditions, and object lock at once


@pytest.fixture(scope="module")
def realm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with roles.realm(tmp_path_factory.mktemp("realm"), (PREFIX, "agency/host-2"), LOCK) as made:
        yield made


def test_a_host_lives_by_its_roles(realm: Any, tmp_path: Path) -> None:
    """The way the guide says: made with the maintenance identity, then backed up with one that may not delete."""
    site = sites.make(tmp_path, realm.address(PREFIX).location, realm.file(f"maintenance@{PREFIX}"))
    del site.config["systems"]["app"]["sources"]["db"]
    site.config["systems"]["app"]["plan"] = {"retention": {"last": 1, "minimum": 1, "max_removal": 1.0}}
    site.config["repositories"]["main"]["lock"] = {"mode": LOCK.mode, "days": LOCK.days}
    site.write()
    said = site.guardian("init")
    assert said.code == 0, said
    roles.append_only(site, realm, PREFIX, LOCK)
    for _n in range(2):
        (site.docs / "0.txt").write_bytes(os.urandom(1000))
        assert site.guardian("backup").code == 0
    assert site.guardian("verify", "--level", "D3").code == 0
    said = site.guardian("posture")
    assert (said.code, said.json["repositories"][0]["immutable"]) == (0, True), said
    agent = realm.client(f"agent@{PREFIX}")
    before = keys_under(agent, roles.BUCKET, f"{PREFIX}/snapshots/")
    for key in before:
        assert denied(agent.delete_object, Bucket=roles.BUCKET, Key=key)
    said = site.guardian("maintain")
    assert said.code == 0, said
    assert len(keys_under(agent, roles.BUCKET, f"{PREFIX}/snapshots/")) == 1
    assert keys_under(agent, roles.BUCKET, f"{PREFIX}/locks/") == set()
    assert site.guardian("verify", "--level", "D3").code == 0


def test_tenants_of_one_bucket_do_not_see_each_other(realm: Any) -> None:
    for role in ("agent", "auditor"):
        client = realm.client(f"{role}@agency/host-2")
        assert denied(client.list_objects_v2, Bucket=roles.BUCKET)
        assert denied(client.list_objects_v2, Bucket=roles.BUCKET, Prefix=f"{PREFIX}/")
        assert denied(client.list_object_versions, Bucket=roles.BUCKET, Prefix=f"{PREFIX}/")
        assert denied(client.get_object, Bucket=roles.BUCKET, Key=f"{PREFIX}/config")
        assert keys_under(client, roles.BUCKET, "agency/host-2/") == set()
