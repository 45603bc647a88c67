"""Where a repository is: the exact location restic understands, taken apart without touching it."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from urllib.parse import SplitResult, urlsplit

from guardian.errors import ConfigError
from guardian.i18n import _
from guardian.model.address import S3Address
from guardian.model.address import parse as parse_s3

Kind = Literal["local", "s3", "rest", "sftp", "rclone", "b2", "azure", "gs", "swift"]
PLACEHOLDERS: Final = ("tenant", "system", "host")

_KINDS: Final[dict[str, Kind]] = {
    "local": "local", "s3": "s3", "rest": "rest", "sftp": "sftp", "rclone": "rclone",
    "b2": "b2", "azure": "azure", "gs": "gs", "swift": "swift",
}  # fmt: skip
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")


class LocationError(ValueError):
    """A location nobody could reach. The text never quotes it, since it may hold a password."""

    def __init__(self, message: str, hint: str = "") -> None:
        """``message`` and ``hint`` as in :class:`guardian.errors.GuardianError`."""
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Location:
    """One place. ``path`` only for a local directory (absolute), ``s3`` only for a bucket."""

    url: str
    kind: Kind
    path: Path | None = None
    s3: S3Address | None = None


def placeholders(url: str) -> frozenset[str]:
    """The placeholders in ``url``. Raises LocationError for an unknown one or a stray brace."""
    names = _PLACEHOLDER.findall(url)
    if set(names) - set(PLACEHOLDERS) or set(_PLACEHOLDER.sub("", url)) & set("{}"):
        raise LocationError(
            _("unknown placeholder in the address"), _("Only {tenant}, {system} and {host} are filled in.")
        )
    return frozenset(names)


def fill(url: str, values: Mapping[str, str]) -> str:
    """``url`` with its placeholders filled in; ``values`` holds tenant, system and host."""
    return _PLACEHOLDER.sub(lambda found: values[found[1]], url)


def parse_location(url: str, base: Path) -> Location:
    """Take a location without placeholders apart, as restic does; a relative directory is relative to ``base``.

    Raises LocationError.
    """
    if url != url.strip() or not url.isprintable() or len(url) > 2048:
        raise LocationError(_("the address has blanks at its ends or control characters, or is too long"))
    if url.startswith(("/", "./", "../")):
        return _local(url, base)
    scheme, colon, rest = url.partition(":")
    if not colon:
        return _local(url, base)
    kind = _KINDS.get(scheme)
    if kind is None:
        known = ", ".join(f"{name}:" for name in _KINDS)
        raise LocationError(
            _("restic knows no such kind of address"),
            _("Begin with a directory or one of {known}").format(known=known) + ".",
        )
    if not rest:
        raise LocationError(_("the address is not complete"))
    if kind == "local":
        return _local(rest, base)
    if kind == "s3":
        return Location(url, "s3", s3=_s3(url))
    if kind == "rest":
        _rest(rest)
    elif rest.startswith("//"):
        _no_password(_split(url))
    return Location(url, kind)


def _local(text: str, base: Path) -> Location:
    if text.startswith("~"):
        raise LocationError(_("~ is not filled in"), _("Write the whole path."))
    path = Path(os.path.normpath(base / text))
    return Location(str(path), "local", path=path)


def _s3(url: str) -> S3Address:
    try:
        return parse_s3(url)
    except ConfigError as error:
        raise LocationError(error.message, error.hint) from None


def _rest(rest: str) -> None:
    parts = _split(rest)
    if parts.scheme not in {"http", "https", "http+unix"} or not (parts.netloc or parts.path):
        raise LocationError(_("the address of a REST server is not complete"), _("Write rest:https://HOST:PORT/PATH/."))
    _no_password(parts)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        int(parts.port or 0)  # reading it is what checks it
    except ValueError:
        raise _unreadable() from None
    if "\\" in url:
        raise _unreadable()
    return parts


def _unreadable() -> LocationError:
    return LocationError(_("the address cannot be read as a URL"))


def _no_password(parts: SplitResult) -> None:
    if parts.password is not None:
        raise _secret_inside()


def _secret_inside() -> LocationError:
    return LocationError(
        _("the address holds a password"), _("Take it out: secrets stand in files of their own, named by credentials.")
    )
