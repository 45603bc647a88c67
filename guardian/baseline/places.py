"""Everything that a host's configuration makes worth looking at."""

from guardian.baseline.cloud import cloud_places
from guardian.baseline.services import service_places
from guardian.baseline.targets import Provider, host_of
from guardian.node import Node


def providers(node: Node) -> tuple[Provider, ...]:
    """The host itself, the databases of its sources, the protection of its systems, its repositories' storage, and what
    ``scan.targets`` names."""
    return (host_of(node.host), *service_places(node), *cloud_places(node))
