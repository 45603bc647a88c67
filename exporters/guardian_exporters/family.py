"""What is declared of a metric before it may be emitted."""

import re
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["gauge", "counter", "info"]

_UNITS: Final = ("seconds", "bytes", "ratio")


SOURCE: Final = ("system", "source")
DRILL: Final = ("system", "source", "level")
COPY: Final = ("system", "source", "repository")
REPOSITORY: Final = ("repository",)
SCAN: Final = ("baseline", "target")
_SERIES: Final[dict[tuple[str, ...], int]] = {(): 1, SOURCE: 3, DRILL: 9, COPY: 3, REPOSITORY: 1, SCAN: 1}
IDENTITY: Final = ("tenant", "region", "host")
"""What a fleet's page says of every series of a host, and what service discovery adds to a host's own page."""


@dataclass(frozen=True, slots=True)
class Family:
    """One metric family as it is served.

    ``name`` is the full name, ``_total`` and ``_info`` included. ``series`` is how many of it the reference host has on
    its own page (:data:`guardian_exporters.catalogue.REFERENCE`), ``fleet`` how many of it a fleet's page has for that
    host, each with the labels of :data:`IDENTITY` too. ``zeros`` tells whether a value of 0 is said there: of what is
    0 almost always it is not. ``whole`` is how many a fleet of 10,000 hosts has that belong to no host.
    """

    name: str
    kind: Kind
    labels: tuple[str, ...]
    en: str
    zh: str
    series: int = 0
    fleet: int = 0
    zeros: bool = True
    whole: int = 0
    in_fleet: bool = False
    """Whether a fleet's page has it, be it only now and then."""

    @property
    def unit(self) -> str:
        """The base unit that the name ends with, empty where there is none."""
        last = self.name.removesuffix("_total").rpartition("_")[2]
        return last if last in _UNITS else ""

    @property
    def stem(self) -> str:
        """The name without the suffix that prometheus_client adds by itself."""
        return re.sub(r"_(total|info)$", "", self.name) if self.kind != "gauge" else self.name

    @property
    def at_10k(self) -> int:
        """Series on the page of a fleet of 10,000 reference hosts."""
        return self.whole + 10_000 * self.fleet


def family(
    name: str, labels: tuple[str, ...], *texts: str, fleet: bool | int = False, series: int | None = None
) -> Family:
    """A metric of a host: ``name`` without ``guardian_``, and the meaning in English and in Chinese.

    The suffix of the name tells the kind; ``series`` is to be said where the labels do not tell it, and 0 for what is
    there now and then only. ``fleet``: True for all of them.
    """
    count = _SERIES[labels] if series is None else series
    of_it = count if fleet is True else int(fleet)
    return _declared(name, labels, texts, series=count, fleet=of_it, in_fleet=fleet is not False)


def rare(name: str, labels: tuple[str, ...], *texts: str, fleet: int, series: int | None = None) -> Family:
    """The same, and on a fleet's page a 0 is not said: compare with ``> 0`` or ``!= 0``."""
    count = _SERIES[labels] if series is None else series
    return _declared(name, labels, texts, series=count, fleet=fleet, zeros=False, in_fleet=True)


def of_fleet(name: str, labels: tuple[str, ...], *texts: str, fleet: int = 1, zeros: bool = True) -> Family:
    """What only a fleet's page says of a host, with the labels of :data:`IDENTITY` before ``labels``."""
    return _declared(name, labels, texts, fleet=fleet, zeros=zeros, in_fleet=True)


def of_every_page(name: str, labels: tuple[str, ...], *texts: str, series: int = 1, whole: int = 1) -> Family:
    """What every page says of itself: ``series`` on a host's own, ``whole`` on a fleet's."""
    return _declared(name, labels, texts, series=series, whole=whole, in_fleet=True)


def of_whole(name: str, labels: tuple[str, ...], *texts: str, whole: int = 1) -> Family:
    """What only a fleet's page says, of the fleet and not of a host; ``whole`` series at 10,000 hosts."""
    return _declared(name, labels, texts, whole=whole, in_fleet=True)


def _declared(name: str, labels: tuple[str, ...], texts: tuple[str, ...], **costs: int) -> Family:
    en, zh = texts
    kind: Kind = "counter" if name.endswith("_total") else "info" if name.endswith("_info") else "gauge"
    zeros, in_fleet = bool(costs.pop("zeros", True)), bool(costs.pop("in_fleet"))
    return Family(f"guardian_{name}", kind, labels, en, zh, zeros=zeros, in_fleet=in_fleet, **costs)
