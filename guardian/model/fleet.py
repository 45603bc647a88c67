"""What is known of a whole fleet at one moment: who is in it, and of each host its status as it was last told.

A fleet is too large for one object: it is a head (:class:`FleetHead`) and a stream of hosts. A hub makes both from its
tables, a file holds them as lines (:mod:`guardian.model.fleet_file`), a test makes them up (:mod:`guardian.province`).
Times are RFC 3339 in UTC by the clock of the hub, unless a host's own status says them.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from guardian.model.border import Id, Stated
from guardian.model.estate import LocalText, RegionCode
from guardian.model.reason import Reason
from guardian.model.status import HostStatus

FLEET_SCHEMA = "guardian.fleet/v1"

HostState = Literal["pending", "active", "conflict", "revoked", "retired"]
"""``pending``: asked to be enrolled. ``conflict``: a second instance says that it is this host; both go on until a
person has picked. ``revoked``: its key is trusted no more. ``retired``: nobody expects to hear of it again."""
HOST_STATES: tuple[HostState, ...] = ("pending", "active", "conflict", "revoked", "retired")

HostId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$")]
"""What the hub issued when the host was enrolled: never used again for another, whatever the host is called now."""


class Region(Stated):
    """An administrative division. Whose it is tells its code: 52 a province, 5201 a city of it, 520103 a district."""

    code: RegionCode
    name: LocalText | None = None

    @property
    def level(self) -> Literal["province", "city", "district"]:
        """By GB/T 2260: two zeros at the end are a city's, four a province's."""
        return "province" if self.code.endswith("0000") else "city" if self.code.endswith("00") else "district"

    @property
    def parent(self) -> str | None:
        """The code of the division that it is part of; None for a province."""
        wider = {"district": f"{self.code[:4]}00", "city": f"{self.code[:2]}0000"}
        return wider.get(self.level)


class Agency(Stated):
    """A tenant of the fleet. ``region`` is where it sits, which need not be where its hosts are."""

    id: Id
    name: LocalText | None = None
    region: RegionCode | None = None


class Service(Stated):
    """A system of a tenant, and what its owner asks for; it may run on several hosts. Durations are seconds."""

    tenant: Id
    id: Id
    name: LocalText | None = None
    mlps_level: int | None = Field(None, ge=1, le=5, description="GB/T 22240 level")
    dr_level: int | None = Field(None, ge=1, le=6, description="GB/T 20988 level")
    rpo_seconds: float | None = None
    rto_seconds: float | None = None
    depends_on: tuple[Id, ...] = ()


class Relay(Stated):
    """A carrier of signed bundles from a network without a route; ``missing`` bundles are known not to have come."""

    id: Id
    network: str = ""
    last_bundle: str | None = None
    interval_seconds: float | None = None
    missing: int = 0
    backlog_bytes: int | None = None


class FleetHead(Stated):
    """What a fleet is made of, and how its hub stands. ``hosts``: so many records follow, where that is known."""

    schema_: str = Field(FLEET_SCHEMA, alias="schema", serialization_alias="schema")
    at: str
    hub: str = ""
    version: str = ""
    hosts: int | None = None
    regions: tuple[Region, ...] = ()
    tenants: tuple[Agency, ...] = ()
    systems: tuple[Service, ...] = ()
    relays: tuple[Relay, ...] = ()
    backup: str | None = Field(None, description="when the hub's own state was last backed up")
    queued_reports: int | None = Field(None, description="reports that wait to be taken in")


class FleetHost(Stated):
    """One host, as its hub knows it.

    ``expected``: whether somebody counts on it; a retired host is kept for a while and is not. ``region`` and
    ``network`` are the inventory's. ``clock_offset_seconds`` is how far its clock is ahead of the hub's,
    ``lag_seconds`` how old its newest report was when it was taken in. ``log_entries`` are held at the hub; the host's
    own status says how many there are. ``reasons`` speak against the host as such: its identity, its log, its
    configuration. ``status`` is what it said last, ``status_at`` when that was taken in.
    """

    id: HostId
    name: str = ""
    tenant: Id
    region: RegionCode | None = None
    network: str = ""
    state: HostState = "active"
    expected: bool = True
    enrolled: str | None = None
    retired: str | None = None
    last_contact: str | None = None
    contact_interval_seconds: float | None = None
    clock_offset_seconds: float | None = None
    lag_seconds: float | None = None
    certificate_expires: str | None = None
    log_entries: int | None = None
    metrics_address: str | None = Field(None, description="host and port of its own page, where Prometheus reaches it")
    reasons: tuple[Reason, ...] = ()
    status: HostStatus | None = None
    status_at: str | None = None

    @property
    def log_behind(self) -> int | None:
        """Entries of its log that the host told of and that the hub does not hold; None where one is not known."""
        told = self.status.log if self.status else None
        return None if told is None or self.log_entries is None else max(0, told.entries - self.log_entries)


@dataclass(frozen=True, slots=True)
class FleetStatus:
    """A fleet at one moment. ``hosts()`` begins its stream anew; it may raise what reading raises, anywhere in it."""

    head: FleetHead
    hosts: Callable[[], Iterator[FleetHost]]


def fleet_of(head: FleetHead, hosts: Iterable[FleetHost]) -> FleetStatus:
    """A fleet of hosts that are at hand."""
    held = tuple(hosts)
    return FleetStatus(head, lambda: iter(held))
