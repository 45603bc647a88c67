"""The bucket, on a real S3 server."""

import json
import secrets
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from guardian.demo.server import SeaweedFS
from guardian.errors import ConfigError, StorageRefused, StorageUnreachable, Unavailable
from guardian.model.protection import BucketLock
from guardian.model.secret import Secret
from guardian.objectstore.reach import reach
from guardian.objectstore.s3 import BucketLockError, S3Store

COMPLIANCE = BucketLock(mode="compliance", days=1)
GOVERNANCE = BucketLock(mode="governance", days=1)


@pytest.fixture
def store(s3_server: SeaweedFS) -> Iterator[S3Store]:
    """A store over a bucket that does not exist yet."""
    with S3Store(s3_server.address(f"made-{secrets.token_hex(6)}"), s3_server.credentials) as store:
        yield store


def raw(store: S3Store) -> Any:
    return store._client


def test_somebody_answers(s3_server: SeaweedFS) -> None:
    reached = reach(s3_server.address("no-such-bucket"))
    assert reached.status == 403
    assert reached.server_time is not None


def test_bucket_is_made_once(store: S3Store) -> None:
    assert store.ensure_bucket() == "created"
    assert store.ensure_bucket() == "existing"
    posture = store.posture()
    assert posture.object_lock.known
    assert posture.object_lock.value is False
    assert posture.versioning.value == "off"


def test_asked_lock_holds_against_its_own_owner(store: S3Store) -> None:
    assert store.ensure_bucket(COMPLIANCE) == "created"
    assert store.ensure_bucket(COMPLIANCE) == "existing"
    bucket = store.address.bucket
    version = raw(store).put_object(Bucket=bucket, Key="k", Body=b"proof")["VersionId"]
    with pytest.raises(ClientError, match="AccessDenied"):
        raw(store).delete_object(Bucket=bucket, Key="k", VersionId=version)
    with pytest.raises(ClientError, match="AccessDenied"):
        raw(store).delete_object(Bucket=bucket, Key="k", VersionId=version, BypassGovernanceRetention=True)
    with pytest.raises(ClientError, match="InvalidBucketState"):
        raw(store).put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    raw(store).delete_object(Bucket=bucket, Key="k")  # a delete marker hides it; the version stays
    assert raw(store).get_object(Bucket=bucket, Key="k", VersionId=version)["Body"].read() == b"proof"


def test_posture_of_a_locked_bucket(store: S3Store) -> None:
    store.ensure_bucket(BucketLock(mode="compliance", days=3))
    posture = store.posture()
    assert posture.versioning.value == "enabled"
    assert posture.object_lock.value is True
    assert posture.default_retention.value == BucketLock(mode="compliance", days=3)
    assert (posture.encryption.known, posture.encryption.value) == (True, None)
    assert posture.policy.value is False
    assert posture.lifecycle_rules.value == 0


def test_what_the_server_does_not_implement_is_an_error_never_a_pass(store: S3Store) -> None:
    store.ensure_bucket()
    fact = store.posture().public_access_blocked
    assert not fact.known
    assert fact.value is None
    assert fact.error == "NotImplemented"


def test_posture_sees_policy_and_lifecycle(store: S3Store) -> None:
    store.ensure_bucket()
    bucket = store.address.bucket
    allow = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    raw(store).put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [allow]}))
    expire = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "x/"}, "Expiration": {"Days": 1}}
    off = {"ID": "off", "Status": "Disabled", "Filter": {"Prefix": "y/"}, "Expiration": {"Days": 1}}
    raw(store).put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [expire, off]})
    posture = store.posture()
    assert posture.policy.value is True
    assert posture.lifecycle_rules.value == 1


def test_existing_bucket_without_the_asked_lock_says_so(store: S3Store) -> None:
    store.ensure_bucket()
    with pytest.raises(BucketLockError, match=r"no object lock.*compliance 1 d") as caught:
        store.ensure_bucket(COMPLIANCE)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("has", "asked", "enough"),
    [
        (COMPLIANCE, GOVERNANCE, True),
        (BucketLock(mode="compliance", days=2), COMPLIANCE, True),
        (GOVERNANCE, COMPLIANCE, False),
        (COMPLIANCE, BucketLock(mode="compliance", days=2), False),
    ],
)
def test_a_stronger_lock_is_enough_and_a_weaker_one_is_not(
    store: S3Store, has: BucketLock, asked: BucketLock, enough: bool
) -> None:
    store.ensure_bucket(has)
    if enough:
        assert store.ensure_bucket(asked) == "existing"
    else:
        with pytest.raises(BucketLockError):
            store.ensure_bucket(asked)
    assert store.posture().default_retention.value == has


def test_bucket_half_made_by_a_run_that_died_is_finished(store: S3Store) -> None:
    raw(store).create_bucket(Bucket=store.address.bucket, ObjectLockEnabledForBucket=True)
    assert store.posture().default_retention.value is None
    assert store.ensure_bucket(COMPLIANCE) == "existing"
    assert store.posture().default_retention.value == COMPLIANCE


