"""Drawing by a seed: unpredictable before, reproducible after. Pure.

Seed = SHA-256(checkpoint ‖ 0 ‖ drill id ‖ 0 ‖ nonce), where the checkpoint is the signed note of the log as it stood
right after the drill's plan was appended. The plan holds the frames and SHA-256(nonce): whoever gives the nonce fixed
it before the checkpoint existed, and whoever makes the checkpoint does not know the nonce. Neither alone can choose.

Every purpose has a stream of its own: block i is HMAC-SHA-256(seed, purpose ‖ 0 ‖ i as 8 bytes, big endian), and the
blocks one after the other are read as numbers of 8 bytes, big endian. A number below n is the first of them that is
below the largest multiple of n that fits, modulo n: what is above is rejected, so that every number is as likely.
"""

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Sequence

from guardian.model.backup import FileDigest

_WORD = 8
_SPAN = 1 << 8 * _WORD

PATIENCE = 4
"""How many times the needed number of draws are made at most, when chunks repeat."""


def seed(checkpoint: bytes, drill_id: str, nonce: bytes) -> bytes:
    """The 32-byte seed of one drill. ``checkpoint`` is the signed note's text as it stands in the log."""
    return hashlib.sha256(checkpoint + b"\0" + drill_id.encode() + b"\0" + nonce).digest()


def commitment(nonce: bytes) -> str:
    """What is told of ``nonce`` before it is revealed: its SHA-256."""
    return hashlib.sha256(nonce).hexdigest()


class Stream:
    """Random numbers that follow from a seed and a purpose, such as ``bytes`` or ``packs``."""

    def __init__(self, seed: bytes, purpose: str) -> None:
        """The same seed and purpose give the same numbers, everywhere and always."""
        self._words = _words(seed, purpose.encode() + b"\0")

    def below(self, n: int) -> int:
        """A number from 0 to ``n`` − 1, all as likely. ``n`` is at least 1 and below 2**64. Raises ValueError."""
        if not 0 < n < _SPAN:
            raise ValueError(f"cannot draw below {n}")
        most = _SPAN - _SPAN % n
        return next(word for word in self._words if word < most) % n

    def distinct(self, n: int, count: int) -> list[int]:
        """``count`` different numbers below ``n`` in the order they are drawn; all of them when there are no more.

        Drawing without replacement: what was drawn before is drawn again.
        """
        if count >= n:
            return list(range(n))
        if count * 2 > n:
            return self._shuffled(n)[:count]
        found: dict[int, None] = {}
        while len(found) < count:
            found.setdefault(self.below(n))
        return list(found)

    def _shuffled(self, n: int) -> list[int]:
        # Fisher and Yates: nearly all of many would take forever by trying.
        order = list(range(n))
        for last in range(n - 1, 0, -1):
            other = self.below(last + 1)
            order[last], order[other] = order[other], order[last]
        return order


def _words(key: bytes, prefix: bytes) -> Iterator[int]:
    block = 0
    while True:
        data = hmac.digest(key, prefix + block.to_bytes(8, "big"), "sha256")
        for at in range(0, len(data), _WORD):
            yield int.from_bytes(data[at : at + _WORD], "big")
        block += 1


def offsets(seed: bytes, frame_bytes: int, needed: int) -> list[int]:
    """Byte offsets in a frame, with replacement: as many as may be needed (:func:`stop` says how many are taken)."""
    stream = Stream(seed, "bytes")
    return [stream.below(frame_bytes) for _draw in range(PATIENCE * needed)] if frame_bytes else []


def stop(chunks: Sequence[bytes], needed: int) -> int:
    """How many draws are made, when draw i hits ``chunks[i]``: until ``needed`` different ones were hit.

    A small repository whose chunks are hit again and again is so read as much as a large one. What was found in them
    has no say: whether a drill goes on never depends on how well it goes. At most ``PATIENCE`` × ``needed`` draws.
    See :func:`guardian.drill.bounds.of_draws` for what that means for the bound.
    """
    seen: set[bytes] = set()
    for number, chunk in enumerate(chunks, 1):
        seen.add(chunk)
        if len(seen) == needed:
            return number
    return len(chunks)


def draw(files: Iterable[FileDigest], seed: bytes, count: int) -> tuple[FileDigest, ...]:
    """``count`` of ``files`` in the order the seed gives (by HMAC-SHA-256(seed, path)); all when there are fewer."""

    def rank(file: FileDigest) -> bytes:
        return hmac.digest(seed, file.path.encode("utf-8", "surrogateescape"), "sha256")

    return tuple(sorted(files, key=rank)[:count])
