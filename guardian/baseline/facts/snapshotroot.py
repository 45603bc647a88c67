"""The inside of a snapshot as the root of a host: what lay in its files then, read by our own decoder.

A backup holds some folders of a host and not others. What lies outside of them, or was excluded, or could not be read
when the backup was made, is *unknown* and never "not there".
"""

import errno
import fnmatch
import itertools
import os
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from guardian.baseline.facts.root import BATCH, Batch, Entry, Kind, Notes, below
from guardian.decoder.damage import Damage
from guardian.decoder.files import File
from guardian.decoder.repository import Loaded
from guardian.decoder.snapshots import Snapshot
from guardian.decoder.times import nanoseconds
from guardian.decoder.trees import Node
from guardian.decoder.walk import tree
from guardian.model.reader import ObjectMissing, ObjectUnreadable

_LINKS: Final = 40
_FOLDERS: Final = 256
"""So many folders are remembered."""
_DEPTH: Final = 400
_NO_CONFIGURATION: Final = frozenset(
    {"*.tmp", "*.swp", "*.bak", "*~", "*.log", "*.log.*", "*.pid", "*.lock", "*.sock", "*.cache"}
)
"""Excludes that take nothing out which a program reads as its configuration."""
_KINDS: Final[dict[str, Kind]] = {"file": "file", "dir": "folder", "symlink": "link"}
_TYPES: Final = {"file": 0o100000, "dir": 0o040000, "symlink": 0o120000}


