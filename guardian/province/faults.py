"""Every fault that can befall a host of a made-up province, by name; and what cannot be told by its history alone."""

from dataclasses import dataclass
from typing import Final

from guardian.model.fleet import FleetHost
from guardian.model.reason import reason
from guardian.model.scan_status import ScanCount
from guardian.model.status import HostStatus
from guardian.province.change import Change, Moment, agent, both, drills, first, hub, hub_reason, log, said
from guardian.province.estate import DAY, HOUR

_MINUTE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Fault:
    """``ago``: so many seconds before the end of history it befalls; what came with the host, before its beginning.

    ``change``: None where the history knows it.
    """

    name: str
    ago: float
    change: Change | None = None


def _ledger_broken(status: HostStatus, _moment: Moment) -> HostStatus:
    unknown = {"verdict": "unknown", "reasons": (reason("log-not-readable"),), "restore_point": None, "verified": None}
    sources = tuple(one.model_copy(update=unknown) for one in status.sources)
    broken = status.log.model_copy(update={"intact": False}) if status.log else None
    return status.model_copy(update={"log": broken, "sources": sources})


def _custody(**changes: object) -> Change:
    def change(status: HostStatus, moment: Moment) -> HostStatus:
        if not status.repositories or status.repositories[0].custody is None:
            return status
        told = {name: value(moment) if callable(value) else value for name, value in changes.items()}
        held = status.repositories[0].custody.model_copy(update=told)
        repository = status.repositories[0].model_copy(update={"custody": held})
        return status.model_copy(update={"repositories": (repository, *status.repositories[1:])})

    return said(change)


def _storage(most: float, least: float, days: float) -> Change:
    """The repository grew to the share ``most`` of its quota, from ``least`` when that began ``days`` before."""

    def change(status: HostStatus, moment: Moment) -> HostStatus:
        if not status.repositories or not (now := status.repositories[0].bytes):
            return status
        full = least + (most - least) * min(1.0, moment.age / (days * DAY))
        quota = int(now / least)
        repository = status.repositories[0].model_copy(update={"quota_bytes": quota, "bytes": int(quota * full)})
        return status.model_copy(update={"repositories": (repository, *status.repositories[1:])})

    return said(change)


def _worse_scan(status: HostStatus, _moment: Moment) -> HostStatus:
    if not status.scans:
        return status
    scan = status.scans[0]
    counts = (*scan.counts, ScanCount(severity="critical", status="fail", count=3))
    return status.model_copy(update={"scans": (scan.model_copy(update={"counts": counts}), *status.scans[1:])})


def _dropped_score(status: HostStatus, _moment: Moment) -> HostStatus:
    if not status.scans or status.scans[0].score is None:
        return status
    scan = status.scans[0].model_copy(update={"score": max(0.0, status.scans[0].score - 0.25)})
    return status.model_copy(update={"scans": (scan, *status.scans[1:])})


def _behind(host: FleetHost, moment: Moment) -> FleetHost:
    if host.log_entries is None:
        return host
    return host.model_copy(update={"log_entries": max(0, host.log_entries - 1 - int(moment.age / HOUR))})


def _renamed(host: FleetHost, _moment: Moment) -> FleetHost:
    return host.model_copy(update={"name": f"new-{host.name}"})


