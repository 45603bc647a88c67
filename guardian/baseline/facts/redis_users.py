"""Users of a Redis server, as their rules grant. Pure.

https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from guardian.baseline.facts.reading import Tree
from guardian.baseline.facts.redis_config import split_words

_SPACE: Final = "flushall flushdb migrate restore restore-asking swapdb"
_CLIENTS: Final = "client|kill client|no-evict client|pause"
_ADMINISTRATION: Final = f"""acl|deluser acl|load acl|save acl|setuser bgrewriteaof bgsave {_CLIENTS}
cluster|addslots cluster|delslots cluster|failover cluster|flushslots cluster|forget cluster|meet cluster|replicate
cluster|reset cluster|setslot config|resetstat config|rewrite config|set debug failover module|load module|loadex
module|unload monitor psync replconf replicaof save shutdown slaveof sync"""
_ALL: Final = frozenset(f"{_ADMINISTRATION} {_SPACE} keys".split())
"""Commands of @dangerous that reach beyond single keys, as Redis 7 has them; without those that only tell something."""

_CATEGORIES: Final[Mapping[str, frozenset[str]]] = {
    "@all": _ALL,
    "@dangerous": _ALL,
    "@slow": _ALL - {"swapdb"},
    "@admin": frozenset(_ADMINISTRATION.split()),
    "@connection": frozenset(_CLIENTS.split()),
    "@keyspace": frozenset(f"{_SPACE} keys".split()),
    "@write": frozenset(_SPACE.split()),
    "@read": frozenset({"keys"}),
    "@fast": frozenset({"swapdb"}),
}
"""Which of them each category holds (``ACL CAT``)."""

_WORDS: Final = {"allcommands": "+@all", "nocommands": "-@all", "allkeys": "~*", "allchannels": "&*"}


@dataclass(slots=True)
class _Rules:
    """What the rules come to, read in order: each can take away what one before it gave."""

    enabled: bool = False
    nopass: bool = False
    passwords: int = 0
    plain: int = 0
    commands: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    channels: list[str] = field(default_factory=list)
    dangers: set[str] = field(default_factory=set)

    def take(self, rule: str) -> None:
        """One rule more."""
        mark = rule[0]
        if rule in ("on", "off"):
            self.enabled = rule == "on"
        elif rule in ("nopass", "resetpass"):
            self.nopass, self.passwords, self.plain = rule == "nopass", 0, 0
        elif mark in "#>":
            self.nopass, self.passwords, self.plain = False, self.passwords + 1, self.plain + (mark == ">")
        elif mark in "+-":
            self._command(rule.lower())
        elif mark in "~%":
            self.keys.append(rule)
        elif mark == "&":
            self.channels.append(rule)
        else:
            self._reset(rule)

    def _command(self, rule: str) -> None:
        self.commands.append(rule)
        name = rule[1:]
        meant = _CATEGORIES.get(name, {each for each in _ALL if each == name or each.startswith(f"{name}|")})
        if rule[0] == "+":
            self.dangers |= meant
        else:
            self.dangers -= meant

    def _reset(self, rule: str) -> None:
        if rule == "reset":
            self.enabled, self.nopass, self.passwords, self.plain = False, False, 0, 0
            self.commands, self.dangers = [], set()
        if rule in ("reset", "resetkeys"):
            self.keys = []
        if rule in ("reset", "resetchannels"):
            self.channels = []


def user(line: str) -> Tree:
    """One user, ``user NAME on nopass ~* &* +@all``, as what is granted. Passwords are counted, never kept.

    ``dangerous``: some command that reaches beyond single keys may be run. Raises ValueError for a quote that does not
    close.
    """
    head, *selectors = re.split(r"\s\((?=[^()]*\))", line)
    name, *rules = split_words(head)[1:] or [""]
    parts = [_rules(rules), *(_rules(split_words(selector.replace(")", " "))) for selector in selectors)]
    first = parts[0]
    keys = [key for part in parts for key in part.keys]
    return {
        "name": name,
        "enabled": first.enabled,
        "nopass": first.nopass,
        "passwords": first.passwords,
        "plain_passwords": first.plain,
        "commands": [command for part in parts for command in part.commands],
        "keys": keys,
        "channels": [channel for part in parts for channel in part.channels],
        "dangerous": any(part.dangers for part in parts),
        "all_keys": any(key in ("~*", "%RW~*") for key in keys),
    }


def administrators(users: Iterable[Tree]) -> list[str]:
    """Who can log in and run what reaches beyond single keys."""
    return [str(each["name"]) for each in users if each["enabled"] and each["dangerous"]]


def _rules(words: list[str]) -> _Rules:
    rules = _Rules()
    for word in words:
        rules.take(_WORDS.get(word.lower(), word.lower() if word.isalpha() else word))
    return rules


def default_user(config: Mapping[str, Any]) -> Tree:
    """What the user ``default`` is where no line defines it: everything, with the password of ``requirepass``."""
    secret = "#set" if config.get("requirepass") == "set" else "nopass"
    return user(f"user default on {secret} ~* &* +@all")
