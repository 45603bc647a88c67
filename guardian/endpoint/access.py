"""TLS and users of the metrics endpoint, from a file as Prometheus' own exporters take it (``--web.config.file``).

What we cannot honour as they do is refused, never ignored: an operator who wrote it believes that it holds.
"""

import hashlib
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints, ValidationError

from guardian.config.document import parse, plain
from guardian.config.includes import read_bytes
from guardian.errors import ConfigError
from guardian.i18n import _
from guardian.model.border import Written

_BCRYPT: Final = r"^\$2[aby]\$(0[4-9]|1[0-6])\$[./A-Za-z0-9]{53}$"
_VERSIONS: Final = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
# Of no user, at the usual cost: an unknown name takes as long as a known one.
_NOBODY: Final = b"$2b$10$h0.jS0A4SQWZeUOS3nv1jOouMYjd2w.f3iV8qqyi5fzS7TKdbOmMC"
_REMEMBERED: Final = 100

Version = Literal["TLS12", "TLS13"]
Header = Literal[
    "Content-Security-Policy", "X-Frame-Options", "X-Content-Type-Options", "X-XSS-Protection",
    "Strict-Transport-Security",
]  # fmt: skip
Line = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{0,1000}$")]


class TlsServer(Written):
    """``tls_server_config``. Files are relative to the file that names them."""

    cert_file: str
    key_file: str
    client_auth_type: Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"] = "NoClientCert"
    client_ca_file: str | None = None
    client_allowed_sans: tuple[str, ...] | None = None
    min_version: Version = "TLS12"
    max_version: Version = "TLS13"
    prefer_server_cipher_suites: Literal[True] = True


class HttpServer(Written):
    """``http_server_config``. We speak HTTP/1.1, whatever ``http2`` says."""

    http2: bool = True
    headers: dict[Header, Line] = Field(default_factory=dict)


class WebFile(Written):
    """The whole file."""

    tls_server_config: TlsServer | None = None
    http_server_config: HttpServer = HttpServer()
    basic_auth_users: dict[
        Annotated[str, StringConstraints(pattern=r"^[^:\x00-\x1f]{1,200}$")],
        Annotated[str, StringConstraints(pattern=_BCRYPT)],
    ] = Field(default_factory=dict)


@dataclass(slots=True)
class Access:
    """Who may ask, and over what: ready to use. ``tls`` is None where plain HTTP is spoken."""

    tls: ssl.SSLContext | None = None
    users: Mapping[str, bytes] = field(default_factory=dict)
    allowed_sans: frozenset[str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[Path, object] = field(default_factory=dict)
    _good: dict[bytes, None] = field(default_factory=dict)

    def stale(self) -> bool:
        """Whether one of the files this was made from has changed since: certificates are renewed in place."""
        return any(_mark(path) != mark for path, mark in self.files.items())

    def remembered(self, user: str, password: bytes) -> bool:
        """Whether this pair was found good before: bcrypt is slow, and scrapes come often."""
        return self._seal(user, password) in self._good

    def good(self, user: str, password: bytes) -> bool:
        """Whether the password is this user's. Slow on purpose."""
        import bcrypt  # noqa: PLC0415  where nobody has to log in, it is not loaded

        hashed = self.users.get(user, _NOBODY)
        try:
            # The algorithm takes no more than 72 bytes, and those who hash with Go cut there.
            right = bcrypt.checkpw(password[:72], hashed) and user in self.users
        except ValueError:
            return False
        if right:
            while len(self._good) >= _REMEMBERED:
                del self._good[next(iter(self._good))]
            self._good[self._seal(user, password)] = None
        return right

    def welcomes(self, certificate: Mapping[str, object] | None) -> bool:
        """Whether a client's certificate, as ``getpeercert`` tells it, names one of the allowed subjects."""
        if self.allowed_sans is None:
            return True
        names = (certificate or {}).get("subjectAltName", ())
        return any(value in self.allowed_sans for _kind, value in names)  # type: ignore[attr-defined]

    def _seal(self, user: str, password: bytes) -> bytes:
        hashed = self.users.get(user, b"")
        return hashlib.sha256(b"\0".join((user.encode("utf-8", "surrogateescape"), hashed, password))).digest()


def read_access(path: Path) -> Access:
    """What the file at ``path`` says. Raises ConfigError for anything in it that is wrong, unknown or not to be had."""
    before = _mark(path)
    tree = parse(read_bytes(path, str(path)), str(path))
    try:
        file = WebFile.model_validate_json(json.dumps(plain(tree)))
    except ValidationError as error:
        raise _refused(path, error) from None
    tls = file.tls_server_config
    named = (tls.cert_file, tls.key_file, tls.client_ca_file) if tls else ()
    marks = {path: before} | {path.parent / name: _mark(path.parent / name) for name in named if name}
    return Access(
        tls=_context(path, tls) if tls else None,
        users={user: hashed.encode() for user, hashed in file.basic_auth_users.items()},
        allowed_sans=frozenset(tls.client_allowed_sans) if tls and tls.client_allowed_sans is not None else None,
        headers={str(name): line for name, line in file.http_server_config.headers.items()},
        files=marks,
    )


def _mark(path: Path) -> object:
    try:
        found = path.stat()
    except OSError as error:
        return error.errno
    return found.st_mtime_ns, found.st_size, found.st_ino


def _refused(path: Path, error: ValidationError) -> ConfigError:
    # By hand and not by pydantic's own words: those repeat the value, and a value here may be a secret.
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    key = ".".join(str(step) for step in first["loc"][:2] if step != "[key]")
    if first["type"] == "extra_forbidden":
        key = ".".join(map(str, first["loc"]))
        why = _("{path}: the key {key} is not supported").format(path=path, key=key[:100])
        return ConfigError(why, _("Remove it, or put a proxy that supports it in front."))
    if first["loc"][:1] == ("basic_auth_users",):
        why = _("{path}: {key} does not hold a bcrypt hash of cost 4 to 16").format(path=path, key="basic_auth_users")
        return ConfigError(why, _("Make one with: htpasswd -nBC 10 USER."))
    return ConfigError(_("{path}: {key} is missing or not valid").format(path=path, key=key[:100]))


def _context(path: Path, tls: TlsServer) -> ssl.SSLContext:
    _consistent(path, tls)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = _VERSIONS[tls.min_version], _VERSIONS[tls.max_version]
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    try:
        # An encrypted key would ask on the terminal.
        context.load_cert_chain(path.parent / tls.cert_file, path.parent / tls.key_file, password=lambda: "")
        if tls.client_ca_file:
            context.load_verify_locations(path.parent / tls.client_ca_file)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        text = _("{path}: certificate, key or client_ca_file cannot be used: {why}").format(path=path, why=why)
        raise ConfigError(text) from None
    if tls.client_auth_type != "NoClientCert":
        required = tls.client_auth_type == "RequireAndVerifyClientCert"
        context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
    return context


def _consistent(path: Path, tls: TlsServer) -> None:
    verifies = tls.client_auth_type != "NoClientCert"
    if bool(tls.client_ca_file) != verifies:
        raise ConfigError(_("{path}: client_ca_file and client_auth_type go together").format(path=path))
    if tls.client_allowed_sans is not None and tls.client_auth_type != "RequireAndVerifyClientCert":
        why = _("{path}: client_allowed_sans needs client_auth_type: RequireAndVerifyClientCert")
        raise ConfigError(why.format(path=path))
    if tls.min_version > tls.max_version:
        raise ConfigError(_("{path}: min_version is above max_version").format(path=path))
