"""Metrics of this host as its configuration wants them: served, written to a file, both or neither."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from guardian.clock import Clock
from guardian.config.host import MetricsSettings
from guardian.config.metrics import listen_address
from guardian.endpoint.exposition import Exposition
from guardian.endpoint.server import Listen, MetricsServer
from guardian.endpoint.textfile import write_textfile
from guardian.model.reason import Reason
from guardian.model.status import HostStatus

WRITE_SECONDS: Final = 15.0
"""The text file is written so often at most: each write waits for the disk."""


class Metrics:
    """The agent's one handle on its metrics. Nothing here raises for what is wrong outside: see :meth:`problems`."""

    def __init__(self, status: Callable[[], HostStatus | None], clock: Clock) -> None:
        self._clock = clock
        self._written: float | None = None
        self._exposition = Exposition(status, clock)
        self._server: MetricsServer | None = None
        self._textfile: Path | None = None
        self._unwritten: Reason | None = None

    def apply(self, settings: MetricsSettings, base: Path) -> None:
        """Serve and write as ``settings`` say, from now on; relative paths are relative to ``base``.

        To be called at the start and whenever the configuration changed. The endpoint is left alone where its
        settings are the same.
        """
        wanted = None
        if settings.listen is not None:
            host, port = listen_address(settings.listen)  # config.check has made sure that it is one
            web_config = base / settings.web_config if settings.web_config else None
            wanted = Listen(host, port, web_config, settings.insecure)
        if self._server is None or self._server.listen != wanted:
            self._stop_serving()
            if wanted is not None:
                self._server = MetricsServer(wanted, self._exposition)
                self._server.start()
        self._textfile = base / settings.textfile if settings.textfile else None
        self._unwritten = self._written = None

    def write(self) -> None:
        """Bring the text file up to date, if there is to be one and it is not fresh; may be called at any rate."""
        now = self._clock.monotonic()
        if self._textfile is None or (self._written is not None and now - self._written < WRITE_SECONDS):
            return
        self._written = now
        self._unwritten = write_textfile(self._textfile, self._exposition)

    def problems(self) -> tuple[Reason, ...]:
        """What keeps metrics from being served or written now, for the agent's status."""
        served = self._server.problem if self._server is not None else None
        return tuple(problem for problem in (served, self._unwritten) if problem is not None)

    @property
    def address(self) -> str | None:
        """Where metrics are served now, such as ``127.0.0.1:9787``; None where they are not."""
        if self._server is None or self._server.port is None:
            return None
        return str(Listen(self._server.listen.host, self._server.port))

    def stop(self) -> None:
        """Stop serving. The text file stays: the time in it tells its age."""
        self._stop_serving()

    def _stop_serving(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None
