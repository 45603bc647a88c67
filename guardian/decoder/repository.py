"""A repository, opened: its configuration, its snapshots, and the levels at which it can be verified.

::

    with LocalReader(folder) as reader:
        repository = open_repository(reader, password)
        loaded = repository.load()
        for snapshot in loaded.snapshots: ...
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from guardian.decoder import content, document, indexfile, keys, limits, lockfiles, lookup, partial, structure
from guardian.decoder.blobs import Blobs
from guardian.decoder.blocks import Blocks
from guardian.decoder.damage import Damage, Findings, as_reason, shown
from guardian.decoder.document import NotUnderstood
from guardian.decoder.exposure import Assessment
from guardian.decoder.files import File
from guardian.decoder.index import ABSENT, Index, Pack
from guardian.decoder.indexfile import Loaded as LoadedIndex
from guardian.decoder.packs import PackReport
from guardian.decoder.places import DATA, Place
from guardian.decoder.seal import Key
from guardian.decoder.snapshots import FOLDER, Snapshot
from guardian.decoder.snapshots import read as read_snapshot
from guardian.decoder.structure import Structure
from guardian.decoder.trees import Node
from guardian.decoder.unpacked import document as read_document
from guardian.decoder.unpacked import is_id
from guardian.decoder.walk import Entry, differing, find, walk
from guardian.errors import RepositoryMissing
from guardian.i18n import _
from guardian.model.reader import ObjectMissing, ObjectUnreadable, Reader
from guardian.model.reason import reason
from guardian.model.secret import Secret


@dataclass(frozen=True, slots=True)
class Config:
    """What the repository says of itself: format version 1 or 2, its id, and how restic cuts files."""

    version: int
    id: str
    chunker_polynomial: str


class Repository:
    """A repository whose key is known. Nothing but the configuration is read until it is asked for."""

    def __init__(self, reader: Reader, key: Key, config: Config, key_id: str) -> None:
        self.reader, self.config, self.key_id = reader, config, key_id
        self._key = key

    def load(self) -> "Loaded":
        """Read the snapshots, then the index, in this order: what is backed up meanwhile is then in neither or in both.

        Damaged files are findings. Raises what the reader raises when the storage does not answer.
        """
        findings = Findings()
        found = list(self.snapshots(findings))
        loaded = indexfile.load(self.reader, self._key.opener())
        for finding in loaded.findings.kept:
            findings.add(finding)
        return Loaded(self.reader, self._key, tuple(found), loaded, findings)

    def told(self, packs: Iterable[tuple[bytes, int, Sequence[Place]]]) -> "Loaded":
        """The repository as far as ``packs`` (id, length or ABSENT, places) tell of it: no index of it is read."""
        index = Index()
        for pack_id, size, places in packs:
            index.add(pack_id, places)
            if size != ABSENT:
                index.set_size(pack_id, size)
        return Loaded(self.reader, self._key, (), LoadedIndex(index, Findings(), frozenset(), 0), Findings())

    def partly(self, added: Iterable[str], before: Iterable[str], nearby: Reader | None = None) -> "Loaded":
        """The repository as far as index files tell of it: all in those ``added``, the trees alone in those ``before``.

        Index files and trees come from ``nearby``, a cache for example, as long as they come whole from there.
        """
        readers = (nearby, self.reader) if nearby else (self.reader,)
        index = partial.load(readers, self._key.opener(), added, before)
        return Loaded(self.reader, self._key, (), LoadedIndex(index, Findings(), frozenset(), 0, nearby), Findings())

    def complete(
        self, loaded: "Loaded", wanted: Iterable[bytes], index_ids: Iterable[str], nearby: Reader | None = None
    ) -> None:
        """Let ``loaded`` know where the blobs of files ``wanted`` lie that it does not know, by those index files."""
        missing = {blob_id.hex() for blob_id in wanted if loaded.index.find(DATA, blob_id) is None}
        if missing:
            readers = (nearby, self.reader) if nearby else (self.reader,)
            partial.complete(loaded.index, readers, self._key.opener(), (missing, index_ids))

    def names(self, folder: str) -> frozenset[str]:
        """The ids of the objects in ``folder`` (``index/``, ``snapshots/``) just now. Raises what the reader raises."""
        found = (name.removeprefix(folder) for name, _size in self.reader.list(folder))
        return frozenset(filter(is_id, found))

    def lock_times(self) -> list[str | None]:
        """When each of restic's locks was made or renewed; None for one that cannot be read. Raises as the reader."""
        return list(lockfiles.times(self.reader, self._key.opener()))

    def snapshot(self, snapshot_id: str) -> Snapshot:
        """The snapshot with this whole id. Raises Damage, ObjectMissing, and what the reader raises."""
        return read_snapshot(self.reader, self._key.opener(), snapshot_id)

    def read_back(self, kind: int, blob_id: bytes, index_ids: Iterable[str]) -> bytes | memoryview:
        """One blob by the first index file that leads to it; see :func:`guardian.decoder.lookup.read_back`."""
        names = (indexfile.FOLDER + index_id for index_id in index_ids)
        return lookup.read_back(self.reader, self._key, (kind, blob_id), names)

    def snapshots(self, findings: Findings, known: Mapping[str, Snapshot] | None = None) -> Iterator[Snapshot]:
        """Every snapshot that can be read, by id; what cannot is added to ``findings``. ``known`` ones are not read."""
        opener = self._key.opener()
        for name in sorted(name for name, _size in self.reader.list(FOLDER)):
            snapshot_id = name.removeprefix(FOLDER)
            if not is_id(snapshot_id):
                findings.add(reason("foreign-object", "info", object=shown(name)))
                continue
            if known and snapshot_id in known:
                yield known[snapshot_id]
                continue
            try:
                yield read_snapshot(self.reader, opener, snapshot_id)
            except ObjectMissing as error:
                # One that is forgotten while we look is not listed any more, and no loss.
                if any(name == listed for listed, _size in self.reader.list(FOLDER)):
                    findings.add(as_reason(error))
            except (Damage, ObjectUnreadable) as error:
                findings.add(as_reason(error))


