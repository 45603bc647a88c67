"""What long work says while it runs. Rooms emit; the command line draws; tests collect."""

from dataclasses import dataclass
from typing import Protocol

from guardian.model.reason import Reason


@dataclass(frozen=True, slots=True)
class Phase:
    """Work on ``subject`` (``system/source``) entered a phase.

    ``phase`` is a code: probe, backup, confirm, sample, restore, compare, check, dump, hash.
    """

    phase: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the current phase is; ``total`` 0 means unknown. Bytes, unless ``unit`` says ``files`` or ``entries``.

    ``at`` is what is being worked on, such as a path, where that tells more than the figures.
    """

    done: int
    total: int = 0
    unit: str = "bytes"
    at: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something worth a line: a retry, a removed stale lock, a cut tail. ``text`` is already translated."""

    text: str


@dataclass(frozen=True, slots=True)
class Remark:
    """Something worth a line, as a code with figures: the command line has the sentence."""

    reason: Reason


Event = Phase | Progress | Notice | Remark


class Reporter(Protocol):
    """Where events go. Called from the thread that does the work; must be quick and never raise."""

    def __call__(self, event: Event, /) -> None:
        """Take one event."""
        ...


def silent(event: Event, /) -> None:
    """A reporter that keeps quiet."""
