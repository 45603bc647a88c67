"""What the signed log says of how systems are protected: one pass, bounded however long it is. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from guardian.keys.standing import Escrows
from guardian.model.evidence import (
    BackupReceipt,
    ConfigChange,
    CopyReceipt,
    DrillResult,
    Entry,
    LockExtension,
    RepositoryPosture,
    Suspicion,
    SuspicionCleared,
)
from guardian.model.ladder import LADDER, says

Place = tuple[str, str, str]
"""System, source, key of the repository."""
_POINTS: Final = 512
"""Restore points of a source whose age is remembered: a copy is as old as what it is a copy of."""


@dataclass(slots=True)
class PlaceStory:
    """One source in one repository. Times are when the data was read, aware."""

    newest: datetime | None = None
    newest_outcome: str | None = None
    complete: datetime | None = None
    points: dict[str, datetime] = field(default_factory=dict)
    passed: dict[str, datetime] = field(default_factory=dict)
    """Of each level the newest drill that passed at it or above."""
    failed: dict[str, datetime] = field(default_factory=dict)
    rto_seconds: float | None = None
    suspicious: set[str] = field(default_factory=set)


@dataclass(slots=True)
class StorageStory:
    """One repository: what trials of its storage said."""

    looked: datetime | None = None
    immutable: bool | None = None
    lock_until: str | None = None


@dataclass(slots=True)
class Story:
    """All of it. ``configuration`` is the SHA-256 that was put on record last."""

    places: dict[Place, PlaceStory] = field(default_factory=dict)
    storages: dict[str, StorageStory] = field(default_factory=dict)
    escrows: Escrows = field(default_factory=Escrows)
    """Who holds shares of the passwords."""
    configuration: str | None = None

    def place(self, place: Place) -> PlaceStory:
        """What is known of one place."""
        return self.places.get(place, PlaceStory())

    def storage(self, repository: str) -> StorageStory:
        """What is known of one repository."""
        return self.storages.get(repository, StorageStory())

    def take(self, entry: Entry) -> None:
        """Take one entry into account, in the order of the log. Raises ValueError for a time that is none.

        A statement that this version does not know is passed over.
        """
        self.escrows.take(entry)
        said = entry.predicate
        match said:
            case BackupReceipt():
                self._backup(said)
            case CopyReceipt():
                self._copy(said)
            case DrillResult():
                self._drill(self._place(said.system, said.source, said.repository), said)
            case Suspicion():
                self._place(said.system, said.source, said.repository).suspicious.add(said.snapshot_id)
            case SuspicionCleared():
                self._place(said.system, said.source, said.repository).suspicious -= set(said.snapshots)
            case RepositoryPosture():
                storage = self._storage(said.repository)
                storage.looked, storage.immutable = _moment(said.ended), said.immutable
                storage.lock_until = said.locked.until if said.locked else None
            case LockExtension():
                self._storage(said.repository).lock_until = said.locked.until
            case ConfigChange():
                self.configuration = said.sha256
            case _:
                pass

    def _place(self, *place: str) -> PlaceStory:
        return self.places.setdefault((place[0], place[1], place[2]), PlaceStory())

    def _storage(self, key: str) -> StorageStory:
        return self.storages.setdefault(key, StorageStory())

    def _backup(self, said: BackupReceipt) -> None:
        place, at = self._place(said.system, said.source, said.repository), _moment(said.started)
        place.newest, place.newest_outcome = at, said.outcome
        if said.outcome == "complete":
            place.complete = at
            place.points[said.snapshot_id] = at
            while len(place.points) > _POINTS:
                del place.points[next(iter(place.points))]

    def _copy(self, said: CopyReceipt) -> None:
        place = self._place(said.system, said.source, said.to)
        place.newest_outcome = said.outcome
        at = self._place(said.system, said.source, said.repository).points.get(said.snapshot_id)
        if said.outcome == "complete" and at is not None:
            # Older points may be copied after newer ones.
            place.complete = place.newest = max(at, place.complete or at)

    def _drill(self, place: PlaceStory, said: DrillResult) -> None:
        at = _moment(said.ended)
        for level in LADDER:
            match says(said, level):
                case "PASS":
                    place.passed[level] = at
                case "FAIL":
                    place.failed[level] = at
                case _:
                    pass
        if said.rto_seconds is not None and not said.extrapolated and said.outcome == "PASS":
            place.rto_seconds = said.rto_seconds


def story(entries: Iterable[Entry], heed: Callable[[], None] = lambda: None) -> Story:
    """What ``entries`` say, in their order. ``heed`` is called for each and may end it.

    Raises ValueError for a statement whose times are none: what it would have said is not known.
    """
    told = Story()
    for entry in entries:
        heed()
        told.take(entry)
    return told


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("a moment without a zone")
    return found
