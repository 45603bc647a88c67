"""Buckets and identities on real servers: what a right that is taken away hides is unknown, and nothing else moves."""

import importlib.util
import json
import re
import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError

from guardian.baseline.cloud import cloud_places
from guardian.baseline.evaluate import Ready, ready
from guardian.baseline.facts import s3
from guardian.baseline.policy import library
from guardian.baseline.survival.query import survival
from guardian.baseline.survival.read import read_stated
from guardian.baseline.survival.stated import Custody
from guardian.baseline.survival.steps import ask
from guardian.baseline.survival.world import world
from guardian.cli.scan_survival import STEPS, UNREAD, survived
from guardian.clock import SystemClock, rfc3339
from guardian.config.load import load
from guardian.demo.server import SeaweedFS
from guardian.ledger.store import Log
from guardian.model.address import parse
from guardian.model.evidence import KeyEvent
from guardian.node import Node
from guardian.objectstore.account import Account
from guardian.objectstore.getting import Refused
from guardian.objectstore.service import Service, open_service
from guardian.proc import Stop

AT = datetime.now(UTC)
PRIVATE = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"guardian_tests_{name}", Path(__file__).parents[1] / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


iam = _module("iam")


def seed(client: Any) -> None:
    """Four buckets: locked and private; private; public by ACL; public by policy."""
    for number in range(4):
        name = f"bucket-{number}"
        client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=number == 0)
        if number < 2:
            client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
            client.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=PRIVATE)
            rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
            client.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]})
    client.put_bucket_acl(Bucket="bucket-2", ACL="public-read")
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket-3/*"}
    client.put_bucket_policy(Bucket="bucket-3", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))


def allowing(*actions: str) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}


READS = (
    "s3:ListAllMyBuckets", "s3:GetBucketVersioning", "s3:GetBucketAcl", "s3:GetBucketPolicy", "s3:GetBucketLogging",
    "s3:GetLifecycleConfiguration", "s3:GetBucketTagging", "s3:ListBucket",
)  # fmt: skip
"""As moto knows them: for it, s3:ListBucket is the right to see encryption, object lock and the public access block."""
IAM_READS = (
    "iam:GetAccountAuthorizationDetails", "iam:GetAccountPasswordPolicy", "iam:GetAccountSummary", "iam:ListAccessKeys",
    "iam:ListMFADevices", "iam:GetLoginProfile",
)  # fmt: skip


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A server with buckets and, for every right, an identity that lacks that one alone."""
    with iam.Moto.start(tmp_path_factory.mktemp("moto")) as server:
        seed(server.client("s3"))
        server.client("iam").create_user(UserName="person")
        server.client("iam").create_login_profile(UserName="person", Password="not-a-real-Passw0rd")
        server.keys = {"all": server.identity("all", allowing(*READS, *IAM_READS))}
        server.keys["host"] = server.identity("host", allowing("s3:PutObject", "s3:DeleteObjectVersion"))
        for right in (*READS, *IAM_READS):
            rest = [one for one in (*READS, *IAM_READS) if one != right]
            server.keys[right] = server.identity(right.replace(":", "-"), allowing(*rest))
        server.enforce()
        yield server


@pytest.fixture(scope="module")
def looker(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, Any]]:
    """Everything that ``scan.targets`` gives for a storage: the facts of each of its targets, by kind and id."""

    def look(endpoint: str, credentials: Path, needed: Any = None, **more: Any) -> dict[str, Any]:
        folder = tmp_path_factory.mktemp("site")
        target = {"kind": "s3", "endpoint": endpoint, "credentials": f"file:{credentials}", **more}
        config = {
            "tenant": {"id": "agency"},
            "repositories": {"main": {"url": f"s3:{endpoint}/bucket-0/app", "credentials": f"file:{credentials}"}},
            "systems": {"app": {"sources": {"docs": {"kind": "files", "paths": [str(folder)]}}}},
            "scan": {"targets": {"storage": target}},
        }
        (folder / "guardian.yaml").write_text(yaml.safe_dump(config))
        node = Node(load(folder / "guardian.yaml"), SystemClock(), lambda _event: None, Stop())
        places = {place.name: place for place in cloud_places(node)}
        assert set(places) == {"protection", "storage"}  # its bucket is covered
        return {f"{one.target.kind}:{one.target.id}": one.facts for one in places["storage"].look(node.clock, needed)}

    return look


@pytest.fixture(scope="module")
def rules() -> list[Ready]:
    known = library().rules.values()
    return [ready(rule, family.family, family.target) for rule, family in known if family.target.startswith("s3")]


def verdicts(rules: list[Ready], found: dict[str, Any]) -> dict[tuple[str, str], str]:
    return {
        (name, rule.rule.id): rule.judge(facts, AT).status
        for name, facts in found.items()
        for rule in rules
        if rule.target == name.partition(":")[0]
    }


@pytest.fixture(scope="module")
def whole(moto: Any, looker: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    return looker(moto.endpoint, moto.credentials_file(moto.keys["all"]))


def test_what_is_there_is_found(whole: dict[str, Any], rules: list[Ready]) -> None:
    told = verdicts(rules, whole)
    public = {name[-8:]: told[name, rule] for name, rule in told if rule == "GD-S3-001"}
    assert public == {"bucket-0": "pass", "bucket-1": "pass", "bucket-2": "fail", "bucket-3": "fail"}
    assert told["s3-bucket:storage/bucket-0", "GD-S3-005"] == "fail"  # it can lock, and has no default retention
    assert told["s3-bucket:storage/bucket-1", "GD-S3-005"] == "not_applicable"
    assert told["s3-account:storage", "GD-IAM-001"] == "pass"
    users = {user["name"]: user for user in whole["s3-account:storage"]["account"]["users"]}
    assert users["all"]["active_keys"] == 1
    assert users["person"]["password"] is True
    unknown = {rule for (name, rule), status in told.items() if status == "unknown"}
    assert unknown == {"GD-S3-015"}  # moto does not tell the region of a bucket


@pytest.mark.parametrize("right", [*READS, *IAM_READS])
def test_a_right_that_is_taken_away_makes_verdicts_unknown_and_changes_no_other(
    moto: Any, looker: Callable[..., dict[str, Any]], rules: list[Ready], whole: dict[str, Any], right: str
) -> None:
    before = verdicts(rules, whole)
    found = looker(moto.endpoint, moto.credentials_file(moto.keys[right]))
    after = verdicts(rules, found)
    gone = before.keys() - after.keys()
    if right == "s3:ListAllMyBuckets":
        # The bucket that the configuration knows is still looked at; what nobody can list has verdicts of its own.
        assert {name for name, _rule in gone} == {f"s3-bucket:storage/bucket-{n}" for n in (1, 2, 3)}
        assert {after[key] for key in after if key[0] == "s3-bucket:storage/*"} == {"unknown"}
    else:
        assert not gone
    moved = {key: (before[key], after[key]) for key in before.keys() & after.keys() if before[key] != after[key]}
    assert {status for _was, status in moved.values()} == {"unknown"}
    assert "denied: needs " in json.dumps(found)


def test_seven_requests_a_bucket_are_enough_for_the_rules_of_s3(moto: Any) -> None:
    before = moto.log.read_text("utf-8", "replace").count("\n")
    with account_at(moto.endpoint, moto.keys["all"]) as account:
        read = s3.read_buckets(account, s3.Wish())
    lines = moto.log.read_text("utf-8", "replace").split("\n")[before:]
    sent = Counter(found[1] for line in lines if (found := re.search(r"GET (/[^?/ ]*)[? ]", line)))
    # What has no versions has no locks: of those buckets nobody asks for them.
    assert {name: sent[f"/{name}"] for name in read.listed} == {
        "bucket-0": 7, "bucket-1": 7, "bucket-2": 6, "bucket-3": 6,
    }  # fmt: skip
    assert sent["/"] == 1
    needed = {need.fact[1] for rule, family in library().rules.values() if family.family == "s3" for need in rule.needs}
    assert needed <= s3.USUAL | {"role"}


def account_at(endpoint: str, keys: tuple[str, str]) -> Account:
    return Account(parse(f"s3:{endpoint}/any"), Service(endpoint, "127.0.0.1", "us-east-1"), iam.as_secrets(keys))


ASKED: dict[str, Callable[[Any], Callable[..., Any]]] = {
    "versioning": lambda client: client.get_bucket_versioning,
    "object-lock": lambda client: client.get_object_lock_configuration,
    "encryption": lambda client: client.get_bucket_encryption,
    "publicAccessBlock": lambda client: client.get_public_access_block,
    "acl": lambda client: client.get_bucket_acl,
    "policy": lambda client: client.get_bucket_policy,
    "lifecycle": lambda client: client.get_bucket_lifecycle_configuration,
    "logging": lambda client: client.get_bucket_logging,
    "tagging": lambda client: client.get_bucket_tagging,
}
"""How boto3 calls what an account is asked for."""


def said(ask: Callable[[], Any]) -> Any:
    """An answer, or the code of a refusal; what boto3 adds, or knows as a number, is not looked at."""
    try:
        answer = ask()
    except ClientError as error:
        return error.response["Error"]["Code"]
    except Refused as error:
        return error.refusal.code
    return json.loads(json.dumps(told(answer)).lower())


NOT_LOOKED_AT = ("ResponseMetadata", "Type", "DisplayName", "TransitionDefaultMinimumObjectSize")
"""Of the head of the answer, an attribute, a name for people."""


def told(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: told(one) for key, one in value.items() if key not in NOT_LOOKED_AT}
    if isinstance(value, list):
        return [told(one) for one in value]
    return value if isinstance(value, bool) else str(value)


def set_everything(client: Any, bucket: str) -> None:
    """Every setting that has an answer of several parts; what the server does not know is left."""
    days = {"NoncurrentVersionExpiration": {"NoncurrentDays": 9, "NewerNoncurrentVersions": 2}}
    both = {"And": {"Prefix": "b/", "Tags": [{"Key": "a", "Value": "true"}, {"Key": "c", "Value": "d"}]}}
    rules = [
        {"ID": "one", "Status": "Enabled", "Filter": {"Prefix": "a/"}, "Expiration": {"Days": 3}},
        {"ID": "two", "Status": "Disabled", "Filter": both, **days},
    ]
    tags = {"TagSet": [{"Key": "Level", "Value": "true"}, {"Key": "owner", "Value": "<&>"}]}
    with suppress(ClientError):
        client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    with suppress(ClientError):
        client.put_bucket_tagging(Bucket=bucket, Tagging=tags)


def same_as_boto3(account: Account, client: Any, buckets: list[str]) -> None:
    listed = [one["Name"] for one in client.list_buckets()["Buckets"]]
    assert [name for name, _region in account.buckets()] == listed
    set_everything(client, buckets[-1])
    for bucket in (*buckets, "there-is-no-such-bucket"):
        for name, method in ASKED.items():
            ours = said(partial(account.setting, bucket, name))
            theirs = said(partial(method(client), Bucket=bucket))
            assert ours == theirs, (bucket, name)


def test_answers_are_those_that_boto3_gives(tmp_path: Path) -> None:
    with iam.Moto.start(tmp_path) as server:
        client = server.client("s3")
        seed(client)
        with account_at(server.endpoint, ("a", "b")) as account:
            same_as_boto3(account, client, [f"bucket-{number}" for number in range(4)])


def test_a_server_that_never_ends_an_answer_is_waited_for_no_longer_than_asked() -> None:
    held: list[socket.socket] = []

    def serve(server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                held.append(server.accept()[0])
                held[-1].sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n<")

    server = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=serve, args=(server,))
    thread.start()
    account = account_at(f"http://127.0.0.1:{server.getsockname()[1]}", ("a", "b"))
    try:
        read = s3.read_buckets(account, s3.Wish(roles={"bucket-0": "backup"}, listing=False, seconds=1.0))
    finally:
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
        for one in (server, *held):
            one.close()
    assert {fact["$err"] for fact in read.facts["bucket-0"].values() if isinstance(fact, dict)} >= {"timeout after 1 s"}


def test_only_what_rules_need_is_asked(moto: Any, looker: Callable[..., dict[str, Any]]) -> None:
    wanted = frozenset({("bucket", "versioning")})
    found = looker(moto.endpoint, moto.credentials_file(moto.keys["all"]), wanted, identities=False)
    bucket = found["s3-bucket:storage/bucket-1"]["bucket"]
    assert bucket["versioning"]["status"] == "enabled"
    assert bucket["acl"] == {"$err": "not asked: no rule needs it"}
    assert not any(name.startswith("s3-account") for name in found)


def test_a_server_without_public_access_blocks_is_unknown_and_never_a_pass(
    tmp_path: Path, looker: Callable[..., dict[str, Any]], rules: list[Ready]
) -> None:
    with SeaweedFS.start(tmp_path / "s3") as server:
        client = open_service("s3", Service(server.endpoint, "127.0.0.1", "us-east-1"), server.credentials)
        client.create_bucket(Bucket="bucket-0", ObjectLockEnabledForBucket=True)
        retention = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 30}}
        client.put_object_lock_configuration(
            Bucket="bucket-0", ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": retention}
        )
        found = looker(server.endpoint, server.credentials_file(tmp_path / "keys"))
        account = Account(
            parse(f"s3:{server.endpoint}/any"), Service(server.endpoint, "127.0.0.1", "us-east-1"), server.credentials
        )
        with account:
            same_as_boto3(account, client, ["bucket-0"])
    bucket = found["s3-bucket:storage/bucket-0"]["bucket"]
    assert bucket["lock"] == {"enabled": True, "mode": "compliance", "days": 30}
    assert bucket["public_access_block"] == {"$err": "not implemented by this service (NotImplemented)"}
    told = verdicts(rules, found)
    assert told["s3-bucket:storage/bucket-0", "GD-S3-002"] == "unknown"
    assert told["s3-bucket:storage/bucket-0", "GD-S3-005"] == "pass"
    assert told["s3-account:storage", "GD-IAM-001"] == "pass"
    assert {told["s3-account:storage", f"GD-IAM-{number:03}"] for number in (2, 4, 5)} == {"unknown"}


def test_a_storage_that_is_not_there_is_unknown_by_reason(
    tmp_path: Path, looker: Callable[..., dict[str, Any]], rules: list[Ready]
) -> None:
    keys = tmp_path / "keys"
    keys.write_text("AWS_ACCESS_KEY_ID=a\nAWS_SECRET_ACCESS_KEY=b\n")
    keys.chmod(0o600)
    found = looker("http://127.0.0.1:1", keys)
    assert set(found) == {
        "s3-account:storage",
        "s3-bucket:storage/bucket-0",
        "s3-bucket:storage/*",
        "s3-account:storage/*",
    }
    assert {status for (_name, rule), status in verdicts(rules, found).items() if "S3" in rule} <= {
        "unknown",
        "not_applicable",
    }


def test_what_is_stated_of_a_host_is_read_from_configuration_log_and_storage(moto: Any, tmp_path: Path) -> None:
    """The keys on the host are known for whose they are, and what its policies let that identity do follows."""
    host, keys = moto.keys["host"], moto.credentials_file(moto.keys["host"])
    assert host
    config = {
        "tenant": {"id": "agency"},
        "repositories": {
            "main": {"url": f"s3:{moto.endpoint}/bucket-1/app", "credentials": f"file:{keys}"},
            "disk": {"url": str(tmp_path / "repository")},
        },
        "systems": {
            "app": {
                "repository": "main",
                "sources": {"docs": {"kind": "files", "paths": [str(tmp_path / "docs")]}},
                "plan": {"copy_to": ["disk"]},
            }
        },
        "scan": {
            "targets": {
                "storage": {
                    "kind": "s3", "endpoint": moto.endpoint,
                    "credentials": f"file:{moto.credentials_file(moto.keys['all'])}",
                }
            }
        },
    }  # fmt: skip
    (tmp_path / "guardian.yaml").write_text(yaml.safe_dump(config))
    node = Node(load(tmp_path / "guardian.yaml"), SystemClock(), lambda _event: None, Stop())
    (blind,) = survival(node)
    # One place is lost with the host for sure; of the other one nobody knows who holds shares of its password.
    assert blind.verdict.answer == "found"
    key = node.keys().ensure_signing_key(node.origin)
    with Log.create(node.log_folder, node.origin, key) as log:
        for name in ("main", "disk"):
            who = {"tenant": node.tenant, "host": node.host}
            at = rfc3339(node.clock.now())
            log.append(
                KeyEvent(event="password-escrowed", key_id="k", repository=name, threshold=2, shares=3, at=at, **who)
            )
    (stated,) = read_stated(node)
    near, disk = stated.places
    assert (near.identities, near.prefix, disk.on_host) == (("host",), "app", True)
    assert stated.custody["main"] == Custody(3, 2)
    (account,) = stated.accounts
    assert {"host", "all", "person"} <= set(account.users)
    whole = world(stated)
    alone = {name: replace(whole, principals={name: has}) for name, has in whole.principals.items()}
    told = {name: ask(one, 30, 1) for name, one in alone.items()}
    (by_host,) = (verdict for name, verdict in told.items() if name.startswith("host "))
    assert by_host.attack is not None
    taken = [step.code for step in by_host.attack.steps]
    assert sorted(taken) == ["deletes-objects", "deletes-on-host", "may-delete", "takes-keys-of-host"]
    assert taken.index("takes-keys-of-host") < taken.index("may-delete") < taken.index("deletes-objects")
    assert told[f"{moto.endpoint} host"].answer == "none"  # it does not have the disk
    assert told[f"{moto.endpoint} all"].answer == "none"  # it may only read
    told_of = survived(node, 30)
    assert (told_of.outcome, int(told_of.exit_code)) == ("found", 3)
    assert any("taken from the host" in line for line in told_of.lines)


def test_every_step_and_every_unread_fact_has_words() -> None:
    """Whatever the pure half says, a person can read."""
    folder = Path(__file__).parents[2] / "guardian" / "baseline" / "survival"
    source = "".join(path.read_text("utf-8") for path in folder.glob("*.py"))
    codes = set(re.findall(r'Step\(\s*"([a-z-]+)"', source))
    assert codes == set(STEPS)
    unread = set(re.findall(r'frozenset\(\{f"([a-z-]+) \{', source)) | {"policy"}
    assert unread - {"as", "admin", "perhaps", "deletes", "expires", "bypasses", "holder", "somebody"} <= set(UNREAD)
    assert set(UNREAD) <= unread
