"""A status as the text that Prometheus reads."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector, CollectorRegistry

from guardian.clock import Clock
from guardian.model.status import HostStatus
from guardian_exporters import host, protection
from guardian_exporters.catalogue import BY_NAME, COLLECTORS, FAMILIES
from guardian_exporters.rows import Row, Rows, seconds

PLAIN: Final = CONTENT_TYPE_PLAIN_0_0_4
OPENMETRICS: Final = CONTENT_TYPE_LATEST
MAX_LABEL: Final = 200
"""Characters of a label value that are served; a longer one ends in a digest, so that two stay two."""

Collect = Callable[[HostStatus], Rows]
COLLECT: Final[Mapping[str, Collect]] = dict(
    zip(
        COLLECTORS,
        (
            host.agent,
            host.ledger,
            protection.sources,
            protection.drills,
            protection.copies,
            protection.repositories,
        ),
        strict=True,
    )
)


@dataclass(slots=True)
class Exporter:
    """Makes the text, and remembers of each collector which status it last worked on.

    ``extra`` are rows that whoever serves the text says of itself, such as ``exporter_scrapes_total``.
    """

    clock: Clock
    collect: Mapping[str, Collect] = field(default_factory=lambda: COLLECT)
    _newest: dict[str, float] = field(default_factory=dict)

    def text(self, status: HostStatus | None, extra: Iterable[Row] = (), *, openmetrics: bool = False) -> bytes:
        """All metrics. Without a status no collector succeeds: nothing old is said again."""
        families: dict[str, Metric] = {}
        for name, collect in self.collect.items():
            begun = self.clock.monotonic()
            good = self._part(name, collect, status, families)
            took = max(0.0, self.clock.monotonic() - begun)
            _add(
                families,
                (
                    ("exporter_collector_success", (name,), good),
                    ("exporter_collector_duration_seconds", (name,), took),
                    ("exporter_collector_last_success_timestamp_seconds", (name,), self._newest.get(name, 0.0)),
                ),
            )
        _add(families, extra)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Made(families))
        if openmetrics:
            return bytes(generate_openmetrics(registry))  # type: ignore[no-untyped-call]
        return generate_latest(registry)

    def _part(self, name: str, collect: Collect, status: HostStatus | None, families: dict[str, Metric]) -> bool:
        """Add what one collector says, all of it or nothing; whether it could."""
        if status is None:
            return False
        mine: dict[str, Metric] = {}
        try:
            _add(mine, collect(status))
            self._newest[name] = seconds(status.at)
        except Exception:  # noqa: BLE001  whatever is wrong with one part, the others are served
            return False
        families.update(mine)
        return True


@dataclass(frozen=True, slots=True, eq=False)
class _Made(Collector):
    families: Mapping[str, Metric]

    def collect(self) -> Iterator[Metric]:
        """The families that have series, in the catalogue's order."""
        return (self.families[family.name] for family in FAMILIES if family.name in self.families)


def _add(families: dict[str, Metric], rows: Iterable[Row]) -> None:
    """Put rows where they belong. Raises KeyError for a metric that is not declared, ValueError for other labels than
    declared ones, and for the same series twice: Prometheus would refuse the whole page."""
    seen: set[tuple[str, tuple[str, ...]]] = set()
    for name, values, value in rows:
        declared = BY_NAME[f"guardian_{name}"]
        labels = dict(zip(declared.labels, map(label, values), strict=True))
        series = name, tuple(labels.values())
        if series in seen:
            raise ValueError(f"{name} is said twice")
        seen.add(series)
        metric = families.get(declared.name)
        if metric is None:
            metric = families[declared.name] = Metric(declared.stem, declared.en, declared.kind, declared.unit)
        metric.add_sample(declared.name, labels, float(value))


def label(value: str) -> str:
    """``value`` as it may stand in a label: valid Unicode, at most :data:`MAX_LABEL` characters."""
    clean = value.encode("utf-8", "backslashreplace").decode("utf-8")
    if len(clean) <= MAX_LABEL:
        return clean
    digest = hashlib.sha256(clean.encode()).hexdigest()[:12]
    return f"{clean[: MAX_LABEL - 13]}…{digest}"


def wants_openmetrics(accept: str) -> bool:
    """Whether an Accept header asks for OpenMetrics 1.0."""
    for offer in accept.split(",")[:32]:
        kind, *parameters = (part.strip().lower() for part in offer.split(";"))
        versions = [p.removeprefix("version=") for p in parameters if p.startswith("version=")]
        if kind == "application/openmetrics-text" and (not versions or versions[0] == "1.0.0"):
            return True
    return False
