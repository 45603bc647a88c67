"""Kubernetes objects: a good and a bad cluster judged by the rules that ship, and no object that vanishes."""

import copy
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardian.baseline.evaluate import Ready
from guardian.baseline.facts.document_files import Document
from guardian.baseline.facts.documents import read_yaml
from guardian.baseline.facts.kubernetes import views
from guardian.baseline.facts.kubernetes_pods import image
from guardian.baseline.policy import library

from .conftest import AT, made_ready

GOOD = """
kind: Namespace
metadata: {name: prod, labels: {pod-security.kubernetes.io/enforce: restricted}}
---
kind: NetworkPolicy
metadata: {name: deny, namespace: prod}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
---
kind: ServiceAccount
metadata: {name: web, namespace: prod}
automountServiceAccountToken: false
---
kind: Deployment
metadata: {name: web, namespace: prod}
spec:
  template:
    spec:
      serviceAccountName: web
      securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
      containers:
        - name: web
          image: registry.example.org:5000/web@sha256:0123
          readinessProbe: {tcpSocket: {port: 80}}
          resources: {limits: {memory: 64Mi}}
          env:
            - {name: DB_PASSWORD, valueFrom: {secretKeyRef: {name: db, key: password}}}
            - {name: TOKEN_TTL, value: "60"}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {drop: [all]}
---
kind: Service
metadata: {name: web, namespace: prod}
spec: {type: LoadBalancer, loadBalancerSourceRanges: [10.0.0.0/8], ports: [{port: 443}]}
---
kind: Ingress
metadata: {name: web, namespace: prod}
spec: {rules: [{host: portal.example.org}], tls: [{hosts: ["*.example.org"], secretName: tls}]}
---
kind: Role
metadata: {name: web, namespace: prod}
rules: [{apiGroups: [""], resources: [configmaps], verbs: [get]}]
---
kind: RoleBinding
metadata: {name: web, namespace: prod}
roleRef: {kind: Role, name: web}
subjects: [{kind: ServiceAccount, namespace: prod, name: web}]
---
kind: ClusterRole
metadata: {name: built-in, labels: {kubernetes.io/bootstrapping: rbac-defaults}}
rules: [{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}]
"""

BAD = """
kind: CronJob
metadata: {name: job, namespace: prod}
spec:
  jobTemplate:
    spec: {template: {spec: {containers: [{name: a, image: busybox, securityContext: {privileged: yes}}]}}}
---
apiVersion: v1
kind: PodList
items:
  - metadata: {name: p, namespace: prod}
    spec:
      hostPID: true
      initContainers: [{name: i, image: "busybox:1"}]
      containers: [{name: a, image: "busybox:latest", ports: [{hostPort: 80}], env: [{name: API_KEY, value: x}]}]
      volumes: [{name: v, hostPath: {path: /}}]
---
kind: List
items:
  - {kind: Service, metadata: {name: s, namespace: prod}, spec: {type: LoadBalancer, externalIPs: [203.0.113.1]}}
  - kind: Ingress
    metadata: {name: i, namespace: prod}
    spec: {rules: [{host: a.org}, {host: b.org}], tls: [{hosts: [a.org]}]}
  - kind: ClusterRole
    metadata: {name: r}
    rules: [{resources: [secrets], verbs: [list, escalate]}, {resources: ["*"], verbs: [get]}]
  - {kind: ClusterRoleBinding, metadata: {name: b}, roleRef: {kind: ClusterRole, name: cluster-admin}, subjects: [
      {kind: Group, name: "system:unauthenticated"}, {kind: ServiceAccount, namespace: prod, name: default}]}
"""


def seen(*files: str) -> dict[str, Any]:
    documents = [
        Document(f"{number}.yaml", tree) for number, text in enumerate(files) for tree in read_yaml(text.encode())
    ]
    return dict(views(documents))


@cache
def shipped() -> list[Ready]:
    return [rule for rule in made_ready(library()) if rule.target == "kubernetes"]


@pytest.fixture(scope="module")
def rules() -> list[Ready]:
    return shipped()


def verdicts(rules: list[Ready], found: dict[str, Any], status: str) -> set[tuple[str, str]]:
    return {
        (name, rule.rule.id[-3:])
        for name, facts in found.items()
        for rule in rules
        if rule.judge(facts, AT).status == status
    }


def test_a_good_cluster_passes_everything_and_every_rule_is_asked(rules: list[Ready]) -> None:
    found = seen(GOOD)
    assert verdicts(rules, found, "fail") == set()
    assert verdicts(rules, found, "unknown") == set()
    assert {rule for _name, rule in verdicts(rules, found, "pass")} == {rule.rule.id[-3:] for rule in rules}


