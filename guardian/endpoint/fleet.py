"""The pages of a fleet: ``/metrics`` (``?shard=k/n``) and ``/sd``, which names the hosts' own pages to Prometheus.

Hosts are taken in by a thread of its own, a scrape puts ready text together in another, and the loop that serves only
hands out what is made: compressed once for all who ask within a few seconds.
"""

import json
import threading
from collections.abc import Callable, Mapping
from typing import Final

from guardian import telemetry
from guardian.clock import Clock
from guardian.endpoint.site import Answer, BadRequest, Request
from guardian.model.reason import Reason, reason
from guardian_exporters.fleet_page import WHOLE, FleetPage, Shard
from guardian_exporters.rows import Row
from guardian_exporters.text import OPENMETRICS, PLAIN, wants_openmetrics

FRESH_SECONDS: Final = 5.0
"""A page is said again for so long: a hundred scrapers at once cost what one costs."""
LOOK_SECONDS: Final = 5.0
"""How often it is looked whether there is something new."""
_JSON: Final = "application/json"
_FILTERS: Final = ("tenant", "network", "region")

Key = tuple[Shard, bool]


class FleetSite:
    """Answers for a fleet. ``refresh`` brings the page up to date; it says why it could not, or nothing.

    It is called in a thread of its own, at the start and every few seconds; what it raises is told and tried again.
    """

    index = b"Guardian fleet: /metrics /metrics?shard=1/4 /sd /-/healthy\n"
    seconds = 30.0
    deadline = 60.0

    def __init__(self, page: FleetPage, refresh: Callable[[], str], clock: Clock) -> None:
        self.page = page
        self.scrapes = 0
        self.refused = 0
        self.problem: Reason | None = None
        self._refresh = refresh
        self._clock = clock
        self._made: dict[Key, tuple[float, bytes]] = {}
        self._stop = threading.Event()
        self._filled = threading.Event()
        self._thread = threading.Thread(target=self._fill, name="fleet", daemon=True)

    def start(self) -> None:
        """Begin to take hosts in; returns at once, and until they are in the page says that it is not complete."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more in. A reading that is under way is left to itself."""
        self._stop.set()

    def wait(self, seconds: float) -> bool:
        """Wait until hosts were taken in for the first time; whether they were."""
        return self._filled.wait(seconds)

    def answer(self, request: Request) -> Answer | None:
        """A page, or None. Raises BadRequest for a shard that is none."""
        if request.path in {"/metrics", "/metrics/fleet"}:
            return self._metrics(request)
        if request.path == "/sd":
            return Answer(_JSON, self.targets(request.query))
        return None

    def targets(self, asked: Mapping[str, str]) -> bytes:
        """Service discovery as Prometheus' ``http_sd`` takes it: of each host its address and its labels.

        ``tenant``, ``network`` and ``region`` choose; a region stands for all that is part of it.
        """
        chosen = {name: asked[name] for name in _FILTERS if asked.get(name)}
        region = chosen.pop("region", "")
        within = region[:2] if region.endswith("0000") else region[:4] if region.endswith("00") else region
        found = [
            {"targets": [address], "labels": labels}
            for address, labels in self.page.targets()
            if labels["region"].startswith(within) and all(labels[name] == value for name, value in chosen.items())
        ]
        return json.dumps(found, ensure_ascii=False).encode()

    def _metrics(self, request: Request) -> Answer:
        try:
            shard = Shard.parse(request.query["shard"]) if "shard" in request.query else WHOLE
        except ValueError:
            raise BadRequest from None
        openmetrics = wants_openmetrics(request.headers.get("accept", ""))
        kind = OPENMETRICS if openmetrics else PLAIN
        return Answer(kind, self._text((shard, openmetrics)), packed=True)

    def _text(self, key: Key) -> bytes:
        now = self._clock.monotonic()
        self._made = {one: made for one, made in self._made.items() if 0 <= now - made[0] < FRESH_SECONDS}
        if key not in self._made:
            shard, openmetrics = key
            self._made[key] = now, self.page.gzip(self._own(), shard, openmetrics=openmetrics)
        return self._made[key][1]

    def _own(self) -> tuple[Row, ...]:
        return ("exporter_scrapes_total", (), self.scrapes), ("exporter_refused_total", (), self.refused)

    def _fill(self) -> None:
        while not self._stop.is_set():
            try:
                why = self._refresh()
            except Exception as error:  # noqa: BLE001  the page says that it is not complete, and it is tried again
                self.page.whole.complete = False
                why = type(error).__name__
                telemetry.log("metrics").info("no fleet: %s", why, exc_info=error)
            self.problem = reason("fleet-not-read", "warning", error=why[:500]) if why else None
            self._filled.set()
            self._stop.wait(LOOK_SECONDS)
