"""A past of a made-up province as a Prometheus would have recorded it: what rules and dashboards look back on.

Only what ``guardian-host-recording-days`` and ``guardian-host-trends`` record, the shares outside RPO, and every plan
of the largest system; the fleet is that of today all the time, and its figures wobble a little.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from guardian.province import Province
from guardian.province.estate import HostPlan
from guardian_exporters.catalogue import VERDICTS
from guardian_exporters.text import quoted

MINUTE, HOUR, DAY = 60, 3600, 86400
Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Span:
    """``days`` of samples, ``step`` seconds apart, that end at ``end``: at moments that a dashboard asks for."""

    end: float
    days: float
    step: int

    def moments(self) -> range:
        last = int(self.end) // self.step * self.step
        return range(last - int(self.days * DAY), last + 1, self.step)


def past(province: Province, end: float) -> Iterator[bytes]:
    """The lines of one series after the other. Steps are those of the rules, or where that would be 100 million samples
    those of the dashboards."""
    hosts = [province.plan(number) for number in range(province.shape.hosts)]
    quarter, week, fortnight, month = (
        Span(end, 7, 15 * MINUTE), Span(end, 7, 15 * MINUTE), Span(end, 14, 30 * MINUTE), Span(end, 30, HOUR),
    )  # fmt: skip
    for number, host in enumerate(hosts):
        yield series("guardian:repo_size_bytes", (*of(host), ("repository", "main")), quarter, 1e12 + number)
        for plan in host.sources:
            labels = (*of(host), ("system", plan.system), ("source", plan.source))
            yield series("guardian:backup_slots_missed", labels, Span(end, 1, 15 * MINUTE), 3, 0)
    for (region, tenant), count in Counter((host.region, host.tenant) for host in hosts).items():
        where = (("region", region), ("tenant", tenant))
        for verdict in VERDICTS:
            yield series("guardian:region_tenant_verdict:count", (*where, ("verdict", verdict)), week, 3 * count)
        yield series("guardian:region_tenant_repo_size_bytes:sum", where, month, 1e12 * count)
        for severity in ("critical", "high", "medium", "low"):
            labels = (*where, ("check_severity", severity))
            yield series("guardian:region_tenant_baseline_failed_checks:sum", labels, month, 10 * count)
    for (region, tenant, system), count in Counter((host.region, host.tenant, host.system) for host in hosts).items():
        labels = (("region", region), ("tenant", tenant), ("system", system))
        for kind, value in (("sum", 6e5 * count), ("count", 3.0 * count), ("max", 2e6)):
            yield series(f"guardian:region_tenant_system_verified_age_seconds:{kind}", labels, fortnight, value)
    yield from shares(hosts, end)
    yield from largest(hosts, end)


def shares(hosts: list[HostPlan], end: float) -> Iterator[bytes]:
    """Of plans outside RPO, minute by minute: a few hundred series."""
    for tenant in {host.tenant for host in hosts}:
        yield series("guardian:tenant_rpo_bad:ratio", (("tenant", tenant),), Span(end, 30, MINUTE), 0.01, 1e-4)
    for region in {host.region for host in hosts}:
        yield series("guardian:region_rpo_bad:ratio", (("region", region),), Span(end, 7, MINUTE), 0.01, 1e-4)
    for tenant, system in {(host.tenant, host.system) for host in hosts}:
        labels = (("tenant", tenant), ("system", system))
        yield series("guardian:system_rpo_bad:ratio", labels, Span(end, 7, MINUTE), 0.01, 1e-4)


def largest(hosts: list[HostPlan], end: float) -> Iterator[bytes]:
    """Each plan of the system that has most of the tenant that has most."""
    tenant = Counter(host.tenant for host in hosts).most_common(1)[0][0]
    system = Counter(host.system for host in hosts if host.tenant == tenant).most_common(1)[0][0]
    for host in hosts:
        if (host.tenant, host.system) == (tenant, system):
            for number, plan in enumerate(host.sources):
                labels = (*of(host), ("system", plan.system), ("source", plan.source))
                week = Span(end, 7, 5 * MINUTE)
                yield series("guardian:rpo_bad", labels, week, 0, 1 / 7 if number == 0 else 0)
                yield series("guardian:rpo_used_ratio", labels, week, 0.3, 0.1)


def of(host: HostPlan) -> Labels:
    return (("tenant", host.tenant), ("region", host.region), ("host", host.id))


def series(name: str, labels: Labels, span: Span, value: float, wobble: float = 1) -> bytes:
    """The lines of one series: ``value`` and up to seven times ``wobble`` more."""
    pairs = ",".join(f'{label}="{quoted(said)}"' for label, said in labels)
    head = f"{name}{{{pairs}}} "
    values = [f"{head}{value + wobble * step:.10g} " for step in range(8)]
    return "".join(f"{values[n % 8]}{at}\n" for n, at in enumerate(span.moments())).encode()
