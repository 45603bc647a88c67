"""How a bucket is set up, as facts: each is a value, or why it could not be read. Unreadable is never a pass."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from guardian.model.protection import BucketLock
from guardian.objectstore import lifecycle
from guardian.objectstore.lifecycle import LifecycleRule
from guardian.objectstore.questions import Fact, Questions

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_LONGEST = 36500  # days, the most that a BucketLock says: what is longer is told as this
_BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


@dataclass(frozen=True, slots=True)
class Posture:
    """The set-up of one bucket, as far as its credentials may see it."""

    versioning: Fact[Literal["enabled", "suspended", "off"]]
    object_lock: Fact[bool]
    """Whether the bucket can lock objects at all."""
    default_retention: Fact[BucketLock]
    """The lock that every new object gets; a known None is none."""
    public_access_blocked: Fact[bool]
    """Whether all four blocks are on."""
    encryption: Fact[str]
    """The algorithm for new objects, such as ``AES256``; a known None is none."""
    policy: Fact[bool]
    """Whether the bucket has a policy."""
    public: Fact[bool]
    """Whether that policy gives anybody at all a right."""
    lifecycle: Fact[tuple[LifecycleRule, ...]]
    """The lifecycle rules that are on: each may delete."""
    lists_versions: Fact[bool]
    """Whether these credentials may see older versions of objects."""

    @property
    def lifecycle_rules(self) -> Fact[int]:
        """How many lifecycle rules are on."""
        rules = self.lifecycle.value
        return Fact(None if rules is None else len(rules), self.lifecycle.error)


def read_posture(client: "S3Client", bucket: str, prefix: str = "") -> Posture:
    """Ask ``client`` for every fact about ``bucket``, and what is under ``prefix``.

    Once nobody answers at all, the rest is not asked.
    """
    ask = Questions()
    versioning = ask(_versioning, lambda: client.get_bucket_versioning(Bucket=bucket))
    lock: Fact[tuple[bool, BucketLock | None]] = ask(
        _lock,
        lambda: client.get_object_lock_configuration(Bucket=bucket),
        {"ObjectLockConfigurationNotFoundError": (False, None)},
    )
    has_lock, retention = lock.value or (None, None)
    policy: Fact[tuple[bool, bool]] = ask(
        _policy, lambda: client.get_bucket_policy(Bucket=bucket), {"NoSuchBucketPolicy": (False, False)}
    )
    has_policy, public = policy.value or (None, None)
    return Posture(
        versioning=versioning,
        object_lock=Fact(has_lock, lock.error),
        default_retention=Fact(retention, lock.error),
        public_access_blocked=ask(
            _blocked,
            lambda: client.get_public_access_block(Bucket=bucket),
            {"NoSuchPublicAccessBlockConfiguration": False},
        ),
        encryption=ask(
            _encryption,
            lambda: client.get_bucket_encryption(Bucket=bucket),
            {"ServerSideEncryptionConfigurationNotFoundError": None},
        ),
        policy=Fact(has_policy, policy.error),
        public=Fact(public, policy.error),
        lifecycle=ask(
            lifecycle.parse,
            lambda: client.get_bucket_lifecycle_configuration(Bucket=bucket),
            {"NoSuchLifecycleConfiguration": ()},
        ),
        lists_versions=ask(
            lambda answer: "ResponseMetadata" in answer,
            lambda: client.list_object_versions(Bucket=bucket, Prefix=prefix, MaxKeys=1),
            {"AccessDenied": False},
        ),
    )


def _versioning(answer: Any) -> Literal["enabled", "suspended", "off"]:
    status = answer.get("Status")
    if status is None:
        return "off"
    return {"Enabled": "enabled", "Suspended": "suspended"}[status]  # type: ignore[return-value]


def _lock(answer: Any) -> tuple[bool, BucketLock | None]:
    configuration = answer["ObjectLockConfiguration"]
    enabled = configuration.get("ObjectLockEnabled") == "Enabled"
    rule = configuration.get("Rule")
    if not rule:
        return enabled, None
    default = rule["DefaultRetention"]
    days = int(default.get("Days") or default["Years"] * 365)
    return enabled, BucketLock(mode=default["Mode"].lower(), days=min(days, _LONGEST))


def _blocked(answer: Any) -> bool:
    configuration = answer["PublicAccessBlockConfiguration"]
    return all(configuration.get(block) is True for block in _BLOCKS)


def _encryption(answer: Any) -> str:
    rule = answer["ServerSideEncryptionConfiguration"]["Rules"][0]
    return str(rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"])[:64]


def _policy(answer: Any) -> tuple[bool, bool]:
    """Whether there is a policy, and whether it allows anybody anything without a condition."""
    document = json.loads(answer["Policy"])
    statements = document["Statement"]
    every = statements if isinstance(statements, list) else [statements]
    return True, any(
        statement["Effect"] == "Allow" and not statement.get("Condition") and _anybody(statement.get("Principal"))
        for statement in every
    )


def _anybody(principal: Any) -> bool:
    named = principal.get("AWS") if isinstance(principal, dict) else principal
    return "*" in (named if isinstance(named, list) else [named])
