"""Numbers that only look like chance: the same for the same seed and words, in any order, on any machine."""

import hashlib

Word = str | int


def share(*words: Word) -> float:
    """A number from 0 up to 1, 1 left out."""
    digest = hashlib.blake2b("\0".join(map(str, words)).encode(), digest_size=7).digest()
    return int.from_bytes(digest, "big") / (1 << 56)


def between(low: float, high: float, *words: Word) -> float:
    """A number from ``low`` up to ``high``."""
    return low + (high - low) * share(*words)


def spread(low: float, high: float, *words: Word) -> float:
    """The same on a scale of powers: as often between 1 and 10 as between 10 and 100."""
    return float(low * (high / low) ** share(*words))
