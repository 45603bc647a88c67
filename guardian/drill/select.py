"""Drawing by a seed: unpredictable before, reproducible after. Pure.

Seed = SHA-256(checkpoint ‖ drill id ‖ nonce), where the checkpoint is the log's newest one, which already holds
the receipt with the frame. Order = HMAC-SHA-256(seed, item): anyone with the evidence redraws the same sample.
"""

import hashlib
import hmac
from collections.abc import Iterable

from guardian.model.backup import FileDigest


def seed(checkpoint: bytes, drill_id: str, nonce: bytes) -> bytes:
    """The 32-byte seed of one drill. ``checkpoint`` is the signed note's text as it stands in the log."""
    return hashlib.sha256(checkpoint + b"\0" + drill_id.encode() + b"\0" + nonce).digest()


def draw(files: Iterable[FileDigest], seed: bytes, count: int) -> tuple[FileDigest, ...]:
    """``count`` of ``files`` in the order the seed gives; all of them when there are fewer."""

    def rank(file: FileDigest) -> bytes:
        return hmac.digest(seed, file.path.encode("utf-8", "surrogateescape"), "sha256")

    return tuple(sorted(files, key=rank)[:count])
