"""How far a custodian's reading of a repository has come, and what was bad: kept from run to run.

Reading goes round by name. A round ends where it began; a new listing begins a new one there, so that no object waits
longer because another listing came.
"""

from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, ValidationError

from guardian.durable import private_dir, read_capped, write_atomic
from guardian.model.border import Stated

_MOST = 1 << 20
MOST_BAD = 1000
"""Bad objects that every run looks at again."""


class Round(Stated):
    """One round: of which listing, since when, where it began, up to where it is, and how much that was.

    ``over``: the end of the names was passed, and the part before ``start`` is being read.
    """

    listing: str = ""
    since: str = ""
    start: str = ""
    after: str = ""
    over: bool = False
    objects: int = 0
    bytes: int = 0
    bad: tuple[str, ...] = Field((), max_length=MOST_BAD)

    @property
    def done(self) -> bool:
        """Whether everything was read."""
        return self.over and self.after >= self.start

    def is_due(self, name: str) -> bool:
        """Whether ``name`` is still to be read in this round, before or after its end of names is passed."""
        return self.after < name and (not self.over or name <= self.start)

    def passed(self, name: str, size: int) -> "Round":
        """The round after ``name`` was read."""
        return self.model_copy(update={"after": name, "objects": self.objects + 1, "bytes": self.bytes + size})

    def turned(self) -> "Round":
        """The round when no name comes any more: on from the first one, or done."""
        return self.model_copy(update={"over": True, "after": self.start if self.over or not self.start else ""})


def begin(kept: Round, listing: str, now: str) -> Round:
    """The round to go on with: ``kept``, unless it is done or another listing's."""
    if kept.listing == listing and not kept.done:
        return kept
    start = "" if kept.done else kept.after
    return Round(listing=listing, since=now, start=start, after=start, bad=kept.bad)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The file that a round is kept in; None: it is not kept."""

    path: Path | None

    def load(self) -> Round:
        """What was kept. Something that is none is worth as much as nothing. Raises Unavailable."""
        if self.path is None:
            return Round()
        try:
            return Round.model_validate_json(read_capped(self.path, _MOST))
        except (FileNotFoundError, ValidationError):
            return Round()

    def save(self, kept: Round) -> None:
        """Put it on disk. Raises StorageFull, Unavailable."""
        if self.path is not None:
            private_dir(self.path.parent)
            write_atomic(self.path, kept.model_dump_json().encode() + b"\n")
