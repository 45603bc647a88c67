"""What an S3 service says of a bucket → facts. Pure.

Raises LookupError, TypeError, ValueError for what is no answer.
"""

from typing import Any, Final

from guardian.baseline.facts import access_policy

_GROUPS: Final = {
    "http://acs.amazonaws.com/groups/global/AllUsers": "all-users",
    "http://acs.amazonaws.com/groups/global/AuthenticatedUsers": "authenticated-users",
    "http://acs.amazonaws.com/groups/s3/LogDelivery": "log-delivery",
}
_PUBLIC: Final = ("all-users", "authenticated-users")


def versioning(answer: Any) -> dict[str, Any]:
    """``status``: enabled, suspended or off; ``mfa_delete``."""
    status = answer.get("Status")
    return {
        "status": "off" if not status else {"Enabled": "enabled", "Suspended": "suspended"}[status],
        "mfa_delete": answer.get("MFADelete") == "Enabled",
    }


def lock(answer: Any) -> dict[str, Any]:
    """``enabled``; ``mode`` (governance, compliance) and ``days`` of the default retention, null where it has none."""
    configuration = answer["ObjectLockConfiguration"]
    default = (configuration.get("Rule") or {}).get("DefaultRetention") or {}
    days = default.get("Days") or (int(default["Years"]) * 365 if default.get("Years") else None)
    return {
        "enabled": configuration.get("ObjectLockEnabled") == "Enabled",
        "mode": str(default["Mode"]).lower() if days else None,
        "days": int(days) if days else None,
    }


def encryption(answer: Any) -> dict[str, Any]:
    """``algorithm`` of new objects (aes256, aws:kms …), and whether a ``customer_key`` is named for it."""
    rule = answer["ServerSideEncryptionConfiguration"]["Rules"][0]
    default = rule["ApplyServerSideEncryptionByDefault"]
    return {
        "algorithm": str(default["SSEAlgorithm"]).lower()[:64],
        "customer_key": bool(default.get("KMSMasterKeyID")),
        "bucket_key": rule.get("BucketKeyEnabled") is True,
    }


def public_access_block(answer: Any) -> dict[str, Any]:
    """The four switches."""
    found = answer["PublicAccessBlockConfiguration"]
    return {
        "block_acls": found.get("BlockPublicAcls") is True,
        "ignore_acls": found.get("IgnorePublicAcls") is True,
        "block_policy": found.get("BlockPublicPolicy") is True,
        "restrict": found.get("RestrictPublicBuckets") is True,
    }


def acl(answer: Any) -> dict[str, Any]:
    """``grants``: who (a group's name, or ``owner`` or ``other``) may do what; ``public``: those to anybody."""
    owner = str((answer.get("Owner") or {}).get("ID", ""))
    grants = [_grant(one, owner) for one in answer["Grants"]]
    return {
        "grants": grants,
        "public": [f"{one['to']}:{one['permission']}" for one in grants if one["to"] in _PUBLIC],
        "others": [one["id"] for one in grants if one["to"] == "other"],
    }


def _grant(one: Any, owner: str) -> dict[str, Any]:
    grantee = one["Grantee"]
    permission = str(one["Permission"]).lower()
    if uri := grantee.get("URI"):
        # A group that we do not know is taken for anybody: that may be wrong, and it is never a silent pass.
        return {"to": _GROUPS.get(uri, "all-users"), "permission": permission, "id": str(uri)[:256]}
    who = str(grantee.get("ID") or grantee.get("EmailAddress") or "")
    return {"to": "owner" if who and who == owner else "other", "permission": permission, "id": who[:256]}


def policy(answer: Any, bucket: str) -> dict[str, Any]:
    """Its ``statements``; ``public``: those that let in anybody; ``tls_only``; ``principals``: all that are let in."""
    statements = access_policy.parse(answer["Policy"])
    allowing = [one for one in statements if one["effect"] == "allow"]
    return {
        "statements": statements,
        "public": [one["sid"] for one in allowing if one["public"]],
        "tls_only": access_policy.forbids_plain_http(statements, bucket),
        "principals": sorted({who for one in allowing for who in one["principals"] or ["*"]}),
        "all_actions": [one["sid"] for one in allowing if _all_actions(one)],
    }


def _all_actions(one: dict[str, Any]) -> bool:
    return bool(one["not_actions"]) or bool({"*", "s3:*"}.intersection(one["actions"]))


def lifecycle(answer: Any) -> list[dict[str, Any]]:
    """Its rules: which keys (``prefix``), and after how many days it takes away newest versions (``days``; 0: on a
    fixed date), older ones (``noncurrent_days``, beyond ``noncurrent_kept`` of them) and unfinished uploads
    (``abort_days``); null where it does not."""
    return [_rule(one, number) for number, one in enumerate(answer["Rules"])]


def _rule(one: Any, number: int) -> dict[str, Any]:
    filtered = one.get("Filter") or {}
    both = filtered.get("And") or {}
    expiration = one.get("Expiration") or {}
    older = one.get("NoncurrentVersionExpiration") or {}
    abort = one.get("AbortIncompleteMultipartUpload") or {}
    return {
        "id": str(one.get("ID") or number)[:128],
        "enabled": one["Status"] == "Enabled",
        "prefix": str(one.get("Prefix") or filtered.get("Prefix") or both.get("Prefix") or ""),
        "tagged": "Tag" in filtered or bool(both.get("Tags")),
        "days": 0 if "Date" in expiration else _days(expiration.get("Days")),
        "noncurrent_days": _days(older.get("NoncurrentDays")),
        "noncurrent_kept": _days(older.get("NewerNoncurrentVersions")),
        "abort_days": _days(abort.get("DaysAfterInitiation")),
    }


def _days(found: Any) -> int | None:
    return None if found is None else int(found)


def logging(answer: Any, bucket: str) -> dict[str, Any] | None:
    """Where access is logged to, and whether that is another bucket (``elsewhere``); null where it is not logged."""
    found = answer.get("LoggingEnabled")
    if not found:
        return None
    target = str(found["TargetBucket"])
    return {"bucket": target, "prefix": str(found.get("TargetPrefix") or ""), "elsewhere": target != bucket}


def tags(answer: Any) -> dict[str, str]:
    """Its tags, names lower-cased."""
    return {str(one["Key"]).lower()[:128]: str(one["Value"])[:256] for one in answer["TagSet"]}
