"""The target of a copying as it lies in its storage: what it lists, and whether all of a snapshot is there.

Our own decoder looks, not the program that wrote; where the decoder has no way to the storage, restic does, without its
cache. restic's word that something "was already copied" is never taken for it.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from guardian.backup.witness import as_listed
from guardian.errors import RepositoryMissing, WrongPassword
from guardian.i18n import _
from guardian.model.backup import Snapshot
from guardian.model.events import Progress
from guardian.model.reader import Reader
from guardian.model.reason import Reason, reason
from guardian.node import Node
from guardian.restic.client import Restic

if TYPE_CHECKING:
    from guardian.decoder.repository import Loaded, Repository
    from guardian.decoder.snapshots import Snapshot as Read

_THREADS = 4
_NAMED = 5


@dataclass(slots=True)
class Replica:
    """One open target. ``repository_id`` and ``chunker`` are its own words; ``chunker`` is None where restic looks."""

    node: Node
    restic: Restic
    repository_id: str
    chunker: str | None = None
    reader: Reader | None = None
    repository: "Repository | None" = None
    _known: "dict[str, Read]" = field(default_factory=dict)
    _loaded: "Loaded | None" = None

    def snapshots(self) -> tuple[Snapshot, ...]:
        """What is there now. A snapshot file that cannot be read is none. Raises what the storage raises."""
        self._loaded = None
        if self.repository is None:
            return self.restic.snapshots(cache=False).snapshots
        from guardian.decoder.damage import Findings  # noqa: PLC0415  start-up stays quick

        found = []
        for read in self.repository.snapshots(Findings(), self._known):
            self.node.heed()
            self._known[read.id] = read
            try:
                found.append(as_listed(read))
            except ValueError:  # whoever wrote that is no restic
                continue
        return tuple(found)

    def stored(self) -> int | None:
        """Bytes of all packs; None where only restic can look."""
        if self.reader is None:
            return None
        return sum(size for _name, size in self.reader.list("data/"))

    def flaws(self, snapshots: Sequence[Snapshot]) -> dict[str, tuple[Reason, ...]]:
        """What each of ``snapshots`` lacks, by its id; nothing where all that its tree leads to is there.

        Every tree is read, of every chunk it is known that the pack it lies in is there and long enough. Raises what
        the storage raises.
        """
        if not snapshots:
            return {}
        if self.repository is None:
            return self._by_restic(snapshots)
        if self._loaded is None:
            self._loaded = self.repository.load()
        # One walk for all: they share most of their trees. Only where something is lost it is asked whose it is.
        if not self._lost(self._loaded, snapshots):
            return {snapshot.id: () for snapshot in snapshots}
        return {snapshot.id: self._lost(self._loaded, [snapshot]) for snapshot in snapshots}

    def _lost(self, loaded: "Loaded", snapshots: Sequence[Snapshot]) -> tuple[Reason, ...]:
        wanted = {snapshot.id for snapshot in snapshots}
        found = [read for read in loaded.snapshots if read.id in wanted]
        lost = [reason("copy-not-listed", snapshot=one) for one in sorted(wanted - {read.id for read in found})]

        def step(trees: int) -> None:
            self.node.heed()
            self.node.report(Progress(trees, unit="entries"))

        with ThreadPoolExecutor(_THREADS, "replica") as executor:
            seen = loaded.check_structure(executor, found, step)
        lost += [one for one in seen.findings.kept if one.severity == "critical"]
        return tuple(lost[:_NAMED])

    def _by_restic(self, snapshots: Sequence[Snapshot]) -> dict[str, tuple[Reason, ...]]:
        report = self.restic.check()
        lost = tuple(reason("repository-damaged", detail=line[:200]) for line in report.errors[:_NAMED])
        return {
            snapshot.id: () if report.ok else lost or (reason("repository-damaged", detail="-"),)
            for snapshot in snapshots
        }


@contextmanager
def replica(node: Node, key: str, restic: Restic) -> Iterator[Replica]:
    """The repository ``key``, open; ``restic`` is the program set up for it.

    Raises RepositoryMissing, WrongPassword, RepositoryDamaged, and what the storage raises.
    """
    from guardian.decoder.repository import open_repository  # noqa: PLC0415  start-up stays quick

    with node.reader(key) as reader:
        if reader is None:
            yield Replica(node, restic, restic.config().id)
            return
        keys = node.keys()
        record = keys.record(key)
        try:
            repository = open_repository(reader, keys.password(key), (record and record.restic_key_id) or "")
        except (WrongPassword, RepositoryMissing) as error:  # of two repositories, which
            raise type(error)(
                _("repository {name}: {error}").format(name=key, error=error.message), error.hint
            ) from error
        config = repository.config
        yield Replica(node, restic, config.id, config.chunker_polynomial, reader, repository)
