"""Run a program of Python with one request to a cloud refused: ``DENY=GetBucketAcl python deny.py guardian scan …``."""

import os
import sys
from importlib import import_module
from typing import Any

from botocore.client import BaseClient
from botocore.exceptions import ClientError

MAINS = {"guardian": ("guardian.__main__", "main"), "prowler": ("prowler.__main__", "prowler")}
DENIED = set(filter(None, os.environ.get("DENY", "").split(",")))
ASKED = BaseClient._make_api_call  # noqa: SLF001  the one place that every request passes


def refuse(self: BaseClient, operation: str, arguments: Any) -> Any:
    if operation in DENIED:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "Access Denied"}}, operation)
    return ASKED(self, operation, arguments)


BaseClient._make_api_call = refuse  # noqa: SLF001
module, main = MAINS[sys.argv.pop(1)]
sys.exit(getattr(import_module(module), main)())
