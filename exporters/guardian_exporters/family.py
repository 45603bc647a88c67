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
_SERIES: Final[dict[tuple[str, ...], int]] = {(): 1, SOURCE: 3, DRILL: 9, COPY: 3, REPOSITORY: 1}


@dataclass(frozen=True, slots=True)
class Family:
    """One metric family as it is served.

    ``name`` is the full name, ``_total`` and ``_info`` included. ``series`` is how many of it the reference host has
    (:data:`guardian_exporters.catalogue.REFERENCE`). ``fleet``: a hub is to serve it again for all its hosts, so it
    counts towards the fleet's budget.
    """

    name: str
    kind: Kind
    labels: tuple[str, ...]
    series: int
    fleet: bool
    en: str
    zh: str

    @property
    def unit(self) -> str:
        """The base unit that the name ends with, empty where there is none."""
        last = self.name.removesuffix("_total").rpartition("_")[2]
        return last if last in _UNITS else ""

    @property
    def stem(self) -> str:
        """The name without the suffix that prometheus_client adds by itself."""
        return re.sub(r"_(total|info)$", "", self.name) if self.kind != "gauge" else self.name


def family(name: str, labels: tuple[str, ...], *texts: str, fleet: bool = False, series: int = 0) -> Family:
    """One declaration: ``name`` without ``guardian_``, and the meaning in English and in Chinese.

    The suffix of the name tells the kind; ``series`` is to be said where the labels do not tell it.
    """
    en, zh = texts
    kind: Kind = "counter" if name.endswith("_total") else "info" if name.endswith("_info") else "gauge"
    return Family(f"guardian_{name}", kind, labels, series or _SERIES[labels], fleet, en, zh)
