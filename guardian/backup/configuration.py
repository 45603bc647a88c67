"""The configuration a host is backed up by is evidence too: when it changed is in the log."""

from pathlib import Path

from guardian import durable
from guardian.clock import rfc3339
from guardian.ledger.store import Log
from guardian.model.evidence import ConfigChange
from guardian.node import Node

_FILE = "configuration.sha256"


def note(node: Node, log: Log) -> None:
    """Put a ``config-change`` statement into the log unless the configuration is the one that was noted last.

    What was noted last is kept beside the log. Lost with a crash, it costs one statement too many, never one too few.
    """
    path = node.state / _FILE
    before = _noted(path)
    now = node.loaded.sha256
    if before == now:
        return
    change = ConfigChange(tenant=node.tenant, host=node.host, sha256=now, previous=before, at=rfc3339(node.clock.now()))
    log.append(change, [("configuration", now)])
    durable.write_atomic(path, now.encode())


def _noted(path: Path) -> str | None:
    try:
        text = durable.read_capped(path, 64).decode("ascii", "replace")
    except FileNotFoundError:
        return None
    return text if len(text) == 64 and set(text) <= set("0123456789abcdef") else None
