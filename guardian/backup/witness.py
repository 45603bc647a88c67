"""What a backup left in the repository, seen by our own decoder: another reader than the program that wrote it.

The decoder opens the repository while restic is at work, with the key that was derived before.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from guardian import telemetry
from guardian.clock import rfc3339
from guardian.errors import GuardianError
from guardian.model.backup import LocksSeen, Snapshot
from guardian.model.reader import ObjectMissing, ObjectUnreadable
from guardian.model.reason import Reason, reason
from guardian.node import Node

if TYPE_CHECKING:
    from guardian.decoder.repository import Repository
    from guardian.decoder.snapshots import Snapshot as Read

T = TypeVar("T")

_TICK = 0.2  # seconds between two looks whether we are to stop


@dataclass(frozen=True, slots=True)
class Sighting:
    """The snapshot as it lies in the storage, None when it does not, and what about it cannot be read back."""

    snapshot: Snapshot | None
    flaws: tuple[Reason, ...] = ()


class Witness:
    """Our own look at one repository during one backup. Use it in a ``with``: the decoder starts when that begins.

    Where the decoder has no way to the storage, or fails, every answer is None and restic has to be asked; that it
    failed is kept in ``remarks``. What it finds damaged is an answer, and no failure.
    """

    def __init__(self, node: Node, key: str) -> None:
        self._node, self._key = node, key
        self._held = ExitStack()
        self._ready = threading.Event()
        self._repository: Repository | None = None
        self._indexes: frozenset[str] = frozenset()
        self._failure: GuardianError | None = None

    def __enter__(self) -> Self:
        # A daemon: a storage that hangs must not keep a run that is over from ending.
        threading.Thread(target=self._open, name="witness", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ready.is_set():
            self._held.close()

    @property
    def remarks(self) -> tuple[Reason, ...]:
        """Why restic had to be asked, if the decoder failed."""
        return (reason("decoder-failed", "warning", why=self._failure.code),) if self._failure else ()

    def identity(self) -> str | None:
        """The repository's id as its configuration says it; None when only restic can tell. Raises Interrupted."""
        self._wait()
        return self._repository.config.id if self._repository else None

    def look(self, snapshot_id: str, run_id: str) -> Sighting | None:
        """Read back the snapshot ``snapshot_id`` (its first 8 digits will do) of the run ``run_id``, and its root tree.

        None when only restic can tell. Raises Interrupted.
        """
        self._wait()
        if self._repository is None:
            return None
        try:
            return self._look(self._repository, snapshot_id, run_id)
        except GuardianError as error:
            self._node.heed()
            self._failure = error
        except Exception as fault:  # noqa: BLE001  restic is the second path
            self._failure = telemetry.unexpected(fault)
        return None

    def examine(self, look: "Callable[[Repository, frozenset[str]], T]") -> "tuple[T | None, str]":
        """What ``look`` makes of the open repository and of the index files it had before the run; else why nothing.

        Whatever it meets is no failure of the backup. Raises Interrupted.
        """
        self._wait()
        if self._repository is None:
            return None, self._failure.code if self._failure else "no-decoder"
        try:
            return look(self._repository, self._indexes), ""
        except GuardianError as error:
            self._node.heed()
            return None, error.code
        except Exception as fault:  # noqa: BLE001  the data is saved, whatever it is that cannot be looked at
            return None, telemetry.unexpected(fault).code

    def locks(self) -> LocksSeen | None:
        """restic's locks that are there now; None when that could not be found out. Raises Interrupted."""
        found, _why = self.examine(lambda repository, _before: repository.lock_times())
        if found is None:
            return None
        moments = [moment for text in found if text and (moment := _moment(text)) is not None]
        return LocksSeen(count=len(found), oldest=rfc3339(min(moments)) if moments else None)

    def _open(self) -> None:
        try:
            from guardian.decoder.repository import open_repository  # noqa: PLC0415  start-up stays quick

            reader = self._held.enter_context(self._node.reader(self._key))
            if reader is not None:
                keys = self._node.keys()
                record = keys.record(self._key)
                hint = record.restic_key_id if record else None
                # That the password opens it, restic proves at the same time: here it need not be derived from again.
                repository = open_repository(reader, keys.password(self._key), hint or "", keys.derived(self._key))
                self._indexes = repository.names("index/")
                self._repository = repository
        except GuardianError as error:
            self._failure = error
        except Exception as fault:  # noqa: BLE001  restic is the second path
            self._failure = telemetry.unexpected(fault)
        finally:
            self._ready.set()

    def _wait(self) -> None:
        while not self._ready.wait(_TICK):
            self._node.heed()

    def _look(self, repository: "Repository", snapshot_id: str, run_id: str) -> Sighting:
        from guardian.decoder.damage import Damage, as_reason  # noqa: PLC0415

        flaws: list[Reason] = []
        for name in self._named(repository, snapshot_id):
            try:
                found = as_listed(_twice(repository, name))
            except ObjectMissing:
                continue
            except (Damage, ObjectUnreadable) as error:
                flaws.append(as_reason(error))
                continue
            if found.tag("run") == run_id:
                return Sighting(found, self._tree(repository, found))
        return Sighting(None, tuple(flaws))

    def _named(self, repository: "Repository", snapshot_id: str) -> list[str]:
        if len(snapshot_id) == 64:
            return [snapshot_id]
        return sorted(name for name in repository.names("snapshots/") if name.startswith(snapshot_id))

    def _tree(self, repository: "Repository", snapshot: Snapshot) -> tuple[Reason, ...]:
        from guardian.decoder.damage import Damage  # noqa: PLC0415
        from guardian.decoder.places import TREE  # noqa: PLC0415

        try:
            repository.read_back(TREE, bytes.fromhex(snapshot.tree), self._by_age(repository))
        except Damage as damage:
            return (damage.reason,)
        return ()

    def _by_age(self, repository: "Repository") -> Iterator[str]:
        """Index files: those of this backup first, where a new tree is; the others, if nothing changed."""
        now = repository.names("index/")
        for name in (*sorted(now - self._indexes), *sorted(now & self._indexes)):
            self._node.heed()
            yield name


def _moment(text: str) -> datetime | None:
    from guardian.decoder.times import nanoseconds  # noqa: PLC0415

    since = nanoseconds(text)
    try:
        return None if since is None else datetime.fromtimestamp(since / 1e9, UTC)
    except (ValueError, OverflowError, OSError):
        return None  # a year that no clock of ours shows


def _twice(repository: "Repository", snapshot_id: str) -> "Read":
    """The snapshot; read a second time when it comes damaged: what was spoiled on the way is no damage."""
    from guardian.decoder.damage import Damage  # noqa: PLC0415

    try:
        return repository.snapshot(snapshot_id)
    except (Damage, ObjectUnreadable):
        return repository.snapshot(snapshot_id)


def as_listed(read: "Read") -> Snapshot:
    """What the decoder read, as ``restic snapshots`` would list it."""
    return Snapshot.model_validate(
        {
            "id": read.id,
            "tree": read.tree.hex(),
            "time": read.time,
            "hostname": read.hostname,
            "username": read.username,
            "paths": read.paths,
            "tags": read.tags,
            "original": read.original or None,
        }
    )
