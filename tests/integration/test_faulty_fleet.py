"""Every fault that the made-up province knows is told of by its alert, and hosts that nothing befell are left alone."""

import importlib.util
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from guardian.province import Province, Shape
from guardian_exporters.history import END, of_fleet

_HERE = Path(__file__).resolve().parents[1]


def _module(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"guardian_tests_{name}_of_fleets", _HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


rulecases = _module("rulecases")
ALERTS = rulecases.alerts()
TOLD = {
    "host-silent": "HostSilent",
    "host-never-heard": "HostUnprotected",
    "identity-conflict": "IdentityConflict",
    "clock-skew": "ClockSkew",
    "certificate-expiring": "CertificateExpiring",
    "configuration-behind": "ConfigDrift",
    "log-behind": "LogBehind",
    "log-rolled-back": "HostProblem",
    "clock-untrusted": "ClockUntrusted",
    "configuration-refused": "ConfigRefused",
    "state-full": "AgentProblem",
    "journal-unwritable": "JournalBroken",
    "ledger-broken": "LedgerBroken",
    "log-unwritable": "AgentProblem",
    "backup-failing": "BackupFailing",
    "backup-never": "BackupNeverSucceeded",
    "backup-incomplete": "BackupIncomplete",
    "backup-stuck": "BackupStuck",
    "repository-locked": "RepoStaleLock",
    "wrong-password": "BackupFailing",
    "schedule-stalled": "BackupRpoBreached",
    "plan-paused": "PlanPausedTooLong",
    "host-unprotected": "HostUnprotected",
    "source-shrunk": "RansomwareSuspected",
    "ransomware": "RansomwareSuspected",
    "snapshots-deleted": "SnapshotsDeleted",
    "snapshot-foreign": "SnapshotWithoutReceipt",
    "drill-overdue": "DrillOverdue",
    "drill-failing": "DrillFailed",
    "drill-unverifiable": "DrillInconclusive",
    "rto-missed": "DrillRtoMissed",
    "assurance-weak": "AssuranceTooWeak",
    "planted-missed": "PlantedFaultMissed",
    "paths-disagree": "DecoderDisagrees",
    "read-data-low": "RepoReadDataLow",
    "maintenance-failing": "RepoMaintenanceOverdue",
    "canary-deleted": "ImmutabilityCanaryDeleted",
    "lock-expiring": "ImmutabilityExpiring",
    "storage-filling": "StorageFullForecast",
    "storage-full": "StorageNearlyFull",
    "copy-behind": "CopyBehind",
    "custody-overdue": "KeyCustodyOverdue",
    "custody-never": "KeyNotEscrowed",
    "custody-stale": "KeyCustodyStale",
    "scan-critical": "BaselineCriticalFailed",
    "scan-stale": "BaselineScanStale",
    "score-dropped": "BaselineScoreDropped",
    "waiver-expiring": "WaiverExpiring",
    "waiver-unmatched": "WaiverUnmatched",
}
UNTOLD = {
    "site-silent": "is told as a site",
    "ingest-lag": "one host is not its network",
    "host-retired": "nobody expects it",
    "host-renamed": "its id is the same",
    "scan-unreadable": "is told on the host's own page alone",
}
OF_HUB = {
    "relay-silent": "RelaySilent",
    "relay-gap": "RelaySequenceGap",
    "hub-not-backed-up": "HubNotBackedUp",
    "reports-queued": "HubQueueLong",
}
CHANCE = {"BackupRpoBreached", "BackupRpoBurning", "BackupFailing", "RepositoryUnusable"}
"""Even where no fault befell a host, a backup fails now and then."""
PROVINCE = Province(Shape(hosts=70))


@pytest.fixture(scope="module")
def firing(watching: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Alert, without ``Guardian`` → hosts for which its expression holds at the end of the province's history."""
    folder, end = tmp_path_factory.mktemp("province"), PROVINCE.end
    ago = [0, 2, 4, 6, 8, 10, 60, 24 * 60, *(days * 24 * 60 for days in range(2, 7))]
    with (folder / "fleet.txt").open("wb") as text:
        moments = sorted(end - timedelta(minutes=minutes) for minutes in ago)
        text.writelines(of_fleet(PROVINCE.fleet, moments, job="guardian-fleet", instance="hub:9788"))
        text.write(END)
    blocks = watching.filled(folder / "tsdb", folder / "fleet.txt")
    server = watching.Prometheus.start(folder, tsdb=blocks, rules=(), every="1h")
    recorded = watching.expanded()
    found: dict[str, set[str]] = {}
    for name, (rule, path) in ALERTS.items():
        if path.name in ("fleet-slo.yml", "watchdog.yml"):
            continue  # those are of what was recorded for days, and of Prometheus itself
        expression = watching.written_out(rule["expr"], recorded)
        answer = server.query(expression, at=end.timestamp())
        found[name.removeprefix("Guardian")] = {one["metric"].get("host", "") for one in answer}
    return found


def test_every_fault_is_told_of_by_its_alert(firing: dict[str, set[str]]) -> None:
    assert set(TOLD) | set(UNTOLD) | set(OF_HUB) == set(PROVINCE.faults), "a fault that nobody thought of"
    missed = {
        fault: (name, PROVINCE.victims(fault))
        for fault, name in TOLD.items()
        if not set(PROVINCE.victims(fault)) <= firing[name]
    }
    assert not missed
    assert not [fault for fault, name in OF_HUB.items() if not firing[name]]
    assert firing["SiteSilent"]


def test_hosts_that_nothing_befell_wake_nobody(firing: dict[str, set[str]]) -> None:
    befallen = {PROVINCE.plan(number).id for number in PROVINCE.befallen}
    healthy = {PROVINCE.plan(number).id for number in range(PROVINCE.shape.hosts)} - befallen
    assert healthy
    (retired,) = PROVINCE.victims("host-retired")
    silent = {*healthy, retired, *PROVINCE.victims("host-renamed")}
    woken = {name: hosts & silent for name, hosts in firing.items() if hosts & silent and name not in CHANCE}
    assert not woken
    assert not [name for name, hosts in firing.items() if retired in hosts]