def test_bucket_in_use_is_never_changed(store: S3Store) -> None:
    bucket = store.address.bucket
    raw(store).create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    raw(store).put_object(Bucket=bucket, Key="somebody's", Body=b"x")
    with pytest.raises(BucketLockError, match="without a default retention"):
        store.ensure_bucket(COMPLIANCE)
    assert store.posture().default_retention.value is None


def test_many_at_once_agree(s3_server: SeaweedFS) -> None:
    address = s3_server.address(f"race-{secrets.token_hex(6)}")
    outcomes: list[object] = []
    together = threading.Barrier(6)

    def make() -> None:
        with S3Store(address, s3_server.credentials) as store:
            together.wait()
            try:
                outcomes.append(store.ensure_bucket(COMPLIANCE))
            except Exception as error:  # noqa: BLE001  the assertion below shows it
                outcomes.append(error)

    threads = [threading.Thread(target=make) for _n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 6
    assert set(outcomes) <= {"created", "existing"}
    assert "created" in outcomes


@pytest.mark.parametrize("wrong", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_wrong_credentials_are_refused_without_being_shown(s3_server: SeaweedFS, wrong: str) -> None:
    secret = "x" * 20 + secrets.token_hex(10)
    credentials = {**s3_server.credentials, wrong: Secret(secret.encode())}
    with S3Store(s3_server.address("any-bucket"), credentials) as store:
        with pytest.raises(StorageRefused) as caught:
            store.ensure_bucket(COMPLIANCE)
        with pytest.raises(StorageRefused, match="credentials"):
            _with_hint(store.check)
        posture = store.posture()
    assert secret not in f"{caught.value} {caught.value.hint} {caught.value!r}"
    assert not any(fact.known for fact in (posture.versioning, posture.object_lock, posture.policy))


def _with_hint(act: Callable[[], None]) -> None:
    try:
        act()
    except StorageRefused as error:
        raise StorageRefused(f"{error.message} {error.hint}") from None


@pytest.mark.parametrize("missing", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_missing_credential_is_named(s3_server: SeaweedFS, missing: str) -> None:
    credentials = {name: secret for name, secret in s3_server.credentials.items() if name != missing}
    with pytest.raises(ConfigError, match=missing):
        S3Store(s3_server.address("any-bucket"), credentials)


def test_posture_of_a_missing_bucket_is_unknown(store: S3Store) -> None:
    posture = store.posture()
    assert posture.versioning.error == "NoSuchBucket"
    assert posture.object_lock.error == "NoSuchBucket"
    assert posture.default_retention.error == "NoSuchBucket"


def test_nobody_there(s3_server: SeaweedFS) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    address = s3_server.address("any-bucket")
    nowhere = type(address)("http", "127.0.0.1", port, "any-bucket", "")
    with S3Store(nowhere, s3_server.credentials) as store:
        with pytest.raises(StorageUnreachable):
            store.ensure_bucket()
        posture = store.posture()
    assert posture.versioning.error
    assert posture.lifecycle_rules.error == posture.versioning.error


def test_answers_that_are_not_s3_do_not_pass(s3_server: SeaweedFS, fault_proxy: Callable[[str], Any]) -> None:
    proxy = fault_proxy(s3_server.endpoint)
    proxy.add("portal")
    here = s3_server.address("any-bucket")
    through = type(here)("http", "127.0.0.1", int(proxy.endpoint.rsplit(":", 1)[1]), "any-bucket", "")
    with pytest.raises(StorageRefused):
        reach(through)
    with S3Store(through, s3_server.credentials) as store:
        posture = store.posture()
    assert not posture.object_lock.known
    assert not posture.public_access_blocked.known
    assert not posture.encryption.known


def test_hostile_message_is_cut_and_our_secret_struck_out(
    s3_server: SeaweedFS, fault_proxy: Callable[[str], Any]
) -> None:
    proxy = fault_proxy(s3_server.endpoint)
    secret = s3_server.secret.reveal().decode()
    proxy.add("status", status=403, code=f"Bad</Code><Message>{secret}&#x202e;{'y' * 5000}</Message><Code>")
    here = s3_server.address("any-bucket")
    through = type(here)("http", "127.0.0.1", int(proxy.endpoint.rsplit(":", 1)[1]), "any-bucket", "")
    with S3Store(through, s3_server.credentials) as store, pytest.raises(StorageRefused) as caught:
        store.check()
    assert secret not in str(caught.value)
    assert len(caught.value.message) < 400
    assert caught.value.message.isprintable()


def test_settings_of_the_account_change_nothing(s3_server: SeaweedFS, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with S3Store(s3_server.address("any-bucket"), s3_server.credentials) as store:
        store.check()


def test_without_boto3_the_hint_says_what_to_install(s3_server: SeaweedFS, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3.session", None)
    with pytest.raises(Unavailable, match="boto3") as caught:
        S3Store(s3_server.address("any-bucket"), s3_server.credentials)
    assert "guardian-dr[s3]" in caught.value.hint
