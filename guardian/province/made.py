"""A made-up province at any moment of its history."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from math import ceil
from typing import Final

from guardian.clock import rfc3339
from guardian.model.fleet import FleetHead, FleetHost, FleetStatus, Relay
from guardian.province.change import Moment
from guardian.province.draw import between, share
from guardian.province.estate import DAY, HOUR, HostPlan, Shape, agencies, host_plan, systems_of
from guardian.province.faults import FAULTS, FREEZING, OF_HUB
from guardian.province.history import History
from guardian.province.places import NETWORKS, REGIONS

ORIGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
SHARE: Final = 0.002
"""Of all hosts that each fault befalls, at least one."""
_CERTIFICATE: Final = 30 * DAY


@dataclass(frozen=True)
class Province:
    """``faults`` are the names of those that befall it, each ``share`` of the hosts (one at least), no host twice as
    long as there are enough; () for a province without any. ``origin`` is the beginning of its history."""

    shape: Shape = field(default_factory=Shape)
    faults: tuple[str, ...] = tuple(FAULTS)
    share: float = SHARE
    origin: datetime = ORIGIN
    _plans: dict[int, HostPlan] = field(default_factory=dict, repr=False, compare=False)

    @property
    def end(self) -> datetime:
        """The end of its history, when every fault stands long enough to be noticed."""
        return self.origin + timedelta(days=self.shape.days)

    def plan(self, number: int) -> HostPlan:
        """Host ``number``."""
        if number not in self._plans:
            self._plans[number] = host_plan(self.shape, number)
        return self._plans[number]

    @cached_property
    def befallen(self) -> dict[int, tuple[str, ...]]:
        """Which faults befall which hosts."""
        order = sorted(range(self.shape.hosts), key=lambda number: share(self.shape.seed, number, "befallen"))
        each = max(1, round(self.shape.hosts * self.share))
        site = self._site(order) if "site-silent" in self.faults else []
        # A host that is silent shows nothing else.
        order = [number for number in order if number not in set(site)] or order
        found: dict[int, list[str]] = {}
        turn = 0
        for name in FAULTS:
            if name not in self.faults or name in OF_HUB:
                continue
            if name == "site-silent":
                victims = site
            else:
                victims = [order[(turn + step) % len(order)] for step in range(each)]
                turn += each
            for number in victims:
                found.setdefault(number, []).append(name)
        return {number: tuple(names) for number, names in found.items()}

    def _site(self, order: list[int]) -> list[int]:
        """All hosts of one region and network: the smallest such place with three hosts or more."""
        places: dict[tuple[str, str], list[int]] = {}
        for number in order:
            plan = self.plan(number)
            places.setdefault((plan.region, plan.network), []).append(number)
        return min(places.values(), key=lambda there: (len(there) < 3, len(there) if len(there) >= 3 else -len(there)))

    def victims(self, fault: str) -> tuple[str, ...]:
        """Ids of the hosts that a fault befalls."""
        return tuple(self.plan(n).id for n in sorted(self.befallen) if fault in self.befallen[n])

    def fleet(self, at: datetime | None = None) -> FleetStatus:
        """The fleet at a moment, the end of history unless one is given. Hosts are made as they are asked for."""
        moment = at or self.end
        return FleetStatus(self.head(moment), lambda: self.hosts(moment))

    def hosts(self, at: datetime) -> Iterator[FleetHost]:
        """Every host that was enrolled by then."""
        seconds = self._seconds(at)
        for number in range(self.shape.hosts):
            if self.plan(number).born <= seconds:
                yield self.host(number, at)

    def host(self, number: int, at: datetime) -> FleetHost:
        """One host at a moment, as its hub knows it."""
        plan, seconds = self.plan(number), self._seconds(at)
        onset = {name: self.onset(name) for name in self.befallen.get(number, ())}
        trouble = {name: begun for name, begun in onset.items() if begun <= seconds}
        # It reports every so often, each host at its own second; after some faults never again.
        frozen = min((trouble[name] for name in FREEZING if name in trouble), default=seconds)
        beat = share(self.shape.seed, number, "beat") * plan.interval
        heard = max(plan.born, (frozen - beat) // plan.interval * plan.interval + beat)
        told = {name: begun for name, begun in trouble.items() if begun <= heard}
        history = History(plan, told, heard, self.origin)
        host = self._told(plan, history, heard)
        for name, begun in trouble.items():
            if (change := FAULTS[name].change) is not None:
                host = change(host, Moment(heard, begun, lambda s: history.text(s) or ""))
        return host

    def _told(self, plan: HostPlan, history: History, heard: float) -> FleetHost:
        renewals = ceil((heard - plan.born + 1) / (_CERTIFICATE / 2))
        return FleetHost(
            id=plan.id,
            name=plan.name,
            tenant=plan.tenant,
            region=plan.region,
            network=plan.network,
            enrolled=history.text(plan.born),
            last_contact=history.text(heard),
            contact_interval_seconds=plan.interval,
            clock_offset_seconds=round(between(-1.5, 1.5, self.shape.seed, plan.number, "clock"), 3),
            lag_seconds=round(between(0.2, 8, self.shape.seed, plan.number, "lag"), 1),
            certificate_expires=history.text(plan.born + (renewals + 1) * _CERTIFICATE / 2),
            log_entries=history.entries,
            metrics_address=f"{plan.id}.example.org:9787",
            status=history.status(),
            status_at=history.text(heard),
        )

    def onset(self, fault: str) -> float:
        """When a fault befalls, in seconds since the beginning of history."""
        return self.shape.days * DAY - FAULTS[fault].ago

    def head(self, at: datetime) -> FleetHead:
        """What the fleet is made of."""
        seconds = self._seconds(at)
        stands: set[str] = {name for name in OF_HUB if name in self.faults and self.onset(name) <= seconds}
        backup = self.onset("hub-not-backed-up") if "hub-not-backed-up" in stands else seconds // (6 * HOUR) * 6 * HOUR
        return FleetHead(
            at=rfc3339(at),
            hub="province",
            version="1.1.0",
            regions=REGIONS,
            tenants=agencies(),
            systems=tuple(one for agency in agencies() for one in systems_of(self.shape, agency.id)),
            relays=tuple(self._relay(network, seconds, stands) for network in NETWORKS[1:]),
            backup=self._text(backup),
            queued_reports=40_000 if "reports-queued" in stands else int(seconds) % 7,
        )

    def _relay(self, network: str, seconds: float, stands: set[str]) -> Relay:
        ours = network == NETWORKS[-1]
        silent = ours and "relay-silent" in stands
        last = self.onset("relay-silent") if silent else seconds // 900 * 900
        missing = 3 if ours and "relay-gap" in stands else 0
        return Relay(
            id=f"relay-{network}",
            network=network,
            last_bundle=self._text(last),
            interval_seconds=900.0,
            missing=missing,
            backlog_bytes=int(2e6 * (1 + missing)),
        )

    def _seconds(self, at: datetime) -> float:
        return (at - self.origin).total_seconds()

    def _text(self, seconds: float) -> str:
        return rfc3339(self.origin + timedelta(seconds=seconds))
