"""What every level of a drill is given: one source, its receipts, its repository as both paths see it, the draw."""

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from guardian.decoder.repository import Loaded
from guardian.drill.history import Kept
from guardian.model.backup import Target
from guardian.model.reader import Reader
from guardian.node import Node
from guardian.restic.client import Restic


@dataclass(frozen=True, slots=True)
class Ask:
    """How sure the answer must be, and whether everything is read."""

    confidence: float = 0.95
    max_loss: float = 0.01
    full: bool = False


@dataclass(frozen=True, slots=True)
class Opened:
    """One repository: read by our own decoder first, and by the restic program as the second path.

    ``reader`` and ``loaded`` are None where the decoder has no way to the storage (sftp, rest, rclone …): restic is
    then the only path, and every check says so.
    """

    key: str
    repository_id: str
    restic: Restic
    reader: Reader | None
    loaded: Loaded | None
    executor: Executor


@dataclass(frozen=True, slots=True)
class Job:
    """One source under drill. ``newest`` is the newest restore point with a receipt that is still there.

    ``seed`` is empty before the plan is in the log; nothing may be drawn then.
    """

    node: Node
    target: Target
    opened: Opened
    kept: Sequence[Kept]
    newest: Kept | None
    ask: Ask
    seed: bytes = b""
