"""What is stated about who holds what: the ground of the survival query. Nouns only, frozen.

A field that could be unread is a fact as views have them: a value, or a mapping with ``$err``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from guardian.baseline.survival.rights import Identity


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket at an ``endpoint``. ``facts`` are those of its view: versioning, lock, policy, encryption."""

    name: str
    endpoint: str
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Account:
    """The identities of a storage; ``identities`` is empty, and ``unread`` says why, where they could not be read."""

    endpoint: str
    identities: tuple[Identity, ...] = ()
    trusts: Mapping[str, Any] = field(default_factory=dict)
    """By the name of a role: whom it trusts, or why that is unread."""
    users: tuple[str, ...] = ()
    """Names of those identities that somebody can be: they have a key or a password."""
    perhaps: tuple[str, ...] = ()
    """Names of those of which nobody could read whether they have any."""
    unread: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """A repository that holds restore points of a system.

    ``identities`` are those whose keys lie on the host; ``held``: what its trials showed: True, nothing could be
    deleted or overwritten with the keys of backups; None, nobody tried. ``locked_days``: for so long the locks of all
    that live restore points need last, from now.
    """

    key: str
    kind: str
    bucket: Bucket | None = None
    prefix: str = ""
    identities: tuple[str, ...] = ()
    held: bool | None = None
    locked_days: Any = None
    on_host: bool = False


@dataclass(frozen=True, slots=True)
class Custody:
    """Who can open a repository: the host, and the holders of shares. ``elsewhere``: the password is kept outside too.

    ``threshold`` of ``shares`` open it; zero shares: nobody holds any; or a fact that is unread.
    """

    shares: Any = 0
    threshold: int = 0
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Stated:
    """One system on one host: its places, who can open them, and the accounts of the storages they lie in."""

    system: str
    host: str
    places: tuple[Place, ...]
    custody: Mapping[str, Custody]
    accounts: tuple[Account, ...] = ()
