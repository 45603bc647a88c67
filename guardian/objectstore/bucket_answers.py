"""What an S3 service answers about buckets, as dicts in the form of boto3's. Pure; the bytes are a stranger's.

Raises ValueError for what is not the answer that was asked for.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from typing import Any, Final

from guardian.objectstore.listing import name_of, parsed

_LISTS: Final = {
    ("LifecycleConfiguration", "Rule"): "Rules",
    ("ServerSideEncryptionConfiguration", "Rule"): "Rules",
    ("AccessControlList", "Grant"): "Grants",
    ("Buckets", "Bucket"): "Buckets",
    ("TagSet", "Tag"): "Tags",
    ("And", "Tag"): "Tags",
}
"""What may be there several times: parent and name, and how boto3 calls the list."""
_SWITCHES: Final = frozenset(
    {"BucketKeyEnabled", "BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"}
)
_OTHER_TOP: Final = re.compile(r"Get\w+(Response|Output|Result)")
"""How some servers call the top of any answer; what comes with an error, or is a page, has other names."""
_DEEPEST: Final = 12


def buckets(body: bytes) -> tuple[list[tuple[str, str | None]], str | None]:
    """A page of ListBuckets: names, regions (None where they are not told), and what to ask for the next page by."""
    found = _top(body, "ListAllMyBucketsResult")
    told = (found["Buckets"] or {}).get("Buckets", [])
    return [(one["Name"], one.get("BucketRegion") or None) for one in told], found.get("ContinuationToken") or None


def setting(name: str, body: bytes) -> dict[str, Any]:
    """The answer to ``GET /bucket?name``. Raises KeyError for a ``name`` that is not known here."""
    if name == "policy":
        return {"Policy": body.decode("utf-8")}
    top, form = _SETTINGS[name]
    return form(_top(body, top))


def _acl(found: Mapping[str, Any]) -> dict[str, Any]:
    return {"Owner": found.get("Owner") or {}, "Grants": (found["AccessControlList"] or {}).get("Grants", [])}


def _versioning(found: Mapping[str, Any]) -> dict[str, Any]:
    return {("MFADelete" if key == "MfaDelete" else key): value for key, value in found.items()}


def _under(name: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    return lambda found: {name: dict(found)}


_SETTINGS: Final[Mapping[str, tuple[str, Callable[[Mapping[str, Any]], dict[str, Any]]]]] = {
    "versioning": ("VersioningConfiguration", _versioning),
    "object-lock": ("ObjectLockConfiguration", _under("ObjectLockConfiguration")),
    "encryption": ("ServerSideEncryptionConfiguration", _under("ServerSideEncryptionConfiguration")),
    "publicAccessBlock": ("PublicAccessBlockConfiguration", _under("PublicAccessBlockConfiguration")),
    "acl": ("AccessControlPolicy", _acl),
    "lifecycle": ("LifecycleConfiguration", dict),
    "logging": ("BucketLoggingStatus", dict),
    "tagging": ("Tagging", lambda found: {"TagSet": (found["TagSet"] or {}).get("Tags", [])}),
}


def _top(body: bytes, name: str) -> dict[str, Any]:
    root = parsed(body)
    if root is None or (name_of(root) != name and not _OTHER_TOP.fullmatch(name_of(root))):
        raise ValueError(f"no {name}")
    return _inside(root, name)


def _inside(element: ET.Element, here: str, depth: int = 0) -> dict[str, Any]:
    """The children by name of ``element``, which is called ``here``; lists where there may be several."""
    if depth > _DEEPEST:
        raise ValueError("too deep an answer")
    found: dict[str, Any] = {}
    for child in element:
        name = name_of(child)
        value = _inside(child, name, depth + 1) if len(child) else _value(name, child.text or "")
        if (here, name) in _LISTS:
            found.setdefault(_LISTS[here, name], []).append(value)
        else:
            found[name] = value
    return found


def _value(name: str, text: str) -> Any:
    if name not in _SWITCHES:
        return text
    if text.lower() not in ("true", "false"):
        raise ValueError(f"{name} is neither true nor false")
    return text.lower() == "true"
