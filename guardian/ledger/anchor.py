"""Anchors: a log's head, carried by every snapshot as a tag.

The repository, where an agent cannot delete, so becomes a witness of the log: a log that was cut back or
rewritten contradicts the snapshots made before.
"""

from dataclasses import dataclass
from typing import Literal

from guardian.ledger.store import Log


@dataclass(frozen=True, slots=True)
class Anchor:
    """What a log once was: so many entries with this root, signed by the key whose id begins so."""

    key_id: str
    size: int
    root: str


def anchor(log: Log) -> str:
    """The value of the tag: 16 digits of the key's id, the size, the root."""
    return f"{log.key_id[:16]}:{log.size}:{log.checkpoint.root.hex()}"


def parse(value: str) -> Anchor | None:
    """The anchor in a tag's value; None when it is none."""
    key_id, _, rest = value.partition(":")
    size, _, root = rest.partition(":")
    if len(key_id) == 16 and size.isascii() and size.isdigit() and len(size) < 16 and len(root) == 64:
        return Anchor(key_id, int(size), root)
    return None


def contradiction(log: Log, value: str) -> Literal["log-behind-anchor", "log-differs-from-anchor"] | None:
    """How ``log`` contradicts an anchor, if it does. Anchors of other logs (other keys) say nothing about this one."""
    found = parse(value)
    if found is None or found.key_id != log.key_id[:16]:
        return None
    if found.size > log.size:
        return "log-behind-anchor"
    if log.root_at(found.size).hex() != found.root:
        return "log-differs-from-anchor"
    return None
