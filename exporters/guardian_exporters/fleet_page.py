"""The page of a whole fleet, kept ready host by host: a scrape puts text together and makes none.

Of each host and family the finished lines are kept, without the name of the metric. That is a tenth of the work of a
scrape done when a host has something new to say, and what a scrape is left with is joining and compressing.
"""

import hashlib
import zlib
from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from itertools import accumulate
from sys import intern
from typing import Final

from guardian.clock import Clock
from guardian.model.fleet import FleetHost
from guardian_exporters import fleet
from guardian_exporters.catalogue import BY_NAME, COLLECTORS, OF_HOSTS
from guardian_exporters.declared_fleet import FLEET, HOSTS
from guardian_exporters.declared_host import EXPORTER
from guardian_exporters.exposition import Made, add, collected
from guardian_exporters.family import IDENTITY, Family
from guardian_exporters.patience import Patience
from guardian_exporters.rows import Row
from guardian_exporters.text import head, label, number, quoted, text

SERVED: Final = tuple(family for family in (*HOSTS, *OF_HOSTS) if family.in_fleet)
"""The families of hosts, in the order in which they are served."""
_AT: Final = {family.name: at for at, family in enumerate(SERVED)}
_USUAL: Final = tuple(at for at, family in enumerate(SERVED) if family.fleet and family.zeros)
"""Families that every host has something of."""
_PLACE: Final = {at: place for place, at in enumerate(_USUAL)}
_SAID: Final = frozenset(family.name.removeprefix("guardian_") for family in SERVED)
_NAME: Final = b"\xff"
"""Stands for the metric's name in the lines that are kept: a byte that no text has."""
_AT_ONCE: Final = 1000
"""Hosts whose lines of a family are put together in one piece: a megabyte or less."""


@dataclass(frozen=True, slots=True)
class Shard:
    """Part ``number`` of ``of`` of a fleet's hosts, counted from 1. Which part a host is in never changes."""

    number: int = 1
    of: int = 1

    @classmethod
    def parse(cls, said: str) -> "Shard":
        """``2/3``. Raises ValueError for what is none; 64 are the most."""
        first, slash, second = said.partition("/")
        if slash and first.isascii() and second.isascii() and first.isdigit() and second.isdigit() and len(said) < 8:
            shard = cls(int(first), int(second))
            if 1 <= shard.number <= shard.of <= 64:
                return shard
        raise ValueError("not a shard")


WHOLE: Final = Shard()


@dataclass(frozen=True, slots=True)
class _Kept:
    """One host: its lines, how many they are, what it counts for, collectors that failed, its own page and network.

    ``lines`` are those of :data:`_USUAL` families in one piece, which takes less room than many; those of family ``at``
    lie from ``bounds[at]`` to ``bounds[at + 1]``. ``unusual`` are lines of the others, None where there are none.
    """

    slot: int
    lines: bytes
    bounds: "array[int]"
    unusual: dict[int, bytes] | None
    series: int
    tally: fleet.Tally
    failed: tuple[str, ...]
    target: tuple[str, str] | None


