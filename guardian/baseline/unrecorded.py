"""Scans that leave nothing behind: of a tree of files, and of a host that has no configuration."""

import os
from collections.abc import Sequence
from pathlib import Path

from guardian.baseline.judge import Judge
from guardian.baseline.outcome import Scanned
from guardian.baseline.policy import library
from guardian.baseline.scan import Asked, Gathered, Nowhere, Site, scan_places
from guardian.baseline.targets import Provider, host_of, tree_of
from guardian.baseline.waivers import Waivers
from guardian.clock import Clock, SystemClock
from guardian.config.load import host_id

TENANT = "local"
"""Whose findings are that belong to nobody's configuration."""
DEFAULT = "mlps-l3-host"


def scan_tree(root: Path, asked: Asked, clock: Clock | None = None) -> Scanned:
    """Scan the host whose files lie below ``root``: a mounted image, a restored system. Nothing of it is run.

    Raises UsageError for a baseline that does not exist.
    """
    return _scan([tree_of(root)], asked, clock or SystemClock())


def scan_unconfigured(asked: Asked, clock: Clock | None = None) -> Scanned:
    """Scan this host, which has no configuration. Raises UsageError for a baseline that does not exist."""
    return _scan([host_of(host_id(os.uname().nodename))], asked, clock or SystemClock())


def _scan(places: Sequence[Provider], asked: Asked, clock: Clock) -> Scanned:
    known = library()
    kinds = {kind for place in places for kind in place.kinds}
    fitting = [name for name, family in known.families.items() if family.target in kinds]
    default = [DEFAULT] if DEFAULT in known.sets else fitting
    policy = known.chosen(asked.baselines or default)
    judge = Judge(TENANT, policy, Waivers(), clock.now())
    site = Site(TENANT, places[0].name, clock)
    return scan_places(site, places, judge, Gathered({}, full=False), (known, asked.fail_on or "high", Nowhere()))
