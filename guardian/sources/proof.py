"""What a source is given to prove that its restored data works (D4), and what it answers."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol

from guardian.clock import Clock
from guardian.model.events import Reporter, silent
from guardian.model.reason import Reason
from guardian.proc import Stop


class Dump(Protocol):
    """A stream as it lies in the repository. Every byte that is read was verified on the way."""

    path: str
    """Its path in the snapshot."""
    size: int

    def open(self) -> BinaryIO:
        """A seekable file of it, read by ranges. Reading raises the typed error of a damaged repository."""
        ...


@dataclass(frozen=True, slots=True)
class Restored:
    """A scratch server with the restored data in it, for as long as it runs.

    ``way`` is how it is reached: for PostgreSQL database and settings to a client, for MySQL a login.
    ``servants`` are roles that the drill made for itself: no part of what came back.
    """

    kind: Literal["postgresql", "mysql"]
    way: Any
    servants: tuple[str, ...] = ()


Inspect = Callable[[Restored], Iterable[Reason]]
"""Looks at restored data beside the proof, and says what is worth saying."""


@dataclass(frozen=True, slots=True)
class ProofContext:
    """What a proof may use: a private directory that is removed afterwards, and the stop flag.

    ``folder`` is removed on every exit and swept at the next start after a crash (Node.scratch). When we are root it
    lies outside the state directory and every directory on the way lets others pass (0711), so that the servant of
    :mod:`guardian.sources.servant` reaches the sub-directories that are given to it (chown, 0700): nothing need be
    made in /tmp but a socket directory, should ``folder`` be too long for one.

    ``mark(phase)`` notes on the drill's monotonic timeline that a phase began: ``target_ready`` (the scratch server
    answers), ``fetch_start``, ``bytes_done`` (the data is loaded), ``app_started``, ``assertions_ok``.
    """

    folder: Path
    clock: Clock
    stop: Stop
    stall_seconds: float
    mark: Callable[[str], None]
    report: Reporter = silent
    inspect: Inspect = lambda _restored: ()


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found of the restored data: any critical reason means that it does not work.

    ``newest`` is the time of the newest business record that came back, where the owner said how to ask for it.
    """

    reasons: tuple[Reason, ...] = ()
    measured: Mapping[str, int | float | str] = field(default_factory=dict)
    newest: datetime | None = None


Prove = Callable[[Any, Dump, Mapping[str, Any], ProofContext], Proof]
"""``prove(spec, dump, facts, context)``: ``facts`` are those of the receipt.

Raises a GuardianError when it could not find out (a scratch server that will not start, a disk that is full).
"""
