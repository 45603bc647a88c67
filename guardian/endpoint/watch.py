"""A host's status for an endpoint that is not the host's agent: looked for beside the scrapes, said from memory."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from guardian import telemetry
from guardian.clock import Clock
from guardian.durable import read_capped
from guardian.errors import GuardianError, Unavailable
from guardian.i18n import _
from guardian.model.status import STATUS_SCHEMA, HostStatus

EVERY: Final = 5.0
_MOST: Final = 64 << 20
PATIENCE: Final = 60.0
"""After so many seconds a look that goes on is taken for one that fails: what was seen before it is too old."""
_IDLE: Final = 10
"""A look that takes long is taken the more seldom: it may have a tenth of the time."""


class Watched:
    """The newest status that ``look`` gave; None from a look that failed until the next that does not.

    ``look`` may be slow and may raise; it is called in a thread of its own. What it raised last is :attr:`problem`.
    """

    def __init__(self, look: Callable[[], HostStatus], clock: Clock, every: float = EVERY) -> None:
        """Nothing is looked at before :meth:`start` or :meth:`once`."""
        self._look, self._clock, self._every = look, clock, every
        self._status: HostStatus | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="status", daemon=True)
        self._begun: float | None = None
        self.problem = ""

    def status(self) -> HostStatus | None:
        """What was seen last; None too while a look hangs."""
        begun = self._begun
        hangs = begun is not None and self._clock.monotonic() - begun > PATIENCE
        return None if hangs else self._status

    def once(self) -> bool:
        """Look now; whether that gave a status."""
        self._begun = self._clock.monotonic()
        try:
            self._status, self.problem = self._look(), ""
        except Exception as error:  # noqa: BLE001  the page says that nothing is known, and it is tried again
            said = error.message if isinstance(error, GuardianError) else type(error).__name__
            if said != self.problem:
                telemetry.log("metrics").warning("%s", said, exc_info=not isinstance(error, GuardianError))
            self._status, self.problem = None, said
        finally:
            self._begun = None
        return self._status is not None

    def start(self) -> None:
        """Look again and again."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()

    def _watch(self) -> None:
        while not self._stop.is_set():
            begun = self._clock.monotonic()
            self.once()
            took = max(0.0, self._clock.monotonic() - begun)
            self._stop.wait(max(self._every, _IDLE * took))


def status_of(document: bytes) -> HostStatus:
    """The status in a document, as the agent's socket says it and ``guardian agent status --json`` prints it.

    Raises Unavailable for what is none of a version that is known here.
    """
    try:
        status = HostStatus.model_validate_json(document)
    except (ValidationError, ValueError, RecursionError) as error:
        raise Unavailable(_("this is no status of a host"), _("Is it of another version?")) from error
    if status.schema_ != STATUS_SCHEMA:
        text = _("the status is of another version: {schema}").format(schema=status.schema_[:80])
        raise Unavailable(text, _("Install the version of Guardian that wrote it, or a newer one."))
    return status


def status_file(path: Path) -> HostStatus:
    """The status in the file at ``path``. Raises Unavailable, FileNotFoundError."""
    return status_of(read_capped(path, _MOST))
