"""What the owner wrote about the way to a server, as the text of an option file that its clients read. Pure.

https://mariadb.com/kb/en/configuring-mariadb-with-option-files/
"""

import re
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from guardian.errors import ConfigError
from guardian.i18n import _
from guardian.model.secret import Secret

_TLS = (
    "ssl ssl-ca ssl-capath ssl-cert ssl-key ssl-cipher ssl-crl ssl-crlpath ssl-mode ssl-verify-server-cert tls-version"
)
_OTHERS = "socket protocol connect-timeout compress default-auth get-server-public-key server-public-key-path"
SETTINGS = frozenset(f"{_TLS} {_OTHERS}".split())
"""What may stand after the question mark of a URI."""

_SCHEMES = ("mysql", "mariadb")
_LINE = re.compile(r"[A-Za-z][A-Za-z0-9_-]*\s*(=.*)?")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def option_file(secret: Secret) -> Secret:
    """The text of an option file for ``mysql://user:password@host:port/?…``, for lines ``socket=…``, or as it is.

    Raises ConfigError, which never repeats a value.
    """
    try:
        text = secret.reveal().decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise _bad(_("it is not UTF-8")) from error
    if "\0" in text:
        raise _bad(_("it holds a NUL"))
    if re.match(r"[A-Za-z]+://", text):
        lines = [f"{key}={_quoted(value)}" for key, value in _uri(text).items()]
        return _file("[client]\n" + "\n".join(lines))
    meaningful = [line for line in map(str.strip, text.splitlines()) if line and line[0] not in "#;"]
    if not meaningful:
        raise _bad(_("it is empty"))
    if meaningful[0].startswith("["):
        return _file(text)
    if not all(_LINE.fullmatch(line) for line in meaningful):
        raise _bad(_("it is neither a URI nor the text of an option file"))
    return _file(f"[client]\n{text}")


def _file(text: str) -> Secret:
    return Secret(text.encode() + b"\n")


def _uri(text: str) -> dict[str, str]:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:  # its text repeats the URI
        raise _bad(_("its host and port cannot be told apart")) from error
    if parts.scheme not in _SCHEMES:
        raise _bad(_("a URI begins with mysql:// or mariadb://"))
    if parts.path not in ("", "/") or parts.fragment:
        raise _bad(_("it names a database, or # ? / in the password are not written as %23 %3F %2F"))
    found = _login(parts)
    if parts.hostname:
        # Without this, "localhost" would mean a socket.
        found |= {"host": unquote(parts.hostname), "protocol": "tcp"}
    if port is not None:
        found["port"] = str(port)
    for key, value in parse_qsl(parts.query, keep_blank_values=True):
        name = key.replace("_", "-")
        if name not in SETTINGS:
            raise _bad(_("there is an unknown setting after the question mark"))
        found[name] = value
    return found


def _login(parts: SplitResult) -> dict[str, str]:
    found = {}
    if parts.username:
        found["user"] = unquote(parts.username)
    if parts.password:
        found["password"] = unquote(parts.password)
    return found


def _quoted(value: str) -> str:
    return '"' + "".join(_ESCAPES.get(letter, letter) for letter in value) + '"'


def _bad(why: str) -> ConfigError:
    return ConfigError(
        _("the dsn leads to no MySQL server: {why}").format(why=why),
        _("Write: mysql://guardian:password@db.example:3306/?ssl-ca=/path/ca.pem or the text of an option file."),
    )
