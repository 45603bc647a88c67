"""What every level of a drill is given: one source, its receipts, its repository as both paths see it, the draw."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from guardian.decoder.repository import Loaded
from guardian.drill.frame import Files
from guardian.drill.history import Kept
from guardian.model.backup import Snapshot, Target
from guardian.model.reader import Reader
from guardian.model.reason import Reason
from guardian.node import Node
from guardian.restic.client import Restic
from guardian.sources.proof import Restored

Inspect = Callable[[Target, Restored], Iterable[Reason]]
"""Who else looks at what was restored of a source while it can be asked, and says what is worth saying."""


@dataclass(frozen=True, slots=True)
class Ask:
    """How sure the answer must be, whether everything is read, and who else looks at restored data (level D4)."""

    confidence: float = 0.95
    max_loss: float = 0.01
    full: bool = False
    inspect: Inspect = lambda _target, _restored: ()


@dataclass(frozen=True, slots=True)
class Opened:
    """One repository: read by our own decoder first, and by the restic program as the second path.

    ``reader`` and ``loaded`` are None where the decoder has no way to the storage (sftp, rest, rclone …): restic is
    then the only path, and every check says so. Work is given to ``executor`` and to nothing else.

    ``snapshots`` are those the repository has, oldest first; ``unreadable`` says of each file that should be one and
    cannot be read why; ``disagreements`` are where decoder and restic said different things.
    """

    key: str
    repository_id: str
    restic: Restic
    reader: Reader | None
    loaded: Loaded | None
    executor: Executor
    snapshots: tuple[Snapshot, ...] = ()
    unreadable: tuple[str, ...] = ()
    disagreements: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """One source under drill. ``newest`` is the newest restore point with a receipt that is still there.

    ``seed`` is empty before the plan is in the log, and when there is nothing to plan for; nothing may be drawn then.
    ``files`` is the frame that the plan names; None where the decoder has no way to the storage, or where the tree
    cannot be walked: ``broken`` says why then.
    """

    node: Node
    target: Target
    opened: Opened
    kept: Sequence[Kept]
    newest: Kept | None
    ask: Ask
    seed: bytes = b""
    drill_id: str = ""
    files: Files | None = None
    broken: Reason | None = None


def width(executor: Executor, least: int) -> int:
    """How many pieces of work are worth having under way at once: a farm says it itself (``width``)."""
    return max(least, int(getattr(executor, "width", 0)))


def tools(executor: Executor) -> dict[str, str]:
    """What the evidence says of who else read: a farm says it itself (``tools``)."""
    return dict(getattr(executor, "tools", {}))
