"""Scans that leave nothing behind: of a tree of files, of a restore point, of a host that has no configuration."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from guardian.baseline.facts.localroot import LocalRoot
from guardian.baseline.judge import Judge
from guardian.baseline.outcome import Scanned
from guardian.baseline.policy import Library, library
from guardian.baseline.scan import Asked, Gathered, Nowhere, Site, rules_of, scan_places
from guardian.baseline.services_below import services_below
from guardian.baseline.targets import Provider, host_of, tree_of
from guardian.baseline.waivers import Waivers
from guardian.clock import SystemClock
from guardian.config.load import host_id
from guardian.model.events import Reporter, silent
from guardian.model.finding import TargetKind

if TYPE_CHECKING:
    from guardian.baseline.timetravel import Inside, Moment
    from guardian.node import Node

TENANT = "local"
"""Whose findings are that belong to nobody's configuration."""
DEFAULT = "mlps-l3"


def scan_tree(root: Path, asked: Asked, report: Reporter = silent) -> Scanned:
    """Scan the host whose files lie below ``root``, with its nginx and Redis: a mounted image, a restored system.

    Nothing of it is run. Raises UsageError for a baseline that does not exist.
    """
    places = [tree_of(root, report), *services_below(LocalRoot(root.resolve()), str(root))]
    return _scan(places, asked, report)


def scan_unconfigured(asked: Asked, report: Reporter = silent) -> Scanned:
    """Scan this host, which has no configuration, with its nginx and Redis.

    Raises UsageError for a baseline that does not exist.
    """
    name = host_id(os.uname().nodename)
    return _scan([host_of(name, report), *services_below(LocalRoot(), name)], asked, report)


def scan_inside(node: "Node", inside: "Inside", moment: "Moment", name: str, asked: Asked) -> Scanned:
    """Scan the host inside a restore point. Nothing is written down: it says how things were.

    Raises UsageError for a baseline that does not exist.
    """
    from guardian.baseline.timetravel import provider  # noqa: PLC0415  the decoder, which nothing else here needs

    known = rules_of(node)
    place = provider(inside, moment, name)
    policy = known.chosen(asked.baselines or default_baselines(known))
    judge = Judge(node.tenant, policy, Waivers(), moment.at)
    site = Site(node.tenant, node.host, node.clock, node.heed, node.report)
    threshold = asked.fail_on or node.loaded.config.scan.fail_on
    return scan_places(site, [place], judge, Gathered({}, full=False), (known, threshold, Nowhere()))


def default_baselines(known: Library, kinds: Iterable[TargetKind] = ("host",)) -> tuple[str, ...]:
    """What targets of these kinds are judged by when nothing is asked for."""
    chosen: dict[str, None] = {}
    for kind in kinds:
        fitting = [name for name, family in known.families.items() if family.target == kind]
        chosen |= dict.fromkeys([f"{DEFAULT}-{kind}"] if f"{DEFAULT}-{kind}" in known.sets else fitting)
    return tuple(chosen)


def _scan(places: Sequence[Provider], asked: Asked, report: Reporter) -> Scanned:
    known = library()
    kinds = [kind for place in places for kind in place.kinds]
    policy = known.chosen(asked.baselines or default_baselines(known, kinds))
    clock = SystemClock()
    judge = Judge(TENANT, policy, Waivers(), clock.now())
    site = Site(TENANT, places[0].name, clock, report=report)
    return scan_places(site, places, judge, Gathered({}, full=False), (known, asked.fail_on or "high", Nowhere()))