def test_a_bad_cluster_breaks_what_it_should(rules: list[Ready]) -> None:
    broken = verdicts(rules, seen(BAD), "fail")
    job = {number for name, number in broken if name == "prod/CronJob/job"}
    assert job == {"001", "002", "003", "004", "006", "009", "010", "011", "013"}
    pod = {number for name, number in broken if name == "prod/Pod/p"}
    assert pod == {"002", "003", "004", "006", "007", "008", "009", "010", "011", "012", "013", "015"}
    assert {(name, number) for name, number in broken if "Job" not in name and "Pod" not in name} == {
        ("prod/Service/s", "016"), ("prod/Service/s", "017"), ("prod/Ingress/i", "018"), ("ClusterRole/r", "019"),
        ("ClusterRole/r", "020"), ("ClusterRole/r", "021"), ("ClusterRoleBinding/b", "022"),
        ("ClusterRoleBinding/b", "023"), ("ClusterRoleBinding/b", "024"), ("Namespace/prod", "025"),
    }  # fmt: skip


def test_what_cannot_be_read_hides_no_policy_and_does_not_vanish(rules: list[Ready]) -> None:
    """A file that is missing may hold the policy that denies, so that its absence is not known."""
    lost = Document("policies.yaml", problem="not YAML: line 3")
    documents = [Document("a.yaml", tree) for tree in read_yaml(BAD.encode())]
    found = dict(views([*documents, lost]))
    assert ("Namespace/prod", "025") in verdicts(rules, found, "unknown")
    assert {name for name, _rule in verdicts(rules, found, "unknown")} >= {"policies.yaml"}
    assert not [one for one in verdicts(rules, found, "pass") if one[0] == "policies.yaml"]


def test_a_service_account_that_is_not_there_leaves_the_token_unknown() -> None:
    text = "kind: Pod\nmetadata: {name: p}\nspec: {serviceAccountName: other, containers: [{name: a, image: b}]}"
    assert "$err" in seen(text)["default/Pod/p"]["workload"]["token"]


def test_objects_of_one_name_are_both_judged_and_owned_ones_once() -> None:
    pod = "kind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a, image: b}]}"
    assert set(seen(pod, pod)) == {"default/Pod/p", "default/Pod/p@1.yaml", "Namespace/default"}
    owner = "kind: ReplicaSet\nmetadata: {name: r}\nspec: {template: {spec: {containers: [{name: a, image: b}]}}}"
    owned = pod.replace("{name: p}", "{name: p, ownerReferences: [{controller: true, kind: ReplicaSet, name: r}]}")
    assert set(seen(owner, owned)) == {"default/ReplicaSet/r", "Namespace/default"}
    assert set(seen(owned)) == {"default/Pod/p", "Namespace/default"}


def test_unknown_kinds_that_make_pods_are_workloads_and_others_are_no_matter() -> None:
    rollout = "kind: Rollout\nmetadata: {name: r}\nspec: {template: {spec: {containers: [{name: a, image: b}]}}}"
    assert seen(rollout)["default/Rollout/r"]["object"]["class"] == "workload"
    assert seen("kind: ConfigMap\nmetadata: {name: c}") == {}


@pytest.mark.parametrize(
    ("written", "registry", "name", "tag", "pinned"),
    [
        ("nginx", None, "nginx", None, False),
        ("nginx:1.27", None, "nginx", "1.27", True),
        ("a/b:latest", None, "a/b", "latest", False),
        ("localhost/b", "localhost", "b", None, False),
        ("r.example.org:5000/a/b:2", "r.example.org:5000", "a/b", "2", True),
        ("r.example.org/a@sha256:00", "r.example.org", "a", None, True),
    ],
)
def test_images(written: str, registry: str | None, name: str, tag: str | None, pinned: bool) -> None:
    found = image(written)
    assert (found["registry"], found["name"], found["tag"], found["pinned"]) == (registry, name, tag, pinned)


ODD = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=4)),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=3), inner, max_size=2)),
    max_leaves=4,
)


def places(tree: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [at, *(place for key, value in inner for place in places(value, (*at, key)))]


TREES = read_yaml((GOOD + "\n---\n" + BAD).encode())
EVERYWHERE = [(number, at) for number, tree in enumerate(TREES) for at in places(tree) if at]


@settings(max_examples=300, deadline=None)
@given(where=st.integers(0, len(EVERYWHERE) - 1), odd=ODD)
def test_an_object_with_anything_anywhere_is_read_or_unread(where: int, odd: Any) -> None:
    number, place = EVERYWHERE[where]
    tree = copy.deepcopy(TREES[number])
    node = tree
    for step in place[:-1]:
        node = node[step]
    node[place[-1]] = odd
    found = dict(views([Document("a.yaml", one) for one in (*TREES[:number], tree, *TREES[number + 1 :])]))
    for facts in found.values():
        for rule in shipped():
            rule.judge(facts, AT)
