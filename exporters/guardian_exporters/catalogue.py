"""Every metric of a host: name, type, labels, meaning, and what it costs. What is not declared here is not emitted.

Times of the past are gauges ``…_timestamp_seconds`` (0: never), so that an age is ``time() - x`` where it is asked for.
Where a value is not known there is no series. A label is never a snapshot id, a path, a text of an error or a secret.
"""

from typing import Final

from guardian_exporters.declared_host import AGENT, EXPORTER, LEDGER
from guardian_exporters.declared_protection import COPIES, DRILLS, REPOSITORIES, SOURCES
from guardian_exporters.family import Family

REFERENCE: Final = "3 sources in 1 repository, drills D2, D3 and D4 of each, 1 copy of each"
"""The host that ``Family.series`` is declared for."""
FLEET_BUDGET: Final = 80
"""So many series of a reference host may reach the hub's fleet endpoint: 800,000 for 10,000 hosts."""
HOST_BUDGET: Final = 220
"""So many may be on the host's own endpoint."""

COLLECTORS: Final = ("agent", "ledger", "sources", "drills", "copies", "repositories")
VERDICTS: Final = ("protected", "at-risk", "unprotected", "unknown")
JOB_STATES: Final = ("running", "queued", "stopping")
PROBLEM_SEVERITIES: Final = ("warning", "critical")
FAMILIES: Final[tuple[Family, ...]] = (*EXPORTER, *AGENT, *LEDGER, *SOURCES, *DRILLS, *COPIES, *REPOSITORIES)
"""In the order in which they are served."""
BY_NAME: Final[dict[str, Family]] = {family.name: family for family in FAMILIES}
