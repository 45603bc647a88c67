"""Run a program of Python with one request to a cloud refused: ``DENY=GetBucketAcl python deny.py guardian scan …``."""

import os
import sys
from importlib import import_module
from typing import Any

from botocore.client import BaseClient
from botocore.exceptions import ClientError

MAINS = {"guardian": ("guardian.__main__", "main"), "prowler": ("prowler.__main__", "prowler")}
DENIED = set(filter(None, os.environ.get("DENY", "").split(",")))
SETTINGS = {
    "versioning": "GetBucketVersioning",
    "object-lock": "GetObjectLockConfiguration",
    "encryption": "GetBucketEncryption",
    "publicAccessBlock": "GetPublicAccessBlock",
    "acl": "GetBucketAcl",
    "policy": "GetBucketPolicy",
    "lifecycle": "GetBucketLifecycleConfiguration",
    "logging": "GetBucketLogging",
    "tagging": "GetBucketTagging",
}
ASKED = BaseClient._make_api_call  # noqa: SLF001  the one place that every request passes


def refuse(self: BaseClient, operation: str, arguments: Any) -> Any:
    if operation in DENIED:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "Access Denied"}}, operation)
    return ASKED(self, operation, arguments)


def refuse_our_own() -> None:
    """Guardian reads buckets past boto3. Prowler's own Python knows nothing of Guardian."""
    from guardian.objectstore import account, getting, listing  # noqa: PLC0415

    ours = account.Account
    setting, buckets = ours.setting, ours.buckets

    def refuse_setting(self: Any, bucket: str, name: str) -> Any:
        if SETTINGS[name] in DENIED:
            raise getting.Refused(listing.Refusal(403, "AccessDenied"))
        return setting(self, bucket, name)

    def refuse_list(self: Any) -> Any:
        if "ListBuckets" in DENIED:
            raise getting.Refused(listing.Refusal(403, "AccessDenied"))
        return buckets(self)

    ours.setting = refuse_setting  # type: ignore[method-assign]
    ours.buckets = refuse_list  # type: ignore[method-assign]


BaseClient._make_api_call = refuse  # noqa: SLF001
program = sys.argv.pop(1)
if program == "guardian":
    refuse_our_own()
module, main = MAINS[program]
sys.exit(getattr(import_module(module), main)())
