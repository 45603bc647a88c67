"""What a real S3 server lets its clients do to a canary, and that trying changes nothing else."""

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from guardian.demo.server import SeaweedFS
from guardian.errors import StorageUnreachable
from guardian.model.protection import BucketLock
from guardian.objectstore import retention_locks
from guardian.objectstore.bucket import Bucket, open_bucket
from guardian.objectstore.canary import FOLDER, try_to_destroy
from guardian.objectstore.s3 import S3Store
from guardian.objectstore.settings import try_to_change
from guardian.objectstore.versions import list_versions

COMPLIANCE = BucketLock(mode="compliance", days=2)
GOVERNANCE = BucketLock(mode="governance", days=2)


@pytest.fixture
def made(s3_server: SeaweedFS) -> Callable[..., Any]:
    """``made(lock)`` is a place in a fresh bucket with that lock, spoken to as its owner."""

    @contextmanager
    def make(lock: BucketLock | None = None, versioned: bool = False) -> Iterator[Bucket]:
        address = s3_server.address(f"trial-{secrets.token_hex(6)}", "p")
        with S3Store(address, s3_server.credentials) as store:
            store.ensure_bucket(lock)
        with open_bucket(address, s3_server.credentials) as bucket:
            if versioned:
                bucket.client.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"})
            bucket.client.put_object(Bucket=bucket.name, Key="p/data/ab/abcd", Body=b"somebody's data")
            yield bucket

    return make


def results(tried: Any) -> dict[str, str]:
    return {trial.what: trial.result for trial in tried}


def test_under_compliance_its_own_owner_destroys_nothing(made: Callable[..., Any]) -> None:
    with made(COMPLIANCE) as bucket:
        first = try_to_destroy(bucket)
        assert results(first.trials) == {
            "overwrite": "kept",
            "delete-version": "refused",
            "delete-version-bypass": "refused",
            "shorten-lock": "refused",
            "shorten-lock-bypass": "refused",
            "delete": "kept",
        }
        again = try_to_destroy(bucket, first.name)
        assert (again.name, results(again.trials)) == (first.name, results(first.trials))
        assert {version.name for version in list_versions(bucket, FOLDER)} == {first.name}


def test_under_governance_who_may_bypass_it_is_told(made: Callable[..., Any]) -> None:
    with made(GOVERNANCE) as bucket:
        found = results(try_to_destroy(bucket).trials)
    assert found["delete-version"] == "refused"
    assert found["delete-version-bypass"] == "allowed"
    assert found["shorten-lock"] == "refused"
    assert found["shorten-lock-bypass"] == "allowed"


def test_versions_alone_keep_what_is_overwritten_and_not_what_is_deleted(made: Callable[..., Any]) -> None:
    with made(versioned=True) as bucket:
        found = results(try_to_destroy(bucket).trials)
    assert found == {
        "overwrite": "kept",
        "delete-version": "allowed",
        "delete-version-bypass": "not-tried",
        "shorten-lock": "not-tried",
        "shorten-lock-bypass": "not-tried",
        "delete": "kept",
    }


def test_a_plain_bucket_lets_everything_be_destroyed(made: Callable[..., Any]) -> None:
    with made() as bucket:
        found = results(try_to_destroy(bucket).trials)
        assert list(list_versions(bucket, FOLDER)) == []
    assert (found["overwrite"], found["delete"], found["delete-version"]) == ("allowed", "allowed", "not-tried")


def test_a_lost_name_is_found_again(made: Callable[..., Any]) -> None:
    with made(versioned=True) as bucket:
        name = f"{FOLDER}{'ab' * 16}"
        bucket.client.put_object(Bucket=bucket.name, Key=f"p/{name}", Body=b"laid long ago")
        assert try_to_destroy(bucket).name == name


def test_nothing_but_the_canary_is_touched(made: Callable[..., Any]) -> None:
    with made(GOVERNANCE) as bucket:
        before = [v for v in list_versions(bucket) if not v.name.startswith(FOLDER)]
        try_to_destroy(bucket)
        list(try_to_change(bucket))
        assert [v for v in list_versions(bucket) if not v.name.startswith(FOLDER)] == before
        with pytest.raises(AssertionError):
            try_to_destroy(bucket, "data/ab/abcd")


def settings(bucket: Bucket) -> dict[str, Any]:
    ask = bucket.client
    found = {
        "versioning": ask.get_bucket_versioning(Bucket=bucket.name),
        "lock": ask.get_object_lock_configuration(Bucket=bucket.name),
        "lifecycle": ask.get_bucket_lifecycle_configuration(Bucket=bucket.name),
        "policy": ask.get_bucket_policy(Bucket=bucket.name),
    }
    return {name: {k: v for k, v in answer.items() if k != "ResponseMetadata"} for name, answer in found.items()}


