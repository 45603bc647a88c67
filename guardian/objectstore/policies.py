"""The exact rights that each role needs on a bucket, and no more: for the storage's own access control.

The texts ship with Guardian (``policies/s3``); here the bucket and the prefix are filled in. SeaweedFS takes the same
policies as AWS, inside a document of its own (``weed s3 -config``).
"""

import json
from typing import Any, Literal

from guardian.content import content_dir
from guardian.errors import UsageError
from guardian.i18n import _
from guardian.model.address import S3Address, parse

Role = Literal["agent", "maintenance", "auditor", "copy"]
Format = Literal["aws", "seaweedfs"]

ROLES: tuple[Role, ...] = ("agent", "maintenance", "auditor", "copy")
FORMATS: tuple[Format, ...] = ("aws", "seaweedfs")

Place = tuple[str, str]
"""A bucket, and the prefix of a repository in it without slashes at its ends; an empty prefix is the whole bucket."""


def policy(role: Role, form: Format, place: Place, source: Place | None = None) -> dict[str, Any]:
    """The policy document for ``role``. ``copy`` reads ``source`` and writes to ``place``.

    For SeaweedFS it is a whole configuration with one identity, whose keys are to be filled in.

    Raises UsageError for a name that cannot stand in a policy, and when a source is missing or has no use.
    """
    if (role == "copy") != (source is not None):
        raise UsageError(
            _("the role 'copy' reads one place and writes to another"),
            _("Name what it reads by --from-bucket and --from-prefix; no other role takes them."),
        )
    names = _names("", place) | (_names("source-", source) if source else {})
    text = (content_dir("policies") / "s3" / f"{role}.json").read_text("utf-8")
    document: dict[str, Any] = _filled(json.loads(text), names)
    return document if form == "aws" else _seaweedfs(f"guardian-{role}", document)


def _seaweedfs(name: str, document: dict[str, Any]) -> dict[str, Any]:
    # Its own words, such as "Write", let whoever may write delete too: a policy says it exactly.
    keys = [{"accessKey": "ACCESS_KEY", "secretKey": "SECRET_KEY"}]
    return {
        "identities": [{"name": name, "credentials": keys, "policyNames": [name]}],
        "policies": [{"name": name, "content": json.dumps(document)}],
    }


def _names(kind: str, place: Place) -> dict[str, str]:
    address = _checked(*place)
    return {
        f"${{{kind}bucket}}": address.bucket,
        f"${{{kind}prefix}}": f"{address.prefix}/" if address.prefix else "",
    }


def _checked(bucket: str, prefix: str) -> S3Address:
    # These mean something in a policy: a star would open what lies beside the repository too.
    if odd := set("*$").intersection(prefix):
        raise UsageError(_("the prefix holds the character {character}").format(character=min(odd)))
    return parse(f"s3:https://storage/{bucket}/{prefix.strip('/')}")


def _filled(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, names) for inner in value]
    if isinstance(value, str):
        for name, text in names.items():
            value = value.replace(name, text)
    return value
