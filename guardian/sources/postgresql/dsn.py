"""libpq connection strings and URIs, taken apart so that the password stays out of command lines and variables. Pure.

https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import unquote_to_bytes

from guardian.errors import ConfigError
from guardian.i18n import _
from guardian.model.secret import Secret

_WORDS = """
host hostaddr port dbname user password connect_timeout options keepalives keepalives_idle
keepalives_interval keepalives_count tcp_user_timeout sslmode sslnegotiation sslcert sslkey
sslcertmode sslrootcert sslcrl sslcrldir sslsni sslcompression ssl_min_protocol_version
ssl_max_protocol_version requirepeer require_auth channel_binding gssencmode krbsrvname gsslib
target_session_attrs load_balance_hosts
"""
KEYWORDS = frozenset(_WORDS.split())
"""What may be set. Anything else could be a misspelt password, and would be shown to every user of the host."""

_ELSEWHERE = frozenset({"passfile", "service", "sslpassword"})
_SCHEMES = ("postgresql://", "postgres://", "kingbase://")
_PAIR = re.compile(r"\s*([A-Za-z_]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)*))(?=\s|$)", re.DOTALL)
_HOST = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(?::([0-9]*))?")


@dataclass(frozen=True, slots=True)
class Dsn:
    """Where a server is and who asks. ``settings`` holds no secret."""

    settings: Mapping[str, str]
    password: Secret | None = None

    def to(self, database: str) -> "Dsn":
        """The same, to another database."""
        return replace(self, settings={**self.settings, "dbname": database})

    def with_options(self, options: str) -> "Dsn":
        """The same with more server settings (``-c name=value``), which win over those of the owner."""
        return replace(
            self, settings={**self.settings, "options": f"{self.settings.get('options', '')} {options}".strip()}
        )

    def conninfo(self) -> str:
        """The settings as one argument for ``--dbname``, without the password."""
        return " ".join(f"{key}={_quoted(value)}" for key, value in self.settings.items())

    def secrets(self) -> dict[str, Secret]:
        """The password as a password file, by the variables in which PostgreSQL and Kingbase look for its path."""
        if self.password is None:
            return {}
        escaped = re.sub(rb"([\\:])", rb"\\\1", self.password.reveal())
        line = Secret(b"*:*:*:*:" + escaped + b"\n")
        return {"PGPASSFILE": line, "KINGBASE_PASSFILE": line}


def parse(secret: Secret) -> Dsn:
    """What the owner wrote: ``host=… user=… password=…`` or ``postgresql://user:password@host:port/dbname?…``.

    Raises ConfigError, which never repeats a value.
    """
    text = secret.reveal().decode("utf-8", "surrogateescape").strip()
    if "\0" in text:
        raise _bad(_("it holds a NUL"))
    settings = _uri(text) if text.startswith(_SCHEMES) else _pairs(text)
    for key in settings:
        if key in _ELSEWHERE:
            raise _bad(_("{key} leads elsewhere: write the connection out in full").format(key=key))
        if key not in KEYWORDS:
            raise _bad(_("there is an unknown word before a = sign"))
    password = settings.pop("password", "")
    if "\n" in password or "\r" in password:
        raise _bad(_("the password has more than one line"))
    return Dsn(settings, Secret(password.encode("utf-8", "surrogateescape")) if password else None)


def _pairs(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        match = _PAIR.match(text, at)
        if match is None:
            raise _bad(_("it is not made of words like host=… user=… password=…"))
        value = match[2] if match[2] is not None else match[3]
        found[match[1]] = re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)
        at = match.end()
    return found


def _uri(text: str) -> dict[str, str]:
    rest = text.split("://", 1)[1]
    rest, _question, query = rest.partition("?")
    authority, _slash, database = rest.partition("/")
    found: dict[str, str] = {}
    login, at, places = authority.rpartition("@")
    if at:
        user, colon, password = login.partition(":")
        found |= {"user": _plain(user)} if user else {}
        found |= {"password": _plain(password)} if colon else {}
    if places:
        matches = [_HOST.fullmatch(place) for place in places.split(",")]
        if None in matches:
            raise _bad(_("its host and port cannot be told apart"))
        found["host"] = ",".join(_plain(match[1].strip("[]")) for match in matches if match)
        if any(match[2] for match in matches if match):
            found["port"] = ",".join(match[2] or "5432" for match in matches if match)
        if not found["host"].strip(","):
            del found["host"]
    if database:
        found["dbname"] = _plain(database)
    for pair in filter(None, query.split("&")):
        key, equals, value = pair.partition("=")
        if not equals:
            raise _bad(_("there is a word without a = sign after the question mark"))
        found |= {"sslmode": "require"} if (key, value) == ("ssl", "true") else {_plain(key): _plain(value)}
    return found


def _plain(text: str) -> str:
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise _bad(_("a % sign is not followed by two hexadecimal digits"))
    return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _bad(why: str) -> ConfigError:
    return ConfigError(
        _("the dsn is no connection string of PostgreSQL: {why}").format(why=why),
        _("Write: host=db.example port=5432 user=guardian password=… sslmode=verify-full sslrootcert=/path/ca.pem"),
    )