@dataclass(slots=True)
class SnapshotRoot:
    """One snapshot. ``whole``: its backup could read everything, so that what is not in it was not there.

    ``top`` is the folder in it that is the host's root: ``/``, or where an image or another system's files lay.
    """

    loaded: Loaded
    snapshot: Snapshot
    whole: bool = True
    top: str = "/"
    _folders: OrderedDict[bytes, dict[str, Node]] = field(default_factory=OrderedDict)

    @property
    def live(self) -> bool:
        """Never: nothing of it runs."""
        return False

    def stat(self, path: str, *, follow: bool = True) -> Entry:
        """What lay at ``path``."""
        node, _where = self._find(path, follow=follow)
        node = node or self._top()
        if node is None:
            raise OSError(errno.ENODATA, "a backup knows nothing of the root itself", path)
        mtime = (nanoseconds(node.mtime) or 0) // 10**9
        target = os.fsdecode(node.link_target) if node.kind == "symlink" else None
        return Entry(_KINDS.get(node.kind, "other"), node.permissions, node.uid, node.gid, node.size, mtime, target)

    def list(self, path: str) -> list[str]:
        """The names in a folder. Raises OSError for one of which the backup holds a part only."""
        node, where = self._find(path, follow=True)
        if not self._covered(where):
            raise OSError(errno.ENODATA, "only a part of it is in this snapshot", path)
        if node is not None and node.kind != "dir":
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        subtree = node.subtree if node is not None else self._base()
        if subtree is None or not self.whole:
            raise OSError(errno.ENODATA, "the backup could not read everything", path)
        if any(self._may_hide(where, pattern) for pattern in self.snapshot.excludes):
            raise OSError(errno.ENODATA, "excludes may have left something out", path)
        return sorted(self._folder(subtree, path))

    def read(self, path: str, limit: int) -> bytes:
        """The bytes of a regular file as they were saved."""
        node, _where = self._find(path, follow=True)
        if node is None or node.kind == "dir":
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if node.kind != "file":
            raise OSError(errno.EINVAL, "not a regular file", path)
        if node.error:
            raise OSError(errno.EIO, "the backup could not read it", path)
        if node.size > limit:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), path)
        try:
            return b"".join(File(self.loaded.data, node).read())
        except (Damage, ObjectMissing, ObjectUnreadable) as error:
            raise OSError(errno.EIO, f"damaged in the repository: {error.code}", path) from error

    def walk(self, notes: Notes) -> Iterator[Batch]:
        """Everything in the snapshot but links; that it holds some folders only is a note."""
        if not self._covered("/"):
            notes.miss("/", f"only these are in the snapshot: {', '.join(sorted(self.snapshot.paths))}"[:200])
        if not self.whole:
            notes.miss("/", "the backup could not read everything")
        if self.snapshot.excludes:
            notes.miss("/", "excludes left something out")
        yield from self._below("/", self._base(), notes, 0)

    def _below(self, path: str, subtree: bytes, notes: Notes, depth: int) -> Iterator[Batch]:
        try:
            nodes = self._folder(subtree, path)
        except OSError as error:
            notes.miss(path, error.strerror or "unreadable")
            return
        lain = (
            (name, node.permissions | _TYPES.get(node.kind, 0), node.uid, node.gid)
            for name, node in nodes.items()
            if node.kind != "symlink"
        )
        while some := list(itertools.islice(lain, BATCH)):
            yield Batch(path, some)
        for name, node in nodes.items():
            if node.kind == "symlink":
                continue
            deeper = below(path, name)
            if node.subtree is not None and depth < _DEPTH:
                yield from self._below(deeper, node.subtree, notes, depth + 1)
            elif node.kind == "dir":
                notes.miss(deeper, "too deep" if node.subtree is not None else "the backup could not read it")

    def _find(self, path: str, *, follow: bool) -> tuple[Node | None, str]:
        """The node at ``path`` (None for the root) and where it lies, links followed below the root."""
        todo = [part for part in reversed(path.split("/")) if part not in ("", ".")]
        way: list[tuple[str, Node]] = []
        links = 0
        while todo:
            part = todo.pop()
            if part == "..":
                del way[-1:]
                continue
            node = self._step(way, part)
            if node.kind == "symlink" and (todo or follow):
                links += 1
                if links > _LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
                target = os.fsdecode(node.link_target)
                if target.startswith("/"):
                    way.clear()
                todo += [step for step in reversed(target.split("/")) if step not in ("", ".")]
                continue
            way.append((part, node))
        where = "/" + "/".join(name for name, _node in way)
        return (way[-1][1] if way else None), where

    def _step(self, way: Sequence[tuple[str, Node]], part: str) -> Node:
        """The node ``part`` in the folder at the end of ``way``. Raises OSError; which kind says what is known."""
        here = "/" + "/".join(name for name, _node in way)
        there = f"{here.rstrip('/')}/{part}"
        if way and way[-1][1].kind != "dir":
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), there)
        folder = way[-1][1].subtree if way else self._base()
        if folder is None:
            raise OSError(errno.EIO, "the backup could not read it", here)
        node = self._folder(folder, here).get(part)
        if node is not None:
            return node
        if not self._covered(there):
            raise OSError(errno.ENODATA, "not in this snapshot", there)
        if self._excluded(there):
            raise OSError(errno.ENODATA, "excluded from the backup", there)
        if not self.whole:
            raise OSError(errno.ENODATA, "the backup could not read everything", there)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), there)

    def _folder(self, subtree: bytes, path: str) -> dict[str, Node]:
        known = self._folders.get(subtree)
        if known is None:
            try:
                known = {os.fsdecode(node.name): node for node in tree(self.loaded.data, subtree)}
            except (Damage, ObjectMissing, ObjectUnreadable) as error:
                raise OSError(errno.EIO, f"damaged in the repository: {error.code}", path) from error
            self._folders[subtree] = known
            if len(self._folders) > _FOLDERS:
                self._folders.popitem(last=False)
        else:
            self._folders.move_to_end(subtree)
        return known

    def _base(self) -> bytes:
        """The tree of the folder that is the root. Raises OSError when the snapshot has none."""
        top = self._top()
        if top is None:
            return self.snapshot.tree
        if top.subtree is None:
            raise OSError(errno.ENODATA, f"{self.top} is not in this snapshot", "/")
        return top.subtree

    def _top(self) -> Node | None:
        """The folder that is the root; None for the root of the snapshot, of which it holds nothing."""
        at: bytes | None = self.snapshot.tree
        node = None
        for part in filter(None, self.top.split("/")):
            node = self._folder(at, self.top).get(part) if at is not None else None
            if node is None:
                raise OSError(errno.ENODATA, f"{self.top} is not in this snapshot", "/")
            at = node.subtree
        return node

    def _whole_path(self, path: str) -> str:
        """``path`` as the snapshot names it."""
        return f"{self.top.rstrip('/')}/{path.strip('/')}".rstrip("/") or "/"

    def _covered(self, path: str) -> bool:
        whole = self._whole_path(path)
        return any(whole == top or whole.startswith(f"{top.rstrip('/')}/") for top in self.snapshot.paths)

    def _excluded(self, path: str) -> bool:
        """Whether an exclude may have taken ``path`` out. Broader than restic's own rule: in doubt it is unknown."""
        parts = self._whole_path(path).strip("/").split("/")
        tails = {"/".join(parts[at:until]) for at in range(len(parts)) for until in range(at + 1, len(parts) + 1)}
        heads = {"/" + "/".join(parts[:until]) for until in range(1, len(parts) + 1)}
        return any(
            "**" in pattern or any(fnmatch.fnmatchcase(text, pattern.rstrip("/")) for text in tails | heads)
            for pattern in self.snapshot.excludes
        )

    def _may_hide(self, folder: str, pattern: str) -> bool:
        """Whether an exclude may have taken something out of ``folder`` that a program would read as configuration."""
        if pattern in _NO_CONFIGURATION:
            return False
        if not pattern.startswith("/") or "**" in pattern:
            return True
        return fnmatch.fnmatchcase(self._whole_path(folder), os.path.dirname(pattern.rstrip("/")) or "/")  # noqa: PTH120  a pattern
