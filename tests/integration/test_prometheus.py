"""The rules on a real Prometheus, and the way from a page of metrics to whoever is told."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from guardian.clock import SystemClock
from guardian.model.reason import reason
from guardian_exporters.exposition import Exporter

_path = Path(__file__).parents[1] / "unit" / "exporters" / "hosts.py"
_spec = importlib.util.spec_from_file_location("guardian_tests_hosts_watched", _path)
assert _spec is not None
assert _spec.loader is not None
hosts = sys.modules[_spec.name] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(hosts)

LABELS = {"tenant": "gz-hrss", "region": "520100", "host": "app-1", "network": "gov-extranet"}


def page(**changes: object) -> str:
    """A host's own page, all times as old as they would be now."""
    return Exporter(SystemClock()).text(hosts.reference_host(**changes)).decode()


def test_a_fault_on_a_page_reaches_whoever_is_told_and_its_end_too(monitoring: ModuleType, tmp_path: Path) -> None:
    broken = hosts.source(missing=3, reasons=(reason("drill-says-no"),))
    scraped, told = monitoring.Page(page(sources=(broken,))), monitoring.Receiver()
    alertmanager = monitoring.Alertmanager.start(tmp_path, told.configuration())
    where = {"guardian-agents": [{"targets": [scraped.address], "labels": LABELS}]}
    prometheus = monitoring.Prometheus.start(tmp_path, where, alertmanager)
    alert = told.wait("GuardianSnapshotsDeleted")
    names = {name: value for name, value in alert["labels"].items() if name not in LABELS}
    assert names == {
        "alertname": "GuardianSnapshotsDeleted", "severity": "critical", "system": "social", "source": "documents"
    }  # fmt: skip
    assert alert["labels"]["tenant"] == "gz-hrss"
    assert "3 restore points are gone or altered" in alert["annotations"]["summary"]
    assert "3 个恢复点丢失或被改动" in alert["annotations"]["summary_zh"]
    assert alert["annotations"]["runbook_url"].endswith("/GuardianSnapshotsDeleted")
    scraped.text = page(sources=(hosts.source(missing=0),))
    ended = told.wait("GuardianSnapshotsDeleted", "resolved")
    assert ended["fingerprint"] == alert["fingerprint"]
    assert [rule["name"] for rule in prometheus.rules() if rule["health"] == "err"] == []
    assert told.wait("GuardianWatchdog")["labels"]["severity"] == "none"


def test_who_was_told_is_not_told_again_after_a_restart_and_what_nobody_took_comes_later(
    monitoring: ModuleType, tmp_path: Path
) -> None:
    scraped, told = monitoring.Page(page(sources=(hosts.source(missing=3),))), monitoring.Receiver()
    alertmanager = monitoring.Alertmanager.start(tmp_path, told.configuration())
    where = {"guardian-agents": [{"targets": [scraped.address], "labels": LABELS}]}
    prometheus = monitoring.Prometheus.start(tmp_path, where, alertmanager)
    told.wait("GuardianSnapshotsDeleted")
    prometheus.stop()
    prometheus = monitoring.Prometheus.start(tmp_path, where, alertmanager)
    prometheus.wait('ALERTS{alertname="GuardianSnapshotsDeleted", alertstate="firing"}')
    alertmanager.stop()
    # While nobody takes alerts, another fault comes.
    scraped.text = page(sources=(hosts.source(missing=3, unaccounted=2),))
    prometheus.wait('ALERTS{alertname="GuardianSnapshotWithoutReceipt", alertstate="firing"}')
    assert not [one for one in told.alerts() if one["labels"]["alertname"] == "GuardianSnapshotWithoutReceipt"]
    monitoring.Alertmanager.start(tmp_path, told.configuration(), alertmanager.port)
    told.wait("GuardianSnapshotWithoutReceipt")
    deleted = [one for one in told.alerts() if one["labels"]["alertname"] == "GuardianSnapshotsDeleted"]
    assert len(deleted) == 1, "told once, however often a program starts"
    assert not [one for one in told.alerts("resolved") if one["labels"]["alertname"] == "GuardianSnapshotsDeleted"]
