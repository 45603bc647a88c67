"""The policies that ship: each role has what it needs and nothing that destroys history."""

import json
from typing import Any

import pytest

from guardian.content import content_dir
from guardian.errors import ConfigError, UsageError
from guardian.objectstore.policies import FORMATS, ROLES, Format, Role, policy

PLACE = ("backups", "agency/host-1")
SOURCE = ("first", "agency")


def printed(role: Role, form: Format = "aws") -> Any:
    return policy(role, form, PLACE, SOURCE if role == "copy" else None)


def rights(document: Any) -> dict[str, set[str]]:
    """The resources of each action."""
    found: dict[str, set[str]] = {}
    for statement in document["Statement"]:
        assert statement["Effect"] == "Allow"
        for action in statement["Action"]:
            found.setdefault(action, set()).add(statement["Resource"])
    return found


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("role", ROLES)
def test_every_role_is_filled_in(role: Role, form: Format) -> None:
    text = json.dumps(printed(role, form))
    assert "${" not in text
    assert "backups" in text


def test_what_each_role_may_delete_and_unlock() -> None:
    under = "arn:aws:s3:::backups/agency/host-1/"
    deletes = {role: rights(printed(role)).get("s3:DeleteObject", set()) for role in ROLES}
    assert deletes == {
        "agent": {f"{under}locks/*"},
        "maintenance": {f"{under}*"},
        "auditor": set(),
        "copy": {f"{under}locks/*"},
    }
    unlocks = {role for role in ROLES if "s3:PutObjectRetention" in rights(printed(role))}
    assert unlocks == {"maintenance"}
    for role in ROLES:
        for action in rights(printed(role)):
            assert "*" not in action
            assert not action.startswith(("s3:PutBucket", "s3:PutLifecycle", "s3:PutObjectLegalHold"))
            assert action not in {"s3:DeleteObjectVersion", "s3:BypassGovernanceRetention", "s3:DeleteBucket"}


def test_nobody_reaches_beside_the_repository() -> None:
    for role in ROLES:
        for action, resources in rights(printed(role)).items():
            for resource in resources:
                inside = "/agency/host-1/" in resource or resource.startswith("arn:aws:s3:::first/agency/")
                assert inside or resource in {"arn:aws:s3:::backups", "arn:aws:s3:::first"}, (role, action)


def test_a_copy_only_reads_its_source() -> None:
    read = {action for action, places in rights(printed("copy")).items() if any("first" in p for p in places)}
    assert read == {"s3:ListBucket", "s3:GetBucketLocation", "s3:GetObject"}


def test_a_whole_bucket_has_no_prefix() -> None:
    found = rights(policy("agent", "aws", ("backups", "")))
    assert found["s3:PutObject"] == {"arn:aws:s3:::backups/*"}
    assert found["s3:DeleteObject"] == {"arn:aws:s3:::backups/locks/*"}


@pytest.mark.parametrize("prefix", ["a*", "${aws:username}", "a/../b", "a//b", "a?b"])
def test_a_prefix_that_would_mean_more_is_refused(prefix: str) -> None:
    with pytest.raises((UsageError, ConfigError)):
        policy("agent", "aws", ("backups", prefix))


def test_a_source_belongs_to_a_copy_and_to_nobody_else() -> None:
    with pytest.raises(UsageError):
        policy("copy", "aws", PLACE)
    with pytest.raises(UsageError):
        policy("agent", "aws", PLACE, SOURCE)


def test_seaweedfs_takes_the_same_policy() -> None:
    for role in ROLES:
        document = printed(role, "seaweedfs")
        (identity,), (held,) = document["identities"], document["policies"]
        assert identity["policyNames"] == [held["name"]]
        assert "actions" not in identity
        assert json.loads(held["content"]) == printed(role)


def test_no_file_lies_there_unused() -> None:
    assert {path.stem for path in (content_dir("policies") / "s3").iterdir()} == set(ROLES)
