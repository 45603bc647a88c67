"""A status as the text that Prometheus reads."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from guardian.clock import Clock
from guardian.model.status import HostStatus
from guardian_exporters import baseline, host, protection, repository
from guardian_exporters.catalogue import BY_NAME, COLLECTORS, ON_HOSTS
from guardian_exporters.patience import Patience
from guardian_exporters.rows import Row, Rows, seconds
from guardian_exporters.text import label, text

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
            repository.repositories,
            repository.custody,
            baseline.scans,
        ),
        strict=True,
    )
)
Made = dict[str, dict[tuple[str, ...], float]]


@dataclass(slots=True)
class Exporter:
    """Makes the text, and remembers of each collector which status it last worked on."""

    clock: Clock
    collect: Mapping[str, Collect] = field(default_factory=lambda: COLLECT)
    patience: Patience = field(default_factory=Patience)
    _newest: dict[str, float] = field(default_factory=dict)

    def text(self, status: HostStatus | None, extra: Iterable[Row] = (), *, openmetrics: bool = False) -> bytes:
        """All metrics. Without a status no collector succeeds: nothing old is said again.

        ``extra`` are rows that whoever serves the text says of itself, such as ``exporter_scrapes_total``.
        """
        made = self.made(status, extra)
        served = ((family, made[family.name]) for family in ON_HOSTS if family.name in made)
        return text(served, openmetrics=openmetrics)

    def made(self, status: HostStatus | None, extra: Iterable[Row] = ()) -> Made:
        """The same as data: full name of a metric → label values in the catalogue's order → value."""
        made: Made = {}
        for name, collect in self.collect.items():
            begun = self.clock.monotonic()
            good = self._part(name, collect, status, made)
            took = max(0.0, self.clock.monotonic() - begun)
            add(
                made,
                (
                    ("exporter_collector_success", (name,), good),
                    ("exporter_collector_duration_seconds", (name,), took),
                    ("exporter_collector_last_success_timestamp_seconds", (name,), self._newest.get(name, 0.0)),
                ),
            )
        add(made, extra)
        return made

    def _part(self, name: str, collect: Collect, status: HostStatus | None, made: Made) -> bool:
        """Add what one collector says, all of it or nothing; whether it could."""
        if status is None:
            return False
        mine: Made = {}
        try:
            self.patience.run(name, lambda: add(mine, collect(status)))
            self._newest[name] = seconds(status.at)
        except Exception:  # noqa: BLE001  whatever is wrong with one part, the others are served
            return False
        made.update(mine)
        return True


def collected(status: HostStatus, served: Collection[str]) -> Iterator[tuple[str, Made | None]]:
    """What each collector says of the metrics in ``served``, without a limit of time; None of one that fails."""
    for name, collect in COLLECT.items():
        mine: Made = {}
        try:
            add(mine, (row for row in collect(status) if row[0] in served))
        except Exception:  # noqa: BLE001  whatever is wrong with one part, the others are served
            yield name, None
        else:
            yield name, mine


def add(made: Made, rows: Iterable[Row]) -> None:
    """Put rows where they belong. Raises KeyError for a metric that is not declared, ValueError for other labels than
    declared ones, and for the same series twice: Prometheus would refuse the whole page."""
    for name, values, value in rows:
        declared = BY_NAME[f"guardian_{name}"]
        labels = tuple(map(label, values))
        if len(labels) != len(declared.labels):
            raise ValueError(f"{name} has other labels")
        series = made.setdefault(declared.name, {})
        if labels in series:
            raise ValueError(f"{name} is said twice")
        series[labels] = float(value)
