"""Where an S3 repository is: restic's way to write it, taken apart and put together again.

A location comes from a configuration, and it ends in argv and in error messages. So it is parsed strictly, it
never holds credentials, and no message here repeats more of it than the bucket's name.
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Literal, NoReturn

from guardian.errors import ConfigError
from guardian.i18n import _

_MAX_LENGTH = 2048
_DEFAULT_PORTS = {"http": 80, "https": 443}
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_HOST_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?")
# Each of them means something else to one of the programs that read the location after us.
_REFUSED_CHARACTERS = frozenset("\\%?#\"'`<>^|")


@dataclass(frozen=True, slots=True)
class S3Address:
    """A bucket on a server, and the folder (``prefix``, without slashes at its ends) that is ours in it."""

    scheme: Literal["http", "https"]
    host: str
    port: int
    bucket: str
    prefix: str

    @property
    def authority(self) -> str:
        """``host`` or ``host:port``, as it stands in a URL and in the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def endpoint(self) -> str:
        """The server: ``http://127.0.0.1:8333``."""
        return f"{self.scheme}://{self.authority}"

    @property
    def location(self) -> str:
        """The address as restic reads it: ``s3:http://127.0.0.1:8333/bucket/prefix``."""
        return f"s3:{self.endpoint}/{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")


def is_s3(location: str) -> bool:
    """Whether ``location`` names an S3 repository at all."""
    return location.startswith("s3:")


def parse(location: str) -> S3Address:
    """``location`` taken apart: ``s3:http://host:port/bucket/prefix``, ``s3:https://…``, ``s3:host/bucket``, ``s3://host/bucket``.

    Without a scheme it is https, as restic has it. Raises ConfigError for everything that is not plainly an
    address, credentials in it included.
    """
    _refuse_odd_text(location)
    scheme, rest = _scheme(location)
    authority, _slash, path = rest.partition("/")
    host, port = _host_and_port(authority, _DEFAULT_PORTS[scheme])
    bucket, _slash, prefix = path.partition("/")
    _check_bucket(bucket)
    return S3Address(scheme, host, port, bucket, _checked_prefix(prefix))


def _refuse(why: str) -> NoReturn:
    raise ConfigError(
        _("the S3 location cannot be used: {why}").format(why=why),
        _("Write it as s3:https://HOST[:PORT]/BUCKET/PREFIX."),
    )


def _refuse_odd_text(location: str) -> None:
    if len(location) > _MAX_LENGTH:
        _refuse(_("it is longer than {limit} characters").format(limit=_MAX_LENGTH))
    if not is_s3(location):
        _refuse(_("it does not begin with s3:"))
    # Wherever the @ stands, what is before it may be a password: nothing of the text is repeated.
    if "@" in location:
        raise ConfigError(
            _("the S3 location holds credentials or an @"),
            _("Put the credentials into a file of mode 0600 and name it by 'credentials: file:PATH'."),
        )
    if not location.isprintable() or any(c.isspace() for c in location):
        _refuse(_("it holds a space or a control character"))
    if odd := _REFUSED_CHARACTERS.intersection(location):
        _refuse(_("it holds the character {character}").format(character=min(odd)))


def _scheme(location: str) -> tuple[Literal["http", "https"], str]:
    rest = location.removeprefix("s3:")
    if rest.startswith("http://"):
        return "http", rest.removeprefix("http://")
    if "://" in rest and not rest.startswith("https://"):
        _refuse(_("its scheme is neither http nor https"))
    return "https", rest.removeprefix("https://").removeprefix("//")


def _host_and_port(authority: str, default_port: int) -> tuple[str, int]:
    if authority.startswith("["):
        host, bracket, tail = authority[1:].partition("]")
        colon, port_text = tail[:1], tail[1:]
        if not bracket or colon not in {"", ":"} or not _is_ipv6(host):
            _refuse(_("its host is not a name or an address"))
    else:
        host, colon, port_text = authority.partition(":")
        if len(host) > 253 or not all(_HOST_LABEL.fullmatch(label) for label in host.split(".")):
            _refuse(_("its host is not a name or an address"))
    if not colon:
        return host.lower(), default_port
    if not (port_text.isascii() and port_text.isdigit() and len(port_text) <= 5 and 0 < int(port_text) < 65536):
        _refuse(_("its port is not a number between 1 and 65535"))
    return host.lower(), int(port_text)


def _is_ipv6(text: str) -> bool:
    try:
        return ipaddress.IPv6Address(text).scope_id is None
    except ValueError:
        return False


def _is_ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def _check_bucket(bucket: str) -> None:
    if not bucket:
        _refuse(_("it names no bucket"))
    if not _BUCKET.fullmatch(bucket) or ".." in bucket or _is_ipv4(bucket):
        _refuse(
            _(
                "'{bucket}' is not a bucket's name: 3 to 63 lower-case letters, digits, dots and hyphens,"
                " a letter or digit at both ends"
            ).format(bucket=bucket[:80])
        )


def _checked_prefix(prefix: str) -> str:
    prefix = prefix.removesuffix("/")
    if prefix and any(part in {"", ".", ".."} for part in prefix.split("/")):
        _refuse(_("its prefix holds //, a . or a .. part"))
    return prefix
