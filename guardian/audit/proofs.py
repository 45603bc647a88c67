"""Proofs as files: C2SP tlog-proof for a statement, and a plain list of hashes for "the log only grew". Pure text."""

import base64
from collections.abc import Sequence

from guardian.ledger.store import Log

HEADER = "c2sp.org/tlog-proof@v1"


def tlog_proof(log: Log, index: int) -> str:
    """The proof that entry ``index`` is in the log as its checkpoint stands (https://c2sp.org/tlog-proof)."""
    return "\n".join([HEADER, f"index {index}", *_lines(log.inclusion_proof(index)), "", log.note.decode()])


def consistency(log: Log, size: int) -> str:
    """The proof that the log of ``size`` entries is the beginning of this one (RFC 6962, 2.1.2), one hash a line.

    Raises IndexError when the log has fewer entries.
    """
    return "".join(f"{line}\n" for line in _lines(log.consistency_proof(size)))


def policy(vkey: str) -> str:
    """What makes a checkpoint good (https://c2sp.org/tlog-policy): the log's own signature; nobody cosigns yet."""
    return f"log {vkey}\nquorum none\n"


def _lines(hashes: Sequence[bytes]) -> list[str]:
    return [base64.b64encode(one).decode() for one in hashes]