def test_settings_are_put_back_as_they_are(made: Callable[..., Any]) -> None:
    with made(COMPLIANCE) as bucket:
        allow = {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:DeleteObject",
            "Resource": f"arn:aws:s3:::{bucket.name}/x",
        }
        bucket.client.put_bucket_policy(
            Bucket=bucket.name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        )
        rules: Any = [{"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "x/"}, "Expiration": {"Days": 3}}]
        bucket.client.put_bucket_lifecycle_configuration(Bucket=bucket.name, LifecycleConfiguration={"Rules": rules})
        before = settings(bucket)
        found = results(try_to_change(bucket))
        assert settings(bucket) == before
    assert found == dict.fromkeys(("put-versioning", "put-object-lock", "put-lifecycle", "put-policy"), "allowed")


def test_where_nothing_is_set_nothing_is_tried(made: Callable[..., Any]) -> None:
    with made() as bucket:
        found = {trial.what: (trial.result, trial.why) for trial in try_to_change(bucket)}
        assert bucket.client.get_bucket_versioning(Bucket=bucket.name).get("Status") is None
    assert found == dict.fromkeys(found, ("not-tried", "nothing-set"))
    assert len(found) == 4


def test_a_storage_in_trouble_proves_nothing(s3_server: SeaweedFS, fault_proxy: Callable[[str], Any]) -> None:
    proxy = fault_proxy(s3_server.endpoint)
    here = s3_server.address(f"trial-{secrets.token_hex(6)}", "p")
    with S3Store(here, s3_server.credentials) as store:
        store.ensure_bucket(COMPLIANCE)
    through = type(here)("http", "127.0.0.1", int(proxy.endpoint.rsplit(":", 1)[1]), here.bucket, "p")
    proxy.add("status", status=503, code="SlowDown", method="DELETE")
    with open_bucket(through, s3_server.credentials) as bucket:
        found = {trial.what: trial.result for trial in try_to_destroy(bucket).trials}
    assert (found["delete"], found["delete-version"]) == ("unknown", "unknown")
    assert found["overwrite"] == "kept"


def test_unknown_credentials_are_no_refusal(s3_server: SeaweedFS) -> None:
    from guardian.model.secret import Secret

    stranger = {"AWS_ACCESS_KEY_ID": Secret(b"0" * 20), "AWS_SECRET_ACCESS_KEY": Secret(b"0" * 40)}
    with open_bucket(s3_server.address("any-bucket", "p"), stranger) as bucket:
        found = try_to_destroy(bucket)
        assert {trial.result for trial in found.trials} == {"unknown"}
        assert {trial.result for trial in try_to_change(bucket)} == {"not-tried"}


def test_nobody_there(s3_server: SeaweedFS, made: Callable[..., Any], fault_proxy: Callable[[str], Any]) -> None:
    proxy = fault_proxy(s3_server.endpoint)
    port = int(proxy.endpoint.rsplit(":", 1)[1])
    proxy.close()
    here = type(s3_server.address("b"))("http", "127.0.0.1", port, "any-bucket", "p")
    with open_bucket(here, s3_server.credentials) as bucket, pytest.raises(StorageUnreachable):
        try_to_destroy(bucket)


def test_locks_grow_and_are_read_back(made: Callable[..., Any]) -> None:
    for lock in (COMPLIANCE, GOVERNANCE):
        with made(lock) as bucket:
            for n in range(20):
                bucket.client.put_object(Bucket=bucket.name, Key=f"p/index/{n}", Body=b"%d" % n)
            which = [(v.name, v.id) for v in list_versions(bucket, "index/")]
            before = list(retention_locks.read(bucket, which))
            assert [(held.name, held.version) for held in before] == which
            soon = datetime.now(UTC) + timedelta(days=2, minutes=1)
            assert all(held.until and held.until < soon and held.mode == lock.mode for held in before)
            until = (datetime.now(UTC) + timedelta(days=9)).replace(microsecond=0)
            after = list(retention_locks.extend(bucket, before, until, lock.mode))
            assert [(held.name, held.until, held.error) for held in after] == [(n, until, "") for n, _v in which]
            # Asked for less than there is, nothing happens: a lock only grows.
            assert list(retention_locks.extend(bucket, after, soon, lock.mode)) == after


def test_a_lock_that_cannot_be_made_longer_says_so(made: Callable[..., Any]) -> None:
    with made(versioned=True) as bucket:
        (version,) = list_versions(bucket, "data/")
        (held,) = retention_locks.read(bucket, [(version.name, version.id)])
        assert (held.until, held.error) == (None, "")
        gone = retention_locks.Held("data/no-such", "")
        assert next(retention_locks.read(bucket, [("data/no-such", "")])).error
        (after,) = retention_locks.extend(bucket, [gone], datetime.now(UTC) + timedelta(days=1), "compliance")
        assert after.until is None
        assert after.error
