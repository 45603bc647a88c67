"""Kubernetes objects, as manifests or as the API gives them → facts, one tree for each object. Pure.

What a field means where it is not written is what the API server would make of it. A part of an object that is not
what it should be is unread, never left out.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from guardian.baseline.facts import kubernetes_rbac as rbac
from guardian.baseline.facts import kubernetes_traffic as traffic
from guardian.baseline.facts.document_files import Document
from guardian.baseline.facts.kubernetes_fields import mapping, text
from guardian.baseline.facts.kubernetes_pods import pod_facts
from guardian.baseline.facts.unread import unread

_TEMPLATES: Final[Mapping[str, tuple[str, ...]]] = {
    "Pod": (),
    "PodTemplate": ("template",),
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "ReplicationController": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
"""Where the template of its pods stands in an object."""
_BRIEF: Final = frozenset({"Job", "CronJob", "Pod"})
"""Workloads that may end by themselves."""
_NOT_NAMESPACED: Final = frozenset(
    {
        "Namespace",
        "Node",
        "ClusterRole",
        "ClusterRoleBinding",
        "PersistentVolume",
        "StorageClass",
        "CustomResourceDefinition",
    }
)
_CLASSES: Final[Mapping[str, str]] = {
    "Service": "service",
    "Ingress": "ingress",
    "Role": "role",
    "ClusterRole": "role",
    "RoleBinding": "binding",
    "ClusterRoleBinding": "binding",
    "Namespace": "namespace",
}

Key = tuple[str, str, str]
"""Kind, namespace (empty where there is none), name."""


@dataclass(frozen=True, slots=True)
class Object:
    """One object of a cluster."""

    kind: str
    namespace: str
    name: str
    file: str
    tree: Mapping[str, Any]
    again: bool = False
    """Whether another file has an object of this name: both are judged."""

    @property
    def key(self) -> Key:
        """What it is known by."""
        return self.kind, self.namespace, self.name

    @property
    def id(self) -> str:
        """``NAMESPACE/KIND/NAME``, or ``KIND/NAME``."""
        name = "/".join(part for part in (self.namespace, self.kind, self.name) if part)
        return f"{name}@{self.file}"[:240] if self.again else name


def views(documents: Iterable[Document]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The id and the facts of everything in ``documents`` that a rule can look at.

    A document that is no object has a view as well, of which nothing could be read: it does not vanish.
    """
    found: dict[Key, Object] = {}
    twins: list[Object] = []
    whole = True
    for document in documents:
        for one in _objects(document):
            if isinstance(one, str):
                whole = False
                yield document.file, {"object": unread(one)}
            elif one.key in found:
                twins.append(replace(one, again=True))
            else:
                found[one.key] = one
    owned = {key for key, one in found.items() if _owner(one) in found}
    every = [*(one for key, one in found.items() if key not in owned), *twins]
    for one in every:
        if (facts := _facts(one, found)) is not None:
            yield one.id, facts
    yield from _namespaces([*found.values(), *twins], whole=whole)


def _objects(document: Document) -> Iterator[Object | str]:
    """The objects of a document, those of lists too; a text says why one is none."""
    if document.problem:
        yield document.problem
        return
    waiting: list[tuple[Any, str]] = [(document.tree, "")]
    while waiting:
        tree, kind = waiting.pop()
        if isinstance(tree, list):
            waiting += [(one, "") for one in reversed(tree)]
            continue
        try:
            found = mapping(tree)
            kind = text(found.get("kind")) or kind
            if kind.endswith("List") and isinstance(found.get("items"), list):
                waiting += [(one, kind.removesuffix("List")) for one in reversed(found["items"])]
                continue
            metadata = mapping(found.get("metadata"))
            name = text(metadata.get("name") or metadata.get("generateName"))
            if not kind or not name:
                yield "not a Kubernetes object: it has no kind or no name"
                continue
            space = "" if kind in _NOT_NAMESPACED else text(metadata.get("namespace")) or "default"
            yield Object(kind[:80], space[:80], name[:80], document.file, found)
        except ValueError as error:
            yield f"not a Kubernetes object: {error}"


