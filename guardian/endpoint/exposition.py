"""The metrics of this host as text, for whoever serves or writes them."""

import os
import threading
from collections.abc import Callable
from typing import Final

from guardian import telemetry
from guardian.clock import Clock
from guardian.endpoint.site import Answer, Request
from guardian.model.status import HostStatus
from guardian_exporters.exposition import Exporter
from guardian_exporters.rows import Row
from guardian_exporters.text import OPENMETRICS, PLAIN, wants_openmetrics

FRESH_SECONDS: Final = 1.0
"""A text is said again for so long: a hundred scrapers at once cost what one costs."""

_PAGE: Final = os.sysconf("SC_PAGESIZE")


class Exposition:
    """Makes the text from what ``status`` gives, and counts how often it was served.

    ``status`` must answer at once, from memory: it is asked at every scrape, in another thread than its maker's. When
    it raises, or gives None, the text says that no part of it could be made.
    """

    index = b"Guardian: /metrics /-/healthy\n"
    seconds = 5.0
    deadline = 10.0

    def __init__(self, status: Callable[[], HostStatus | None], clock: Clock) -> None:
        self._status = status
        self._clock = clock
        self._exporter = Exporter(clock)
        self._lock = threading.Lock()
        self._made: dict[bool, tuple[float, bytes]] = {}
        self.scrapes = 0
        self.refused = 0

    def answer(self, request: Request) -> Answer | None:
        """``/metrics``, as it is asked for."""
        if request.path != "/metrics":
            return None
        openmetrics = wants_openmetrics(request.headers.get("accept", ""))
        return Answer(OPENMETRICS if openmetrics else PLAIN, self.text(openmetrics=openmetrics))

    def text(self, *, openmetrics: bool = False) -> bytes:
        """All metrics, at most a second old; in the plain format, or as OpenMetrics."""
        with self._lock:
            now = self._clock.monotonic()
            made = self._made.get(openmetrics)
            if made is None or not 0 <= now - made[0] < FRESH_SECONDS:
                made = now, self._exporter.text(self._ask(), self._own(), openmetrics=openmetrics)
                self._made[openmetrics] = made
            return made[1]

    def _ask(self) -> HostStatus | None:
        try:
            return self._status()
        except Exception as error:  # noqa: BLE001  metrics must tell of it, not die of it
            telemetry.log("metrics").info("no status: %s", type(error).__name__, exc_info=error)
            return None

    def _own(self) -> tuple[Row, ...]:
        times = os.times()
        rows: list[Row] = [
            ("exporter_scrapes_total", (), self.scrapes),
            ("exporter_refused_total", (), self.refused),
            ("agent_cpu_seconds_total", (), times.user + times.system),
        ]
        try:
            with open("/proc/self/statm", "rb") as statm:  # noqa: PTH123  once a scrape: the quickest way
                rows.append(("agent_resident_memory_bytes", (), int(statm.read(200).split()[1]) * _PAGE))
        except (OSError, ValueError, IndexError):
            pass  # no /proc here: not known, so not said
        return tuple(rows)
