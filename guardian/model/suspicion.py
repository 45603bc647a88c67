"""What is said of a backup that looks like the trace of an attack, and what a person found it to be."""

from pydantic import Field

from guardian.model.border import Sha256
from guardian.model.predicate import Predicate
from guardian.model.reason import Reason


class Suspicion(Predicate):
    """One backup is suspicious. It is kept, it may be all there is; nothing of its source is removed until a person
    has cleared it. ``clean`` is the last snapshot before that was not marked, ``receipt`` the leaf hash of its own."""

    name = "suspicion"

    tenant: str
    host: str
    system: str
    source: str
    repository: str
    repository_id: str
    snapshot_id: Sha256
    receipt: Sha256 | None = None
    clean: Sha256 | None = None
    clean_at: str | None = Field(None, description="when the last clean backup was begun")
    score: float
    signals: tuple[Reason, ...]
    at: str


class SuspicionCleared(Predicate):
    """A person looked into it. ``harmless``: nothing had happened, and what was seen is usual from now on. Otherwise
    it was an attack, and the source has been put right: the snapshots stay marked, and nothing is learned from them."""

    name = "suspicion-cleared"

    tenant: str
    host: str
    system: str
    source: str
    repository: str
    snapshots: tuple[Sha256, ...]
    harmless: bool
    reason: str
    by: str
    at: str
