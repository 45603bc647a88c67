"""Run a program of Python with one request to a cloud refused: ``DENY=GetBucketAcl python deny.py guardian scan …``."""

import os
import sys
from importlib import import_module
from typing import Any

from botocore.client import BaseClient
from botocore.exceptions import ClientError

from guardian.objectstore.account import Account
from guardian.objectstore.getting import Refused
from guardian.objectstore.listing import Refusal

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
SETTING, LIST = Account.setting, Account.buckets
ASKED = BaseClient._make_api_call  # noqa: SLF001  the one place that every request passes


def refuse(self: BaseClient, operation: str, arguments: Any) -> Any:
    if operation in DENIED:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "Access Denied"}}, operation)
    return ASKED(self, operation, arguments)


def refuse_setting(self: Account, bucket: str, name: str) -> Any:
    if SETTINGS[name] in DENIED:
        raise Refused(Refusal(403, "AccessDenied"))
    return SETTING(self, bucket, name)


def refuse_list(self: Account) -> Any:
    if "ListBuckets" in DENIED:
        raise Refused(Refusal(403, "AccessDenied"))
    return LIST(self)


BaseClient._make_api_call = refuse  # noqa: SLF001
Account.setting = refuse_setting  # type: ignore[method-assign]
Account.buckets = refuse_list  # type: ignore[method-assign]
module, main = MAINS[sys.argv.pop(1)]
sys.exit(getattr(import_module(module), main)())
