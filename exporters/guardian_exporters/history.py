"""Pages of many moments as one OpenMetrics text with times, as ``promtool tsdb create-blocks-from openmetrics`` wants.

So a Prometheus can be filled with a fleet's past: to try rules and dashboards on, or after its own data was lost.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final

from guardian.clock import SystemClock
from guardian.model.fleet import FleetHost, FleetStatus
from guardian_exporters.exposition import Exporter
from guardian_exporters.family import IDENTITY
from guardian_exporters.fleet_feed import fill
from guardian_exporters.fleet_page import FleetPage
from guardian_exporters.text import label, quoted

FleetAt = Callable[[datetime], FleetStatus]
END: Final = b"# EOF\n"


def of_fleet(fleet_at: FleetAt, moments: Iterable[datetime], **labels: str) -> Iterator[bytes]:
    """What a fleet's page would have said at each of ``moments``, oldest first, without the end of the text.

    ``labels`` are those a scrape adds, such as ``job`` and ``instance``.
    """
    page = FleetPage(SystemClock())
    for moment in moments:
        fill(page, fleet_at(moment))
        for part in page.parts():
            yield from stamped(part, moment, labels)


def of_hosts(fleet_at: FleetAt, moments: Iterable[datetime], **labels: str) -> Iterator[bytes]:
    """What the own page of every expected host would have said, with the labels that service discovery adds."""
    exporter = Exporter(SystemClock())
    for moment in moments:
        for host in fleet_at(moment).hosts():
            if host.expected and host.status is not None:
                who = dict(zip(IDENTITY, (host.tenant, host.region or "", host.id), strict=True))
                added = {**labels, **who, "network": host.network, "instance": _instance(host)}
                yield from stamped(exporter.text(host.status), moment, added)


def _instance(host: FleetHost) -> str:
    return host.metrics_address or host.id


def stamped(text: bytes, moment: datetime, labels: Mapping[str, str]) -> Iterator[bytes]:
    """The samples of a page (no comments), each with a time and with these labels too."""
    stamp = f" {moment.timestamp():.3f}\n".encode()
    more = ",".join(f'{name}="{quoted(label(value))}"' for name, value in labels.items()).encode()
    for line in text.split(b"\n"):
        if not line or line.startswith(b"#"):
            continue
        name, brace, rest = line.partition(b"{")
        if brace:
            yield name + b"{" + more + b"," * bool(more) + rest + stamp
        else:
            name, _space, value = line.partition(b" ")
            yield name + b"{" + more + b"} " + value + stamp
