"""Every version of every object: what a versioned bucket has kept, whatever was written or deleted since."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from guardian.errors import StorageRefused
from guardian.i18n import _
from guardian.objectstore.bucket import Bucket

_PAGE = 1000
_MAX_PAGES = 20_000  # twenty million versions, and an end to a service that turns in circles
_SEAWEEDFS = re.compile(r"[0-7][0-9a-f]{31}")
_EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the object ``name`` (its key without the repository's prefix), or a marker that it was deleted.

    ``made``: when it came, by the storage's own clock.
    """

    name: str
    id: str
    is_latest: bool
    made: datetime
    size: int = 0
    etag: str = ""
    is_marker: bool = False


def list_versions(bucket: Bucket, under: str = "") -> Iterator[Version]:
    """All versions of the objects whose name begins with ``under``; of one object the newest first.

    Raises StorageRefused when these credentials may not see them or the list makes no sense, StorageUnreachable.
    """
    request: dict[str, Any] = {"Bucket": bucket.name, "Prefix": bucket.prefix + under, "MaxKeys": _PAGE}
    for _page in range(_MAX_PAGES):
        said = bucket.ask(lambda: bucket.client.list_object_versions(**request))
        if not said.done:
            raise _unusable(bucket, said.code)
        try:
            yield from _of_page(said.answer, bucket.prefix, bucket.prefix + under)
            following = said.answer.get("NextKeyMarker"), said.answer.get("NextVersionIdMarker")
            truncated = said.answer.get("IsTruncated")
        except (LookupError, TypeError, ValueError, AttributeError):
            raise _unusable(bucket, _("it is none")) from None
        if not truncated:
            return
        if not following[0] or following == (request.get("KeyMarker"), request.get("VersionIdMarker")):
            raise _unusable(bucket, _("a page leads to no next page"))
        request["KeyMarker"] = following[0]
        if following[1]:
            request["VersionIdMarker"] = following[1]
        else:
            request.pop("VersionIdMarker", None)
    raise _unusable(bucket, _("it does not end"))


def _of_page(answer: Any, prefix: str, wanted: str) -> Iterator[Version]:
    for is_marker, items in ((False, answer.get("Versions", ())), (True, answer.get("DeleteMarkers", ()))):
        for item in items:
            key = str(item["Key"])
            if key.startswith(wanted) and not key.endswith("/"):
                yield Version(
                    name=key.removeprefix(prefix),
                    id=str(item["VersionId"]),
                    is_latest=bool(item["IsLatest"]),
                    made=_made(str(item["VersionId"]), item["LastModified"]),
                    size=0 if is_marker else int(item["Size"]),
                    etag="" if is_marker else str(item.get("ETag", "")),
                    is_marker=is_marker,
                )


def _made(version: str, modified: datetime) -> datetime:
    """When a version came. SeaweedFS takes a longer lock for a modification; its ids count nanoseconds downwards."""
    if _SEAWEEDFS.fullmatch(version):
        nanoseconds = (1 << 63) - 1 - int(version[:16], 16)
        made = datetime.fromtimestamp(nanoseconds // 10**9, UTC)
        if _EARLIEST < made < modified:
            return made
    return modified


def _unusable(bucket: Bucket, why: str) -> StorageRefused:
    return StorageRefused(
        _("the versions in the bucket '{bucket}' cannot be listed: {why}").format(bucket=bucket.name, why=why),
        _("Give the credentials the right s3:ListBucketVersions."),
    )
