"""What an IAM service says of identities → facts. Pure.

Raises LookupError, TypeError, ValueError for what is no answer.

No key, hash or password is in a fact: of an access key only its last four characters.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from guardian.baseline.facts import access_policy

_ADMINISTRATORS: Final = ("/AdministratorAccess", "/IAMFullAccess", "/PowerUserAccess")
"""Managed policies of the provider whose text is not told: who has one of these can make himself anything."""


def keys(answers: Iterable[Any]) -> list[dict[str, Any]]:
    """A user's access keys: ``id`` (its last four characters), ``active``, ``created``."""
    return [
        {
            "id": "…" + str(one["AccessKeyId"])[-4:],
            "active": one["Status"] == "Active",
            "created": moment(one["CreateDate"]),
        }
        for answer in answers
        for one in answer["AccessKeyMetadata"]
    ]


def password_policy(answer: Any) -> dict[str, Any]:
    """What passwords of users must be like."""
    found = answer["PasswordPolicy"]
    return {
        "min_length": int(found["MinimumPasswordLength"]),
        "symbols": found.get("RequireSymbols") is True,
        "numbers": found.get("RequireNumbers") is True,
        "upper": found.get("RequireUppercaseCharacters") is True,
        "lower": found.get("RequireLowercaseCharacters") is True,
        "max_age_days": _number(found.get("MaxPasswordAge")),
        "reuse_prevention": _number(found.get("PasswordReusePrevention")),
    }


def root(answer: Any) -> dict[str, Any]:
    """The account's own identity: whether it has access ``keys``, and ``mfa``."""
    found = answer["SummaryMap"]
    return {"keys": int(found["AccountAccessKeysPresent"]), "mfa": int(found["AccountMFAEnabled"]) > 0}


def identities(pages: Iterable[Any]) -> dict[str, Any]:
    """Users, groups, roles and policies from the account's authorization details.

    ``policies`` holds every policy that is attached to anything, also those inline; ``holders`` are ``user:NAME``,
    ``group:NAME`` or ``role:NAME``. ``users`` have ``groups`` and the names of ``policies`` of their own.
    """
    every = list(pages)
    users = [one for page in every for one in page.get("UserDetailList", ())]
    groups = [one for page in every for one in page.get("GroupDetailList", ())]
    roles = [one for page in every for one in page.get("RoleDetailList", ())]
    managed = {str(one["Arn"]): one for page in every for one in page.get("Policies", ())}
    policies: dict[str, dict[str, Any]] = {}
    told = [
        *((f"user:{one['UserName']}", one, "UserPolicyList") for one in users),
        *((f"group:{one['GroupName']}", one, "GroupPolicyList") for one in groups),
        *((f"role:{one['RoleName']}", one, "RolePolicyList") for one in roles),
    ]
    for holder, one, inline in told:
        for policy in one.get(inline, ()):
            name = f"{holder}/{policy['PolicyName']}"
            policies[name] = _policy(name, "inline", policy.get("PolicyDocument")) | {"holders": [holder]}
        for attached in one.get("AttachedManagedPolicies", ()):
            arn = str(attached["PolicyArn"])
            known = policies.setdefault(arn, _managed(arn, managed.get(arn)))
            known["holders"].append(holder)
    return {
        "users": [
            {
                "name": str(one["UserName"]),
                "arn": str(one["Arn"]),
                "created": moment(one["CreateDate"]),
                "groups": sorted(map(str, one.get("GroupList", ()))),
                "policies": sorted(
                    name for name, policy in policies.items() if f"user:{one['UserName']}" in policy["holders"]
                ),
            }
            for one in users
        ],
        "groups": [
            {
                "name": str(one["GroupName"]),
                "members": sum(one["GroupName"] in user.get("GroupList", ()) for user in users),
            }
            for one in groups
        ],
        "roles": [
            {"name": str(one["RoleName"]), "arn": str(one["Arn"]), **_trust(one.get("AssumeRolePolicyDocument"))}
            for one in roles
        ],
        "policies": list(policies.values()),
    }


def _managed(arn: str, found: Any) -> dict[str, Any]:
    if found is None:
        # The provider's own: what it says is known by its name alone.
        return {
            "name": arn,
            "kind": "provider",
            "everything": ["name"] if arn.endswith(_ADMINISTRATORS) else [],
            "statements": {"$err": "not told: a policy of the provider"},
            "holders": [],
        }
    version = next(one for one in found["PolicyVersionList"] if one["IsDefaultVersion"])
    return _policy(arn, "managed", version.get("Document")) | {"holders": []}


def _policy(name: str, kind: str, document: Any) -> dict[str, Any]:
    """A policy, ``everything`` naming its statements that allow all actions on all resources."""
    try:
        statements = access_policy.parse(document)
    except ValueError as error:
        hidden = {"$err": f"not understood: {error}"}
        return {"name": name, "kind": kind, "everything": hidden, "statements": hidden}
    everything = [one["sid"] for one in statements if one["everything"]]
    return {"name": name, "kind": kind, "everything": everything, "statements": statements}


def _trust(document: Any) -> dict[str, Any]:
    """Who may take on a role; ``open``: anybody may."""
    try:
        statements = access_policy.parse(document)
    except ValueError as error:
        hidden = {"$err": f"not understood: {error}"}
        return {"trusts": hidden, "open": hidden}
    allowing = [one for one in statements if one["effect"] == "allow"]
    who = sorted({name for one in allowing for name in one["principals"] or ["*"]})
    return {"trusts": who, "open": any(one["public"] for one in allowing)}


def moment(found: Any) -> str:
    """A time of an answer, RFC 3339 in UTC."""
    if not isinstance(found, datetime):
        raise TypeError("not a time")
    return found.strftime("%Y-%m-%dT%H:%M:%SZ")


def _number(found: Any) -> int | None:
    return None if found is None else int(found)
