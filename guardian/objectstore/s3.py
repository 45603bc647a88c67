"""The bucket under a repository: made with the lock that was asked for, and its posture read as facts.

restic moves the data; this door is for what restic does not do. boto3 is loaded when a store is opened, since it
is large and optional.
"""

import contextlib
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from guardian.errors import ConfigError, StorageRefused
from guardian.i18n import _
from guardian.model.address import S3Address
from guardian.model.protection import BucketLock
from guardian.model.secret import Secret
from guardian.objectstore import answers
from guardian.objectstore.posture import Posture, read_posture
from guardian.objectstore.service import DEFAULT_REGION, Service, open_service

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class BucketLockError(ConfigError):
    """The bucket exists, and its object lock is not the one the configuration asks for."""

    code = "bucket-lock-differs"


class S3Store:
    """A bucket, spoken to with the repository's own credentials. Close it, or use it as a context manager."""

    def __init__(
        self,
        address: S3Address,
        credentials: Mapping[str, Secret],
        region: str = DEFAULT_REGION,
        cacert: str | None = None,
    ) -> None:
        """Open the door; nothing is sent yet.

        ``credentials`` holds AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and AWS_SESSION_TOKEN where there is one.
        Raises Unavailable when boto3 is not installed, ConfigError when a credential is missing.
        """
        self.address = address
        self._region = region
        self._secrets = tuple(credentials.values())
        self._client = open_client(address, credentials, region, cacert)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def ensure_bucket(self, lock: BucketLock | None = None) -> Literal["created", "existing"]:
        """Make the bucket unless it is there, with object lock and its default retention where ``lock`` asks for it.

        A bucket that is there is left as it is, but for one case: an empty one whose object lock has no default
        retention yet is a bucket half made, by a run that died or by one beside us, and is finished. Raises
        BucketLockError when the bucket has less lock than asked, StorageRefused, StorageUnreachable.
        """
        outcome: Literal["created", "existing"] = "existing"
        if not self._exists():
            outcome = self._create(lock)
        if lock is not None:
            self._ensure_lock(lock)
        return outcome

    def check(self) -> None:
        """Send one signed request. Raises StorageRefused for keys it does not know, StorageUnreachable."""
        with self._named_errors():
            self._client.list_buckets()

    def posture(self) -> Posture:
        """How the bucket is set up: each fact a value, or why it could not be read. Never raises for a storage's no."""
        prefix = f"{self.address.prefix}/" if self.address.prefix else ""
        return read_posture(self._client, self.address.bucket, prefix)

    def _exists(self) -> bool:
        with self._named_errors() as missing:
            missing.tolerate("404", "NoSuchBucket", "NotFound")
            self._client.head_bucket(Bucket=self.address.bucket)
        return missing.met is None

    def _create(self, lock: BucketLock | None) -> Literal["created", "existing"]:
        request: dict[str, Any] = {"Bucket": self.address.bucket}
        if lock is not None:
            request["ObjectLockEnabledForBucket"] = True
        if self._region != DEFAULT_REGION:
            request["CreateBucketConfiguration"] = {"LocationConstraint": self._region}
        with self._named_errors() as there:
            there.tolerate("BucketAlreadyOwnedByYou", "BucketAlreadyExists")
            self._client.create_bucket(**request)
        if there.met is None:
            return "created"
        # Somebody was quicker. If the bucket is a stranger's, asking for it again says so.
        if not self._exists():
            raise StorageRefused(
                _("the bucket '{bucket}' belongs to somebody else").format(bucket=self.address.bucket),
                _("Choose another bucket name: they are unique over all customers of a storage."),
            )
        return "existing"

    def _ensure_lock(self, lock: BucketLock) -> None:
        posture = self.posture()
        unread = posture.object_lock.error or posture.default_retention.error
        if unread:
            raise StorageRefused(
                _("cannot read the object lock of the bucket '{bucket}': {why}").format(
                    bucket=self.address.bucket, why=unread
                ),
                _("Give the credentials the right s3:GetBucketObjectLockConfiguration, or take 'lock' out."),
            )
        if posture.object_lock.value and posture.default_retention.value is None and self._is_empty():
            self._put_retention(lock)
            posture = self.posture()
        if not at_least(posture.default_retention.value, lock):
            raise BucketLockError(
                _("the bucket '{bucket}' has {has}, and the configuration asks for {asked}").format(
                    bucket=self.address.bucket, has=_lock_text(posture), asked=f"{lock.mode} {lock.days} d"
                ),
                _("Use a new bucket: Guardian makes it with the lock. Or set the bucket's default retention yourself."),
            )

    def _is_empty(self) -> bool:
        with self._named_errors():
            found = self._client.list_object_versions(Bucket=self.address.bucket, MaxKeys=1)
        return not found.get("Versions") and not found.get("DeleteMarkers")

    def _put_retention(self, lock: BucketLock) -> None:
        retention: Any = {"Mode": lock.mode.upper(), "Days": lock.days}
        with self._named_errors():
            self._client.put_object_lock_configuration(
                Bucket=self.address.bucket,
                ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": retention}},
            )

    @contextlib.contextmanager
    def _named_errors(self) -> Iterator["_Tolerated"]:
        """What boto3 raises, turned into Guardian's errors; codes that the caller tolerates are kept for it."""
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  large and optional

        tolerated = _Tolerated()
        try:
            yield tolerated
        except (BotoCoreError, ClientError) as error:
            if isinstance(error, ClientError) and answers.code(error) in tolerated.codes:
                tolerated.met = answers.code(error)
                return
            # "from None": a traceback of boto3's frames would show headers with the signature in them.
            raise answers.as_guardian_error(error, self.address, self._secrets) from None
        except (KeyError, TypeError, ValueError, AttributeError):
            # botocore trusts the shape of an answer and trips over one that has another.
            raise answers.not_understood(self.address) from None


class _Tolerated:
    """Error codes that are an answer to the question asked, and the one that came."""

    def __init__(self) -> None:
        self.codes: tuple[str, ...] = ()
        self.met: str | None = None

    def tolerate(self, *codes: str) -> None:
        self.codes = codes


def at_least(has: BucketLock | None, asked: BucketLock) -> bool:
    """Whether ``has`` protects as much as ``asked``: compliance is more than governance, more days are more."""
    return has is not None and has.days >= asked.days and (has.mode == "compliance" or asked.mode == "governance")


def _lock_text(posture: Posture) -> str:
    if not posture.object_lock.value:
        return _("no object lock")
    if posture.default_retention.value is None:
        return _("object lock without a default retention")
    return f"{posture.default_retention.value.mode} {posture.default_retention.value.days} d"


def open_client(address: S3Address, credentials: Mapping[str, Secret], region: str, cacert: str | None) -> "S3Client":
    """A client of the service at ``address``, for one bucket's work.

    Raises as :func:`guardian.objectstore.service.open_service`.
    """
    client: S3Client = open_service("s3", Service(address.endpoint, address.host, region, cacert), credentials)
    client.meta.events.register("before-parse.s3", answers.refuse_pages(address))
    return client