def _owner(one: Object) -> Key | None:
    """The object that made it, as the API tells: what that says is judged there."""
    owners = mapping(one.tree.get("metadata")).get("ownerReferences")
    for owner in owners if isinstance(owners, list) else ():
        if isinstance(owner, Mapping) and owner.get("controller") is True:
            return str(owner.get("kind")), one.namespace, str(owner.get("name"))
    return None


def _facts(one: Object, found: Mapping[Key, Object]) -> dict[str, Any] | None:
    template = _TEMPLATES.get(one.kind) if one.kind in _TEMPLATES else _template_of_others(one)
    kind = "workload" if template is not None else _CLASSES.get(one.kind)
    if kind is None or kind == "namespace":
        return None
    facts: dict[str, Any] = {"object": _about(one, kind)}
    try:
        facts[kind] = _part(one, kind, template, found)
    except ValueError as error:
        facts[kind] = unread(f"not understood: {error}")
    return facts


def _part(one: Object, kind: str, template: tuple[str, ...] | None, found: Mapping[Key, Object]) -> dict[str, Any]:
    if template is None:
        return {
            "service": traffic.service,
            "ingress": traffic.ingress,
            "role": rbac.role,
            "binding": rbac.binding,
        }[kind](one.tree)
    tree: Any = one.tree
    for step in template:
        tree = mapping(tree).get(step)
    spec = mapping(mapping(tree).get("spec"))
    account = text(spec.get("serviceAccountName")) or text(spec.get("serviceAccount")) or "default"
    return {
        "brief": one.kind in _BRIEF,
        **pod_facts(spec),
        "service_account": account,
        "token": _token(spec, found.get(("ServiceAccount", one.namespace, account)), account),
    }


def _token(spec: Mapping[str, Any], account: Object | None, name: str) -> Any:
    """Whether pods get a key to the API: their own word, else that of their account, else yes."""
    for said in (spec, account.tree if account else {}):
        value = said.get("automountServiceAccountToken")
        if value is not None:
            if not isinstance(value, bool):
                raise ValueError("automountServiceAccountToken is no truth value")
            return value
    if account is None and name != "default":
        return unread(f"the service account {name} is not among the objects")
    return True


def _template_of_others(one: Object) -> tuple[str, ...] | None:
    """Kinds that we do not know and that make pods as a Deployment does are workloads too."""
    spec = one.tree.get("spec")
    template = spec.get("template") if isinstance(spec, Mapping) else None
    inner = template.get("spec") if isinstance(template, Mapping) else None
    return ("spec", "template") if isinstance(inner, Mapping) and isinstance(inner.get("containers"), list) else None


def _about(one: Object, kind: str) -> dict[str, Any]:
    return {"kind": one.kind, "class": kind, "namespace": one.namespace, "name": one.name, "file": one.file}


def _namespaces(objects: Sequence[Object], *, whole: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """A view of every namespace that something lies in, whether its own object is among them or not."""
    policies: dict[str, list[Object]] = {}
    for one in objects:
        if one.kind == "NetworkPolicy":
            policies.setdefault(one.namespace, []).append(one)
    named = {one.name: one for one in objects if one.kind == "Namespace"}
    busy = {one.namespace for one in objects if one.kind in _TEMPLATES}
    for name in sorted(named.keys() | busy):
        own = named.get(name)
        about = _about(own, "namespace") if own else {"kind": "Namespace", "class": "namespace", "name": name}
        facts = traffic.default_deny([one.tree for one in policies.get(name, ())], whole=whole)
        facts["pod_security"] = _pod_security(own, name)
        facts["busy"] = name in busy
        yield f"Namespace/{name}", {"object": {"namespace": name, "file": None, **about}, "namespace": facts}


def _pod_security(own: Object | None, name: str) -> Any:
    """What the namespace holds its pods to (``enforce`` of Pod Security Admission); null: nothing."""
    if own is None:
        return unread(f"the namespace {name} is not among the objects")
    try:
        labels = mapping(mapping(own.tree.get("metadata")).get("labels"))
        return text(labels.get("pod-security.kubernetes.io/enforce")) or None
    except ValueError as error:
        return unread(f"not understood: {error}")
