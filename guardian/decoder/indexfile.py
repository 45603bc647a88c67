"""Index files: read one after the other into the index; what cannot be is said and left out."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from guardian.decoder import document, limits
from guardian.decoder.damage import Damage, Findings, as_reason, shown
from guardian.decoder.document import NotUnderstood
from guardian.decoder.index import Index, pack_name
from guardian.decoder.members import flowing, members
from guardian.decoder.places import DATA, TREE, Place
from guardian.decoder.seal import OVERHEAD, Opener
from guardian.decoder.unpacked import document as read_document
from guardian.decoder.unpacked import is_id
from guardian.model.reader import ObjectMissing, ObjectUnreadable, Reader
from guardian.model.reason import reason

FOLDER = "index/"
_KINDS = {"data": DATA, "tree": TREE}
_MOST = 0xFFFFFFFF
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Loaded:
    """The index of a repository, what was wrong with it, and the packs that only superseded index files name."""

    index: Index
    findings: Findings
    superseded: frozenset[bytes]
    files: int
    nearby: Reader | None = None
    """Where trees are read first, a cache for example."""


def load(reader: Reader, opener: Opener) -> Loaded:
    """Read every index file and then list every pack. Damaged files are findings. Raises as the reader does.

    In this order, packs that a backup adds meanwhile are in the list, at worst without an index that names them. When
    index files went away meanwhile, which only a prune does, all is read anew.
    """
    for _attempt in range(_ATTEMPTS):
        loaded, names = _load(reader, opener)
        if names <= {name for name, _size in reader.list(FOLDER)}:
            break
    return loaded


def _load(reader: Reader, opener: Opener) -> tuple[Loaded, set[str]]:
    findings = Findings()
    index = Index()
    named: dict[str, set[bytes]] = {}
    replaced: set[str] = set()
    names = {name for name, _size in reader.list(FOLDER)}
    for name in sorted(names):
        file_id = name.removeprefix(FOLDER)
        if not is_id(file_id):
            findings.add(reason("foreign-object", "info", object=shown(name)))
            continue
        try:
            supersedes, named_packs = _read(reader, opener, name, index)
        except (Damage, ObjectMissing, ObjectUnreadable) as error:
            findings.add(as_reason(error))
        else:
            named[file_id] = named_packs
            replaced |= supersedes
    _list_packs(reader, index, findings)
    if index.crowded:
        findings.add(reason("index-copies", blobs=index.crowded))
    live = set().union(*(ids for file_id, ids in named.items() if file_id not in replaced))
    every = set().union(*named.values())
    return Loaded(index, findings, frozenset(every - live), len(named)), names


def _list_packs(reader: Reader, index: Index, findings: Findings) -> None:
    for name, size in reader.list("data/"):
        text = name.rpartition("/")[2]
        if is_id(text) and name == pack_name(pack_id := bytes.fromhex(text)):
            index.set_size(pack_id, size)
        else:
            findings.add(reason("foreign-object", "info", object=shown(name)))
    for pack in index.too_short():
        findings.add(reason("index-outside-pack", pack=pack.id.hex(), bytes=pack.size))


def parse(data: bytes | memoryview) -> Iterator[tuple[str, Any]]:
    """The members of an index document that matter: ``supersedes`` (a list), and each of its ``packs``."""
    return ((key, value) for key, value in members(data, "packs") if key in {"supersedes", "packs"})


def packs(pieces: Iterable[bytes | memoryview], wanted: str | None = None) -> Iterator[Any]:
    """Each pack of an index document that comes in ``pieces``; those that do not name ``wanted`` may be left out."""
    return (value for key, value in flowing(pieces, "packs", wanted) if key == "packs" and value is not None)


def _read(reader: Reader, opener: Opener, name: str, index: Index) -> tuple[set[str], set[bytes]]:
    """The ids of the index files that ``name`` replaces, and of the packs it names; its blobs go into ``index``."""
    supersedes: set[str] = set()
    found: set[bytes] = set()
    data = read_document(reader, opener, name, limits.INDEX)
    try:
        for key, value in parse(data):
            if key == "supersedes":
                supersedes.update(document.strings(value))
            elif value is not None:
                found.add(take(index, value))
    except NotUnderstood:
        raise Damage("index-not-understood", object=name) from None
    return supersedes, found


def take(index: Index, element: Any) -> bytes:
    """Add one pack of an index file; its id. Raises NotUnderstood."""
    if not isinstance(element, dict) or not isinstance(element.get("blobs"), list):
        raise NotUnderstood
    pack_id = document.hex_id(element.get("id"))
    index.add(pack_id, list(map(_place, element["blobs"])))
    return pack_id


def _place(blob: Any) -> Place:
    # The loop that a big repository spends its time in: checked, and without a call more than needed.
    try:
        blob_id = bytes.fromhex(blob["id"])
        offset, length, raw = blob["offset"], blob["length"], blob.get("uncompressed_length", 0)
        kind = _KINDS[blob["type"]]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise NotUnderstood from None
    if len(blob_id) != 32 or not (type(offset) is type(length) is type(raw) is int):
        raise NotUnderstood
    if not (offset >= 0 and length >= OVERHEAD and offset + length <= _MOST and 0 <= raw <= _MOST):
        raise NotUnderstood
    return Place(kind, blob_id, offset, length, raw)
