"""A Redis configuration, from its file or as the server tells it, in one shape. Pure.

https://redis.io/docs/latest/operate/oss_and_stack/management/config-file/
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from guardian.baseline.facts.reading import Tree

DEFAULTS: Final[Mapping[str, str]] = {
    "bind": "* -::*",
    "protected-mode": "yes",
    "port": "6379",
    "tls-port": "0",
    "unixsocket": "",
    "unixsocketperm": "0",
    "requirepass": "",
    "masterauth": "",
    "masteruser": "",
    "aclfile": "",
    "acllog-max-len": "128",
    "appendonly": "no",
    "appendfsync": "everysec",
    "save": "3600 1 300 100 60 10000",
    "stop-writes-on-bgsave-error": "yes",
    "rdbchecksum": "yes",
    "dir": ".",
    "enable-debug-command": "no",
    "enable-module-command": "no",
    "enable-protected-configs": "no",
    "logfile": "",
    "loglevel": "notice",
    "syslog-enabled": "no",
    "maxclients": "10000",
    "maxmemory": "0",
    "maxmemory-policy": "noeviction",
    "timeout": "0",
    "tcp-keepalive": "300",
    "replicaof": "",
    "replica-read-only": "yes",
    "min-replicas-to-write": "0",
    "tls-replication": "no",
    "tls-cluster": "no",
    "tls-auth-clients": "yes",
    "tls-protocols": "",
    "tls-ciphers": "",
    "tls-cert-file": "",
    "cluster-enabled": "no",
    "acl-pubsub-default": "resetchannels",
}
"""What Redis 7 has where nothing is written: a file tells only what differs. In the words of ``CONFIG GET``."""

_SECRET: Final = frozenset({"requirepass", "masterauth", "tls-key-file-pass", "tls-client-key-file-pass"})
_LISTS: Final = frozenset({"bind", "tls-protocols", "save"})
_NUMBERS: Final = frozenset(
    {
        *("port", "tls-port", "timeout", "tcp-keepalive", "maxclients", "maxmemory", "acllog-max-len"),
        *("min-replicas-to-write", "tcp-backlog", "databases", "unixsocketperm"),
    }
)
_UNITS: Final = {"": 1, "b": 1, "k": 1000, "kb": 1 << 10, "m": 1000**2, "mb": 1 << 20, "g": 1000**3, "gb": 1 << 30}
_OLD_NAMES: Final = {"slaveof": "replicaof", "slave-read-only": "replica-read-only",
                     "min-slaves-to-write": "min-replicas-to-write"}  # fmt: skip


_BLANKS: Final = " \t\r\n"
_WORD: Final = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"(?=\s|$)|'((?:[^'\\]|\\.)*)'(?=\s|$)|(\S+))""", re.ASCII)


@dataclass(slots=True)
class Written:
    """What configuration files say: the last word for each option, with where it stands, and the lines of users."""

    options: dict[str, str] = field(default_factory=lambda: dict(DEFAULTS))
    origins: dict[str, Tree] = field(default_factory=dict)
    users: list[str] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)
    includes: list[str] = field(default_factory=list)

    def take(self, line: str, file: str, number: int) -> str | None:
        """Read one line; the pattern of an include is given back. Raises ValueError for what Redis would not read."""
        if line.lstrip(_BLANKS).startswith("#"):
            return None  # where quotes need not close
        words = split_words(line)
        if not words:
            return None
        name = _OLD_NAMES.get(words[0].lower(), words[0].lower())
        rest = words[1:]
        if name == "include":
            return rest[0] if rest else None
        if name == "user":
            self.users.append(" ".join(["user", *rest]))
        elif name == "rename-command":
            self.renamed[rest[0].lower()] = rest[1] if len(rest) > 1 else ""
        else:
            # "save" adds up, and an empty one clears what was there.
            before = self.options.get("save", "") if name == "save" and name in self.origins else ""
            value = " ".join(rest)
            self.options[name] = f"{before} {value}".strip() if name == "save" and value else value
            self.origins[name] = {"file": file, "line": number}
        return None


def split_words(line: str) -> list[str]:
    """The words of a line as ``sdssplitargs`` reads them: quotes, and escapes within double quotes.

    Raises ValueError for quotes that do not close.
    """
    found: list[str] = []
    for match in _WORD.finditer(line.strip(_BLANKS)):
        if match[1] is not None:
            found.append(re.sub(r"\\(x[0-9a-fA-F]{2}|.)", _unescaped, match[1]))
        elif match[2] is not None:
            found.append(match[2].replace("\\'", "'"))
        elif match[3][0] in "\"'":
            raise ValueError("a quote does not close")
        else:
            found.append(match[3])
    return found


def _unescaped(match: re.Match[str]) -> str:
    text = match[1]
    if len(text) == 3:
        return chr(int(text[1:], 16))
    return {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "a": "\a"}.get(text, text)


def options(pairs: Iterable[tuple[str, str]]) -> Tree:
    """Options by name, typed: switches as booleans, numbers (sizes in bytes), lists split, secrets as set or empty."""
    return {name.lower(): _typed(name.lower(), value) for name, value in pairs}


def _typed(name: str, text: str) -> Any:
    if name in _SECRET:
        return "set" if text else "empty"
    if name == "enable-debug-command" or name in ("enable-module-command", "enable-protected-configs"):
        return text  # no, yes or local
    if name in _LISTS:
        return text.split()
    if name in _NUMBERS and (match := re.fullmatch(r"(\d{1,18})([kmg]?b?)", text.lower())):
        return int(match[1]) * _UNITS[match[2]]
    return {"yes": True, "no": False}.get(text, text)


def listening(config: Mapping[str, Any]) -> Tree:
    """Where it can be reached: the addresses, whether one of them is more than loopback, plain and by TLS."""
    addresses = [address.removeprefix("-") for address in config.get("bind") or ["*"]]
    local = all(address in ("127.0.0.1", "::1", "localhost") or address.startswith("127.") for address in addresses)
    everywhere = any(address in ("*", "0.0.0.0", "::", "::*") for address in addresses)  # noqa: S104
    plain, tls = bool(config.get("port")), bool(config.get("tls-port"))
    return {
        "addresses": addresses,
        "network": not local and (plain or tls),
        "everywhere": everywhere and (plain or tls),
        "plain": plain,
        "tls": tls,
    }
