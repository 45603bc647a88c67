"""Snapshot files: which tree stands for which folders of which host at which time."""

from dataclasses import dataclass

from guardian.decoder import document, limits
from guardian.decoder.damage import Damage
from guardian.decoder.document import NotUnderstood
from guardian.decoder.seal import Opener
from guardian.decoder.unpacked import document as read_document
from guardian.model.reader import Reader

FOLDER = "snapshots/"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one snapshot file says. ``id`` is its name, which is the SHA-256 of its bytes; times are as written."""

    id: str
    time: str
    tree: bytes
    paths: tuple[str, ...]
    hostname: str
    username: str
    tags: tuple[str, ...]
    excludes: tuple[str, ...]
    parent: str
    original: str
    program_version: str


def read(reader: Reader, opener: Opener, snapshot_id: str) -> Snapshot:
    """The snapshot ``snapshot_id``. Raises Damage, and what the reader raises."""
    name = FOLDER + snapshot_id
    data = read_document(reader, opener, name, limits.SNAPSHOT)
    try:
        return parse(snapshot_id, data)
    except NotUnderstood:
        raise Damage("snapshot-not-understood", object=name) from None


def parse(snapshot_id: str, data: bytes | memoryview) -> Snapshot:
    """A snapshot's document. Raises NotUnderstood."""
    fields = document.parse(data)
    if fields.get("paths") is None and fields.get("dir") is not None:
        fields["paths"] = [fields["dir"]]  # the first releases backed up one folder and named it so
    return Snapshot(
        id=snapshot_id,
        time=document.text(fields.get("time")),
        tree=document.hex_id(fields.get("tree")),
        paths=document.strings(fields.get("paths")),
        hostname=document.text(fields.get("hostname")),
        username=document.text(fields.get("username")),
        tags=document.strings(fields.get("tags")),
        excludes=document.strings(fields.get("excludes")),
        parent=document.text(fields.get("parent")),
        original=document.text(fields.get("original")),
        program_version=document.text(fields.get("program_version")),
    )