class Loaded:
    """A repository with its index in memory, about 60 bytes a blob. Several threads may use it."""

    def __init__(
        self, reader: Reader, key: Key, snapshots: tuple[Snapshot, ...], loaded: LoadedIndex, findings: Findings
    ) -> None:
        self.snapshots = snapshots
        self.findings = findings
        """What was wrong with the snapshot files, the index files and the names of objects."""
        self._superseded = loaded.superseded
        self._key = key
        self._data = Blobs(reader, key, loaded.index)
        self._trees = Blobs(reader, key, loaded.index, Blocks(loaded.nearby or reader))

    def renewed(self) -> "Loaded":
        """The same with the index and the list of packs read anew: a prune may have been at it.

        Raises what the reader raises.
        """
        reader, findings = self._data.reader, Findings()
        loaded = indexfile.load(reader, self._key.opener())
        for finding in loaded.findings.kept:
            findings.add(finding)
        return Loaded(reader, self._key, self.snapshots, loaded, findings)

    def through(self, reader: Reader, packs: Mapping[bytes, int] | None = None) -> "Loaded":
        """The same as another ``reader`` shows it, without reading its index again: for views with planted faults.

        ``packs`` are those that the storage has with another length, or not at all (ABSENT).
        """
        index = self.index.resized(packs or {})
        loaded = LoadedIndex(index, Findings(), self._superseded, 0)
        return Loaded(reader, self._key, self.snapshots, loaded, Findings())

    def relisted(self, touched: Collection[str] = ()) -> "Loaded":
        """The same with the snapshots that its reader lists now; of those known, only ``touched`` are read again.

        What cannot be read is a finding. Raises what the reader raises.
        """
        repository = Repository(self._data.reader, self._key, Config(0, "", ""), "")
        findings, known = Findings(), {s.id: s for s in self.snapshots if s.id not in touched}
        index = LoadedIndex(self.index, Findings(), self._superseded, 0)
        found = tuple(repository.snapshots(findings, known))
        return Loaded(self._data.reader, self._key, found, index, findings)

    def sealed(self, document: bytes, iv: bytes) -> bytes:
        """What a forger with the password would store for ``document``; see :meth:`guardian.decoder.seal.Key.seal`."""
        return self._key.seal(document, iv)

    @property
    def data(self) -> Blobs:
        """The blobs of files."""
        return self._data

    @property
    def index(self) -> Index:
        """Which blob lies where."""
        return self._data.index

    def snapshot(self, snapshot_id: str) -> Snapshot | None:
        """The snapshot with this whole id; None when it cannot be read or is not there."""
        return next((snapshot for snapshot in self.snapshots if snapshot.id == snapshot_id), None)

    def walk(self, snapshot: Snapshot, most: int = 1 << 40) -> Iterator[Entry | Damage]:
        """Every entry of ``snapshot``; see :func:`guardian.decoder.walk.walk`."""
        return walk(self._trees, snapshot.tree, most)

    def differing(self, before: bytes | None, now: bytes | None) -> tuple[list[Node], list[Node], int]:
        """In what two trees differ; see :func:`guardian.decoder.walk.differing`."""
        return differing(self._trees, before, now)

    def find(self, snapshot: Snapshot, path: bytes) -> Node | None:
        """The node at ``path`` in ``snapshot``; None when there is none. Raises Damage."""
        return find(self._trees, snapshot.tree, path)

    def file(self, node: Node) -> File:
        """D3: the content of the file ``node``, by byte ranges. Raises Damage when the index lacks a chunk of it."""
        return File(self._data, node)

    def chunk(self, blob_id: bytes) -> bytes | memoryview:
        """The content of one chunk of a file, verified. Raises Damage, and what the reader raises."""
        return self._data.load(DATA, blob_id)

    def check_structure(
        self,
        executor: Executor,
        snapshots: Iterable[Snapshot] | None = None,
        report: Callable[[int], None] = lambda _trees: None,
    ) -> Structure:
        """D1 over ``snapshots``, all unless named. What loading found belongs to the verdict too (``findings``)."""
        chosen = self.snapshots if snapshots is None else snapshots
        return structure.check(self._trees, chosen, executor, report)

    def pack_findings(self) -> Findings:
        """D1 without a walk: packs that the index names and the storage lacks, and packs that no index names."""
        findings = Findings()
        for pack in self.index.packs():
            if pack.size < 0 and pack.id not in self._superseded:
                findings.add(reason("pack-missing", pack=pack.id.hex()))
            elif pack.size >= 0 and not self.index.is_listed(pack):
                # An interrupted backup leaves such packs: no snapshot needs them.
                findings.add(reason("pack-not-indexed", "info", pack=pack.id.hex()))
        return findings

    def is_needed(self, pack: Pack) -> bool:
        """Whether an index file in force names ``pack``: its absence is a loss then."""
        return self.index.is_listed(pack) and pack.id not in self._superseded

    def packs(self, after: str = "") -> Iterator[Pack]:
        """Every pack whose id comes after ``after``, by id: the order of a rotation."""
        return content.packs_after(self._data, after)

    def verify_packs(self, packs: Iterable[Pack], executor: Executor, ahead: int = 8) -> Iterator[PackReport]:
        """D2: read ``packs`` whole; see :func:`guardian.decoder.content.verify`."""
        return content.verify(self._data, packs, executor, ahead)

    def assess(self, reports: Iterable[PackReport] = (), lost: Iterable[tuple[int, bytes]] = ()) -> Assessment:
        """What the damage in D2's ``reports``, and the blobs that D1 found ``lost``, cost: files and snapshots.

        A blob with a whole copy elsewhere is not lost: its other copies are read to know.
        """
        copies = [((place.kind, place.id), bytes.fromhex(report.pack)) for report in reports for place in report.bad]
        gone = {blob for blob, _pack in copies if not self._has_whole_copy(blob)}
        return Assessment(self._trees, gone | set(lost), copies)

    def _has_whole_copy(self, blob: tuple[int, bytes]) -> bool:
        try:
            self._data.load(*blob)
        except Damage:
            return False
        return True


