"""The template of a workload's pods → facts. Pure; ValueError for what is no template."""

import re
from collections.abc import Mapping
from typing import Any, Final

from guardian.baseline.facts.kubernetes_fields import listed, mapping, number, text, texts, truth

_SECRET: Final = re.compile(r"(?i)passw(or)?d|passphrase|secret|token|api_?key|access_?key|private_?key|credential")
_NOT_SECRET: Final = re.compile(r"(?i)(_file|_path|_name|_id|_ttl|_url|_enabled)$")


def pod_facts(spec: Mapping[str, Any]) -> dict[str, Any]:
    """What a pod may do to its host, and its ``containers``, those that run before the others too."""
    pod = mapping(spec.get("securityContext"))
    sysctls = [text(mapping(one).get("name")) for one in listed(pod.get("sysctls"))]
    started = [(one, False) for one in listed(spec.get("containers"))]
    started += [(one, True) for one in listed(spec.get("initContainers"))]
    if not started:
        raise ValueError("no containers")
    return {
        "host_namespaces": [
            name
            for name, key in (("network", "hostNetwork"), ("pid", "hostPID"), ("ipc", "hostIPC"))
            if truth(spec.get(key), default=False)
        ],
        "host_paths": sorted(
            text(mapping(one["hostPath"]).get("path"))
            for one in map(mapping, listed(spec.get("volumes")))
            if one.get("hostPath") is not None
        ),
        "sysctls": sysctls,
        "containers": [_container(mapping(one), pod, init=init) for one, init in started],
    }


def _container(one: Mapping[str, Any], pod: Mapping[str, Any], *, init: bool) -> dict[str, Any]:
    own = mapping(one.get("securityContext"))
    capabilities = mapping(own.get("capabilities"))
    resources = mapping(one.get("resources"))
    limits = mapping(resources.get("limits"))
    non_root = own.get("runAsNonRoot") if own.get("runAsNonRoot") is not None else pod.get("runAsNonRoot")
    user = own.get("runAsUser") if own.get("runAsUser") is not None else pod.get("runAsUser")
    seccomp = mapping(own.get("seccompProfile") or pod.get("seccompProfile")).get("type")
    privileged = truth(own.get("privileged"), default=False)
    return {
        "name": text(one.get("name")),
        "init": init,
        "image": image(text(one.get("image"))),
        "privileged": privileged,
        "escalation": truth(own.get("allowPrivilegeEscalation"), default=True),
        "non_root": truth(non_root, default=False),
        "user": number(user),
        "read_only_root": truth(own.get("readOnlyRootFilesystem"), default=False),
        "seccomp": text(seccomp).lower() or None,
        "added": _names(capabilities.get("add")),
        "dropped": _names(capabilities.get("drop")),
        "host_ports": [
            port for each in map(mapping, listed(one.get("ports"))) if (port := number(each.get("hostPort")))
        ],
        "memory_limit": text(limits.get("memory")) or None,
        "cpu_limit": text(limits.get("cpu")) or None,
        "liveness": one.get("livenessProbe") is not None,
        "readiness": one.get("readinessProbe") is not None,
        "literals": _literals(one),
    }


def _names(capabilities: object) -> list[str]:
    return sorted({one.upper().removeprefix("CAP_") for one in texts(capabilities)})


def _literals(one: Mapping[str, Any]) -> list[str]:
    """Names of variables that look like those of secrets and have their value written beside them."""
    variables = map(mapping, listed(one.get("env")))
    named = [text(each.get("name")) for each in variables if text(each.get("value"))]
    return sorted(name for name in named if _SECRET.search(name) and not _NOT_SECRET.search(name))


def image(written: str) -> dict[str, Any]:
    """``registry``, ``name``, ``tag`` and ``digest`` of an image; what is not written is null. ``pinned``: it has a
    digest, or a tag that is not one that moves by its name."""
    rest, _at, digest = written.partition("@")
    first, slash, _others = rest.partition("/")
    registry = first if slash and (any(mark in first for mark in ".:") or first == "localhost") else None
    path = rest[len(first) + 1 :] if registry else rest
    name, _colon, tag = path.partition(":")
    return {
        "text": written,
        "registry": registry,
        "name": name,
        "tag": tag or None,
        "digest": digest or None,
        "pinned": bool(digest) or (bool(tag) and tag.lower() not in ("latest", "stable", "main", "master", "edge")),
    }
