"""Collector of security baselines: how the newest scans came out."""

from collections import Counter

from guardian.model.status import HostStatus, ScanStatus
from guardian_exporters.catalogue import SCAN_SEVERITIES, SCAN_STATUSES
from guardian_exporters.rows import Rows, ever, known, moment


def scans(status: HostStatus) -> Rows:
    """Every target and baseline. Of one that nobody has scanned yet nothing is known but that."""
    for scan in status.scans:
        labels = (scan.baseline, scan.target)
        yield from ever("baseline_last_scan_timestamp_seconds", labels, scan.evaluated)
        yield from moment("baseline_next_due_timestamp_seconds", labels, scan.ran.next_due)
        if scan.evaluated is not None:
            yield from _came_to(scan, labels)


def _came_to(scan: ScanStatus, labels: tuple[str, str]) -> Rows:
    yield from known("baseline_score_ratio", labels, scan.score)
    yield from known("baseline_coverage_ratio", labels, scan.coverage)
    by_status, failed = Counter[str](), Counter[str]()
    waived = 0
    for one in scan.counts:
        by_status[one.status] += one.count
        if one.status == "fail":
            failed[one.severity] += max(0, one.count - one.waived)
            waived += one.waived
    for status in SCAN_STATUSES:
        yield "baseline_checks", (*labels, status), by_status[status]
    for severity in SCAN_SEVERITIES:
        yield "baseline_failed_checks", (*labels, severity), failed[severity]
    yield "baseline_waived_checks", labels, waived
    yield from known("baseline_unmatched_waivers", labels, scan.waivers_unmatched)
    yield from moment("baseline_next_waiver_expiry_timestamp_seconds", labels, scan.next_expiry)
