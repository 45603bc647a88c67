"""What lets traffic in, and what keeps it out: services, ingresses, network policies → facts. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from guardian.baseline.facts.kubernetes_fields import listed, mapping, number, text, texts
from guardian.baseline.facts.unread import unread

_ANYWHERE: Final = frozenset({"0.0.0.0/0", "::/0"})


def service(tree: Mapping[str, Any]) -> dict[str, Any]:
    """``type``, ``ports``, and from where a load balancer takes connections: ``open``: from anywhere."""
    spec = mapping(tree.get("spec"))
    kind = text(spec.get("type")) or "ClusterIP"
    sources = texts(spec.get("loadBalancerSourceRanges"))
    ports = list(map(mapping, listed(spec.get("ports"))))
    return {
        "type": kind,
        "ports": [found for one in ports if (found := number(one.get("port"))) is not None],
        "node_ports": [found for one in ports if (found := number(one.get("nodePort"))) is not None],
        "external_ips": texts(spec.get("externalIPs")),
        "sources": sources,
        "open": kind == "LoadBalancer" and (not sources or bool(_ANYWHERE.intersection(sources))),
    }


def ingress(tree: Mapping[str, Any]) -> dict[str, Any]:
    """``hosts`` it answers for (``*``: all), and those of them ``without_tls``."""
    spec = mapping(tree.get("spec"))
    hosts = {text(one.get("host")) or "*" for one in map(mapping, listed(spec.get("rules")))}
    if spec.get("defaultBackend") is not None or spec.get("backend") is not None or not hosts:
        hosts.add("*")
    entries = list(map(mapping, listed(spec.get("tls"))))
    covered = {host for one in entries for host in texts(one.get("hosts"))}
    # An entry without hosts is for whatever the ingress answers.
    everything = any(not listed(one.get("hosts")) for one in entries)
    bare = set() if everything else {host for host in hosts if not _covered(host, covered)}
    return {"hosts": sorted(hosts), "without_tls": sorted(bare)}


def _covered(host: str, covered: set[str]) -> bool:
    return host in covered or ("." in host and f"*.{host.partition('.')[2]}" in covered)


def default_deny(policies: Sequence[Mapping[str, Any]], *, whole: bool) -> dict[str, Any]:
    """Whether all pods of a namespace refuse what no policy lets in (``deny_ingress``) or out (``deny_egress``).

    ``policies`` are those of the namespace; unless ``whole``, there may be others that could not be read.
    """
    found = {"ingress": False, "egress": False}
    problem = "" if whole else "some of the files could not be read"
    for tree in policies:
        try:
            for direction in _denied(tree):
                found[direction] = True
        except ValueError as error:
            problem = f"not understood: {error}"
    return {
        f"deny_{direction}": True if denied else unread(problem) if problem else False
        for direction, denied in found.items()
    }


def _denied(tree: Mapping[str, Any]) -> list[str]:
    spec = mapping(tree.get("spec"))
    selector = mapping(spec.get("podSelector"))
    if any(selector.get(key) for key in ("matchLabels", "matchExpressions")):
        return []
    # Without types, a policy is about what comes in, and about what goes out if it has rules for that.
    types = [one.lower() for one in texts(spec.get("policyTypes"))] or [
        "ingress",
        *(["egress"] if spec.get("egress") is not None else []),
    ]
    return [one for one in ("ingress", "egress") if one in types and not listed(spec.get(one))]