FAULTS: Final = {
    fault.name: fault
    for fault in (
        # what the hub sees of a host
        Fault("host-silent", 2 * HOUR),
        Fault("site-silent", HOUR),
        Fault("host-never-heard", 2 * DAY, hub(status=None, status_at=None, last_contact=None, log_entries=None)),
        Fault("identity-conflict", DAY, hub_reason("identity-conflict", state="conflict")),
        Fault("clock-skew", DAY, hub(clock_offset_seconds=900.0)),
        Fault("certificate-expiring", DAY, hub(certificate_expires=lambda m: m.text(m.onset + 4 * DAY))),
        Fault("configuration-behind", DAY, hub_reason("configuration-behind", "warning")),
        Fault("log-behind", 8 * HOUR, _behind),
        Fault("log-rolled-back", HOUR, hub_reason("log-rolled-back")),
        Fault("ingest-lag", HOUR, hub(lag_seconds=5400.0)),
        Fault("host-retired", 10 * DAY, hub(state="retired", expected=False, retired=lambda m: m.text(m.onset))),
        Fault("host-renamed", DAY, _renamed),
        # its agent
        Fault("clock-untrusted", 3 * HOUR, agent("clock-stepped", "warning", clock_trusted=False)),
        Fault("configuration-refused", DAY, agent(config_problem="guardian.yaml:12: unknown key")),
        Fault("state-full", 3 * HOUR, agent("state-full", state_free_bytes=20 << 20)),
        Fault("journal-unwritable", 3 * HOUR, agent("journal-unwritable", journal_ok=False)),
        Fault("ledger-broken", 3 * HOUR, said(_ledger_broken)),
        Fault("log-unwritable", 3 * HOUR, both(agent("log-unwritable"), log())),
        # its backups
        Fault("backup-failing", 3 * DAY),
        Fault("backup-never", 10_000 * DAY),
        Fault("backup-incomplete", 3 * DAY),
        Fault("backup-stuck", 3 * DAY),
        Fault("repository-locked", 2 * DAY, first("repositories", locks=1, oldest_lock=lambda m: m.text(m.onset))),
        Fault("wrong-password", 2 * DAY),
        Fault("schedule-stalled", 3 * DAY),
        Fault("plan-paused", 10 * DAY),
        Fault("host-unprotected", 3 * DAY),
        Fault("source-shrunk", 2 * DAY, first("sources", "snapshots-suspicious", suspicious=("5" * 64,))),
        Fault("ransomware", 2 * DAY, first("sources", "snapshots-suspicious", suspicious=("6" * 64, "7" * 64))),
        Fault("snapshots-deleted", 5 * HOUR, first("sources", "drill-says-no", missing=17)),
        Fault("snapshot-foreign", 5 * HOUR, first("sources", "drill-says-no", unaccounted=2)),
        # its drills
        Fault("drill-overdue", 65 * DAY),
        Fault("drill-failing", 9 * DAY, first("sources", "drill-says-no")),
        Fault("drill-unverifiable", 9 * DAY, first("sources", "drill-found-nothing-out", "warning")),
        Fault("rto-missed", 31 * DAY),
        Fault("assurance-weak", 8 * DAY),
        Fault("planted-missed", DAY, drills("D2", planted_missed=1, outcome="COULD_NOT_VERIFY")),
        Fault("paths-disagree", DAY, drills("D3", disagreements=2, outcome="FAIL")),
        # its repositories
        Fault("read-data-low", 20 * DAY, first("repositories", coverage=0.08)),
        Fault("maintenance-failing", 15 * DAY),
        Fault("canary-deleted", 5 * HOUR, first("repositories", "canary-deleted", immutable=False)),
        Fault("lock-expiring", 5 * HOUR, first("repositories", lock_until=lambda m: m.text(m.onset + DAY))),
        Fault("storage-filling", 14 * DAY, _storage(0.88, 0.6, 14)),
        Fault("storage-full", 14 * DAY, _storage(0.97, 0.6, 13)),
        Fault("copy-behind", 5 * DAY),
        Fault("custody-overdue", 250 * DAY, _custody(proven=lambda m: m.text(m.onset))),
        Fault("custody-never", 300 * DAY, _custody(threshold=None, shares=None, escrowed=None, proven=None)),
        Fault("custody-stale", 20 * DAY, _custody(stale=True)),
        # its baselines
        Fault("scan-critical", DAY, said(_worse_scan)),
        Fault("scan-stale", 10 * DAY, first("scans", evaluated=lambda m: m.text(m.onset))),
        Fault("score-dropped", 6 * HOUR, said(_dropped_score)),
        Fault("scan-unreadable", 2 * DAY, first("scans", coverage=0.3)),
        Fault("waiver-expiring", 2 * DAY, first("scans", waivers=1, next_expiry=lambda m: m.text(m.onset + 7 * DAY))),
        Fault("waiver-unmatched", 2 * DAY, first("scans", waivers_unmatched=1)),
        # the hub itself
        Fault("relay-silent", 6 * HOUR),
        Fault("relay-gap", 6 * HOUR),
        Fault("hub-not-backed-up", 2 * DAY),
        Fault("reports-queued", HOUR),
    )
}
"""By name, in the order in which hosts are drawn for them."""
OF_HUB: Final = ("relay-silent", "relay-gap", "hub-not-backed-up", "reports-queued")
"""Those that befall no host."""
FREEZING: Final = ("host-silent", "site-silent")
"""Those after which nothing more is heard of a host."""