def open_repository(
    reader: Reader, password: Secret, key_hint: str = "", memory: keys.Memory | None = None
) -> Repository:
    """The repository behind ``reader``, opened with ``password``; the key file ``key_hint`` (an id) is tried first.

    With a ``memory`` the password is derived from once only: not for who is to prove that it opens the repository.

    Raises RepositoryMissing, WrongPassword, Damage when its configuration is not what it must be, and what the
    reader raises.
    """
    opened = keys.find_master(reader, password, key_hint, memory)
    try:
        data = read_document(reader, opened.key.opener(), "config", limits.CONFIG)
    except ObjectMissing:
        raise RepositoryMissing(_("there is no restic repository: it has no configuration")) from None
    return Repository(reader, opened.key, parse_config(data), opened.key_id)


def parse_config(data: bytes | memoryview) -> Config:
    """The repository's configuration. Raises Damage, also for a format that is neither 1 nor 2."""
    try:
        fields = document.parse(data)
        version = document.whole(fields.get("version"), 32)
        config = Config(version, document.text(fields.get("id")), document.text(fields.get("chunker_polynomial")))
    except NotUnderstood:
        raise Damage("config-not-understood", object="config") from None
    if version not in {1, 2} or not is_id(config.id):
        raise Damage("config-not-understood", object="config", version=min(version, 1 << 32))
    return config
