"""The log as a drill has it: open for writing, or, for who may only read it, open for reading.

An auditor need not be able to write anything to drill. Such a drill commits to nothing and puts nothing on record: who
runs it could run it until they like the sample, so its result convinces nobody but them, and says so.
"""

from dataclasses import dataclass
from typing import Self

from guardian.errors import NotPermitted
from guardian.ledger.store import Log
from guardian.model.reason import Reason, reason
from guardian.node import Node


@dataclass(frozen=True, slots=True)
class Book:
    """The log. ``closed`` says why nothing is written to it; None where everything is."""

    log: Log
    closed: Reason | None = None

    def __enter__(self) -> Self:
        """The same."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Close the log."""
        self.log.close()


def open_book(node: Node) -> Book:
    """The log of ``node``, for writing if that is allowed. Raises as ``Node.log``; NotPermitted when it cannot be read.

    That a log may be read only is known before anything is drilled, not after hours.
    """
    try:
        return Book(node.log())
    except NotPermitted as closed:
        return Book(node.read_log(), reason("not-recorded", "warning", why=closed.message))
