"""What a host's status tells of the scan of one target by one security baseline. Figures only: findings lie in the log.

Whoever scans fills it from the newest scan in the log; where nothing was scanned yet there is the task alone.
"""

from typing import Literal

from pydantic import Field

from guardian.model.border import Stated
from guardian.model.job import Ran

ScanSeverity = Literal["info", "low", "medium", "high", "critical"]
ScanVerdict = Literal["pass", "fail", "unknown", "manual", "not_applicable"]


class ScanCount(Stated):
    """So many rules of one severity came to one verdict; ``waived`` of them have a waiver that holds (of ``fail``)."""

    severity: ScanSeverity
    status: ScanVerdict
    count: int = Field(ge=0)
    waived: int = Field(0, ge=0)


class ScanStatus(Stated):
    """The newest scan of one target by one baseline.

    To be filled by who scans (``guardian.agent.gathering`` from the scan's statement): ``baseline`` is the policy's id,
    ``target`` the kind of the target and its name in the tenant, such as ``host:app-1`` or
    ``postgresql:social-insurance/core-db``. ``counts`` leave out what nothing came to. ``coverage`` is the share of
    the rules that apply that could be decided, ``score`` the share of good ones among those, both 0 to 1 and None where
    there is nothing to share. ``waivers`` are those that hold, ``waivers_unmatched`` those that match nothing;
    ``next_expiry`` is when the first waiver ends that holds. ``evaluated`` is when it was last looked at, RFC 3339;
    ``ran`` the agent's task that does it, which several targets may have in common.
    """

    baseline: str
    target: str = "host"
    ran: Ran
    evaluated: str | None = None
    counts: tuple[ScanCount, ...] = ()
    coverage: float | None = None
    score: float | None = None
    waivers: int | None = None
    waivers_unmatched: int | None = None
    next_expiry: str | None = None
