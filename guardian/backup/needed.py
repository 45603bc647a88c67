"""The objects of a repository without which a live snapshot would not come back."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from guardian.decoder.index import pack_name
from guardian.decoder.repository import open_repository
from guardian.decoder.unpacked import is_id
from guardian.errors import Unavailable
from guardian.i18n import _
from guardian.model.events import Phase, Progress
from guardian.model.reader import Reader
from guardian.node import Node

_FOLDERS = ("keys/", "snapshots/", "index/")


@dataclass(frozen=True, slots=True)
class Needed:
    """Their names. ``damaged``: so many findings stood in the way of knowing all of them; 0 is a whole answer."""

    repository_id: str
    names: frozenset[str]
    packs: int
    damaged: int


def needed(node: Node, key: str) -> Needed:
    """Walk the trees of every snapshot in the repository ``key``.

    Raises Unavailable where the decoder has no way, WrongPassword, RepositoryMissing, and what the reader raises.
    """
    node.report(Phase("open", key))
    with node.reader(key) as reader, ThreadPoolExecutor(4, "needed") as threads:
        if reader is None:
            raise Unavailable(_("the decoder has no way to this kind of storage"))
        keys = node.keys()
        record = keys.record(key)
        opened = open_repository(reader, keys.password(key), (record and record.restic_key_id) or "")
        loaded = opened.load()

        def step(trees: int) -> None:
            node.heed()
            node.report(Progress(trees, unit="entries"))

        structure = loaded.check_structure(threads, report=step)
        names = frozenset(("config", *_listed(reader), *map(pack_name, structure.packs)))
        damaged = loaded.findings.critical + structure.findings.critical
        return Needed(opened.config.id, names, len(structure.packs), damaged)


def _listed(reader: Reader) -> Iterator[str]:
    for folder in _FOLDERS:
        yield from (name for name, _size in reader.list(folder) if is_id(name.removeprefix(folder)))