@dataclass(slots=True)
class FleetPage:
    """Takes hosts, gives text. Hosts may be put and dropped while text is made in another thread.

    ``whole`` is what is told besides hosts; whoever fills the page keeps it up to date.
    """

    clock: Clock
    patience: Patience = field(default_factory=Patience)
    whole: fleet.Whole = field(default_factory=fleet.Whole)
    _kept: dict[str, _Kept] = field(default_factory=dict)

    def put(self, host: FleetHost) -> bool:
        """Say of ``host`` from now on what this record says; whether anything could be made of it."""
        try:
            kept = self.patience.run(host.id, lambda: _kept(host))
        except Exception:  # noqa: BLE001  one host that cannot be told of must not keep the others from it
            self._kept.pop(host.id, None)
            return False
        self._kept[host.id] = kept
        return True

    def keep(self, ids: Collection[str]) -> None:
        """Tell of no other hosts than these."""
        for gone in self._kept.keys() - set(ids):
            del self._kept[gone]

    def __contains__(self, host: str) -> bool:
        """Whether a host is told of."""
        return host in self._kept

    def __len__(self) -> int:
        """How many hosts are told of."""
        return len(self._kept)

    def gzip(self, extra: tuple[Row, ...] = (), shard: Shard = WHOLE, *, openmetrics: bool = False) -> bytes:
        """The page, compressed."""
        packer, packed = zlib.compressobj(1, wbits=31), BytesIO()
        for part in self.parts(extra, shard, openmetrics=openmetrics):
            packed.write(packer.compress(part))
        packed.write(packer.flush())
        return packed.getvalue()

    def parts(self, extra: tuple[Row, ...] = (), shard: Shard = WHOLE, *, openmetrics: bool = False) -> Iterator[bytes]:
        """The page, a piece at a time. What belongs to no host is in the first shard."""
        every = list(self._kept.values())
        mine = every if shard.of == 1 else [kept for kept in every if kept.slot % shard.of == shard.number - 1]
        yield self._first(every, extra, shard, openmetrics=openmetrics)
        usual = [(kept.lines, kept.bounds) for kept in mine]
        unusual = [kept.unusual for kept in mine if kept.unusual is not None]
        for at, family in enumerate(SERVED):
            name = family.name.encode()
            top = "".join(f"{line}\n" for line in head(family, openmetrics=openmetrics)).encode()
            for piece in _usual(usual, _PLACE[at]) if at in _PLACE else _unusual(unusual, at):
                yield top + piece.replace(_NAME, name)
                top = b""
        if openmetrics:
            yield b"# EOF\n"

    def _first(self, every: list[_Kept], extra: tuple[Row, ...], shard: Shard, *, openmetrics: bool) -> bytes:
        made: Made = {}
        failed = {name for kept in every for name in kept.failed}
        add(made, (("exporter_collector_success", (name,), name not in failed) for name in COLLECTORS))
        add(made, extra)
        if shard.number == 1:
            self.whole.tallies = [kept.tally for kept in every]
            self.whole.series = sum(kept.series for kept in every)
            try:
                mine: Made = {}
                add(mine, self.whole.rows())
                made.update(mine)
            except ValueError:  # a time that is none, or a tenant told twice
                good = False
            else:
                good = True
            add(made, (("exporter_collector_success", ("fleet",), good),))
        served = ((family, made[family.name]) for family in (*EXPORTER, *FLEET) if family.name in made)
        return text(served, openmetrics=openmetrics).removesuffix(b"# EOF\n")

    def targets(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Address of the own page of every host that has one, and the labels that belong to what it says."""
        for host, kept in list(self._kept.items()):
            if kept.target is not None:
                address, network = kept.target
                who = zip(IDENTITY, (kept.tally.tenant, kept.tally.region, host), strict=True)
                yield address, {**dict(who), "network": network}


def made_of(host: FleetHost) -> tuple[Made, list[str]]:
    """Everything a fleet's page says of one host, by metric, and the collectors that failed. Raises ValueError.

    What belongs to a host that nobody expects is told no more: nothing of it is to wake anybody.
    """
    made: Made = {}
    add(made, fleet.host(host))
    failed: list[str] = []
    if host.status is not None and host.expected:
        for name, part in collected(host.status, _SAID):
            if part is None:
                failed.append(name)
            else:
                made.update(part)
    shown: Made = {}
    for name, series in made.items():
        family = BY_NAME[name]
        if said := series if family.zeros else {labels: value for labels, value in series.items() if value}:
            shown[name] = said
    return shown, failed


def _kept(host: FleetHost) -> _Kept:
    made, failed = made_of(host)
    identity = _identity(host)
    lines = [b""] * len(SERVED)
    for name, series in made.items():
        at = _AT[name]
        lines[at] = _lines(SERVED[at], identity, series)
    slot = int.from_bytes(hashlib.blake2b(host.id.encode(), digest_size=4).digest(), "big")
    target = (host.metrics_address, intern(host.network)) if host.metrics_address and host.expected else None
    count = sum(map(len, made.values()))
    usual = [lines[at] for at in _PLACE]
    bounds = array("I", accumulate(map(len, usual), initial=0))
    unusual = {at: said for at, said in enumerate(lines) if said and at not in _PLACE} or None
    return _Kept(slot, b"".join(usual), bounds, unusual, count, fleet.Tally.of(host), tuple(failed), target)


def _usual(hosts: Sequence[tuple[bytes, "array[int]"]], place: int) -> Iterator[bytes]:
    """The lines of a family that most hosts have, so many hosts at a time."""
    after = place + 1
    for begin in range(0, len(hosts), _AT_ONCE):
        some = hosts[begin : begin + _AT_ONCE]
        if lines := b"".join([lines[bounds[place] : bounds[after]] for lines, bounds in some]):
            yield lines


def _unusual(hosts: Sequence[Mapping[int, bytes]], at: int) -> Iterator[bytes]:
    """Those of a family that few have."""
    if lines := b"".join([unusual[at] for unusual in hosts if at in unusual]):
        yield lines


def _identity(host: FleetHost) -> dict[str, str]:
    who = zip(IDENTITY, (host.tenant, host.region or "", host.id), strict=True)
    return {name: f'{name}="{quoted(label(value))}"' for name, value in who}


def _lines(family: Family, identity: dict[str, str], series: dict[tuple[str, ...], float]) -> bytes:
    """Lines of one family, labels in the order of their names as everywhere."""
    own = {name: at for at, name in enumerate(family.labels)}
    order = sorted((*IDENTITY, *family.labels))
    said: list[str] = []
    for values, value in series.items():
        pairs = ",".join(
            [identity[name] if name in identity else f'{name}="{quoted(values[own[name]])}"' for name in order]
        )
        said.append(f"{{{pairs}}} {number(value)}")
    # No value has an end of line in it: those are escaped.
    return _NAME + "\n".join(said).encode().replace(b"\n", b"\n" + _NAME) + b"\n" if said else b""
