"""Scans that leave nothing behind: of a tree of files, of a restore point, of a host that has no configuration."""

import os
from collections.abc import Sequence
from pathlib import Path

from guardian.baseline.judge import Judge
from guardian.baseline.outcome import Scanned
from guardian.baseline.policy import Library, library
from guardian.baseline.scan import Asked, Gathered, Nowhere, Site, rules_of, scan_places
from guardian.baseline.targets import Provider, host_of, tree_of
from guardian.baseline.timetravel import Inside, Moment, provider
from guardian.baseline.waivers import Waivers
from guardian.clock import Clock, SystemClock
from guardian.config.load import host_id
from guardian.node import Node

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


def scan_inside(node: Node, inside: Inside, moment: Moment, name: str, asked: Asked) -> Scanned:
    """Scan the host inside a restore point. Nothing is written down: it says how things were.

    Raises UsageError for a baseline that does not exist.
    """
    known = rules_of(node)
    place = provider(inside, moment, name)
    policy = known.chosen(asked.baselines or default_baselines(known))
    judge = Judge(node.tenant, policy, Waivers(), moment.at)
    site = Site(node.tenant, node.host, node.clock, node.heed, node.report)
    threshold = asked.fail_on or node.loaded.config.scan.fail_on
    return scan_places(site, [place], judge, Gathered({}, full=False), (known, threshold, Nowhere()))


def default_baselines(known: Library) -> tuple[str, ...]:
    """What a host is judged by when nothing is asked for."""
    fitting = tuple(name for name, family in known.families.items() if family.target == "host")
    return (DEFAULT,) if DEFAULT in known.sets else fitting


def _scan(places: Sequence[Provider], asked: Asked, clock: Clock) -> Scanned:
    known = library()
    policy = known.chosen(asked.baselines or default_baselines(known))
    judge = Judge(TENANT, policy, Waivers(), clock.now())
    site = Site(TENANT, places[0].name, clock)
    return scan_places(site, places, judge, Gathered({}, full=False), (known, asked.fail_on or "high", Nowhere()))
