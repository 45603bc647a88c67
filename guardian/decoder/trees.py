"""Trees: one JSON document for each folder, node by node."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from guardian.decoder import document, limits
from guardian.decoder.document import NotUnderstood
from guardian.decoder.names import unquote

KINDS = frozenset({"file", "dir", "symlink", "dev", "chardev", "fifo", "socket", "irregular"})
_ID = 32
# Go keeps these three above the nine permission bits, at places of its own.
_GO_BITS = ((1 << 23, 0o4000), (1 << 22, 0o2000), (1 << 20, 0o1000))


@dataclass(frozen=True, slots=True)
class Node:
    """One entry of a folder, as the backup saw it. Names are bytes, as the file system's are.

    ``mode`` is Go's; :attr:`permissions` is the system's. ``content`` holds the ids of the file's chunks, 32 bytes
    each, one after the other. Times are as written (:func:`guardian.decoder.times.nanoseconds` reads them).
    ``error`` is what restic noted when it could not read all of the entry.
    """

    name: bytes
    kind: str
    mode: int
    mtime: str
    atime: str
    ctime: str
    uid: int
    gid: int
    user: str
    group: str
    inode: int
    device_id: int
    size: int
    links: int
    link_target: bytes
    extended_attributes: tuple[tuple[str, bytes], ...]
    generic_attributes: tuple[tuple[str, str], ...]
    device: int
    content: bytes
    subtree: bytes | None
    error: str

    @property
    def permissions(self) -> int:
        """The permission bits as chmod has them, with set-user-id, set-group-id and sticky."""
        return self.mode & 0o777 | sum(ours for go, ours in _GO_BITS if self.mode & go)

    @property
    def chunks(self) -> Iterator[bytes]:
        """The ids of the file's chunks, in order."""
        return (self.content[at : at + _ID] for at in range(0, len(self.content), _ID))


def parse(data: bytes | memoryview) -> Iterator[Node]:
    """The nodes of a tree, one by one. Raises NotUnderstood, perhaps after some."""
    for key, value in document.members(data, "nodes"):
        if key == "nodes" and value is not None:
            yield _node(value)


def _node(fields: Any) -> Node:
    if not isinstance(fields, dict):
        raise NotUnderstood
    get = fields.get
    kind = get("type")
    if kind not in KINDS:
        raise NotUnderstood
    raw_target = get("linktarget_raw")
    subtree = get("subtree")
    return Node(
        name=_name(get("name")),
        kind=kind,
        mode=document.whole(get("mode"), 32),
        mtime=document.text(get("mtime")),
        atime=document.text(get("atime")),
        ctime=document.text(get("ctime")),
        uid=document.whole(get("uid"), 32),
        gid=document.whole(get("gid"), 32),
        user=document.text(get("user")),
        group=document.text(get("group")),
        inode=document.whole(get("inode"), 64),
        device_id=document.whole(get("device_id"), 64),
        size=document.whole(get("size"), 64),
        links=document.whole(get("links"), 64),
        link_target=document.text(get("linktarget")).encode() if raw_target is None else document.binary(raw_target),
        extended_attributes=_attributes(get("extended_attributes")),
        generic_attributes=_generic(get("generic_attributes")),
        device=document.whole(get("device"), 64),
        content=_content(get("content")),
        subtree=None if subtree is None else document.hex_id(subtree),
        error=document.text(get("error")),
    )


def _name(value: object) -> bytes:
    name = unquote(document.text(value))
    # Such a name would lead out of its folder, or nowhere: restic never writes one.
    if name in {b"", b".", b".."} or len(name) > limits.NAME or b"/" in name or b"\0" in name:
        raise NotUnderstood
    return name


def _content(value: object) -> bytes:
    if value is None:
        return b""
    if not isinstance(value, list):
        raise NotUnderstood
    return b"".join(map(document.hex_id, value))


def _attributes(value: object) -> tuple[tuple[str, bytes], ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise NotUnderstood
    return tuple((document.text(item.get("name")), document.binary(item.get("value"))) for item in value)


def _generic(value: object) -> tuple[tuple[str, str], ...]:
    """Attributes of other systems (Windows), kept as their JSON: what they mean is not ours to say."""
    if value is None:
        return ()
    if not isinstance(value, dict):
        raise NotUnderstood
    return tuple((name, json.dumps(item, sort_keys=True)) for name, item in value.items())
