"""Whether the credentials of backups may change the bucket itself: the very setting that was read is put back.

If that succeeds nothing has changed, whatever the setting was. Where there is nothing to put back, nothing is tried.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from guardian.model.posture import Trial, TrialName
from guardian.objectstore.bucket import Bucket, Said

_MOST = 1 << 20
_NOTHING = frozenset(
    {"NoSuchBucketPolicy", "NoSuchLifecycleConfiguration", "ObjectLockConfigurationNotFoundError", "404"}
)


@dataclass(frozen=True, slots=True)
class _Setting:
    what: TrialName
    read: str
    write: str
    mark: bytes
    """What must stand in the answer for there to be anything to put back."""
    fill: dict[str, Any]
    """What botocore wants to see; the bytes that were read are sent in its place."""


_SETTINGS = (
    _Setting(
        "put-versioning",
        "GetBucketVersioning",
        "PutBucketVersioning",
        b"<Status>",
        {"VersioningConfiguration": {"Status": "Enabled"}},
    ),
    _Setting(
        "put-object-lock",
        "GetObjectLockConfiguration",
        "PutObjectLockConfiguration",
        b"<ObjectLockEnabled>",
        {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"}},
    ),
    _Setting(
        "put-lifecycle",
        "GetBucketLifecycleConfiguration",
        "PutBucketLifecycleConfiguration",
        b"<Rule>",
        {"LifecycleConfiguration": {"Rules": []}},
    ),
    _Setting("put-policy", "GetBucketPolicy", "PutBucketPolicy", b"{", {"Policy": "{}"}),
)


def try_to_change(bucket: Bucket) -> Iterator[Trial]:
    """Put each setting of the bucket back as it is. Raises StorageUnreachable."""
    return (_tried(bucket, setting) for setting in _SETTINGS)


def _tried(bucket: Bucket, setting: _Setting) -> Trial:
    raw: list[bytes] = []

    def keep(http_response: Any, **_named: object) -> None:
        raw.append(http_response.content)

    said = _call(bucket, setting.read, {}, ("after-call", keep))
    if not said.done or len(raw) != 1:
        nothing = said.code in _NOTHING
        return Trial(what=setting.what, result="not-tried", why="nothing-set" if nothing else f"unread:{said.code}")
    content = raw[0]
    if setting.mark not in content or len(content) > _MOST:
        return Trial(what=setting.what, result="not-tried", why="nothing-set")

    def send(params: dict[str, Any], **_named: object) -> None:
        # Byte for byte: what botocore does not know of the setting would be lost on the way through it.
        params["body"] = content

    more = _beside_the_body(said.answer)
    said = _call(bucket, setting.write, {**setting.fill, **more}, ("before-call", send))
    result = "allowed" if said.done else "refused" if said.refused else "unknown"
    return Trial(what=setting.what, result=result, why=said.code)


def _beside_the_body(answer: Any) -> dict[str, Any]:
    """What of a setting travels in a header: left out, the storage would take its default."""
    named = "TransitionDefaultMinimumObjectSize"
    return {named: answer[named]} if named in answer else {}


def _call(bucket: Bucket, operation: str, more: dict[str, Any], heed: tuple[str, Any]) -> Said:
    client = bucket.client
    name = f"{heed[0]}.s3.{operation}"
    method = client.meta.method_to_api_mapping
    function = next(python for python, api in method.items() if api == operation)
    client.meta.events.register(name, heed[1])
    try:
        return bucket.ask(lambda: getattr(client, function)(Bucket=bucket.name, **more))
    finally:
        client.meta.events.unregister(name, heed[1])
