"""Collectors of a fleet: what its hub knows of each host, and what the whole is made of."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from sys import intern

from guardian.model.fleet import FleetHead, FleetHost
from guardian_exporters.catalogue import VERDICTS
from guardian_exporters.rows import Rows, ever, known, moment, reasons


def host(told: FleetHost) -> Rows:
    """One host as such; what it says of itself is for the collectors of its status."""
    agent = told.status.agent if told.status else None
    version, restic = (agent.version, agent.restic or "") if agent else ("", "")
    yield "host_info", (told.name, told.network, told.state, version, restic), 1
    yield "host_expected", (told.network,), told.expected
    if told.expected:
        yield from ever("host_last_contact_timestamp_seconds", (told.network,), told.last_contact)
        yield from known("host_contact_interval_seconds", (), told.contact_interval_seconds)
        yield from known("host_clock_offset_seconds", (), told.clock_offset_seconds)
        yield from moment("host_certificate_expiry_timestamp_seconds", (), told.certificate_expires)
        yield from known("host_ingest_lag_seconds", (), told.lag_seconds)
        yield from known("host_log_missing_entries", (), told.log_behind)
        yield from reasons("host_reason", (), told.reasons)


@dataclass(frozen=True, slots=True)
class Tally:
    """What one host counts for: where it is, how it stands, its sources by their verdict."""

    tenant: str
    region: str
    state: str
    plans: tuple[int, ...] = (0,) * len(VERDICTS)

    @classmethod
    def of(cls, told: FleetHost) -> "Tally":
        """Sources of a host that nobody expects count for nothing."""
        shown = told.status.sources if told.status and told.expected else ()
        found = Counter[str](source.verdict for source in shown)
        plans = tuple(found[verdict] for verdict in VERDICTS)
        return cls(intern(told.tenant), intern(told.region or ""), intern(told.state), plans)


@dataclass(slots=True)
class Whole:
    """What is told of a fleet besides its hosts. ``series`` are those of hosts, all shards together."""

    head: FleetHead | None = None
    complete: bool = False
    unread: int = 0
    series: int = 0
    tallies: Iterable[Tally] = field(default_factory=tuple)

    def rows(self) -> Rows:
        """All of it; without a head only that there is none."""
        yield "fleet_complete", (), self.complete
        yield "fleet_unread_hosts", (), self.unread
        yield "fleet_series", (), self.series
        yield from self._counts()
        if self.head is not None:
            yield from _of_head(self.head)

    def _counts(self) -> Rows:
        hosts, plans = Counter[tuple[str, str, str]](), Counter[tuple[str, str, str]]()
        for tally in self.tallies:
            hosts[tally.tenant, tally.region, tally.state] += 1
            for verdict, count in zip(VERDICTS, tally.plans, strict=True):
                plans[tally.tenant, tally.region, verdict] += count
        for labels, count in hosts.items():
            yield "fleet_hosts", labels, count
        for labels, count in plans.items():
            yield "fleet_plans", labels, count


def _of_head(head: FleetHead) -> Rows:
    yield from moment("fleet_status_timestamp_seconds", (), head.at)
    yield from known("fleet_queued_reports", (), head.queued_reports)
    yield from ever("hub_backup_last_success_timestamp_seconds", (), head.backup)
    for region in head.regions:
        zh, en = (region.name.zh, region.name.en) if region.name else ("", "")
        yield "region_info", (region.code, region.level, region.parent or "", zh, en), 1
    for tenant in head.tenants:
        zh, en = (tenant.name.zh, tenant.name.en) if tenant.name else ("", "")
        yield "tenant_info", (tenant.id, tenant.region or "", zh, en), 1
    for system in head.systems:
        labels = (system.tenant, system.id)
        zh, en = (system.name.zh, system.name.en) if system.name else ("", "")
        levels = (str(system.mlps_level or ""), str(system.dr_level or ""))
        yield "system_info", (*labels, *levels, zh, en), 1
        yield from known("system_rpo_seconds", labels, system.rpo_seconds)
        yield from known("system_rto_seconds", labels, system.rto_seconds)
    for relay in head.relays:
        labels = (relay.id, relay.network)
        yield from ever("relay_last_bundle_timestamp_seconds", labels, relay.last_bundle)
        yield from known("relay_expected_interval_seconds", labels, relay.interval_seconds)
        yield "relay_missing_bundles", labels, relay.missing
        yield from known("relay_backlog_bytes", labels, relay.backlog_bytes)
