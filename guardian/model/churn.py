"""What changed between two backups of one source: measured figures, small enough for every receipt.

Churn is a fact, taken by comparing two snapshots; whether it looks like an attack is judged from it and from the
churn of earlier backups (:mod:`guardian.backup.anomaly`).
"""

from typing import Literal

from pydantic import Field

from guardian.model.border import Sha256, Stated
from guardian.model.reason import Reason


class Look(Stated):
    """What the content of a seeded sample of files is like. ``files`` were looked into; the others count them."""

    files: int = 0
    typed: int = Field(0, description="whose name says what they hold")
    scrambled: int = Field(0, description="that hold something else than their name says, random, encoded or broken")
    opaque: int = Field(0, description="random content, and a name that says nothing")
    blank: int = Field(0, description="one byte, repeated")
    sealed: int = Field(0, description="random by design, as their name says: nothing can be told of them")
    odd: int = Field(0, description="not what the name says, and readable all the same")


class Suffix(Stated):
    """An ending that files have got in place of, or behind, the one they had."""

    suffix: str
    files: int


class Repeated(Stated):
    """One small new file that lies in many folders at once."""

    name: str
    folders: int
    size: int


class Churn(Stated):
    """One backup against an earlier one, ``against``. Counts are of regular files, sizes in bytes before deduplication.

    ``changed`` files have other content under the same name; ``replaced`` ones went away while one with a longer name,
    or with another ending, came beside them; ``renamed`` ones are there with the same content under another name.
    ``removed`` and ``new`` are what is left. Figures were extrapolated when ``examined`` is less than 1.
    """

    kind: Literal["files", "stream"] = "files"
    against: Sha256
    at: str = Field(description="when the later one was begun")
    elapsed: int = Field(description="seconds from the beginning of the earlier one to that of the later one")
    files: int = 0
    files_before: int = 0
    bytes: int = 0
    bytes_before: int = 0
    new: int = 0
    changed: int = 0
    replaced: int = 0
    removed: int = 0
    renamed: int = 0
    touched: int = Field(0, description="same content, other metadata")
    hidden: int = Field(0, description="other content, same length and modification time")
    shrunk: int = Field(0, description="changed files that lost nine tenths of their length, or all of it")
    new_bytes: int = 0
    changed_bytes: int = 0
    folders: int = Field(0, description="in which something changed")
    suffixes: tuple[Suffix, ...] = Field((), description="the most frequent ones of replaced files")
    repeated: Repeated | None = None
    raw_bytes: int = Field(0, description="of content that the repository did not have yet, where compression is on")
    stored_bytes: int = Field(0, description="the same, as it is stored")
    old: Look = Field(Look(), description="of files that were there before: changed and replaced ones")
    fresh: Look = Field(Look(), description="of new files")
    rows: int | None = Field(None, description="of the tables that were counted both times")
    rows_before: int | None = None
    emptied: int = Field(0, description="tables that had rows and have none, or are gone")
    examined: float = 1.0
    examples: tuple[str, ...] = Field((), description="paths of sampled files that are scrambled")

    @property
    def gone(self) -> int:
        """Files whose former content is no longer in the source under any name."""
        return self.changed + self.replaced + self.removed


Verdict = Literal["normal", "suspicious"]


class Judgement(Stated):
    """Whether one churn looks like an attack, and why. 1 is the score from which on it is suspicious.

    ``signals`` are the reasons with what each adds to the score; ``remarks`` say what is odd and no attack.
    """

    verdict: Verdict = "normal"
    score: float = 0.0
    signals: tuple[tuple[float, Reason], ...] = ()
    remarks: tuple[Reason, ...] = ()
    history: int = Field(0, description="earlier churns it was judged by")

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """The signals' reasons, the weightiest first."""
        return tuple(told for _weight, told in sorted(self.signals, key=lambda one: -one[0]))
