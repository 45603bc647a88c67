"""Who may do what in a cluster: roles and bindings → facts. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from guardian.baseline.facts.kubernetes_fields import listed, mapping, text, texts

_READ: Final = frozenset({"get", "list", "watch", "*"})
_RISE: Final = frozenset({"escalate", "bind", "impersonate", "*"})
_MAKE: Final = frozenset({"create", "update", "patch", "*"})
_ANYBODY: Final = frozenset({"system:anonymous", "system:unauthenticated", "system:authenticated"})


def role(tree: Mapping[str, Any]) -> dict[str, Any]:
    """``wide``: verbs or resources that stand for all of them; ``reads_secrets``: all secrets in its reach;
    ``rises``: verbs by which its holder can give himself more; ``runs``: it may run programs in pods."""
    rules = [_rule(mapping(one)) for one in listed(tree.get("rules"))]
    return {
        "cluster": text(tree.get("kind")) == "ClusterRole",
        "system": _is_systems(tree),
        "aggregated": tree.get("aggregationRule") is not None,
        "wide": sorted({what for one in rules for what in ("verbs", "resources") if "*" in one[what]}),
        "reads_secrets": any(
            {"secrets", "*"}.intersection(one["resources"]) and _READ.intersection(one["verbs"]) and not one["names"]
            for one in rules
        ),
        "rises": sorted({verb for one in rules for verb in _RISE.intersection(one["verbs"])}),
        "runs": any(
            {"pods/exec", "pods/attach", "nodes/proxy", "*"}.intersection(one["resources"])
            and _MAKE.union({"get"}).intersection(one["verbs"])
            for one in rules
        ),
    }


def _rule(one: Mapping[str, Any]) -> dict[str, list[str]]:
    return {
        "verbs": texts(one.get("verbs")),
        "resources": texts(one.get("resources")),
        "names": texts(one.get("resourceNames")),
    }


def binding(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The ``role`` it gives, its ``subjects`` as ``KIND:NAMESPACE/NAME``, and those of them who are ``anybody``."""
    given = mapping(tree.get("roleRef"))
    subjects = list(map(mapping, listed(tree.get("subjects"))))
    named = [(text(one.get("kind")), text(one.get("namespace")), text(one.get("name"))) for one in subjects]
    return {
        "cluster": text(tree.get("kind")) == "ClusterRoleBinding",
        "system": _is_systems(tree),
        "role": text(given.get("name")),
        "role_kind": text(given.get("kind")),
        "subjects": [f"{kind}:{space}/{name}" if space else f"{kind}:{name}" for kind, space, name in named],
        "anybody": sorted(
            {name for _kind, _space, name in named if name in _ANYBODY or name == "system:serviceaccounts"}
        ),
        "default_accounts": [
            f"{space}/{name}" for kind, space, name in named if kind == "ServiceAccount" and name == "default"
        ],
    }


def _is_systems(tree: Mapping[str, Any]) -> bool:
    """Whether it is one of those that a cluster makes for itself."""
    labels = mapping(mapping(tree.get("metadata")).get("labels"))
    return text(labels.get("kubernetes.io/bootstrapping")) == "rbac-defaults"
