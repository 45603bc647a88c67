"""What an S3 service says when it says no, in Guardian's words.

An answer is outside text: codes are taken only in their plain form, messages are cut, made printable, and any
secret of ours that a server echoes is struck out.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from guardian.errors import ConfigError, GuardianError, StorageFull, StorageRefused, StorageUnreachable
from guardian.i18n import _
from guardian.model.address import S3Address
from guardian.model.secret import Secret
from guardian.objectstore.listing import Refusal

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

NOT_UNDERSTOOD = "answer-not-understood"
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.]{0,63}")
_MAX_MESSAGE = 200  # characters of a server's message that a person gets to read
_CREDENTIALS = {
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidToken",
    "ExpiredToken",
    "AuthorizationHeaderMalformed",
}
_SKEW = {"RequestTimeTooSkewed", "RequestExpired"}
_FULL = {"QuotaExceeded", "XMinioStorageFull", "InsufficientStorage", "507"}


@dataclass(frozen=True, slots=True)
class Why:
    """Why there is no answer: a short stable code, and whether nobody is there to answer anything else."""

    code: str
    unreachable: bool = False


def reason(error: Exception) -> Why | None:
    """Why boto3 has no answer; None for an error that is not its own."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  large and optional
    from botocore.parsers import ResponseParserError  # noqa: PLC0415

    if isinstance(error, (BotoCoreError, ClientError)):
        return Why(short(error), is_unreachable(error))
    return Why(NOT_UNDERSTOOD) if isinstance(error, ResponseParserError) else None


def code(error: "ClientError") -> str:
    """The service's error code, such as ``NoSuchBucket`` or ``404``; ``unknown`` when it is not a plain word."""
    return word(error.response.get("Error", {}).get("Code", ""))


def word(text: object) -> str:
    """A service's error code, ``unknown`` when it is not a plain word."""
    return str(text) if _CODE.fullmatch(str(text)) else "unknown"


def short(error: "BotoCoreError | ClientError") -> str:
    """Why a fact could not be read, as a short stable code: the service's own, or the kind of failure."""
    from botocore.exceptions import ClientError  # noqa: PLC0415  large and optional

    return code(error) if isinstance(error, ClientError) else type(error).__name__


def is_unreachable(error: "BotoCoreError | ClientError") -> bool:
    """Whether nobody answered, so that asking the next question is a waste of time."""
    from botocore.exceptions import ConnectionError as NoConnection  # noqa: PLC0415
    from botocore.exceptions import HTTPClientError  # noqa: PLC0415

    return isinstance(error, (NoConnection, HTTPClientError))


def as_guardian_error(
    error: "BotoCoreError | ClientError", address: S3Address, secrets: Sequence[Secret]
) -> GuardianError:
    """``error`` as one of Guardian's, without a secret in it."""
    from botocore.exceptions import ClientError, ParamValidationError  # noqa: PLC0415

    if isinstance(error, ClientError):
        return _refused(error, address, secrets)
    said = plain(str(error), secrets)
    if isinstance(error, ParamValidationError):
        return ConfigError(_("the S3 request cannot be made: {why}").format(why=said))
    return StorageUnreachable(
        _("no S3 answer from {endpoint}: {why}").format(endpoint=address.endpoint, why=said),
        _("Check that the storage runs and that the location names it."),
    )


def not_understood(address: S3Address) -> StorageRefused:
    """The error for an answer that is no S3: a captive portal's page, for example."""
    return StorageRefused(
        _("what answers at {endpoint} is not an S3 service").format(endpoint=address.endpoint),
        _("A captive portal or a web server stands there: log in to the network, or check the host and port."),
    )


def refuse_pages(address: S3Address) -> Callable[..., None]:
    """A listener for botocore's ``before-parse``: it would take any page that comes with a 200 for an empty answer."""

    def look(response_dict: dict[str, Any], **_named: object) -> None:
        kind = str(response_dict["headers"].get("Content-Type", "")).lower()
        if response_dict["status_code"] < 300 and "html" in kind:
            raise not_understood(address)

    return look


def plain(text: str, secrets: Sequence[Secret]) -> str:
    """Outside ``text`` fit for a person: secrets struck out, printable, on one line, cut."""
    for secret in secrets:
        if value := secret.reveal().decode("utf-8", "replace"):
            text = text.replace(value, "***")
    printable = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(printable.split())[:_MAX_MESSAGE]


def _refused(error: "ClientError", address: S3Address, secrets: Sequence[Secret]) -> GuardianError:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    message = str(error.response.get("Error", {}).get("Message", ""))
    return refused(Refusal(status, code(error), message), address, secrets)


def refused(refusal: Refusal, address: S3Address, secrets: Sequence[Secret]) -> GuardianError:
    """A service's no as one of Guardian's errors, without a secret in it."""
    status, named = refusal.status, word(refusal.code)
    why = named
    if said := plain(refusal.message, secrets):
        why = f"{why}, {said}"
    message = _("the storage refused the bucket '{bucket}': {why}").format(bucket=address.bucket, why=why)
    if named in _SKEW:
        return StorageRefused(message, _("The clocks of this host and of the storage differ: check NTP on both."))
    if named in _FULL:
        return StorageFull(message, _("Make room in the storage, or raise its quota."))
    if named in _CREDENTIALS or status == 401:
        return StorageRefused(message, _("Check the access key and its secret in the credentials file."))
    if status == 403:
        return StorageRefused(message, _("Check the credentials and what their policy allows on this bucket."))
    if status >= 500:
        return StorageUnreachable(message, _("The storage has a trouble of its own: try again, and look at its log."))
    return StorageRefused(message, _("Check the bucket, the region and what the storage supports."))
