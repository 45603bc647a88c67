"""Every bucket of an account at one S3 service, and how each is set up, by signed GETs; answers are as boto3's."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from types import TracebackType
from typing import Any, Final, Self

from guardian.errors import StorageUnreachable
from guardian.model.address import S3Address
from guardian.model.secret import Secret
from guardian.objectstore import bucket_answers, listing
from guardian.objectstore.answers import Why, word
from guardian.objectstore.getting import Getter, Refused
from guardian.objectstore.service import Service, signing_keys

UNREACHABLE: Final = "unreachable"
_MAX_PAGES: Final = 1000


class Account:
    """For several threads; close it, or use it in a ``with``."""

    def __init__(self, address: S3Address, service: Service, credentials: Mapping[str, Secret]) -> None:
        """Nothing is sent yet; of ``address`` only the server counts. Raises ConfigError without its credentials."""
        self._service = Getter(address, signing_keys(credentials), service.region, service.cacert).of("")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._service.close()

    def buckets(self) -> Iterator[tuple[str, str | None]]:
        """Names, and regions where they are told. Raises Refused, StorageUnreachable, StorageRefused, ValueError."""
        query: dict[str, str] = {}
        for _page in range(_MAX_PAGES):
            found, token = bucket_answers.buckets(_body(self._service, query))
            yield from found
            if not token:
                return
            query = {"continuation-token": token}
        raise ValueError("a list without an end")

    def setting(self, bucket: str, name: str) -> dict[str, Any]:
        """What the service says to ``GET /bucket?name``. Raises as :meth:`buckets`."""
        getter = self._service.of(bucket)
        try:
            return bucket_answers.setting(name, _body(getter, {name: ""}))
        finally:
            if not getter.shares(self._service):
                getter.close()


def reason(error: Exception) -> Why | None:
    """Why there is no answer; None for an error that is not an account's."""
    if isinstance(error, Refused):
        return Why(word(error.refusal.code))
    return Why(UNREACHABLE, unreachable=True) if isinstance(error, StorageUnreachable) else None


def _body(getter: Getter, query: Mapping[str, str]) -> bytes:
    with closing(getter.ask("GET", "", query, {})) as answer:
        body = answer.read(listing.PAGE_LIMIT + 1)
    if len(body) > listing.PAGE_LIMIT:
        raise ValueError("too long an answer")
    return body
