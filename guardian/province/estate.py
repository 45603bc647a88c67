"""Who is in a made-up province: of each host where it stands, whose it is, what it protects and how. Never changes."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

from guardian.model.estate import LocalText
from guardian.model.fleet import Agency, Service
from guardian.province.draw import between, share, spread
from guardian.province.places import AGENCIES, NETWORKS, REGIONS, SOURCES, SYSTEMS

DAY: Final = 86400.0
HOUR: Final = 3600.0
_PERIODS: Final = (4 * HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR)
_SYSTEMS: Final = 4
"""So many systems has an agency."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a province is. ``days`` are the length of its history."""

    seed: int = 1
    hosts: int = 200
    sources: int = 3
    days: int = 365


@dataclass(frozen=True, slots=True)
class SourcePlan:
    """One source of a host and how it goes there from day to day. Seconds and bytes; ``growth`` is a share a day."""

    system: str
    source: str
    kind: str
    period: float
    offset: float
    duration: float
    rpo: float
    rto: float
    bytes: float
    growth: float
    change: float
    files: int

    @property
    def key(self) -> str:
        """As tasks name it."""
        return f"{self.system}/{self.source}"


@dataclass(frozen=True)
class HostPlan:
    """One host. ``born`` are the seconds after the beginning of history at which it was enrolled."""

    shape: Shape
    number: int
    tenant: str
    system: str
    region: str
    network: str
    born: float
    interval: float

    @property
    def id(self) -> str:
        """What the hub issued."""
        return f"{self.tenant}-{self.number:05d}"

    @property
    def name(self) -> str:
        """What its owner calls it."""
        return f"{self.tenant}-{self.system}-{self.number % 100:02d}"

    def draw(self, *words: str | int) -> float:
        """A number of this host from 0 up to 1."""
        return share(self.shape.seed, self.number, *words)

    @cached_property
    def sources(self) -> tuple[SourcePlan, ...]:
        """What it protects."""
        return tuple(self._source(number) for number in range(self.shape.sources))

    def _source(self, number: int) -> SourcePlan:
        name, kind = SOURCES[number % len(SOURCES)]
        name = name if number < len(SOURCES) else f"{name}-{number // len(SOURCES) + 1}"
        words = (self.shape.seed, self.number, name)
        period = _PERIODS[int(share(*words, "period") * len(_PERIODS))]
        size = spread(2e9, 2e12, *words, "bytes")
        return SourcePlan(
            system=self.system,
            source=name,
            kind=kind,
            period=period,
            offset=between(0, period, *words, "offset"),
            duration=min(period / 4, 60 + size / 4e8),
            rpo=1.5 * period,
            rto=4 * HOUR if kind == "files" else 2 * HOUR,
            bytes=size,
            growth=between(0.0, 0.002, *words, "growth"),
            change=between(0.002, 0.02, *words, "change"),
            files=int(size / spread(5e4, 5e6, *words, "files")),
        )


def host_plan(shape: Shape, number: int) -> HostPlan:
    """Host ``number`` of the province."""
    tenant = AGENCIES[int(share(shape.seed, number, "tenant") ** 1.5 * len(AGENCIES))][0]
    kinds = systems_of(shape, tenant)
    # Nine in ten were there within the first half; a province is not built in a day.
    born = share(shape.seed, number, "born") ** 2 * shape.days * DAY * 0.6
    return HostPlan(
        shape=shape,
        number=number,
        tenant=tenant,
        system=kinds[int(share(shape.seed, number, "system") * len(kinds))].id,
        region=REGIONS[int(share(shape.seed, number, "region") ** 1.3 * len(REGIONS))].code,
        network=NETWORKS[int(share(shape.seed, number, "network") * len(NETWORKS))],
        born=born,
        interval=300.0,
    )


def agencies() -> tuple[Agency, ...]:
    """All agencies; each sits in the capital."""
    return tuple(
        Agency(id=id_, name=LocalText(zh=f"省{zh}", en=en), region=REGIONS[1].code) for id_, zh, en in AGENCIES
    )


@lru_cache(maxsize=1024)
def systems_of(shape: Shape, tenant: str) -> tuple[Service, ...]:
    """The systems of one agency, each of a kind."""
    order = sorted(SYSTEMS, key=lambda one: share(shape.seed, tenant, one[0]))
    return tuple(
        Service(
            tenant=tenant,
            id=id_,
            name=LocalText(zh=zh, en=en),
            mlps_level=level,
            dr_level=level + 1,
            rpo_seconds=24 * HOUR,
            rto_seconds=4 * HOUR,
        )
        for id_, zh, en, level in order[:_SYSTEMS]
    )
