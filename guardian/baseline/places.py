"""Everything that a host's configuration makes worth looking at."""

from typing import TYPE_CHECKING

from guardian.baseline.targets import Provider, host_of

if TYPE_CHECKING:
    from guardian.node import Node


def providers(node: "Node") -> tuple[Provider, ...]:
    """The host itself, the databases of its sources, the protection of its systems, its repositories' storage, and what
    ``scan.targets`` names."""
    # Clients of storages and databases take a quarter of a second to load; a host without a configuration needs none.
    from guardian.baseline.cloud import cloud_places  # noqa: PLC0415
    from guardian.baseline.services import service_places  # noqa: PLC0415

    return (host_of(node.host, node.report), *service_places(node), *cloud_places(node))
