"""A repository in a bucket, read by ranged GETs. An answer that is short, long or of another range is no answer."""

import contextlib
import re
from collections.abc import Callable, Generator, Iterator, Mapping
from types import TracebackType
from typing import Self, TypeVar

from guardian.errors import StorageRefused, StorageUnreachable, Unavailable
from guardian.i18n import _
from guardian.model.address import S3Address
from guardian.model.reader import PIECE, ObjectMissing, ObjectUnreadable
from guardian.model.secret import Secret
from guardian.objectstore import answers, listing
from guardian.objectstore.getting import Answer, Getter, Refused
from guardian.objectstore.patience import LEAST_RATE, flowing, within
from guardian.objectstore.service import region_of, signing_keys

T = TypeVar("T")

_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19}|\*)")
_MISSING = {"NoSuchKey", "404", "NotFound"}
_DIGITS = 19  # of a length
_PAGE = 1000  # names an answer, as many as S3 gives
PATIENCE = 120.0
"""Seconds. A client that tries again by itself is done with that in half of them."""
_MAX_PAGES = 20_000  # twenty million objects: more than any repository, and an end to a service that turns in circles


class S3Reader:
    """restic's layout in a bucket, as a :class:`guardian.model.reader.Reader`. Close it, or use it in a ``with``.

    It needs no right but to get objects and to list the bucket.
    """

    def __init__(
        self,
        address: S3Address,
        credentials: Mapping[str, Secret],
        region: str | None = None,
        cacert: str | None = None,
        patience: float = PATIENCE,
    ) -> None:
        """Open the door; nothing is sent yet. Raises ConfigError when a credential is missing, or ``cacert``.

        An answer that is not there whole after ``patience`` seconds, and one more for every 8 KiB, is none.
        """
        self._patience = patience
        self._address = address
        self._secrets = tuple(credentials.values())
        self._getter = Getter(address, signing_keys(credentials), region or region_of(credentials), cacert)
        self._prefix = f"{address.prefix}/" if address.prefix else ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._getter.close()

    def size(self, name: str) -> int:
        """The object's length in bytes. Raises ObjectMissing, ObjectUnreadable."""
        with self._named_errors(name):
            return self._soon(0, lambda: self._length(name))

    def _length(self, name: str) -> int:
        with contextlib.closing(self._ask("HEAD", name)) as answer:
            length = answer.header("Content-Length")
            answer.read(1)  # there is no body: its end lets the connection be used again
        if not length.isascii() or not length.isdigit() or len(length) > _DIGITS:
            raise answers.not_understood(self._address)
        return int(length)

    def read(self, name: str, offset: int, length: int) -> bytes:
        """Exactly ``length`` bytes from ``offset``. Raises ObjectMissing, ObjectUnreadable."""
        if length == 0:
            return b""
        with self._named_errors(name):
            data = self._soon(length, lambda: self._range(name, (offset, offset + length - 1)))
        if len(data) != length:
            raise ObjectUnreadable(
                name,
                _("{asked} bytes from {offset} were asked for, {got} came").format(
                    asked=length, offset=offset, got=len(data)
                ),
            )
        return data

    def stream(self, name: str, length: int) -> Generator[bytes, None, None]:
        """The first ``length`` bytes, piece by piece, of one answer. Raises as :meth:`read`."""
        if length == 0:
            return
        seconds = self._patience + PIECE / LEAST_RATE
        with self._named_errors(name):
            try:
                yield from flowing(seconds, lambda: self._pieces(name, length))
            except TimeoutError:
                raise self._too_slow(seconds) from None

    def _pieces(self, name: str, length: int) -> Generator[bytes, None, None]:
        with contextlib.closing(self._body(name, (0, length - 1))) as body:
            for at in range(0, length, PIECE):
                wanted = min(PIECE, length - at)
                # Of the last piece a byte more is asked for: an answer longer than it says is no answer.
                data = body.read(wanted + (at + wanted == length))
                if len(data) != wanted:
                    raise ObjectUnreadable(name, _("the answer broke off"))
                yield data

    def _range(self, name: str, asked: tuple[int, int]) -> bytes:
        """What came of bytes ``asked`` (first and last), at most one byte more."""
        with contextlib.closing(self._body(name, asked)) as body:
            return body.read(asked[1] - asked[0] + 2)

    def _body(self, name: str, asked: tuple[int, int]) -> Answer:
        """The answer to a GET of bytes ``asked`` (first and last), once it says that it is that; to be closed."""
        answer = self._ask("GET", name, {"range": f"bytes={asked[0]}-{asked[1]}"})
        try:
            _refuse_other_range(name, answer.header("Content-Range"), asked)
        except ObjectUnreadable:
            answer.close()
            raise
        return answer

    def _ask(self, method: str, name: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self._getter.ask(method, self._prefix + name, self._which(name), headers or {})

    def _which(self, name: str) -> Mapping[str, str]:  # noqa: ARG002  for views that show another version
        """What of the object is asked for: the newest, unless something is said."""
        return {}

    def _soon(self, length: int, ask: Callable[[], T]) -> T:
        """``ask()``, whose answer has about ``length`` bytes. Raises StorageUnreachable when it does not end."""
        seconds = self._patience + length / LEAST_RATE
        try:
            return within(seconds, ask)
        except TimeoutError:
            raise self._too_slow(seconds) from None

    def _too_slow(self, seconds: float) -> StorageUnreachable:
        return StorageUnreachable(
            _("no whole answer from {endpoint} within {seconds} s").format(
                endpoint=self._address.endpoint, seconds=f"{seconds:.0f}"
            ),
            _("The storage answers too slowly to be of use; look at it and at the network, then try again."),
        )

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Name and length of every object under ``prefix``, page by page."""
        query = {
            "list-type": "2",
            "encoding-type": "url",
            "prefix": self._prefix + prefix,
            "max-keys": str(_PAGE),
        }
        for _number in range(_MAX_PAGES):
            page = self._page(prefix, dict(query))
            for key, size in page.found:
                # A key outside what was asked for is another repository's; one that ends in a slash is a "folder".
                if key.startswith(self._prefix + prefix) and not key.endswith("/"):
                    yield key.removeprefix(self._prefix), size
            if not page.truncated:
                return
            if not page.following or page.following == query.get("continuation-token"):
                raise self._odd_listing(_("a page leads to no next page"))
            query["continuation-token"] = page.following
        raise self._odd_listing(_("it does not end"))

    def _page(self, prefix: str, query: Mapping[str, str]) -> listing.Page:
        def ask() -> bytes:
            with contextlib.closing(self._getter.ask("GET", "", query, {})) as answer:
                return answer.read(listing.PAGE_LIMIT)

        with self._named_errors(prefix):
            body = self._soon(0, ask)
        try:
            return listing.page(body)
        except listing.NoList:
            raise answers.not_understood(self._address) from None

    def _odd_listing(self, why: str) -> Unavailable:
        return StorageRefused(
            _("the list of the bucket '{bucket}' cannot be used: {why}").format(bucket=self._address.bucket, why=why)
        )

    @contextlib.contextmanager
    def _named_errors(self, name: str) -> Iterator[None]:
        """What comes of a question, as one of the reader's errors. "from None": frames hold the signed headers."""
        try:
            yield
        except Refused as no:
            code = answers.word(no.refusal.code)
            if code in _MISSING:
                raise ObjectMissing(name) from None
            if code in {"InvalidRange", "416"}:
                raise ObjectUnreadable(name, _("it is shorter than it should be")) from None
            raise answers.refused(no.refusal, self._address, self._secrets) from None


def _refuse_other_range(name: str, said_range: str, asked: tuple[int, int]) -> None:
    """Hold the answer's own account of itself against what was asked, before its body is read."""
    said = _RANGE.fullmatch(said_range)
    if said is None or (int(said[1]), int(said[2])) != asked:
        raise ObjectUnreadable(name, _("the storage sent another range than the one asked for"))
