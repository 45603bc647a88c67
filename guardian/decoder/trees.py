"""Trees: one JSON document for each folder, node by node."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from guardian.decoder import document, limits
from guardian.decoder.document import NotUnderstood
from guardian.decoder.members import members
from guardian.decoder.names import unquote

KINDS = frozenset({"file", "dir", "symlink", "dev", "chardev", "fifo", "socket", "irregular"})
_ID = 32
_32, _64, _TEXT = (1 << 32) - 1, (1 << 64) - 1, -1
_MOST = {
    **dict.fromkeys(("mode", "uid", "gid"), _32),
    **dict.fromkeys(("inode", "device_id", "size", "links", "device"), _64),
    **dict.fromkeys(("mtime", "atime", "ctime", "user", "group", "linktarget", "error"), _TEXT),
}
_NO_NAMES = frozenset({b"", b".", b".."})
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


class Outline(NamedTuple):
    """What the structure of a repository needs of a node. A bare tuple, since a repository has millions."""

    name: bytes
    kind: str
    content: bytes
    subtree: bytes | None


def parse(data: bytes | memoryview) -> Iterator[Node]:
    """The nodes of a tree, one by one. Raises NotUnderstood, perhaps after some."""
    return map(_node, _members(data))


def outline(data: bytes | memoryview) -> Iterator[Outline]:
    """The nodes of a tree in outline, all else in them checked too. Raises NotUnderstood, perhaps after some."""
    return map(_outline, _members(data))


def differing(before: bytes | memoryview, now: bytes | memoryview) -> tuple[list[Node], list[Node], int]:
    """The nodes of two trees but for those that both have alike, and how many nodes there are in all.

    Nodes that are alike, nearly all of them as a rule, cost a tenth of what :func:`parse` takes. Raises NotUnderstood.
    """
    old, new = ({str(fields.get("name")): fields for fields in _members(data)} for data in (before, now))
    apart = [name for name in old.keys() | new.keys() if old.get(name) != new.get(name)]
    chosen = ([_node(one[name]) for name in apart if name in one] for one in (old, new))
    return next(chosen), next(chosen), len(old) + len(new)


def _members(data: bytes | memoryview) -> Iterator[dict[str, Any]]:
    for key, value in members(data, "nodes"):
        if key == "nodes" and value is not None:
            if not isinstance(value, dict):
                raise NotUnderstood
            yield value


def _outline(fields: dict[str, Any]) -> Outline:
    get = fields.get
    _check(fields)
    for odd in _ODD.intersection(fields):
        _ODD_FORMS[odd](fields[odd])
    subtree = get("subtree")
    return Outline(
        _name(get("name")),
        str(get("type")),
        document.hex_ids(get("content")),
        None if subtree is None else document.hex_id(subtree),
    )


def _check(fields: dict[str, Any]) -> None:
    """Hold every plain field against its type; restic reads no tree in which one has another."""
    if fields.get("type") not in KINDS:
        raise NotUnderstood
    for key, value in fields.items():
        most = _MOST.get(key)
        if most is None or value is None:
            continue
        good = type(value) is str if most < 0 else type(value) is int and 0 <= value <= most
        if not good:
            raise NotUnderstood


def _node(fields: dict[str, Any]) -> Node:
    _check(fields)
    get = fields.get
    raw_target = get("linktarget_raw")
    subtree = get("subtree")
    return Node(
        name=_name(get("name")),
        kind=str(get("type")),
        mode=get("mode") or 0,
        mtime=document.text(get("mtime")),
        atime=document.text(get("atime")),
        ctime=document.text(get("ctime")),
        uid=get("uid") or 0,
        gid=get("gid") or 0,
        user=document.text(get("user")),
        group=document.text(get("group")),
        inode=get("inode") or 0,
        device_id=get("device_id") or 0,
        size=get("size") or 0,
        links=get("links") or 0,
        link_target=document.text(get("linktarget")).encode() if raw_target is None else document.binary(raw_target),
        extended_attributes=_attributes(get("extended_attributes")),
        generic_attributes=_generic(get("generic_attributes")),
        device=get("device") or 0,
        content=document.hex_ids(get("content")),
        subtree=None if subtree is None else document.hex_id(subtree),
        error=document.text(get("error")),
    )


def _name(value: object) -> bytes:
    name = unquote(document.text(value))
    # Such a name would lead out of its folder, or nowhere: restic never writes one.
    if name in _NO_NAMES or len(name) > limits.NAME or b"/" in name or b"\0" in name:
        raise NotUnderstood
    return name


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


_ODD_FORMS = {
    "extended_attributes": _attributes,
    "generic_attributes": _generic,
    "linktarget_raw": document.binary,
}
_ODD = frozenset(_ODD_FORMS)
