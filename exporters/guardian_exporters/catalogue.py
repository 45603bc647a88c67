"""Every metric: name, type, labels, meaning, and what it costs. What is not declared here is not emitted.

Times of the past are gauges ``…_timestamp_seconds`` (0: never), so that an age is ``time() - x`` where it is asked for.
Where a value is not known there is no series. A label is never a snapshot id, a path, a text of an error or a secret.
"""

from typing import Final

from guardian_exporters.declared_baseline import BASELINE
from guardian_exporters.declared_fleet import FLEET, HOSTS
from guardian_exporters.declared_host import AGENT, EXPORTER, LEDGER
from guardian_exporters.declared_protection import COPIES, DRILLS, SOURCES
from guardian_exporters.declared_repository import CUSTODY, REPOSITORIES
from guardian_exporters.family import Family

REFERENCE: Final = "3 sources in 1 repository, drills D2, D3 and D4 of each, 1 copy of each, 1 baseline"
"""The host that ``Family.series`` is declared for."""
FLEET_BUDGET: Final = 80
"""So many series of a reference host may reach the hub's fleet endpoint: 800,000 for 10,000 hosts."""
HOST_BUDGET: Final = 280
"""So many may be on the host's own endpoint."""

COLLECTORS: Final = ("agent", "ledger", "sources", "drills", "copies", "repositories", "custody", "scans")
VERDICTS: Final = ("protected", "at-risk", "unprotected", "unknown")
JOB_STATES: Final = ("running", "queued", "stopping")
PROBLEM_SEVERITIES: Final = ("warning", "critical")
HOST_STATES: Final = ("pending", "active", "conflict", "revoked", "retired")
SCAN_STATUSES: Final = ("pass", "fail", "unknown", "manual", "not_applicable")
SCAN_SEVERITIES: Final = ("info", "low", "medium", "high", "critical")
OF_HOSTS: Final = (*AGENT, *LEDGER, *SOURCES, *DRILLS, *COPIES, *REPOSITORIES, *CUSTODY, *BASELINE)
"""Those that are made of one host's status."""
ON_HOSTS: Final = (*EXPORTER, *OF_HOSTS)
"""Those of a host's own page."""
FAMILIES: Final[tuple[Family, ...]] = (*EXPORTER, *FLEET, *HOSTS, *OF_HOSTS)
"""In the order in which they are served."""
BY_NAME: Final[dict[str, Family]] = {family.name: family for family in FAMILIES}
