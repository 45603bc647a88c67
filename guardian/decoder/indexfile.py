"""Index files: read one after the other into the index; what cannot be is said and left out."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from guardian.decoder import document, limits
from guardian.decoder.damage import Damage, Findings, as_reason
from guardian.decoder.document import NotUnderstood
from guardian.decoder.index import ABSENT, Index, pack_name
from guardian.decoder.places import DATA, TREE, Place
from guardian.decoder.seal import OVERHEAD, Opener
from guardian.decoder.unpacked import document as read_document
from guardian.decoder.unpacked import is_id
from guardian.model.reader import ObjectMissing, ObjectUnreadable, Reader
from guardian.model.reason import reason

FOLDER = "index/"
_KINDS = {"data": DATA, "tree": TREE}
_MOST = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Loaded:
    """The index of a repository, what was wrong with it, and the packs that only superseded index files name."""

    index: Index
    findings: Findings
    superseded: frozenset[bytes]
    files: int


def load(reader: Reader, opener: Opener) -> Loaded:
    """Read every index file and list every pack. Damaged files are findings. Raises as the reader does."""
    findings = Findings()
    index = Index(_pack_sizes(reader, findings))
    named: dict[str, set[bytes]] = {}
    replaced: set[str] = set()
    for name in sorted(name for name, _size in reader.list(FOLDER)):
        file_id = name.removeprefix(FOLDER)
        if not is_id(file_id):
            findings.add(reason("foreign-object", "info", object=name))
            continue
        try:
            supersedes, packs = _read(reader, opener, name, _Sink(index, findings))
        except (Damage, ObjectMissing, ObjectUnreadable) as error:
            findings.add(as_reason(error))
        else:
            named[file_id] = packs
            replaced |= supersedes
    if index.crowded:
        findings.add(reason("index-copies", blobs=index.crowded))
    live = set().union(*(packs for file_id, packs in named.items() if file_id not in replaced))
    every = set().union(*named.values())
    # Where index files replace each other in a ring, none is live: then all count.
    return Loaded(index, findings, frozenset(every - live) if live else frozenset(), len(named))


@dataclass(frozen=True, slots=True)
class _Sink:
    index: Index
    findings: Findings

    def take(self, name: str, element: Any) -> bytes:
        """Add one pack of the index file ``name``; its id. Raises NotUnderstood."""
        if not isinstance(element, dict) or not isinstance(element.get("blobs"), list):
            raise NotUnderstood
        pack_id = document.hex_id(element.get("id"))
        places = list(map(_place, element["blobs"]))
        pack = self.index.pack(pack_id)
        if pack is not None and pack.size != ABSENT and (outside := sum(place.end > pack.size for place in places)):
            self.findings.add(reason("index-outside-pack", object=name, pack=pack_id.hex(), blobs=outside))
        self.index.add(pack_id, places)
        return pack_id


def parse(data: bytes | memoryview) -> Iterator[tuple[str, Any]]:
    """The members of an index document that matter: ``supersedes`` (a list), and each of its ``packs``."""
    return ((key, value) for key, value in document.members(data, "packs") if key in {"supersedes", "packs"})


def _read(reader: Reader, opener: Opener, name: str, sink: _Sink) -> tuple[set[str], set[bytes]]:
    """The ids of the index files that ``name`` replaces, and of the packs it names."""
    supersedes: set[str] = set()
    packs: set[bytes] = set()
    data = read_document(reader, opener, name, limits.INDEX)
    try:
        for key, value in parse(data):
            if key == "supersedes":
                supersedes.update(document.strings(value))
            elif value is not None:
                packs.add(sink.take(name, value))
    except NotUnderstood:
        raise Damage("index-not-understood", object=name) from None
    return supersedes - {name.removeprefix(FOLDER)}, packs


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


def _pack_sizes(reader: Reader, findings: Findings) -> dict[bytes, int]:
    sizes: dict[bytes, int] = {}
    for name, size in reader.list("data/"):
        text = name.rpartition("/")[2]
        if is_id(text) and name == pack_name(pack_id := bytes.fromhex(text)):
            sizes[pack_id] = size
        else:
            findings.add(reason("foreign-object", "info", object=name[:200]))
    return sizes
