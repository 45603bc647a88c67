"""A repository's place in a bucket, spoken to with one set of credentials: for what restic does not do.

Whatever is asked gives an answer or a short code for why there is none; only silence is an exception.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from guardian.errors import StorageRefused
from guardian.model.address import S3Address
from guardian.model.secret import Secret
from guardian.objectstore import answers
from guardian.objectstore.s3 import open_client
from guardian.objectstore.service import DEFAULT_REGION

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Who we are, or what time it is, was not believed: that says nothing of what we may do.
_NO_VERDICT = frozenset(
    {
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "InvalidToken",
        "ExpiredToken",
        "AuthorizationHeaderMalformed",
        "RequestTimeTooSkewed",
        "RequestExpired",
        "SlowDown",
        "OperationAborted",
    }
)
# Some services say 400 where the lock is in the way.
_LOCKED = frozenset({"AccessDenied", "ObjectLocked", "InvalidBucketState", "FileImmutable", "InvalidRetention"})


@dataclass(frozen=True, slots=True)
class Said:
    """What came of one request: its answer, or the ``code`` of why not; ``refused``: the storage will not have it.

    A code without ``refused`` is no verdict: the storage is in trouble, has no such setting, or does not know us.
    """

    answer: Any = None
    code: str = ""
    refused: bool = False

    @property
    def done(self) -> bool:
        """Whether the storage said yes."""
        return not self.code


@dataclass(frozen=True, slots=True)
class Bucket:
    """The place of a repository. ``prefix`` ends in a slash, or is empty."""

    client: "S3Client"
    name: str
    prefix: str
    address: S3Address
    secrets: tuple[Secret, ...]

    def ask(self, request: Callable[[], Any]) -> Said:
        """What came of ``request``. Raises StorageUnreachable when nobody answers."""
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  large and optional

        try:
            return Said(request())
        except StorageRefused:
            return Said(code=answers.NOT_UNDERSTOOD)
        except (BotoCoreError, ClientError) as error:
            if answers.is_unreachable(error):
                # "from None": a traceback of boto3's frames would show headers with the signature in them.
                raise answers.as_guardian_error(error, self.address, self.secrets) from None
            return Said(code=answers.short(error), refused=isinstance(error, ClientError) and _refused(error))
        except (LookupError, TypeError, ValueError, AttributeError):
            return Said(code=answers.NOT_UNDERSTOOD)


def _refused(error: Any) -> bool:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = answers.code(error)
    return code not in _NO_VERDICT and (status in {403, 409} or code in _LOCKED)


@contextlib.contextmanager
def open_bucket(address: S3Address, credentials: Mapping[str, Secret], cacert: str | None = None) -> Iterator[Bucket]:
    """The place at ``address``; nothing is sent yet. Raises as :func:`guardian.objectstore.s3.open_client` does."""
    client = open_client(address, credentials, DEFAULT_REGION, cacert)
    prefix = f"{address.prefix}/" if address.prefix else ""
    try:
        yield Bucket(client, address.bucket, prefix, address, tuple(credentials.values()))
    finally:
        client.close()
