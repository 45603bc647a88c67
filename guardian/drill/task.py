"""One piece of a drill's reading, as it is sent to a worker: no secret in it, and no trust in the worker's luck.

A worker opens the repository by itself, with the configuration and the read-only credentials of its own machine, once
for each process. What lies where in the repository is told by whoever drills, so that both see the same.
"""

import threading
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from guardian import __version__
from guardian.clock import SystemClock
from guardian.config.load import find, load
from guardian.decoder.content import verify_one
from guardian.decoder.packs import PackReport
from guardian.decoder.places import Place
from guardian.decoder.repository import Loaded, Repository, open_repository
from guardian.decoder.trees import Node as TreeNode
from guardian.drill import reading
from guardian.errors import GuardianError, StorageRefused, StorageUnreachable
from guardian.i18n import _
from guardian.model.events import silent
from guardian.node import Node
from guardian.proc import Stop

Told = tuple[bytes, int, tuple[Place, ...]]
"""A pack: id, length (ABSENT where the storage lacks it), what the index says lies in it."""


@dataclass(frozen=True, slots=True)
class At:
    """Which repository, and how a worker finds it: the ``key`` in the configuration at ``config`` on its own machine.

    ``config`` None: where Guardian looks for one by itself.
    """

    config: str | None
    key: str
    repository_id: str
    version: str = __version__


@dataclass(frozen=True, slots=True)
class Task:
    """Verify a pack, a chunk or a whole file: ``what`` is the pack's id, the chunk's id or the file's node."""

    at: At
    kind: Literal["pack", "chunk", "file"]
    what: bytes | TreeNode
    told: tuple[Told, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a task: the result, or the storage's own no (its error code and words)."""

    result: PackReport | reading.Read | None
    code: str = ""
    message: str = ""
    hint: str = ""


class Unfit(RuntimeError):
    """This worker cannot do it: another version, another repository, no configuration or credentials of its own."""


_lock = threading.Lock()
_held = ExitStack()
_opened: dict[At, Repository] = {}


def run(task: Task) -> Answer:
    """Do ``task`` in this process. Raises Unfit."""
    repository = _repository(task.at)
    try:
        return Answer(_done(repository.told(task.told), task))
    except (StorageUnreachable, StorageRefused) as error:
        return Answer(None, error.code, error.message, error.hint)


def fitness(at: At) -> str:
    """Open the repository in this process: empty when that works, else why not."""
    try:
        _repository(at)
    except Unfit as why:
        return str(why)
    return ""


def _done(loaded: Loaded, task: Task) -> PackReport | reading.Read:
    what = task.what
    if isinstance(what, TreeNode):
        return reading.whole(loaded, what)
    if task.kind == "chunk":
        return reading.chunk(loaded, what)
    pack = loaded.index.pack(what)
    assert pack is not None  # noqa: S101  the task tells of it
    return verify_one(loaded.data, pack)


def _repository(at: At) -> Repository:
    if at.version != __version__:
        raise Unfit(
            _("this worker has Guardian {ours}, the drill {theirs}").format(ours=__version__, theirs=at.version)
        )
    with _lock:
        if at not in _opened:
            try:
                _opened[at] = _open(at)
            except GuardianError as error:
                raise Unfit(error.message) from None
        return _opened[at]


def _open(at: At) -> Repository:
    loaded = load(find(Path(at.config) if at.config else None))
    node = Node(loaded, SystemClock(), silent, Stop())
    with ExitStack() as stack:
        reader = stack.enter_context(node.reader(at.key))
        if reader is None:
            raise Unfit(
                _("this worker's configuration has repository {name} where it cannot read it").format(name=at.key)
            )
        record = node.keys().record(at.key)
        repository = open_repository(reader, node.keys().password(at.key), (record and record.restic_key_id) or "")
        if repository.config.id != at.repository_id:
            raise Unfit(
                _("this is another repository: expected {expected}, found {found}").format(
                    expected=at.repository_id, found=repository.config.id
                )
            )
        _held.enter_context(stack.pop_all())
    return repository
